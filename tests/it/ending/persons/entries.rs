//! A whitelist that matches text exactly keeps an entry for each spelling of one person's address: each
//! allows what the person has by all grants, and no more.

use jiff::{SignedDuration, Timestamp};
use lapsed::domain::Permission;
use lapsed_sandbox::{Answer, Fault, Rule, When};

use crate::world::World;

const F: &[Permission] = &[Permission::CanRead, Permission::CanUseApi];
const R: &[Permission] = &[Permission::CanRead];
const A: &[Permission] = &[Permission::CanRead, Permission::CanDelegate];
const JANE: [&str; 2] = ["Jane@example.com", "jane@example.com"];

/// A recorded grant: which spelling, what it allows, from and until which day.
#[derive(Clone, Copy)]
struct Row(usize, &'static [Permission], i64, Option<i64>);

impl Row {
    fn covers(&self, day: i64) -> bool {
        self.2 <= day && self.3.is_none_or(|end| day < end)
    }
}

fn on(world: &World, start: Timestamp, day: i64) {
    let wanted = start + SignedDuration::from_hours(24 * day);
    let ahead = wanted.duration_since(world.now());
    world.later(ahead.as_mins());
}

fn words(permissions: &[Permission]) -> Vec<&'static str> {
    permissions.iter().map(|p| p.as_str()).collect()
}

fn csv(rows: &[Row], start: Timestamp) -> String {
    let day = |day: i64| start + SignedDuration::from_hours(24 * day);
    let mut csv = "email,target,permissions,start,end\n".to_owned();
    for Row(spelling, permissions, from, until) in rows {
        let (email, permissions) = (JANE[*spelling], words(permissions).join(";"));
        let end = until.map_or("never".to_owned(), |until| day(until).to_string());
        csv += &format!("{email},sentius:acme,{permissions},{},{end}\n", day(*from));
    }
    csv
}

/// The permissions of each entry that is there, by its spelling.
fn there(world: &World) -> Vec<(String, Vec<String>)> {
    let sorted = |permissions: &[String]| {
        let mut sorted = permissions.to_vec();
        sorted.sort_by_key(|word| word.parse::<Permission>().unwrap());
        sorted
    };
    world.sentius.with(|state| {
        let entries = state.entries.values();
        let entries = entries.map(|e| (e.email.clone(), sorted(&e.permissions)));
        entries.collect()
    })
}

/// These permissions in both spellings.
fn both(permissions: &[Permission]) -> [(String, Vec<String>); 2] {
    let all: Vec<String> = words(permissions).into_iter().map(str::to_owned).collect();
    JANE.map(|email| (email.to_owned(), all.clone()))
}

/// Puts what the rows say on a whitelist, records them, and goes through these days.
async fn goes(rows: &[Row], days: &[i64], ignores_case: bool, refuses_second: bool) {
    let world = World::new().await;
    let start = Timestamp::from_second(world.now().as_second()).unwrap();
    world.whitelist(&JANE[..1]);
    let entry = world
        .sentius
        .with(|state| state.entries.values().next().unwrap().clone());
    world.sentius.with(|state| {
        state.entries.clear();
        (state.ignores_case, state.refuses_second) = (ignores_case, refuses_second);
        for Row(spelling, permissions, ..) in rows {
            let mut entry = entry.clone();
            entry.email = JANE[*spelling].to_owned();
            let had = state
                .entries
                .get(&entry.email)
                .map(|e| e.permissions.clone());
            entry.permissions = had.unwrap_or_default();
            let words = words(permissions).into_iter().map(str::to_owned);
            entry.permissions.extend(words);
            entry.permissions.sort_unstable();
            entry.permissions.dedup();
            state.add(entry);
        }
    });
    world.import(&csv(rows, start)).await;
    world.whitelist_is_known();
    for day in days {
        on(&world, start, *day);
        for _ in 0..2 {
            let run = world.run().await;
            assert_eq!(
                run.code,
                0,
                "day {day}: {:?} {:?}",
                run.actions(),
                run.errors()
            );
            world.later(5);
        }
        let running: Vec<&Row> = rows.iter().filter(|row| row.covers(*day)).collect();
        let mut wanted: Vec<Permission> = running.iter().flat_map(|row| row.1.to_vec()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let wanted = words(&wanted);
        let there = there(&world);
        let case = format!("day {day}, ignores case: {ignores_case}: {there:?}");
        if running.is_empty() {
            let begins = rows.iter().any(|row| row.2 > *day);
            assert!(there.is_empty() || begins, "{case}");
            continue;
        }
        for (email, has) in &there {
            assert!(
                has.iter().all(|p| wanted.contains(&p.as_str())),
                "{email}, {case}"
            );
        }
        // At first there is what people say, and lapsed takes off what is too much.
        for Row(spelling, ..) in running.into_iter().filter(|_| *day > 0) {
            let of = |(email, _): &&(String, Vec<String>)| match ignores_case {
                true => email.to_lowercase() == JANE[*spelling].to_lowercase(),
                false => email == JANE[*spelling],
            };
            let has = there.iter().find(of).map(|(_, has)| has.clone());
            assert_eq!(
                has.unwrap_or_default(),
                wanted,
                "{}, {case}",
                JANE[*spelling]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_spelling_allows_what_the_person_has_and_no_more() {
    let cases: [(&[Row], &[i64]); 8] = [
        (
            &[
                Row(0, F, -30, Some(-1)),
                Row(0, R, -10, None),
                Row(1, R, -10, Some(20)),
            ],
            &[0, 1, 21],
        ),
        (
            &[
                Row(0, F, -30, Some(5)),
                Row(0, R, -10, None),
                Row(1, R, -10, Some(20)),
            ],
            &[0, 6, 21],
        ),
        (
            &[
                Row(1, A, -10, None),
                Row(0, F, -30, Some(-3)),
                Row(0, R, 2, Some(25)),
            ],
            &[0, 3, 26],
        ),
        (
            &[Row(0, F, -10, Some(10)), Row(1, F, 7, Some(25))],
            &[0, 8, 11, 26],
        ),
        (
            &[Row(0, F, -10, Some(10)), Row(1, F, 12, Some(25))],
            &[0, 11, 13, 26],
        ),
        (
            &[
                Row(0, F, -10, Some(10)),
                Row(0, R, -10, None),
                Row(1, A, -10, None),
            ],
            &[0, 11],
        ),
        (
            &[
                Row(0, R, -10, Some(40)),
                Row(1, A, -10, Some(40)),
                Row(1, F, -10, Some(10)),
            ],
            &[0, 11, 41],
        ),
        (
            &[
                Row(0, F, -10, Some(-1)),
                Row(1, F, -11, Some(-1)),
                Row(0, R, -10, None),
                Row(1, R, -10, Some(40)),
            ],
            &[0, 11, 41],
        ),
    ];
    for (rows, days) in cases {
        for (ignores_case, refuses_second) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            goes(rows, days, ignores_case, refuses_second).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_own_removal_what_exists_is_no_yes() {
    let world = World::new().await;
    let start = Timestamp::from_second(world.now().as_second()).unwrap();
    world.whitelist(&JANE[1..]);
    world
        .import(&csv(
            &[Row(1, F, -30, Some(5)), Row(1, R, 9, Some(20))],
            start,
        ))
        .await;
    world.whitelist_is_known();
    on(&world, start, 6);
    let lie = Answer::new(409).body("application/json", r#"{"detail": "user already exists"}"#);
    let lie = Fault::Status(lie);
    let rule = Rule::new(When::method("POST"), lie).times(2);
    world.sentius.faults().add(rule);

    let run = world.run().await;

    assert!(
        run.code == 3 || !world.whitelisted().is_empty(),
        "{:?}",
        run.actions()
    );
    world.later(30);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spelling_that_could_not_be_taken_off_is_still_owed_and_the_later_grant_comes() {
    let world = World::new().await;
    let start = Timestamp::from_second(world.now().as_second()).unwrap();
    world.whitelist(&JANE);
    let rows = [
        Row(0, F, -30, Some(-1)),
        Row(1, F, 7, Some(25)),
        Row(1, R, -10, Some(5)),
    ];
    world.import(&csv(&rows, start)).await;
    world.whitelist_is_known();
    assert_eq!(world.run().await.code, 0);
    on(&world, start, 6);
    let refused = Rule::new(When::method("DELETE"), Fault::status(409))
        .skip(1)
        .times(1);
    world.sentius.faults().add(refused);
    assert_eq!(world.run().await.code, 3);
    assert_eq!(world.whitelisted().len(), 1);

    world.later(30);
    assert_eq!(world.run().await.code, 0);
    let scheduled = there(&world);
    let starts: Vec<Timestamp> = world
        .sentius
        .with(|state| state.entries.values().map(|e| e.start_date).collect());
    assert!(
        starts.iter().all(|at| *at > world.now()),
        "{scheduled:?} {starts:?}"
    );
    on(&world, start, 8);
    assert_eq!(world.run().await.code, 0);
    let has = there(&world);
    assert!(has.iter().any(|(email, _)| email == JANE[1]), "{has:?}");
    on(&world, start, 26);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spelling_that_was_taken_off_and_refused_is_owed_until_it_is_there() {
    let world = World::new().await;
    let start = Timestamp::from_second(world.now().as_second()).unwrap();
    world.whitelist(&JANE);
    world.sentius.with(|state| state.refuses_second = true);
    let rows = [Row(1, R, -10, Some(20)), Row(0, R, -10, Some(21))];
    world.import(&csv(&rows, start)).await;
    world.whitelist_is_known();
    assert_eq!(world.run().await.code, 0);
    let no = |status| Fault::Status(Answer::new(status).body("application/json", "{}"));
    let posting = || When::method("POST").email("Jane@");
    let refused = Rule::new(posting(), no(422)).skip(1).times(1);
    world.sentius.faults().add(refused);
    let fails = Rule::new(posting(), no(500)).skip(2).times(2);
    world.sentius.faults().add(fails);

    let said = world
        .lapsed(&[
            "extend",
            JANE[1],
            "--target",
            "sentius:acme",
            "--end",
            "40d",
        ])
        .await;

    assert_eq!(said.code, 3, "{} {}", said.stdout, said.stderr);
    for _ in 0..3 {
        let run = world.run().await;
        assert!(run.code == 3 || world.whitelisted().len() == 2);
        world.later(30);
    }
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), JANE);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_gives_back_each_spelling() {
    let world = World::new().await;
    let start = Timestamp::from_second(world.now().as_second()).unwrap();
    world.whitelist(&JANE);
    let rows = [Row(1, R, -10, Some(20)), Row(0, F, -10, None)];
    world.import(&csv(&rows, start)).await;
    world.whitelist_is_known();
    assert_eq!(world.run().await.code, 0);
    let said = world.lapsed(&["revoke", JANE[0], "--format", "json"]).await;
    let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let revoking = said["run"].as_str().unwrap();
    assert!(world.whitelisted().is_empty());

    let said = world.lapsed(&["undo", revoking]).await;

    assert_eq!(said.code, 0, "{} {}", said.stdout, said.stderr);
    assert_eq!(there(&world), both(F));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_differ_in_spelling_and_permissions_are_two_grants_and_stay_so() {
    let world = World::new().await;
    let start = Timestamp::from_second(world.now().as_second()).unwrap();
    world.whitelist(&JANE);
    let rows = [Row(0, F, -10, Some(20)), Row(1, R, -10, Some(20))];
    world.import(&csv(&rows, start)).await;
    world.whitelist_is_known();
    assert_eq!(world.run().await.code, 0);
    assert_eq!(there(&world)[1], both(F)[1]);

    world.forget_calls();
    world.import(&csv(&rows, start)).await;
    assert_eq!(world.run().await.code, 0);

    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.list().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_posted_as_it_is_typed_also_beside_another_spelling() {
    let world = World::new().await;
    let give = |email| {
        let words = ["grant", email, "--target", "sentius:acme", "--end", "5d"];
        words.map(str::to_owned)
    };
    for email in JANE {
        let args = give(email);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let said = world.lapsed(&args).await;
        assert_eq!(said.code, 0, "{} {}", said.stdout, said.stderr);
    }
    assert_eq!(world.whitelisted(), JANE);
    world.later(6 * 24 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}
