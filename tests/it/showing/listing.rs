//! `list` and `members`: the rows scripts rely on, their filters, and texts that do no harm.

use lapsed_sandbox::{SaplingState, SentiusState, TeamUser};
use serde_json::Value;

use crate::desk::{Desk, Providers};
use crate::world::{FUTURE, HOLDER, World};

/// A grant in each state.
const STATES: &str = "email,target,start,end,owner\n\
    past@acme.example,sentius:acme,2020-01-01,2020-12-31,\n\
    now@acme.example,sentius:acme,2020-01-01,10d,it@acme.example\n\
    ever@acme.example,sapling:acme/Core,2020-01-01,,\n\
    later@acme.example,sapling:acme/Core,20d,40d,\n";

/// The addresses that a list shows.
#[track_caller]
fn emails(desk: &Desk, args: &[&str]) -> Vec<String> {
    let mut all = vec!["list", "--format", "json"];
    all.extend(args);
    let rows = desk.json(&all);
    let name = |row: &Value| {
        row["email"]
            .as_str()
            .unwrap()
            .split('@')
            .next()
            .unwrap()
            .to_owned()
    };
    rows.as_array().unwrap().iter().map(name).collect()
}

fn keys(row: &Value) -> Vec<&str> {
    row.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Two teams, read once.
fn observed() -> (Providers, Desk) {
    let mut sapling = SaplingState::new("robot@acme.example");
    let since = "2024-02-29T12:00:00Z".parse().unwrap();
    let core = sapling.add_team("Core");
    core.add_member(TeamUser::new("Ever@acme.example", since).manager());
    core.add_member(TeamUser::new("stray@acme.example", since));
    sapling.add_team("Sales");
    let mut sentius = SentiusState::new("0123456789abcdef0123456789abcdef");
    sentius.add(lapsed_sandbox::Entry {
        name: "Past".to_owned(),
        email: "past@acme.example".to_owned(),
        permissions: vec!["can_read".to_owned()],
        start_date: since,
        end_date: None,
    });
    let providers = Providers::start(sentius, sapling);
    let desk = providers.desk("");
    desk.import(STATES);
    let look = desk.run(&["--run-now", "--dry-run"]);
    assert_eq!(look.code, Some(0), "{}{}", look.out, look.err);
    (providers, desk)
}

#[test]
fn rows_have_the_keys_that_scripts_rely_on() {
    let (_providers, desk) = observed();
    let rows = desk.json(&["list", "--format", "json"]);
    let mut wanted = vec![
        "email",
        "target",
        "name",
        "permissions",
        "role",
        "start",
        "end",
        "owner",
        "reason",
        "state",
        "removed_at",
    ];
    wanted.sort_unstable();
    for row in rows.as_array().unwrap() {
        assert_eq!(keys(row), wanted);
        assert!(row["name"].is_null() && row["removed_at"].is_null());
        for time in [&row["start"], &row["end"]] {
            assert!(
                time.is_null() || time.as_str().unwrap().ends_with('Z'),
                "{time}"
            );
        }
    }
    let rows = desk.json(&["members", "--format", "json"]);
    let mut wanted = vec![
        "email",
        "target",
        "is_admin",
        "is_manager",
        "edit_permission",
        "inspect_permission",
        "created_at",
        "first_seen",
        "last_seen",
        "covered",
    ];
    wanted.sort_unstable();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(keys(row), wanted);
        assert!(row["first_seen"].as_str().unwrap().ends_with('Z'));
    }
    let ever = rows
        .iter()
        .find(|row| row["email"] == "Ever@acme.example")
        .unwrap();
    assert_eq!(ever["created_at"], "2024-02-29T12:00:00Z");
    assert_eq!(
        (&ever["covered"], &ever["is_manager"]),
        (&true.into(), &true.into())
    );
    let stray = rows
        .iter()
        .find(|row| row["email"] == "stray@acme.example")
        .unwrap();
    assert_eq!(
        (&stray["covered"], &stray["is_admin"]),
        (&false.into(), &false.into())
    );
}

#[test]
fn grants_are_filtered_by_state_target_and_time() {
    let desk = Desk::new();
    desk.import(STATES);
    for (args, wanted) in [
        (&[][..], &["later", "ever", "past", "now"][..]),
        (&["--state", "all"], &["later", "ever", "past", "now"]),
        (&["--state", "active"], &["ever", "now"]),
        (&["--state", "ended"], &["past"]),
        (&["--state", "scheduled"], &["later"]),
        (&["--state", "removed"], &[]),
        (&["--target", "sentius:acme"], &["past", "now"]),
        (
            &["--target", "sapling:acme/Core", "--state", "active"],
            &["ever"],
        ),
        (&["--ending-within", "30d"], &["now"]),
        (&["--ending-within", "6w"], &["later", "now"]),
        (&["--ending-within", "1h"], &[]),
        (
            &["--as-of", "2020-06-30", "--state", "active"],
            &["ever", "past", "now"],
        ),
        (&["--as-of", "2019-06-30"], &[]),
        (
            &["--as-of", "2020-12-31T23:00:00Z", "--state", "ended"],
            &["past"],
        ),
        (&["--as-of", "30d", "--state", "active"], &["later", "ever"]),
    ] {
        assert_eq!(emails(&desk, args), wanted, "{args:?}");
    }
}

#[test]
fn a_filter_that_cannot_be_meant_is_refused() {
    let desk = Desk::new();
    desk.import(STATES);
    for (args, said) in [
        (
            &["list", "--target", "sentius:emca"][..],
            "--target: sentius:emca is not on record: no grant names it and no pass has seen it; the nearest on record is sentius:acme\n",
        ),
        (
            &["members", "--target", "sapling:acme/Crew"],
            "seen it; the nearest on record is sapling:acme/Core\n",
        ),
        (
            &["list", "--ending-within", "never"],
            "--ending-within: \"never\" is not a span",
        ),
        (
            &["list", "--ending-within", "-3d"],
            "--ending-within: \"-3d\" is negative",
        ),
        (
            &["list", "--as-of", "never"],
            "--as-of: \"never\" is no moment",
        ),
        (
            &["members", "--as-of", "the other day"],
            "--as-of: \"the other day\" is not a time",
        ),
    ] {
        desk.run(args).failed(2, said);
    }
    for args in [
        &["list", "--target", "acme"][..],
        &["list", "--state", "gone"],
    ] {
        let ran = desk.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
        assert!(ran.err.starts_with("error: invalid value"), "{}", ran.err);
    }
}

#[test]
fn members_are_shown_as_they_were_and_as_they_are() {
    let (providers, desk) = observed();
    let between = lapsed::clock::now().to_string();
    providers.sapling.with(|state| {
        let core = state.team_mut("Core").unwrap();
        core.remove_member("stray@acme.example");
    });
    // Gone is who is missing twice, where a look does not count.
    for _ in 0..2 {
        desk.good(&["--run-now"]);
    }
    let count = |args: &[&str]| {
        let mut all = vec!["members", "--format", "json"];
        all.extend(args);
        desk.json(&all).as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--as-of", &between]), 4);
    assert_eq!(count(&["--as-of", "2020-01-01"]), 0);
    assert_eq!(count(&["--target", "sapling:acme/Core"]), 2);
    let id = providers
        .sapling
        .with(|state| state.team("Core").unwrap().id().to_owned());
    assert_eq!(count(&["--target", &format!("sapling:acme/{id}")]), 2);
}

#[test]
fn tables_and_csv_show_the_same_rows() {
    let (_providers, desk) = observed();
    let table = desk.run(&["list"]);
    assert!(table.out.starts_with("EMAIL "), "{}", table.out);
    assert_eq!(
        (table.out.lines().count(), table.err.as_str()),
        (5, "4 grants; times in Europe/Berlin\n")
    );
    assert!(table.out.lines().all(|line| line.trim_end() == line));
    let csv = desk.good(&["list", "--format", "csv"]);
    let header = "email,target,name,permissions,role,start,end,owner,reason,state,removed_at";
    assert_eq!(csv.lines().next(), Some(header));
    assert!(csv.contains("past@acme.example,sentius:acme,,can_read,,2019-12-31T23:00:00Z,2020-12-31T22:59:59.999Z,,,ended,\n"), "{csv}");
    let members = desk.good(&["members", "--format", "csv"]);
    let header = "email,target,is_admin,is_manager,edit_permission,inspect_permission,created_at,first_seen,last_seen,covered";
    assert_eq!(
        (members.lines().next(), members.lines().count()),
        (Some(header), 5)
    );
    assert_eq!(
        desk.run(&["members"]).err,
        "4 members; times in Europe/Berlin\n"
    );
    let none = desk.run(&["list", "--state", "removed"]);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "0 grants\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_without_a_grant_are_printed_as_a_file_that_import_takes() {
    let mut world = World::new().await;
    world.config.sapling = format!("self_email = {HOLDER:?}\n");
    world.team(
        "Core",
        &["jane@example.com", "bob@example.com", "weird address"],
    );
    world
        .grants(&[&format!("jane@example.com,sapling:acme/Core,{FUTURE}")])
        .await;
    assert_eq!(world.dry_run(None).await.code, 0);
    let uncovered = ["members", "--uncovered", "--format"];
    let rows = world.rows(&[&uncovered[..], &["json"]].concat()).await;
    let emails: Vec<&str> = rows.iter().map(|r| r["email"].as_str().unwrap()).collect();
    assert_eq!(emails, ["bob@example.com", "weird address"]);

    let printed = world.lapsed(&[&uncovered[..], &["import"]].concat()).await;
    assert_eq!(printed.code, 0);
    assert!(
        printed
            .stdout
            .starts_with("email,target,permissions,start,end,")
    );
    assert!(
        printed.stderr.contains("weird address"),
        "{}",
        printed.stderr
    );
    world.import(&printed.stdout).await;
    let rows = world.rows(&[&uncovered[..], &["json"]].concat()).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let bob = world
        .list()
        .await
        .into_iter()
        .find(|r| r["email"] == "bob@example.com");
    let bob = bob.unwrap();
    assert_eq!(
        (&bob["start"], &bob["end"]),
        (&"2024-03-01T00:00:00Z".into(), &Value::Null)
    );
}
