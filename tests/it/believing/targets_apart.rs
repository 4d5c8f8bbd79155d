//! One target's trouble is one target's: the others go on, in the same pass and in time.

use std::time::{Duration, Instant};

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::world::readings::{core, end_in_core, people, says, shows};
use crate::world::{Daemon, FUTURE, HOLDER, PAST, World, until};

const JANE: &str = "jane@example.com";
const NEVER: &str = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";

fn soon(millis: i64) -> String {
    (lapsed::clock::now() + jiff::SignedDuration::from_millis(millis)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_import_delays_neither_an_end_nor_a_persons_word() {
    let mut world = World::new().await;
    world.config.schedule = NEVER.to_owned();
    world.config.http = "timeout = \"20s\"\nrequests_per_second = 10\n".to_owned();
    world.whitelist(&[JANE, "sue@example.com"]);
    let daemon = Daemon::past_first_pass(&world).await;
    world
        .grants(&[
            &format!("{JANE},sentius:acme,{}", soon(3000)),
            &format!("sue@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let mut csv = "email,target,end\n".to_owned();
    for email in people(80) {
        csv += &format!("{email},sentius:acme,90d\n");
    }
    world.write("many.csv", &csv);
    let file = world.path("many.csv");
    let mut import = world.command(&["import", file.to_str().unwrap()]);
    let import = tokio::task::spawn_blocking(move || import.output());
    until("the import gives", || world.whitelisted().len() > 4).await;

    let begun = Instant::now();
    let word = world
        .lapsed(&["revoke", "sue@example.com", "--target", "sentius:acme"])
        .await;
    assert_eq!(word.code, 0, "{}", word.stderr);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    until("jane's end is acted on", || {
        !world.whitelisted().contains(&JANE.to_owned())
    })
    .await;
    assert!(world.whitelisted().len() < 80, "while the import goes on");
    let import = import.await.unwrap().unwrap();
    assert_eq!(import.status.code(), Some(0));
    assert_eq!(world.whitelisted(), people(80));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_that_hang_delay_neither_the_whitelist_nor_the_end_of_the_pass() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"1s\"\nrequests_per_second = 1000\n".to_owned();
    for team in 0..120 {
        world.team(&format!("T{team:03}"), &["amy@example.com"]);
    }
    world.whitelist(&[JANE]);
    world
        .grants(&[&format!("{JANE},sentius:acme,{PAST}")])
        .await;
    let reading = When::method("GET").path("team_user");
    let hangs = Fault::Hang(Duration::from_secs(60));
    world.sapling.faults().always(reading, hangs);

    let begun = Instant::now();
    let pass = world.run().await;

    // One after the other this would be two minutes at eight calls a time.
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(pass.code, 3);
    assert!(world.whitelisted().is_empty());
    let told = pass.errors().len() + pass.findings().len();
    assert!(told > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_date_at_one_provider_stops_removals_there_and_nowhere_else() {
    for sentius_is_wrong in [true, false] {
        let world = World::new().await;
        world.whitelist(&[JANE]);
        core(&world, &people(2));
        world
            .grants(&[
                &format!("{JANE},sentius:acme,{PAST}"),
                &format!("p00@example.com,sapling:acme/Core,{PAST}"),
            ])
            .await;
        world.whitelist_is_known();
        let skew = Fault::DateSkew(86_400);
        let faults = match sentius_is_wrong {
            true => world.sentius.faults(),
            false => world.sapling.faults(),
        };
        faults.always(When::any(), skew);

        let run = world.run().await;

        assert_eq!(run.code, 3);
        assert_eq!(world.whitelisted().is_empty(), !sentius_is_wrong);
        assert_eq!(world.members("Core").len() == 1, sentius_is_wrong);
        let account = if sentius_is_wrong {
            "sentius:acme -"
        } else {
            "sapling:acme -"
        };
        assert_eq!(run.found("clock.doubtful"), [account]);
        faults.clear();
        world.later(60);
        assert_eq!(world.run().await.code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_flag_or_an_unknown_field_blocks_no_team() {
    let world = World::new().await;
    let id = core(&world, &people(2));
    end_in_core(&world, &people(1), PAST).await;
    let mut users = world.sapling.with(|state| {
        let team = state.team("Core").unwrap();
        json!(team.members().collect::<Vec<_>>())
    });
    for user in users.as_array_mut().unwrap() {
        if user["login_email"] != HOLDER {
            user["is_manager"] = json!(null);
            user["edit_permission"] = json!(null);
            user["created_at"] = json!("not a date");
            user["extra"] = json!({"deep": [1, 2, 3]});
        }
    }
    let reading = When::method("GET").path(&id);
    let answer = says(&json!({"users": users, "pending_users": []}));
    world.sapling.faults().once(reading, answer);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?} {:?}", run.errors(), run.actions());
    assert_eq!(world.members("Core"), ["p01@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_answers_nonsense_is_alone_with_it() {
    for (status, body) in [
        (200, "[]"),
        (200, "{\"users\": 7, \"pending_users\": []}"),
        (200, "<html>"),
        (200, ""),
        (500, "{}"),
        (404, "{}"),
        (301, ""),
    ] {
        let world = World::new().await;
        let id = core(&world, &people(2));
        world.team("Docs", &["bob@example.com", "amy@example.com"]);
        world.whitelist(&[JANE]);
        world
            .grants(&[
                &format!("{JANE},sentius:acme,{PAST}"),
                &format!("p00@example.com,sapling:acme/Core,{PAST}"),
                &format!("bob@example.com,sapling:acme/Docs,{PAST}"),
            ])
            .await;
        let nonsense = Answer::new(status).body("application/json", body);
        let reading = When::method("GET").path(&id);
        world
            .sapling
            .faults()
            .always(reading, Fault::Status(nonsense));

        let run = world.run().await;

        assert_eq!(run.code, 3, "{status} {body}");
        assert!(world.whitelisted().is_empty(), "{status} {body}");
        assert_eq!(
            world.members("Docs"),
            ["amy@example.com"],
            "{status} {body}"
        );
        assert_eq!(world.members("Core").len(), 2);
        assert_eq!(run.json["owed"]["remove"], json!(1), "{status} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_target_that_make_no_sense_are_that_targets_error() {
    let world = World::new().await;
    core(&world, &people(2));
    world.team("Docs", &["bob@example.com", "amy@example.com"]);
    world.whitelist(&[JANE]);
    world
        .grants(&[
            &format!("{JANE},sentius:acme,{PAST}"),
            &format!("p00@example.com,sapling:acme/Core,{PAST}"),
            "bob@example.com,sapling:acme/Docs,12h",
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.member("Core", "p00@example.com");
    // What no version has written: a rule of the database that refuses this one target's rows.
    world.sql(
        "CREATE TRIGGER odd BEFORE INSERT ON action
         WHEN NEW.target = (SELECT id FROM target WHERE name = 'Core')
         BEGIN SELECT RAISE(ABORT, 'this target is broken'); END;",
    );
    world
        .grants(&[&format!("p01@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.code, 3, "{:?}", run.errors());
    assert!(
        run.errors()
            .iter()
            .any(|e| e.starts_with("sapling:acme/Core")),
        "{:?}",
        run.errors()
    );
    assert_eq!(world.members("Docs"), ["amy@example.com"]);
    world.sql("DROP TRIGGER odd");
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_of_many_megabytes_is_read() {
    let world = World::new().await;
    let id = world.team("Core", &["bob@example.com"]);
    end_in_core(&world, &["bob@example.com".to_owned()], PAST).await;
    let bob = world.sapling.with(|state| {
        let team = state.team("Core").unwrap();
        json!(team.members().collect::<Vec<_>>())
    });
    let mut users = bob.as_array().unwrap().clone();
    let padding = "x".repeat(900);
    for n in 0..45_000 {
        users.push(json!({
            "id": format!("u{n}"), "login_email": format!("u{n}@example.com"), "is_admin": false,
            "is_manager": false, "edit_permission": false, "inspect_permission": false,
            "created_at": "Wed, 07 Oct 2020 21:15:47 GMT", "updated_at": "Wed, 07 Oct 2020 21:15:47 GMT",
            "note": padding,
        }));
    }
    let document = json!({"users": users, "pending_users": []});
    assert!(document.to_string().len() > 40 << 20);
    shows(&world, &id, &document);
    let run = world.run().await;
    assert!(run.errors().is_empty(), "{:?}", run.errors());
    assert_eq!(world.members("Core").len(), 0);
}
