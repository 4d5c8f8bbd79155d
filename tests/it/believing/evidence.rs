//! What is believed, and when: whoever a reading shows is there, and an absence needs readings that
//! count and are apart in time.

mod back;
mod clocks;
mod doubt;

use jiff::Timestamp;
use lapsed_sandbox::{Fault, TeamUser, When};
use serde_json::{Value, json};

use crate::world::readings::{core, end_in_core, people, shows};
use crate::world::{Daemon, HOLDER, PAST, World, until};

fn holder() -> Value {
    json!({"id": "h", "login_email": HOLDER, "is_admin": true})
}

pub(super) async fn states(world: &World) -> Vec<String> {
    let mut states: Vec<String> = Vec::new();
    for row in world.list().await {
        states.push(row["state"].as_str().unwrap().to_owned());
    }
    states.sort();
    states.dedup();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_without_the_holder_of_the_key_proves_nothing_however_often_it_is_read() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100\n".to_owned();
    let nine = people(9);
    core(&world, &nine);
    end_in_core(&world, &nine[..5], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    let reading = When::method("GET").path("team_user");
    world.sapling.faults().always(reading, Fault::EmptyLists);

    for minutes in [0, 0, 11, 20, 40] {
        world.later(minutes);
        let run = world.run().await;
        assert_eq!(run.code, 3, "{:?}", run.actions());
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
        assert_eq!(run.json["counts"]["absent"], json!(0));
        assert_eq!(states(&world).await, ["ended"]);
        assert!(run.found("member.left").is_empty());
    }
    let accepted = world.lapsed(&["accept", "sapling:acme/Core"]).await;
    assert_eq!(accepted.code, 2, "{}", accepted.stdout);
    assert!(
        accepted.stderr.contains("self_email"),
        "{}",
        accepted.stderr
    );
    assert_eq!(world.members("Core").len(), 9);

    world.sapling.faults().clear();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), nine[5..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_believed_after_three_readings_over_half_an_hour() {
    let mut world = World::new().await;
    world.config.sapling.clear();
    let nine = people(9);
    core(&world, &nine);
    end_in_core(&world, &nine[..5], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    let reading = When::method("GET").path("team_user");
    world.sapling.faults().always(reading, Fault::EmptyLists);

    for minutes in [0, 0, 0, 0, 15, 14] {
        world.later(minutes);
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.json["owed"]["doubt"], json!(1));
        assert_eq!(run.json["counts"]["absent"], json!(0), "{minutes}");
        assert!(run.found("member.left").is_empty());
    }
    world.later(2);
    let run = world.run().await;
    assert_eq!(
        run.json["counts"]["absent"],
        json!(5),
        "{:?}",
        run.actions()
    );
    assert_eq!(states(&world).await, ["removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_ends_come_a_second_apart_believes_no_empty_list() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100\n".to_owned();
    world.config.sapling.clear();
    world.config.schedule = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n".to_owned();
    let nine = people(9);
    core(&world, &nine);
    let daemon = Daemon::past_first_pass(&world).await;
    let reading = When::method("GET").path("team_user");
    world.sapling.faults().always(reading, Fault::EmptyLists);
    world.forget_calls();
    let now = lapsed::clock::now().as_millisecond();
    let rows: Vec<String> = (0..5)
        .map(|n| {
            let end = Timestamp::from_millisecond(now + 1000 + 700 * n).unwrap();
            format!(
                "{},sapling:acme/Core,{end}",
                nine[usize::try_from(n).unwrap()]
            )
        })
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;

    until("it has read the team for each end", || {
        let calls = world.sapling_calls();
        calls.iter().filter(|c| c.contains("team_user")).count() >= 5
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;

    assert_eq!(
        world.number("SELECT count(*) FROM grants WHERE removed_at IS NOT NULL"),
        0
    );
    world.sapling.faults().clear();
    daemon.stop().await;
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), nine[5..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_reading_that_is_cut_short_closes_no_grant() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100\n".to_owned();
    let twelve = people(12);
    let id = core(&world, &twelve);
    end_in_core(&world, &twelve, PAST).await;
    shows(
        &world,
        &id,
        &json!({"users": [holder()], "pending_users": []}),
    );

    let run = world.run().await;

    assert_eq!(
        run.json["counts"]["absent"],
        json!(0),
        "{:?}",
        run.actions()
    );
    assert_eq!(run.code, 0, "nobody is there, and nothing is owed");
    assert_eq!(states(&world).await, ["ended"]);
    world.sapling.faults().clear();
    assert_eq!(world.run().await.code, 0);
    assert!(world.members("Core").is_empty());
    assert_eq!(states(&world).await, ["removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_no_reading_is_believed_to_be_absent_from_two_that_count_ten_minutes_apart() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned()]);
    end_in_core(&world, &["bob@example.com".to_owned()], PAST).await;

    for minutes in [0, 0, 9] {
        world.later(minutes);
        let run = world.run().await;
        assert_eq!((run.code, run.actions()), (0, vec![]));
        assert_eq!(states(&world).await, ["ended"]);
    }
    world.later(2);
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended absent verified"]
    );
    assert_eq!(states(&world).await, ["removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_does_not_count_as_one_of_two_readings() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned()]);
    end_in_core(&world, &["bob@example.com".to_owned()], PAST).await;
    // Looks before, between and after.
    assert!(world.dry_run(None).await.actions().is_empty());
    world.later(11);
    assert!(world.run().await.actions().is_empty());
    world.later(11);
    assert!(world.dry_run(None).await.actions().is_empty());
    let look = ["revoke", "amy@example.com", "--dry-run"];
    assert_eq!(world.lapsed(&look).await.code, 0);
    assert_eq!(states(&world).await, ["ended"]);
    world.later(11);
    assert_eq!(world.run().await.json["counts"]["absent"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_its_invites_is_no_reading() {
    let world = World::new().await;
    let id = core(&world, &["amy@example.com".to_owned()]);
    world.invite("Core", "bob@example.com");
    end_in_core(&world, &["bob@example.com".to_owned()], PAST).await;
    for key in ["pending_users", "users"] {
        world.sapling.faults().clear();
        let reading = When::method("GET").path(&id);
        let fault = Fault::Omit(key.to_owned());
        world.sapling.faults().always(reading, fault);
        for _ in 0..3 {
            world.later(20);
            let run = world.run().await;
            assert_eq!(run.code, 3, "{key}");
            assert_eq!(run.json["counts"]["absent"], json!(0));
            assert_eq!(states(&world).await, ["ended"]);
        }
    }
    assert_eq!(world.lapsed(&["accept", "sapling:acme/Core"]).await.code, 2);
    world.sapling.faults().clear();
    assert_eq!(world.run().await.code, 0);
    assert!(world.invited("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_longer_list_is_never_believed() {
    let world = World::new().await;
    let fifty = people(50);
    let id = core(&world, &fifty);
    end_in_core(&world, &fifty[..1], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    for sign in [
        json!({"has_more": true}),
        json!({"total": 51}),
        json!({"next": "https://api.example/?page=2"}),
    ] {
        world.sapling.faults().clear();
        let mut page = json!({"users": [holder()], "pending_users": []});
        let sign = sign.as_object().unwrap().clone();
        page.as_object_mut().unwrap().extend(sign);
        shows(&world, &id, &page);
        for _ in 0..4 {
            world.later(15);
            let run = world.run().await;
            assert_eq!(run.code, 3);
            assert!(run.found("member.left").is_empty(), "{:?}", run.findings());
            assert_eq!(run.json["counts"]["absent"], json!(0));
        }
        let accepted = world.lapsed(&["accept", "sapling:acme/Core"]).await;
        assert_eq!(accepted.code, 2, "{}", accepted.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_of_joining_that_is_moved_back_makes_nobody_too_old() {
    let mut world = World::new().await;
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    let nine = people(9);
    core(&world, &[]);
    for email in &nine {
        let user = TeamUser::new(email, lapsed::clock::now());
        world
            .sapling
            .with(|state| state.team_mut("Core").unwrap().add_member(user));
    }
    assert_eq!(world.run().await.code, 0);
    for date in ["1970-01-01T00:00:00Z", "2020-01-01T00:00:00Z"] {
        world.sapling.with(|state| {
            let team = state.team_mut("Core").unwrap();
            for email in &nine {
                team.change_member(email, |user| user.created_at = date.parse().unwrap());
            }
        });
        world.later(15);
        let run = world.run().await;
        assert_eq!((run.code, run.actions()), (0, vec![]), "{date}");
    }
    assert_eq!(world.members("Core").len(), 9);
    world.later(91 * 24 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.members("Core").is_empty(), "they are old enough now");
}
