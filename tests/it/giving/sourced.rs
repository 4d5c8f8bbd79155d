//! Files with a name: what came is given, what changed is amended, and what is missing ends.

use serde_json::Value;

use crate::world::asking::ask;
use crate::world::{Printed, World};

pub(super) const HEADER: &str = "email,target,end,owner";

/// Imports rows below [`HEADER`] as the file of a source.
pub(crate) async fn from(world: &World, source: &str, rows: &[&str], more: &[&str]) -> Printed {
    let csv = format!("{HEADER}\n{}\n", rows.join("\n"));
    file(world, &csv, &[&["--source", source], more].concat()).await
}

pub(super) async fn file(world: &World, csv: &str, more: &[&str]) -> Printed {
    world.write("access.csv", csv);
    let path = world.path("access.csv");
    let args = [&["import", path.to_str().unwrap()], more].concat();
    world.lapsed(&args).await
}

/// What the trail tells of grants, gifts and removals.
pub(super) fn told(world: &World) -> Vec<String> {
    world.texts(
        "SELECT kind || ' ' || body FROM event JOIN event_payload USING (seq)
         WHERE kind LIKE 'grant.%' OR kind LIKE 'action.%' OR kind LIKE 'provision.%' ORDER BY seq",
    )
}

/// What a command printed that must have ended well.
#[track_caller]
pub(crate) fn good(printed: Printed) -> String {
    assert_eq!(printed.code, 0, "{}{}", printed.stdout, printed.stderr);
    printed.stdout
}

/// The lines of a dry run, and its exit code.
async fn difference(world: &World, source: &str, rows: &[&str]) -> (i32, Vec<String>) {
    let before = (told(world), world.writes());
    let printed = from(world, source, rows, &["--prune", "--dry-run"]).await;
    assert_eq!((told(world), world.writes()), before);
    let lines = printed.stdout.lines();
    let lines = lines.filter(|line| line.starts_with(['+', '~', '-', '!']));
    (printed.code, lines.map(str::to_owned).collect())
}

/// `email state` of each grant on record.
pub(super) async fn grants(world: &World) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let rows = world
        .rows(&["list", "--state", "all", "--format", "json"])
        .await;
    let line = |row: &Value| format!("{} {}", text(row, "email"), text(row, "state"));
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

pub(super) const JANE: &str = "jane@example.com,sentius:acme,2099-12-31,it@acme.example";
pub(super) const BOB: &str = "bob@example.com,sapling:acme/Core,2099-12-31,it@acme.example";
pub(super) const AMY: &str = "amy@example.com,sentius:acme,2099-12-31,it@acme.example";

pub(super) async fn world() -> World {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    assert_eq!(world.run().await.code, 0);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_given_what_changes_is_amended_and_what_is_missing_ends_now() {
    let world = world().await;
    let (code, lines) = difference(&world, "repo", &[JANE, BOB]).await;
    assert_eq!(code, 6);
    assert_eq!(
        lines,
        [
            "+ jane@example.com sentius:acme: until 2099-12-31 23:59",
            "+ bob@example.com sapling:acme/Core: until 2099-12-31 23:59"
        ]
    );
    good(from(&world, "repo", &[JANE, BOB], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);

    let shorter = JANE.replace("2099-12-31", "2098-06-30");
    let (code, lines) = difference(&world, "repo", &[&shorter, AMY]).await;
    assert_eq!(code, 6);
    assert_eq!(
        lines,
        [
            "~ jane@example.com sentius:acme: end 2099-12-31 23:59 → 2098-06-30 23:59",
            "+ amy@example.com sentius:acme: until 2099-12-31 23:59",
            "- bob@example.com sapling:acme/Core"
        ]
    );
    let said = good(from(&world, "repo", &[&shorter, AMY], &["--prune"]).await);
    assert!(
        said.starts_with("1 recorded, 1 amended, 0 unchanged\n"),
        "{said}"
    );
    assert!(said.contains("1 grant no longer in repo: ended"), "{said}");
    assert_eq!(world.members("Core"), [""; 0]);
    assert_eq!(
        grants(&world).await,
        [
            "amy@example.com active",
            "bob@example.com removed",
            "jane@example.com active"
        ]
    );
    let end = world
        .sentius
        .with(|s| s.entries["jane@example.com"].end_date);
    assert!(
        end.unwrap().to_string().starts_with("2098-06-30T"),
        "{end:?}"
    );
    assert_eq!(difference(&world, "repo", &[&shorter, AMY]).await.0, 0);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_changes_nothing_in_any_order_and_spelling() {
    let world = world().await;
    good(from(&world, "repo", &[JANE, BOB], &["--prune"]).await);
    let before = (told(&world), world.writes());
    let spelled = BOB.replace("bob@example.com", "Bob@Example.com");
    let said = good(from(&world, "repo", &[&spelled, JANE], &["--prune"]).await);
    assert_eq!(said, "0 recorded, 0 amended, 2 unchanged\n");
    assert_eq!((told(&world), world.writes()), before);
    assert_eq!(
        difference(&world, "repo", &[&spelled, JANE]).await,
        (0, vec![])
    );
    // An end that is written in other words is the same end.
    let never = JANE.replace("2099-12-31", "");
    good(from(&world, "repo", &[&never, BOB], &["--prune"]).await);
    let never = JANE.replace("2099-12-31", "never");
    assert_eq!(
        difference(&world, "repo", &[&never, BOB]).await,
        (0, vec![])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_another_spelling_is_the_same_person_when_the_file_is_pruned() {
    let world = world().await;
    good(
        from(
            &world,
            "repo",
            &[&JANE.replace("jane@", "Jane@")],
            &["--prune"],
        )
        .await,
    );
    let (code, lines) = difference(&world, "repo", &[JANE]).await;
    assert_eq!((code, lines), (0, vec![]));
    good(from(&world, "repo", &[JANE], &["--prune"]).await);
    assert_eq!(grants(&world).await, ["Jane@example.com active"]);
    good(from(&world, "repo", &[AMY], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_and_a_word_for_a_day_are_refused_with_the_date_that_is_meant() {
    let world = world().await;
    for (end, date) in [("14d", 14), ("tomorrow", 1)] {
        let zoned = world.now().to_zoned(jiff::tz::TimeZone::UTC);
        let was = zoned
            .checked_add(jiff::Span::new().days(date))
            .unwrap()
            .date();
        let row = JANE.replace("2099-12-31", end);
        let refused = from(&world, "repo", &[AMY, &row], &["--prune"]).await;
        assert_eq!(refused.code, 2);
        let said = &refused.stderr;
        assert!(
            said.contains(&format!("line 3: end: {end:?} counts from each import")),
            "{said}"
        );
        // Midnight may have passed since.
        let dates = [was, was.tomorrow().unwrap()];
        assert!(
            dates
                .iter()
                .any(|d| said.contains(&format!("it would be {d} now"))),
            "{said}"
        );
    }
    assert!(grants(&world).await.is_empty());
    let start = "email,target,start\njane@example.com,sentius:acme,2h\n";
    let refused = file(&world, start, &["--source", "repo"]).await;
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("line 2: start: \"2h\""),
        "{}",
        refused.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_row_or_with_a_bad_one_ends_nothing() {
    let world = world().await;
    good(from(&world, "repo", &[JANE, BOB], &["--prune"]).await);
    let before = (told(&world), world.writes());
    for csv in ["", "email,target,end\n", "\n\n", "email,target\n,\n"] {
        for more in [&["--prune"][..], &["--prune", "--dry-run"]] {
            let refused = file(&world, csv, &[&["--source", "repo"], more].concat()).await;
            assert_eq!(refused.code, 2, "{csv:?} {}", refused.stderr);
        }
    }
    let bad = AMY.replace("amy@", "amy");
    let refused = from(&world, "repo", &[JANE, &bad], &["--prune"]).await;
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("line 3: email: "),
        "{}",
        refused.stderr
    );
    // What only the team shows stops the whole file as well.
    let unknown = BOB.replace("Core", "Cor");
    let refused = from(&world, "repo", &[AMY, &unknown], &["--prune"]).await;
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("line 3: target: "),
        "{}",
        refused.stderr
    );
    assert_eq!((told(&world), world.writes()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_that_two_files_give_ends_when_neither_gives_it() {
    let world = world().await;
    good(from(&world, "one", &[JANE, AMY], &["--prune"]).await);
    let longer = JANE.replace("2099", "2098");
    good(from(&world, "two", &[&longer, BOB], &["--prune"]).await);
    let (code, lines) = difference(&world, "one", &[AMY]).await;
    assert_eq!(code, 6);
    assert_eq!(
        lines,
        ["- jane@example.com sentius:acme: another grant keeps the access until 2098-12-31 23:59"]
    );
    good(from(&world, "one", &[AMY], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com", "jane@example.com"]);
    assert_eq!(world.run().await.code, 0);
    // The entry has what is left of it.
    let end = world
        .sentius
        .with(|s| s.entries["jane@example.com"].end_date);
    assert!(
        end.unwrap().to_string().starts_with("2098-12-31T"),
        "{end:?}"
    );
    good(from(&world, "two", &[BOB], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    assert_eq!(world.members("Core"), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_gave_by_hand_stays_when_its_row_goes() {
    let world = world().await;
    for hand_first in [true, false] {
        let who = format!("jane{hand_first}@example.com");
        let row = JANE.replace("jane@example.com", &who);
        let by_hand = [
            "grant",
            &who,
            "--target",
            "sentius:acme",
            "--end",
            "2099-12-31",
        ];
        if hand_first {
            assert_eq!(ask(&world, &by_hand).await.code, 0);
        }
        good(from(&world, "repo", &[&row, AMY], &["--prune"]).await);
        if !hand_first {
            assert_eq!(ask(&world, &by_hand).await.code, 0);
        }
        good(from(&world, "repo", &[AMY], &["--prune"]).await);
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().contains(&who), "{hand_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_row_stays_ended_until_it_changes() {
    let world = world().await;
    good(from(&world, "repo", &[JANE, BOB], &["--prune"]).await);
    let revoke = ["revoke", "jane@example.com", "--by", "anna"];
    assert_eq!(world.lapsed(&revoke).await.code, 0);
    assert_eq!(world.whitelisted(), [""; 0]);

    let (code, lines) = difference(&world, "repo", &[JANE, BOB]).await;
    assert_eq!((code, lines.len()), (6, 1));
    assert!(
        lines[0].starts_with("! jane@example.com sentius:acme: it was ended 20"),
        "{lines:?}"
    );
    assert!(
        lines[0].contains(" by anna; it stays so until the row changes"),
        "{lines:?}"
    );
    let said = good(from(&world, "repo", &[JANE, BOB], &["--prune"]).await);
    assert!(
        said.contains("0 recorded, 0 amended, 1 unchanged"),
        "{said}"
    );
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), [""; 0]);

    let changed = JANE.replace("2099-12-31", "2097-12-31");
    let (_, lines) = difference(&world, "repo", &[&changed, BOB]).await;
    assert_eq!(
        lines,
        ["+ jane@example.com sentius:acme: until 2097-12-31 23:59"]
    );
    good(from(&world, "repo", &[&changed, BOB], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    assert_eq!(
        difference(&world, "repo", &[&changed, BOB]).await,
        (0, vec![])
    );
    // Back to the dates it had: that is a change too, and the grant that runs is moved.
    let (_, lines) = difference(&world, "repo", &[JANE, BOB]).await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("~ "), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_ended_in_a_review_stays_ended_and_a_moved_end_stays_moved() {
    let mut world = world().await;
    world.config.review = "[review]\nevery = \"90d\"\n".to_owned();
    good(from(&world, "repo", &[JANE, AMY, BOB], &["--prune"]).await);
    let core = ["--target", "sapling:acme/Core"];
    let end = [&["review", "end", "bob@example.com"][..], &core].concat();
    assert_eq!(world.lapsed(&end).await.code, 0);
    let extend = [
        "extend",
        "amy@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2099-06-30",
    ];
    assert_eq!(world.lapsed(&extend).await.code, 0);
    let (code, lines) = difference(&world, "repo", &[JANE, AMY, BOB]).await;
    assert_eq!((code, lines.len()), (6, 2), "{lines:?}");
    assert!(
        lines[0].starts_with("! amy@example.com sentius:acme: it was moved by hand"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("! bob@example.com sapling:acme/Core: it was ended"),
        "{lines:?}"
    );
    good(from(&world, "repo", &[JANE, AMY, BOB], &["--prune"]).await);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), [""; 0]);
    let end = world
        .sentius
        .with(|s| s.entries["amy@example.com"].end_date);
    assert!(
        end.unwrap().to_string().starts_with("2099-06-30T"),
        "{end:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_back_after_it_ended_is_given_again() {
    let world = world().await;
    good(from(&world, "repo", &[JANE, AMY], &["--prune"]).await);
    good(from(&world, "repo", &[AMY], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com"]);
    good(from(&world, "repo", &[JANE, AMY], &["--prune"]).await);
    assert_eq!(world.whitelisted(), ["amy@example.com", "jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_end_passes_or_is_moved_into_the_past_gives_nothing_and_is_no_fault() {
    let world = world().await;
    let soon = |at: jiff::Timestamp| format!("jane@example.com,sentius:acme,{at},");
    let row = soon(world.now() + jiff::SignedDuration::from_hours(2));
    good(from(&world, "repo", &[&row, AMY], &["--prune"]).await);
    world.later(180);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(difference(&world, "repo", &[&row, AMY]).await, (0, vec![]));
    let said = good(from(&world, "repo", &[&row, AMY], &["--prune"]).await);
    assert_eq!(said, "0 recorded, 0 amended, 2 unchanged\n");

    let past = AMY.replace("2099-12-31", "2020-01-01");
    let (code, lines) = difference(&world, "repo", &[&row, &past]).await;
    assert_eq!(
        (code, lines),
        (6, vec!["- amy@example.com sentius:acme".to_owned()])
    );
    good(from(&world, "repo", &[&row, &past], &["--prune"]).await);
    assert_eq!(world.whitelisted(), [""; 0]);
    assert_eq!(
        difference(&world, "repo", &[&row, &past]).await,
        (0, vec![])
    );
    // Of somebody the file never gave anything it is a slip.
    let slip = past.replace("amy@", "zoe@");
    let refused = from(&world, "repo", &[&row, &slip], &["--prune"]).await;
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("line 3: end: "),
        "{}",
        refused.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_that_contradict_each_other_are_refused_with_both_lines() {
    let world = world().await;
    let other = JANE.replace("it@", "hr@").replace("jane@", "Jane@");
    let refused = from(&world, "repo", &[JANE, AMY, &other], &[]).await;
    assert_eq!(refused.code, 2);
    let said = "line 4: owner: line 2 gives Jane@example.com the same access with another owner";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    // The same row twice is one grant.
    let twice = JANE.replace("jane@", "Jane@");
    good(from(&world, "repo", &[JANE, &twice], &["--prune"]).await);
    assert_eq!(grants(&world).await, ["jane@example.com active"]);
}
