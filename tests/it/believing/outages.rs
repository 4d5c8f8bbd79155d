//! Providers that hang, and teams of a size that nobody expects.

use std::time::{Duration, Instant};

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::world::{HOLDER, PAST, World};

const LONG: Duration = Duration::from_secs(60);

/// These teams cannot be read any more.
fn stop_answering(world: &World, teams: &[String]) {
    for id in teams {
        let when = When::method("GET").path(id);
        world.sapling.faults().always(when, Fault::status(501));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_teams_that_hang_cost_about_two_timeouts_and_the_rest_is_not_asked() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"1s\"\nrequests_per_second = 1000\n".to_owned();
    for n in 0..60 {
        world.team(&format!("Team {n:02}"), &["amy@example.com"]);
    }
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
        .sapling
        .faults()
        .always(When::method("GET").path("team_user"), Fault::Hang(LONG));
    let begun = Instant::now();

    let run = world.run().await;

    // Sixty teams would take sixty times two timeouts, eight at a time.
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(run.code, 3);
    let errors = run.errors();
    assert_eq!(errors.len(), 60);
    let not_asked = "not asked: 5 of the last 5 readings failed";
    let rest = errors.iter().filter(|error| error.ends_with(not_asked));
    assert_eq!(rest.count(), 55, "{errors:?}");
    assert!(world.whitelisted().is_empty(), "the other provider goes on");

    world.sapling.faults().clear();
    let next = world.run().await;
    assert_eq!(next.code, 0, "{:?}", next.errors());
    let complete = "SELECT count(*) FROM source WHERE kind = 'team' AND complete_at IS NOT NULL";
    assert_eq!(world.number(complete), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_that_have_long_been_failing_do_not_keep_others_from_being_read() {
    let mut world = World::new().await;
    world.config.http =
        "timeout = \"20s\"\nrequests_per_second = 1000\nconcurrency = 1\n".to_owned();
    let broken: Vec<String> = (0..8)
        .map(|n| world.team(&format!("Broken {n}"), &[]))
        .collect();
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    assert_eq!(world.run().await.code, 0);
    stop_answering(&world, &broken);
    world.run().await;
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_of_more_than_32_mib_is_read() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"120s\"\nrequests_per_second = 1000\n".to_owned();
    let core = world.team("Core", &["amy@example.com"]);
    // Rows as long as nobody writes them: what is in them is not what takes the time here.
    let note = "x".repeat(64 << 10);
    let mut rows: Vec<String> = (0..520)
        .map(|n| {
            format!(r#"{{"id": "u{n}", "login_email": "p{n}@example.com", "note": "{note}"}}"#)
        })
        .collect();
    rows.push(format!(
        r#"{{"id": "h", "login_email": "{HOLDER}", "is_admin": true}}"#
    ));
    let body = format!(r#"{{"users": [{}], "pending_users": []}}"#, rows.join(","));
    assert!(body.len() > 32 << 20);
    let large = Fault::Status(Answer::new(200).body("application/json", &body));
    world
        .sapling
        .faults()
        .always(When::method("GET").path(&core), large);

    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 0, "{:?}", run.findings().first());
        assert_eq!(run.found("member.unmanaged").len(), 520);
    }
    let members = world.rows(&["members", "--format", "json"]).await;
    assert_eq!(members.len(), 521);
    assert_eq!(members[0]["is_admin"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_answers_is_read_after_some_passes_however_many_others_do_not() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"20s\"\nrequests_per_second = 1000\n".to_owned();
    let broken: Vec<String> = (0..30)
        .map(|n| world.team(&format!("Broken {n:02}"), &[]))
        .collect();
    let core = world.team("Core", &["bob@example.com", "amy@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    // Core fails once, as all the others do for good.
    world
        .sapling
        .faults()
        .once(When::method("GET").path(&core), Fault::status(501));
    stop_answering(&world, &broken);

    for _ in 0..16 {
        assert_eq!(world.run().await.code, 3);
        world.later(20);
    }

    assert_eq!(world.members("Core"), ["amy@example.com"]);
}
