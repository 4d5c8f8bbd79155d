//! Many people at once: few calls, each person settled alone, and others get their turn meanwhile.

use std::time::{Duration, Instant};

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::giving::undoing::flags;
use crate::world::asking::{Said, ask, die};
use crate::world::{Daemon, FUTURE, World, until};

const CORE: &str = "sapling:acme/Core";

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

/// So many people of Core: the first 120 get `edit`, 100 more nothing, the others both.
fn people(number: usize) -> String {
    let mut csv = "email,target,end,permissions\n".to_owned();
    for n in 0..number {
        let permissions = match n {
            0..120 => "edit",
            120..220 => "",
            _ => "edit;inspect",
        };
        csv += &format!("p{n:03}@example.com,{CORE},90d,{permissions}\n");
    }
    csv
}

/// Everybody has an account, and the key may add without invites.
fn may_add(world: &World, number: usize) {
    world.sapling.with(|state| {
        state.superuser = true;
        for n in 0..number {
            state.register(&format!("p{n:03}@example.com"), true);
        }
    });
}

fn posts(world: &World) -> Vec<String> {
    let writes = world.writes().into_iter();
    writes.filter(|w| w.starts_with("POST")).collect()
}

/// The addresses of all calls that were carried out.
fn mailed(world: &World) -> Vec<String> {
    let calls = world.sapling.calls();
    let added = calls.iter().filter(|c| c.method == "POST");
    let added = added.filter(|c| c.status == Some(200));
    let mut emails: Vec<String> = added.flat_map(|call| call.emails.clone()).collect();
    emails.sort();
    emails
}

fn open(world: &World) -> i64 {
    world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL")
}

#[tokio::test(flavor = "multi_thread")]
async fn people_with_equal_flags_are_added_a_hundred_a_call() {
    let world = world(&people(250)).await;
    may_add(&world, 250);
    let said = import(&world, &[]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.results.iter().all(|row| row["result"] == "added"));
    let path = world
        .sapling
        .calls()
        .iter()
        .find(|c| c.method == "POST")
        .unwrap()
        .path
        .clone();
    assert!(path.ends_with("/team_user2"), "{path}");
    assert_eq!(posts(&world).len(), 4, "{:?}", posts(&world));
    let flags = |email| flags(&world, "Core", email);
    assert_eq!(flags("p000@example.com"), ["edit"]);
    assert!(flags("p150@example.com").is_empty());
    assert_eq!(flags("p249@example.com"), ["edit", "inspect"]);
    // An intent and a result for each, as everywhere.
    let count = |kind: &str| world.events().iter().filter(|e| e.kind == kind).count();
    assert_eq!(count("provision.intent"), 250);
    assert_eq!(count("provision.result"), 250);
    world.forget_calls();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(
        run.findings(),
        [format!("member.unmanaged {CORE} there@example.com")]
    );
    assert_eq!(open(&world), 0);
    assert!(posts(&world).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_person_is_settled_alone_by_the_four_lists() {
    let csv = format!(
        "email,target,end\nA@Example.com,{CORE},{FUTURE}\nb@example.com,{CORE},{FUTURE}\n\
         c@example.com,{CORE},{FUTURE}\nd@example.com,{CORE},{FUTURE}\ne@example.com,{CORE},{FUTURE}\n"
    );
    let world = world(&csv).await;
    let body = json!({
        "added": [{ "email": "a@EXAMPLE.com", "team_user": null }],
        "invited": [{ "email": "B@example.com" }],
        "errors": [{ "email": "c@example.com", "reason": "blocked" }],
        "already_exists": [{ "email": "d@example.com" }],
    });
    let answer = Answer::new(200).body("application/json", &body.to_string());
    let many = When::method("POST").path("team_user2");
    world.sapling.faults().once(many, Fault::Status(answer));
    let said = import(&world, &[]).await;
    assert_eq!(said.code, 3);
    let states = said.lines();
    let tail = |n: usize| states[n].split(' ').skip(3).collect::<Vec<_>>().join(" ");
    assert_eq!(
        [0, 1, 2, 3, 4].map(tail),
        [
            "done added",
            "done invited",
            "refused -",
            "done already_exists",
            "unknown -"
        ]
    );
    let detail = said.results[4]["detail"].as_str().unwrap();
    assert_eq!(detail, "the answer does not mention this address");
    // A reading does not show the last one, who is tried alone.
    world.forget_calls();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(mailed(&world), ["e@example.com"]);
    assert!(!posts(&world)[0].contains("team_user2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_many_that_fails_is_tried_singly() {
    for (fault, at_once) in [
        (Fault::status(400), true),
        (Fault::status(403), false),
        (Fault::status(404), false),
        (Fault::status(413), false),
        (Fault::status(422), false),
        (Fault::status(500), false),
        (Fault::DropBefore, false),
    ] {
        let world = world(&people(3)).await;
        let many = When::method("POST").path("team_user2");
        world.sapling.faults().always(many, fault.clone());
        let said = import(&world, &[]).await;
        let code = if at_once { 0 } else { 3 };
        assert_eq!(said.code, code, "{fault:?}: {:?}", said.lines());
        assert_eq!(
            world
                .list()
                .await
                .iter()
                .filter(|g| g["state"] == "active")
                .count(),
            3
        );
        let run = world.run().await;
        assert_eq!(run.code, 0, "{fault:?}: {:?}", run.errors());
        assert_eq!(world.invited("Core").len(), 3, "{fault:?}");
        assert_eq!(
            mailed(&world).len(),
            3,
            "{fault:?}: nobody is invited twice"
        );
    }
    // What was done without an answer is seen at once.
    for fault in [Fault::DropAfter, Fault::Status(Answer::new(502).applied())] {
        let world = world(&people(3)).await;
        world
            .sapling
            .faults()
            .once(When::method("POST"), fault.clone());
        let said = import(&world, &[]).await;
        assert_eq!(said.code, 0, "{fault:?}: {:?}", said.lines());
        assert_eq!(posts(&world).len(), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_call_for_many_invites_nobody_twice() {
    for (place, sent) in [
        ("give-after-intent", 0),
        ("give-after-call", 100),
        ("give-after-result", 100),
    ] {
        let mut world = world(&people(150)).await;
        // One call at a time, so that exactly one is under way.
        world.config.http += "concurrency = 1\n";
        let csv = people(150).replace(",edit", ",");
        world.write("people.csv", &csv);
        let file = world.path("people.csv");
        die(&world, &["import", file.to_str().unwrap()], place).await;
        let invited = world.invited("Core").len();
        assert!(invited == sent || invited == 150, "{place}: {invited}");
        let run = world.run().await;
        assert_eq!(run.code, 0, "{place}: {:?}", run.errors());
        let mailed = mailed(&world);
        assert_eq!(
            (mailed.len(), world.invited("Core").len()),
            (150, 150),
            "{place}"
        );
        assert_eq!(open(&world), 0, "{place}");
        world.trail_is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_adds_many_in_few_calls() {
    let world = world(&people(50)).await;
    may_add(&world, 50);
    assert_eq!(import(&world, &[]).await.code, 0);
    world.sql("UPDATE grants SET ends_at = unixepoch() * 1000");
    let run = world.run().await;
    // More than a quarter of a team waits for a person's word.
    let run = match run.code {
        4 => {
            let approved = world.lapsed(&["approve", run.id()]).await;
            assert_eq!(approved.code, 0, "{}", approved.stderr);
            world.run().await
        }
        _ => run,
    };
    assert_eq!(world.members("Core").len(), 1, "{:?}", run.actions());
    world.forget_calls();
    let said = ask(&world, &["undo", run.id(), "--end", FUTURE]).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(posts(&world).len(), 1, "{:?}", posts(&world));
    assert_eq!(flags(&world, "Core", "p001@example.com"), ["edit"]);
}

/// Sixty entries at ten calls a second.
async fn slow() -> World {
    let mut csv = "email,target,end\n".to_owned();
    for n in 0..60 {
        csv += &format!("p{n:03}@example.com,sentius:acme,90d\n");
    }
    let mut world = world(&csv).await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&["jane@example.com,sentius:acme,2099-01-01"])
        .await;
    world.config.http = "timeout = \"20s\"\nrequests_per_second = 10\n".to_owned();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_revoked_in_the_middle_of_a_long_import() {
    let world = slow().await;
    let file = world.path("people.csv");
    let child = world
        .command(&["import", file.to_str().unwrap(), "--format", "json"])
        .spawn()
        .unwrap();
    until("the import gives", || world.whitelisted().len() > 3).await;
    let begun = Instant::now();
    let revoked = world
        .lapsed(&["revoke", "jane@example.com", "--target", "sentius:acme"])
        .await;
    let took = begun.elapsed();
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    assert!(!world.whitelisted().contains(&"jane@example.com".to_owned()));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(
        world.whitelisted().len() < 55,
        "the import is not over: {}",
        world.whitelisted().len()
    );
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(world.whitelisted().len(), 60);
    assert_eq!(open(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_acted_on_by_the_daemon_in_the_middle_of_a_long_import() {
    let mut world = slow().await;
    world.config.schedule = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n".to_owned();
    let daemon = Daemon::past_first_pass(&world).await;
    let soon = lapsed::clock::now() + jiff::SignedDuration::from_millis(2500);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{soon}")])
        .await;
    world.sql("UPDATE grants SET removed_at = 1 WHERE ends_at > 4000000000000");
    let file = world.path("people.csv");
    let child = world
        .command(&["import", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    until("it is gone", || {
        !world.whitelisted().contains(&"jane@example.com".to_owned())
    })
    .await;
    let late = lapsed::clock::now().duration_since(soon);
    assert!(late < jiff::SignedDuration::from_secs(4), "{late}");
    assert!(world.whitelisted().len() < 60);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(world.whitelisted().len(), 60);
    assert_eq!(daemon.stop().await, 0);
    let posted = world
        .sentius
        .calls()
        .iter()
        .filter(|c| c.method == "POST" && !c.body.contains("jane@example.com"))
        .count();
    assert_eq!(posted, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_long_import_leaves_when_it_dies_is_given_by_the_next_pass() {
    let mut world = slow().await;
    let file = world.path("people.csv");
    let mut child = world
        .command(&["import", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    until("the second batch", || world.whitelisted().len() > 25).await;
    child.kill().unwrap();
    child.wait().unwrap();
    world.config.http = "requests_per_second = 1000\n".to_owned();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.whitelisted().len(), 61);
    assert_eq!(open(&world), 0);
}
