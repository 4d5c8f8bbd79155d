//! `guard.observe_only`: everything is planned, reported and mailed, and no provider is changed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Daemon, FUTURE, Mail, Outcome, PAST, World, until};

/// Twelve in a team and three on the whitelist whose time is over, one of them protected.
async fn observing() -> World {
    let mut world = World::new().await;
    world.config.guard = "observe_only = true\nprotected = [\"boss@example.com\"]\n".to_owned();
    world.config.mail = Mail::Smtp;
    world.whitelist(&["amy@example.com", "boss@example.com", "cid@example.com"]);
    let people: Vec<String> = (0..12).map(|n| format!("p{n}@example.com")).collect();
    let mut emails: Vec<&str> = people.iter().map(String::as_str).collect();
    emails.push("stays@example.com");
    world.team("Core", &emails);
    let mut rows: Vec<String> = ["amy", "boss", "cid"]
        .map(|who| format!("{who}@example.com,sentius:acme,{PAST}"))
        .to_vec();
    rows.extend(
        people
            .iter()
            .map(|who| format!("{who},sapling:acme/Core,{PAST}")),
    );
    rows.push(format!("stays@example.com,sapling:acme/Core,{FUTURE}"));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    world
}

fn states<'a>(run: &'a Outcome, who: &str) -> Vec<&'a Value> {
    let actions = run.json["actions"].as_array().unwrap().iter();
    actions.filter(|a| a["email"] == json!(who)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_due_is_planned_and_told_and_nothing_is_called_or_owed() {
    let world = observing().await;

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(run.json["outcome"], json!("converged"));
    assert_eq!(run.json["counts"]["planned"], json!(14));
    assert_eq!(run.json["counts"]["held"], json!(0));
    assert_eq!(
        states(&run, "boss@example.com")[0]["state"],
        json!("protected")
    );
    let amy = states(&run, "amy@example.com")[0];
    let why = "guard.observe_only is true: no provider is changed";
    assert_eq!(
        (&amy["state"], &amy["detail"]),
        (&json!("planned"), &json!(why))
    );
    // Twelve of thirteen are more than a quarter of the team.
    let held = states(&run, "p3@example.com")[0]["detail"]
        .as_str()
        .unwrap();
    assert!(
        held.starts_with(why) && held.contains("would be held: "),
        "{held}"
    );
    assert_eq!(run.json["owed"]["remove"], json!(0));
    assert_eq!(run.json["owed"]["confirm"], json!(0));
    assert_eq!(world.writes(), [""; 0]);
    let mails = world.mail_texts();
    assert_eq!(mails.len(), 1, "the report, and no alarm");
    assert!(
        mails[0].contains("Only observing, 14 planned, 1 protected"),
        "{}",
        mails[0]
    );

    let status = world.lapsed(&["status", "--format", "json"]).await;
    let told: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(told["observe_only"], json!({"remove": 14, "give": 0}));
    assert_eq!(told["overdue"]["count"], json!(0));
    let status = world.lapsed(&["status"]).await;
    let first = status.stdout.lines().next().unwrap();
    assert!(
        first.contains("only observing (14 removals and 0 gifts are left alone)"),
        "{first}"
    );
    let why = world.lapsed(&["why", "amy@example.com"]).await;
    assert!(
        why.stdout.contains("lapsed only observes"),
        "{}",
        why.stdout
    );
    let check = world.lapsed(&["check"]).await;
    assert!(
        check.stdout.contains("guard.observe_only is true"),
        "{}",
        check.stdout
    );

    // The trail tells each once, however many passes look at it.
    let told = |world: &World| {
        let events = world.events();
        events
            .iter()
            .filter(|e| e.kind.starts_with("action."))
            .count()
    };
    let events = told(&world);
    let again = world.run().await;
    assert_eq!(
        (again.code, &again.json["counts"]["planned"]),
        (0, &json!(14))
    );
    assert_eq!(told(&world), events);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_record_what_is_asked_for_and_call_nobody() {
    let world = observing().await;
    assert_eq!(world.run().await.code, 0);

    let new = [
        "grant",
        "new@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "9d",
    ];
    let given = world.lapsed(&new).await;
    assert_eq!(given.code, 0, "{}", given.stderr);
    assert!(
        given.stdout.contains("guard.observe_only is true"),
        "{}",
        given.stdout
    );
    let joins = [
        "grant",
        "new@example.com",
        "--target",
        "sapling:acme/Core",
        "--end",
        "9d",
    ];
    assert_eq!(world.lapsed(&joins).await.code, 0);
    let moved = [
        "extend",
        "new@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "20d",
    ];
    let moved = world.lapsed(&moved).await;
    assert_eq!(moved.code, 0, "{} {}", moved.stdout, moved.stderr);
    let ended = world.lapsed(&["revoke", "stays@example.com"]).await;
    assert_eq!(ended.code, 0, "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("planned"), "{}", ended.stdout);
    let file = "email,target,end\nfile@example.com,sentius:acme,9d\n";
    world.write("people.csv", file);
    let file = world.path("people.csv");
    assert_eq!(
        world.lapsed(&["import", file.to_str().unwrap()]).await.code,
        0
    );
    let run = world.run().await;
    assert_eq!(run.code, 0);
    assert_eq!(run.json["owed"]["give"], json!(0));
    assert_eq!(world.writes(), [""; 0]);

    let status = world.lapsed(&["status", "--format", "json"]).await;
    let told: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(told["observe_only"], json!({"remove": 16, "give": 3}));
    let mails = world.mail_texts();
    let last = mails.last().unwrap();
    assert!(last.contains("3 gifts left alone"), "{last}");

    world.later(21 * 24 * 60);
    let status = world.lapsed(&["status", "--format", "json"]).await;
    let told: Value = serde_json::from_str(&status.stdout).unwrap();
    let gifts = &told["observe_only"]["give"];
    assert_eq!(*gifts, json!(0), "all that was asked for is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_it_acts_what_was_planned_is_done_within_the_limits() {
    let mut world = observing().await;
    assert_eq!(world.run().await.code, 0);
    let new = [
        "grant",
        "new@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "9d",
    ];
    assert_eq!(world.lapsed(&new).await.code, 0);

    world.config.guard = "protected = [\"boss@example.com\"]\n".to_owned();
    let run = world.run().await;

    assert_eq!(run.code, 4, "{:?}", run.errors());
    assert_eq!(world.whitelisted(), ["boss@example.com", "new@example.com"]);
    assert_eq!(run.json["counts"]["held"], json!(12));
    assert_eq!(world.members("Core").len(), 13);
    let approved = world.lapsed(&["approve", run.id()]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["stays@example.com"]);
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_before_is_held_no_more_while_lapsed_only_observes() {
    let mut world = observing().await;
    world.config.guard = "max_removals = 1\n".to_owned();
    let held = world.run().await;
    assert_eq!(held.code, 4);

    world.config.guard = "observe_only = true\n".to_owned();
    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(run.json["counts"]["planned"], json!(15));
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_only_observes_rests_between_its_passes() {
    let world = observing().await;
    let daemon = Daemon::past_first_pass(&world).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(daemon.stop().await, 0);

    let passes = world.number("SELECT count(*) FROM run");
    assert!(passes <= 2, "{passes} passes");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_told_to_observe_sends_nothing_more_though_a_pass_is_under_way() {
    let mut world = World::new().await;
    world.config.http = "requests_per_second = 4\n".to_owned();
    world.config.guard = "max_removals = 1000\nmax_removal_percent = 100\n".to_owned();
    world.overdue(40).await;
    let daemon = Daemon::start(&world);
    until("the first removals", || world.sentius.calls().len() >= 3).await;

    world.config.guard = "observe_only = true\n".to_owned();
    assert_eq!(world.lapsed(&["list"]).await.code, 0);
    daemon.signal("HUP");
    until("the reload", || daemon.log().contains("was read anew")).await;
    let sent = world.sentius.calls().len();
    tokio::time::sleep(Duration::from_secs(3)).await;

    // What was on its way is brought to its end.
    assert!(world.sentius.calls().len() <= sent + 1, "{sent}");
    assert_eq!(daemon.stop().await, 0);
    assert!(world.whitelisted().len() > 20);
    world.trail_is_whole().await;

    world.config.guard = "max_removals = 1000\nmax_removal_percent = 100\n".to_owned();
    world.config.http = String::new();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.whitelisted(), [""; 0]);
    world.all_settled_once().await;
}
