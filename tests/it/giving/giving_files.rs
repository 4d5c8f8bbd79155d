//! Files that give access: every row checked first, each told apart, and safe to repeat.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::asking::{Said, ask, die};
use crate::world::{FUTURE, PAST, World, until};

async fn world(csv: &str) -> World {
    let world = World::new().await;
    world.team("Core", &["there@example.com"]);
    world.write("people.csv", csv);
    world
}

async fn import(world: &World, more: &[&str]) -> Said {
    let file = world.path("people.csv");
    ask(world, &[&["import", file.to_str().unwrap()], more].concat()).await
}

async fn text(world: &World, more: &[&str]) -> crate::world::Printed {
    let file = world.path("people.csv");
    world
        .lapsed(&[&["import", file.to_str().unwrap()], more].concat())
        .await
}

fn people() -> String {
    format!(
        "email,target,end,role,name,permissions\n\
         jane@example.com,sentius:acme,{FUTURE},,Jane,can_read;can_use_api\n\
         new@example.com,sapling:acme/Core,{FUTURE},,,\n\
         there@example.com,sapling:acme/Core,{FUTURE},,,\n\
         there@example.com,sapling:acme/Core,30d,manager,,\n"
    )
}

const GIVEN: [&str; 4] = [
    "jane@example.com sentius:acme whitelist.add done posted",
    "new@example.com sapling:acme/Core member.add done invited",
    "there@example.com sapling:acme/Core member.add done already_exists",
    "there@example.com sapling:acme/Core member.promote done promoted",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_given_and_the_same_file_again_changes_nothing() {
    let world = world(&people()).await;
    let look = import(&world, &["--dry-run"]).await;
    assert_eq!(
        look.lines(),
        [
            "jane@example.com sentius:acme whitelist.add planned -",
            "new@example.com sapling:acme/Core member.add planned -",
            "there@example.com sapling:acme/Core member.add done already_exists",
            "there@example.com sapling:acme/Core member.promote planned -",
        ]
    );
    assert!(world.writes().is_empty() && world.list().await.is_empty());
    let shown = text(&world, &["--dry-run"]).await;
    assert!(
        shown
            .stdout
            .starts_with("dry run: of the grants there would be 4 recorded"),
        "{}",
        shown.stdout
    );

    let said = import(&world, &[]).await;
    assert_eq!(
        (said.code, said.lines()),
        (0, GIVEN.map(str::to_owned).to_vec()),
        "{}",
        said.stderr
    );
    let list = world.list().await;
    world.forget_calls();
    let again = text(&world, &[]).await;
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "0 recorded, 0 amended, 4 unchanged\n")
    );
    assert!(world.writes().is_empty() && world.list().await == list);
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_permissions_in_the_file_are_posted() {
    let world = world(&people()).await;
    import(&world, &[]).await;
    world.write(
        "people.csv",
        &people().replace("can_read;can_use_api", "can_read"),
    );
    let said = import(&world, &[]).await;
    assert_eq!(
        said.lines()[0],
        "jane@example.com sentius:acme whitelist.renew done posted"
    );
    assert_eq!(
        crate::world::asking::entry(&world).permissions,
        ["can_read"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_owner_in_the_file_lets_nobody_in_who_was_taken_out() {
    let csv = "email,target,owner\nthere@example.com,sapling:acme/Core,it@acme.example\n";
    let world = world(csv).await;
    assert_eq!(import(&world, &[]).await.code, 0);
    world.drop_member("Core", "there@example.com");
    world.write("people.csv", &csv.replace("it@", "hr@"));
    let said = import(&world, &[]).await;
    assert_eq!(
        (said.code, said.results[0]["provision"].is_null()),
        (0, true),
        "{:?}",
        said.results
    );
    assert!(world.writes().is_empty());
    // By hand it is another matter.
    let said = ask(
        &world,
        &[
            "grant",
            "there@example.com",
            "--target",
            "sapling:acme/Core",
        ],
    )
    .await;
    assert_eq!(
        said.lines(),
        ["there@example.com sapling:acme/Core member.add done invited"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_row_stops_the_file_before_the_first_call() {
    for (row, said) in [
        (
            "a@example.com,sapling:acme/Cor,,,,",
            "line 6: target: no team",
        ),
        (
            "a@example.com,sapling:acme/Core,,admin,,",
            "line 6: role: a@example.com is not a member",
        ),
        (
            &format!("a@example.com,sentius:acme,{PAST},,,") as &str,
            "line 6: end: 2025-06-30 12:00 is past",
        ),
        (
            "a@example.com,sentius:acme,,,,can_fly",
            "line 6: permissions: \"can_fly\"",
        ),
    ] {
        let world = world(&format!("{}{row}\n", people())).await;
        for more in [&[][..], &["--dry-run"]] {
            let printed = text(&world, more).await;
            assert_eq!((printed.code, printed.stdout.as_str()), (2, ""), "{row}");
            assert!(printed.stderr.contains(said), "{}", printed.stderr);
            assert!(
                printed.stderr.ends_with("nothing was recorded\n"),
                "{}",
                printed.stderr
            );
        }
        assert!(world.writes().is_empty() && world.list().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_ended_since_the_file_was_imported_is_no_fault() {
    let world = world(&people()).await;
    import(&world, &[]).await;
    world.sql("UPDATE grants SET ends_at = 1772600000000, as_written = '|2026-03-04T04:53:20Z' WHERE email_key = 'jane@example.com'");
    world.write(
        "people.csv",
        &people().replacen(FUTURE, "2026-03-04T04:53:20Z", 1),
    );
    let said = import(&world, &["--dry-run"]).await;
    assert_eq!(
        said.lines()[0],
        "jane@example.com sentius:acme - unchanged -"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_row_is_refused_does_not_keep_the_others() {
    let world = world(&people()).await;
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::status(400));
    let said = import(&world, &[]).await;
    assert_eq!(said.code, 3);
    assert_eq!(said.results[0]["state"], "refused");
    assert_eq!(said.lines()[1..], GIVEN[1..]);
    // Once the provider takes it, the same file gives it.
    let said = import(&world, &[]).await;
    assert_eq!(
        (said.code, &said.results[0]["result"]),
        (0, &json!("posted"))
    );
}

fn many() -> String {
    let mut csv = "email,target,end\n".to_owned();
    for n in 0..60 {
        let target = ["sentius:acme", "sapling:acme/Core"][n % 2];
        csv += &format!("p{n:02}@example.com,{target},90d\n");
    }
    csv
}

fn all_are_in(world: &World) {
    assert_eq!(world.whitelisted().len(), 30);
    assert_eq!(world.invited("Core").len(), 30);
    assert_eq!(mailed(world).len(), 30, "nobody is invited twice");
}

/// Who was mailed the team's invites: the addresses of each call that was carried out.
fn mailed(world: &World) -> Vec<String> {
    let calls = world.sapling.calls();
    let added = calls.iter().filter(|c| c.method == "POST");
    let added = added.filter(|c| c.status == Some(200));
    added.flat_map(|call| call.emails.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_dies_is_ended_by_the_next_pass_or_by_itself() {
    for by_pass in [true, false] {
        for place in ["give-after-intent", "give-after-call", "give-after-result"] {
            let world = world(&many()).await;
            let file = world.path("people.csv");
            die(&world, &["import", file.to_str().unwrap()], place).await;
            assert_eq!(world.list().await.len(), 60, "all is on record: {place}");
            if by_pass {
                let run = world.run().await;
                assert_eq!(run.code, 0, "{:?}", run.errors());
            } else {
                assert_eq!(import(&world, &[]).await.code, 0);
            }
            all_are_in(&world);
            let open = world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL");
            assert_eq!(open, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_interrupted_ends_what_is_under_way_and_can_be_repeated() {
    let mut world = world(&many()).await;
    world.config.http = "timeout = \"20s\"\nrequests_per_second = 40\n".to_owned();
    let file = world.path("people.csv");
    let child = world
        .command(&["import", file.to_str().unwrap(), "--format", "json"])
        .spawn()
        .unwrap();
    until("the first entry", || !world.whitelisted().is_empty()).await;
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("on record and not given yet"), "{stderr}");
    let intents = world.number("SELECT count(*) FROM provision WHERE state = 'intent'");
    assert_eq!(intents, 0, "what was begun came to its end");
    assert!(world.whitelisted().len() < 30);

    assert_eq!(import(&world, &[]).await.code, 0);
    all_are_in(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_recorded_only_moves_the_mark() {
    let world = world(&many()).await;
    assert_eq!(import(&world, &["--record-only"]).await.code, 0);
    let mark = std::fs::read_to_string(world.path("lapsed.db.mark")).unwrap();
    let (last, _) = mark.split_once(':').unwrap();
    let events = world.number("SELECT max(seq) FROM event");
    assert!(events >= 60, "{events}");
    assert_eq!(last, events.to_string());
    assert!(world.sapling.calls().is_empty());
    // An older copy is one, though no pass has been made.
    world.sql(&format!(
        "DROP TRIGGER event_stays; DELETE FROM event_payload WHERE seq = {last}; DELETE FROM event WHERE seq = {last}"
    ));
    world
        .grants(&[&format!("over@example.com,sentius:acme,{PAST}")])
        .await;
    let run = world.run().await;
    assert_eq!(run.code, 4, "{:?}", run.actions());
}
