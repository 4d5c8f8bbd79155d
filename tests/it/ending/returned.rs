//! Who is there again: somebody who was never gone is due as before, and somebody who was proven gone
//! and came back is told, and removed only where `policy.returned` says so.

use jiff::Timestamp;
use lapsed_sandbox::{Fault, TeamUser, When};
use serde_json::json;

use crate::world::readings::{core, end_in_core, people, shows};
use crate::world::{FUTURE, PAST, World};

const BOB: &str = "bob@example.com";

fn join(world: &World, created_at: &str) {
    let joined: Timestamp = created_at.parse().unwrap();
    world.sapling.with(|state| {
        let user = TeamUser::new(BOB, joined);
        state.team_mut("Core").unwrap().add_member(user);
    });
}

/// Bob, whose grant ended, was removed by lapsed.
async fn removed() -> World {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned(), BOB.to_owned()]);
    end_in_core(&world, &[BOB.to_owned()], PAST).await;
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    world
}

const LONG_AGO: &str = "2024-03-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_again_before_the_removal_is_proven_was_never_gone() {
    let world = removed().await;
    world.later(5);
    join(&world, LONG_AGO);
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_after_a_proven_removal_is_told_and_stays() {
    let world = removed().await;
    world.later(11);
    assert_eq!(world.run().await.code, 0);
    world.later(1);
    join(&world, LONG_AGO);
    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(
            (run.code, run.actions()),
            (0, vec![]),
            "{:?}",
            run.json["owed"]
        );
        assert_eq!(
            run.found("member.returned"),
            ["sapling:acme/Core bob@example.com"]
        );
        world.later(90);
    }
    // A grant that ends later is another matter.
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    let run = world.run().await;
    assert!(
        run.found("member.returned").is_empty(),
        "{:?}",
        run.findings()
    );
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.findings());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_between_a_removal_and_the_return_proves_nothing() {
    let world = removed().await;
    world.later(11);
    assert_eq!(world.dry_run(None).await.code, 0);
    join(&world, LONG_AGO);
    let run = world.run().await;
    assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.findings());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_wanted_who_came_back_is_removed_again_at_most_once_an_hour() {
    let mut world = removed().await;
    world.config.policy = "returned = \"remove\"\n".to_owned();
    let mut removals = 0;
    for minute in 0..24 {
        world.later(10);
        if world.members("Core").len() == 1 && minute % 2 == 1 {
            join(&world, LONG_AGO);
        }
        let run = world.run().await;
        removals += run.json["counts"]["done"].as_u64().unwrap();
        assert!(run.code == 0, "{:?}", run.actions());
    }
    assert!((2..=4).contains(&removals), "{removals} in four hours");
}

/// Bob, a member, is missing in readings for so long, and then shown again.
async fn missed_for(minutes: i64, back: impl FnOnce(&World, TeamUser)) -> World {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned(), BOB.to_owned()]);
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60 - minutes);
    let bob = world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.remove_member(BOB).unwrap()
    });
    for _ in 0..2 {
        assert_eq!(world.run().await.code, 0);
        world.later(minutes / 2);
    }
    world.later(minutes % 2 + 1);
    back(&world, bob);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_readings_missed_and_who_joined_before_is_due_as_before() {
    let world = missed_for(60, |world, _| join(world, LONG_AGO)).await;
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_readings_missed_and_who_joined_anew_came_back() {
    let now = lapsed::clock::now() + jiff::SignedDuration::from_hours(13);
    let world = missed_for(60, |world, _| join(world, &now.to_string())).await;
    let run = world.run().await;
    assert_eq!((run.code, run.actions()), (0, vec![]));
    assert_eq!(
        run.found("member.returned"),
        ["sapling:acme/Core bob@example.com"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_an_invite_within_a_day_was_never_gone_and_after_it_came_back() {
    for (minutes, due) in [(60, true), (25 * 60, false)] {
        let world = missed_for(minutes.min(700), |_, _| {}).await;
        world.later(minutes - minutes.min(700));
        // After the end, nobody is there yet.
        assert_eq!(world.run().await.code, 0);
        world.later(1);
        world.invite("Core", BOB);
        let run = world.run().await;
        assert_eq!(
            world.invited("Core").is_empty(),
            due,
            "{minutes}: {:?}",
            run.actions()
        );
        assert_eq!(run.found("member.returned").is_empty(), due, "{minutes}");
        assert_eq!(run.code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_a_member_now_was_accepted_whenever_that_was() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned()]);
    world.invite("Core", BOB);
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        let now = lapsed::clock::now() + jiff::SignedDuration::from_hours(14);
        assert!(team.accept_invite(BOB, now));
    });
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"],
        "{:?}",
        run.findings()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_was_missing_once_is_the_same_for_its_grant_and_young_for_its_age() {
    let mut world = World::new().await;
    world.config.policy = "invite_stale_after = \"10d\"\n".to_owned();
    core(&world, &["amy@example.com".to_owned()]);
    for email in [BOB, "sue@example.com"] {
        world.invite("Core", email);
    }
    end_in_core(&world, &[BOB.to_owned()], "9d").await;
    assert_eq!(world.run().await.code, 0);
    world.later(8 * 24 * 60);
    let invites: Vec<_> = world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        [BOB, "sue@example.com"]
            .map(|email| team.remove_invite(email).unwrap())
            .into()
    });
    assert_eq!(world.run().await.code, 0);
    world.later(1);
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        invites
            .into_iter()
            .for_each(|invite| team.add_invite(invite));
    });
    assert_eq!(world.run().await.code, 0);
    world.later(3 * 24 * 60);
    let run = world.run().await;
    assert_eq!(
        run.actions(),
        ["invite.revoke sapling:acme/Core bob@example.com grant.ended done verified"],
        "the other is three days old again"
    );
    world.later(8 * 24 * 60);
    assert_eq!(world.run().await.json["counts"]["done"], json!(1));
    assert!(world.invited("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_covered_again_has_not_come_back() {
    let world = removed().await;
    world.later(11);
    assert_eq!(world.run().await.code, 0);
    end_in_core(&world, &[BOB.to_owned()], FUTURE).await;
    join(&world, LONG_AGO);
    let run = world.run().await;
    assert!(run.found("member.returned").is_empty());
    assert_eq!((run.code, run.actions()), (0, vec![]));
    let revoke = ["revoke", BOB, "--target", "sapling:acme/Core"];
    assert_eq!(world.lapsed(&revoke).await.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_seen_before_the_end_goes_whatever_date_the_provider_gives_by_then() {
    for hours in [9, 40] {
        let world = World::new().await;
        core(&world, &["amy@example.com".to_owned(), BOB.to_owned()]);
        end_in_core(&world, &[BOB.to_owned()], "4h").await;
        assert_eq!(world.run().await.code, 0);
        world.later(3 * 60);
        // Local time, labelled as if it were GMT.
        let later = world.now() + jiff::SignedDuration::from_hours(hours);
        world.sapling.with(|state| {
            let core = state.team_mut("Core").unwrap();
            let mut bob = core.remove_member(BOB).unwrap();
            bob.created_at = later;
            core.add_member(bob);
        });
        assert_eq!(world.run().await.code, 0);
        world.later(hours * 60);

        let run = world.run().await;

        assert!(run.found("member.returned").is_empty(), "{hours}");
        assert_eq!(world.members("Core"), ["amy@example.com"], "{hours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_for_the_first_time_after_a_proven_absence_is_told_without_a_date_too() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned()]);
    end_in_core(&world, &[BOB.to_owned()], "30m").await;
    for _ in 0..3 {
        world.later(20);
        assert_eq!(world.run().await.code, 0);
    }
    world.later(30 * 24 * 60);
    let ahead = world.now() + jiff::SignedDuration::from_hours(9);
    join(&world, &ahead.to_string());

    let run = world.run().await;

    assert_eq!((run.code, run.actions()), (0, vec![]));
    let told = ["sapling:acme/Core bob@example.com"];
    assert_eq!(run.found("member.returned"), told);
}

/// Bob, whose grant ended, was to be removed, and the provider answered with this status.
async fn not_removed(status: u16) -> World {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned(), BOB.to_owned()]);
    assert_eq!(world.run().await.code, 0);
    end_in_core(&world, &[BOB.to_owned()], PAST).await;
    let removal = When::method("DELETE");
    world.sapling.faults().once(removal, Fault::status(status));
    assert_eq!(world.run().await.code, 3);
    world
}

/// These memberships have other ids from now on, of which the provider says that they began a minute ago.
fn join_anew(world: &World, emails: &[String]) {
    let joined = world.now() - jiff::SignedDuration::from_mins(1);
    world.sapling.with(|state| {
        let core = state.team_mut("Core").unwrap();
        for email in emails {
            core.remove_member(email).unwrap();
            core.add_member(TeamUser::new(email, joined));
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_does_not_lapse_when_all_have_other_ids_in_the_next_reading() {
    let world = World::new().await;
    let emails = people(12);
    core(&world, &emails);
    assert_eq!(world.run().await.code, 0);
    end_in_core(&world, &emails, PAST).await;
    let held = world.run().await;
    assert_eq!(held.code, 4, "{:?}", held.errors());
    world.later(60);
    join_anew(&world, &emails);

    let run = world.run().await;

    assert_eq!(
        (run.code, run.json["counts"]["held"].clone()),
        (4, json!(12))
    );
    assert!(run.found("member.returned").is_empty());
    let approved = world.lapsed(&["approve", run.id(), "--yes"]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert_eq!(world.run().await.code, 0);
    assert!(
        world.members("Core").is_empty(),
        "{:?}",
        world.members("Core")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_failed_is_owed_under_the_next_id_too() {
    let world = not_removed(503).await;
    world.later(60);
    join_anew(&world, &[BOB.to_owned()]);

    let run = world.run().await;

    assert_eq!(
        world.members("Core"),
        ["amy@example.com"],
        "{:?}",
        run.findings()
    );
    assert_eq!(run.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_failed_is_owed_again_when_one_reading_missed_the_person() {
    let world = not_removed(403).await;
    world.later(10);
    world.drop_member("Core", BOB);
    assert_eq!(world.run().await.code, 0, "nobody is there");
    world.later(5);
    let joined = world.now() - jiff::SignedDuration::from_mins(1);
    join(&world, &joined.to_string());

    let run = world.run().await;

    assert_eq!(
        world.members("Core"),
        ["amy@example.com"],
        "{:?}",
        run.findings()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_anew_well_after_a_removal_is_told_though_no_reading_was_made_between() {
    let world = removed().await;
    world.later(24 * 60);
    let joined = world.now() - jiff::SignedDuration::from_mins(1);
    join(&world, &joined.to_string());

    let run = world.run().await;

    assert_eq!((run.code, run.actions()), (0, vec![]));
    let told = "sapling:acme/Core bob@example.com".to_owned();
    assert!(run.found("member.returned").contains(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_id_beside_the_one_that_is_due_is_due_as_well() {
    let world = World::new().await;
    let id = core(&world, &["amy@example.com".to_owned(), BOB.to_owned()]);
    end_in_core(&world, &[BOB.to_owned()], "50m").await;
    assert_eq!(world.run().await.code, 0);
    world.later(62);
    let joined = world.now() - jiff::SignedDuration::from_secs(30);
    let shown = world.sapling.with(|state| {
        let core = state.team("Core").unwrap();
        let mut users: Vec<TeamUser> = core.members().cloned().collect();
        users.push(TeamUser {
            id: "00000099-5ea7-4000-8000-000000000099".to_owned(),
            ..TeamUser::new("Bob@example.com", joined)
        });
        json!({"users": users, "pending_users": []})
    });
    shows(&world, &id, &shown);

    let run = world.dry_run(None).await;

    assert!(run.found("member.returned").is_empty());
    let due =
        |email: &str| format!("member.remove sapling:acme/Core {email} grant.ended planned -");
    assert_eq!(
        run.actions(),
        [due("bob@example.com"), due("Bob@example.com")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_while_nobody_looked_and_was_let_in_after_the_end_is_told_and_stays() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned(), BOB.to_owned()]);
    end_in_core(&world, &[BOB.to_owned()], "50m").await;
    assert_eq!(world.run().await.code, 0);
    world.later(24 * 60);
    join_anew(&world, &[BOB.to_owned()]);

    let run = world.run().await;

    let told = "sapling:acme/Core bob@example.com".to_owned();
    assert!(run.found("member.returned").contains(&told));
    assert_eq!((run.code, run.actions()), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joined_after_an_end_that_is_recorded_only_now_is_told_and_stands_without_a_grant() {
    let world = World::new().await;
    core(&world, &["amy@example.com".to_owned()]);
    let joined = world.now() - jiff::SignedDuration::from_hours(30 * 24);
    join(&world, &joined.to_string());
    assert_eq!(world.run().await.code, 0);
    let end = (joined - jiff::SignedDuration::from_hours(24)).to_string();
    let grant = [
        "grant",
        BOB,
        "--target",
        "sapling:acme/Core",
        "--record-only",
        "--end",
        &end,
    ];
    let said = world.lapsed(&grant).await;
    assert!(
        said.stderr.contains("unless it began after that"),
        "{}",
        said.stderr
    );

    let run = world.run().await;

    assert_eq!((run.code, run.actions()), (0, vec![]));
    let told = ["sapling:acme/Core bob@example.com"];
    assert_eq!(run.found("member.returned"), told);
    let report = world.lapsed(&["report", "--format", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    let without = report["unmanaged"].as_array().unwrap();
    assert!(without.iter().any(|row| row["email"] == BOB), "{without:?}");
}
