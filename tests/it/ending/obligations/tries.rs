//! Whatever could not be tried has a next try, and what always fails is in nobody's way.

use lapsed_sandbox::{Answer, Fault, When};

use super::{BOB, NEVER, also_over};
use crate::world::readings::end_in_core;
use crate::world::{Daemon, PAST, World, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_could_not_try_at_the_moment_of_its_end_is_tried_soon_after() {
    for reads in [true, false] {
        let mut world = World::new().await;
        world.config.schedule = NEVER.to_owned();
        world.team("Core", &[BOB, "amy@example.com"]);
        let daemon = Daemon::past_first_pass(&world).await;
        let method = if reads { "GET" } else { "DELETE" };
        let down = When::method(method).path("team_user");
        world.sapling.faults().always(down, Fault::status(503));
        let end = lapsed::clock::now() + jiff::SignedDuration::from_millis(1000);
        end_in_core(&world, &[BOB.to_owned()], &end.to_string()).await;
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        assert_eq!(world.members("Core").len(), 2);
        world.sapling.faults().clear();
        let begin = std::time::Instant::now();
        while world.members("Core").len() == 2 {
            assert!(begin.elapsed().as_secs() < 45, "{method}: {}", daemon.log());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_that_fails_for_seconds_at_the_moment_of_an_end_is_asked_again_within_seconds()
{
    let mut world = World::new().await;
    world.config.schedule = NEVER.to_owned();
    world.whitelist(&[BOB]);
    let daemon = Daemon::past_first_pass(&world).await;
    world
        .sentius
        .faults()
        .always(When::method("DELETE"), Fault::status(503));
    let end = lapsed::clock::now() + jiff::SignedDuration::from_millis(1000);
    world.grants(&[&format!("{BOB},sentius:acme,{end}")]).await;
    let tried = || {
        world
            .sentius
            .calls()
            .iter()
            .any(|call| call.method == "DELETE")
    };
    until("it was tried", tried).await;
    world.sentius.faults().clear();
    let begin = std::time::Instant::now();
    while !world.sentius.with(|state| state.entries.is_empty()) {
        assert!(begin.elapsed().as_secs() < 60, "{}", daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_has_no_effect_is_tried_less_and_less_often() {
    let lie = Fault::Status(Answer::new(204));
    for fault in [Fault::status(500), Fault::DropBefore, lie] {
        let told = format!("{fault:?}");
        let mut world = World::new().await;
        world.config.schedule = NEVER.to_owned();
        world.team("Core", &[BOB, "amy@example.com"]);
        let daemon = Daemon::past_first_pass(&world).await;
        let delete = When::method("DELETE").path("team_user");
        world.sapling.faults().always(delete, fault);
        end_in_core(&world, &[BOB.to_owned()], "1s").await;
        let deletes = || {
            let calls = world.sapling.calls();
            calls.iter().filter(|call| call.method == "DELETE").count()
        };
        until("it was tried", || deletes() > 0).await;
        tokio::time::sleep(std::time::Duration::from_secs(8)).await;
        assert_eq!(deletes(), 1, "{told}: {}", daemon.log());
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_tries_again_does_not_make_well_what_has_failed() {
    let world = World::new().await;
    world.team("Core", &[BOB, "amy@example.com"]);
    end_in_core(&world, &[BOB.to_owned()], PAST).await;
    let delete = || When::method("DELETE").path("team_user");
    world.sapling.faults().once(delete(), Fault::status(500));
    assert_eq!(world.run().await.code, 3);
    world.forget_calls();
    let slow = Fault::Delay(std::time::Duration::from_secs(3));
    world.sapling.faults().once(delete(), slow);
    let mut pass = world.start();
    until("it is tried again", || !world.writes().is_empty()).await;

    let status = world.lapsed(&["status", "--no-daemon"]).await;

    assert_eq!(status.code, 3, "{}", status.stdout);
    assert!(
        status.stdout.contains("1 removal failed"),
        "{}",
        status.stdout
    );
    tokio::task::spawn_blocking(move || pass.wait().unwrap())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_refused_whole_is_sent_one_by_one() {
    for status in [422, 413, 404, 500, 400] {
        let mut world = World::new().await;
        world.config.guard = "max_removal_percent = 100\n".to_owned();
        also_over(&world, "Core", 6).await;
        let bulk = When::method("DELETE").path("bulk_delete");
        world.sapling.faults().always(bulk, Fault::status(status));
        for _ in 0..3 {
            if world.run().await.code == 0 {
                break;
            }
            world.later(60);
        }
        assert!(world.members("Core").is_empty(), "{status}");
        assert_eq!(world.run().await.code, 0, "{status}");
        let bulks = world.sapling_calls();
        let bulks = bulks.iter().filter(|c| c.contains("bulk_delete"));
        // A 400 may be about one address of the list, which is looked for by halves.
        assert!(status == 400 || bulks.count() == 1, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_that_always_fail_do_not_starve_older_ones() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100\n".to_owned();
    world.config.http = "timeout = \"1s\"\nrequests_per_second = 1000\n".to_owned();
    also_over(&world, "zz", 12).await;
    also_over(&world, "aa", 12).await;
    let zz = world
        .sapling
        .with(|s| s.team("zz").unwrap().id().to_owned());
    let first = &zz[zz.len() - 1..];
    let broken = When::method("DELETE").path(&format!("0000000{first}-5ea7"));
    world.sapling.faults().always(broken, Fault::status(500));
    let bulk = When::method("DELETE").path(&zz);
    world.sapling.faults().always(bulk, Fault::status(500));
    for _ in 0..3 {
        assert_eq!(world.run().await.code, 3);
        world.later(60);
    }
    assert!(world.members("aa").is_empty(), "{:?}", world.members("aa"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_tried_by_the_daemon_whichever_provider_is_down() {
    let mut world = World::new().await;
    world.config.schedule = NEVER.to_owned();
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &["amy@example.com"]);
    let daemon = Daemon::past_first_pass(&world).await;
    world
        .sapling
        .faults()
        .always(When::any(), Fault::DropBefore);
    let end = lapsed::clock::now() + jiff::SignedDuration::from_millis(1000);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{end}")])
        .await;
    until("jane is off the whitelist", || {
        world.whitelisted().is_empty()
    })
    .await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_asks_for_a_pause_gets_one_from_all_that_waits_for_it() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100".to_owned();
    world.overdue(40).await;
    let busy = Fault::Status(Answer::new(503).retry_after("1800"));
    world.sentius.faults().once(When::method("DELETE"), busy);

    let asked_at = world.now();
    let run = world.run().await;

    assert_eq!(run.code, 3, "{:?}", run.errors());
    let calls = world.writes().len();
    assert!(calls <= 5, "only what was under way already: {calls}");
    let pause = jiff::SignedDuration::from_secs(1790);
    let before = asked_at.checked_add(pause).unwrap().as_millisecond();
    let early =
        format!("SELECT count(*) FROM action WHERE settled_at IS NULL AND next_try_at < {before}");
    assert_eq!(world.number(&early), 0);
    assert!(world.number("SELECT count(*) FROM action WHERE settled_at IS NULL") >= 35);
    world.later(31);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}
