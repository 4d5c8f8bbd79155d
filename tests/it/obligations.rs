//! One obligation, one key: target, person and what. It has causes and a due moment that does not
//! move, and whatever could not be tried has a next try.

use lapsed::sandbox::{Answer, Fault, Rule, TeamUser, When};
use serde_json::json;

use crate::evidence::{end_in_core, people};
use crate::world::{Daemon, FUTURE, Mail, Outcome, PAST, World, until};

const BOB: &str = "bob@example.com";
const NEVER: &str = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";

/// Bob, a manager who may edit, and both only until then.
async fn two_roles(end: &str) -> World {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let bob = TeamUser::new(BOB, "2024-03-01T00:00:00Z".parse().unwrap());
        state.team_mut("Core").unwrap().add_member(TeamUser {
            is_manager: true,
            edit_permission: true,
            ..bob
        });
    });
    world
        .import(&format!(
            "email,target,role,end\n{BOB},sapling:acme/Core,manager,{end}\n{BOB},sapling:acme/Core,edit,{end}\n"
        ))
        .await;
    world
}

fn flags(world: &World) -> (bool, bool) {
    world.sapling.with(|state| {
        let bob = state.team("Core").unwrap().member(BOB).unwrap();
        (bob.is_manager, bob.edit_permission)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_roles_that_end_together_each_ends_though_the_other_fails() {
    for skip in [0, 1] {
        let world = two_roles(PAST).await;
        let refused = Rule::new(When::method("PATCH"), Fault::status(403)).skip(skip);
        world.sapling.faults().add(refused);

        let run = world.run().await;

        assert_eq!(run.code, 3, "{skip}");
        assert_eq!(run.actions().len(), 2, "both stand in the list");
        assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.actions());
        assert_eq!(run.json["counts"]["failed"], json!(1));
        assert_eq!(run.json["owed"]["remove"], json!(1));
        world.later(60);
        let run = world.run().await;
        assert_eq!(run.code, 0, "{skip}: {:?}", run.actions());
        assert_eq!(flags(&world), (false, false));
        world.all_settled_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_roles_the_one_of_the_last_admin_is_protected_and_the_other_ends() {
    let mut world = World::new().await;
    world.config.guard = "min_team_admins = 2\n".to_owned();
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        let bob = TeamUser::new(BOB, "2024-03-01T00:00:00Z".parse().unwrap());
        state
            .team_mut("Core")
            .unwrap()
            .add_member(bob.admin().manager());
    });
    world
        .import(&format!(
            "email,target,role,end\n{BOB},sapling:acme/Core,admin,{PAST}\n{BOB},sapling:acme/Core,manager,{PAST}\n"
        ))
        .await;
    let run = world.run().await;
    let mut actions = run.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "member.demote sapling:acme/Core bob@example.com role.ended done verified",
            "member.demote sapling:acme/Core bob@example.com role.ended protected -",
        ]
    );
    assert_eq!(run.code, 0, "what is protected is not owed");
    assert!(!flags(&world).0);
}

/// Twelve people of a whitelist of a hundred, who are the whole of a team that follows it.
async fn followed() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n".to_owned();
    let all = people(100);
    let twelve: Vec<&str> = all[..12].iter().map(String::as_str).collect();
    world.team("Core", &twelve);
    world.whitelist(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(n, email)| {
            format!(
                "{email},sentius:acme,{}",
                if n < 12 { PAST } else { FUTURE }
            )
        })
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
}

/// Whether the pass has told of a hold.
fn is_alarm(run: &Outcome) -> bool {
    run.mails().iter().any(|mail| mail.starts_with("hold "))
}

async fn approve(world: &World, run: &Outcome, actions: usize) {
    let said = world
        .lapsed(&["approve", run.id(), "--format", "json"])
        .await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said["actions"], json!(actions));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_in_a_team_that_follows_keeps_its_moment_and_is_done_once_approved() {
    // Approved at once, after further passes, and with the name of the first run or of a later one.
    for (passes, first) in [(0, true), (2, true), (2, false)] {
        let world = followed().await;
        let held = world.run().await;
        assert_eq!(held.code, 4);
        assert_eq!(
            held.json["counts"]["done"],
            json!(12),
            "the whitelist's own"
        );
        assert_eq!(held.json["counts"]["held"], json!(12));
        assert!(is_alarm(&held));
        let mut last = None;
        for _ in 0..passes {
            world.later(15);
            let run = world.run().await;
            assert_eq!(run.code, 4);
            assert_eq!(run.json["counts"]["held"], json!(12));
            assert!(!is_alarm(&run), "once an episode");
            last = Some(run);
        }
        let which = last.as_ref().filter(|_| !first).unwrap_or(&held);
        approve(&world, which, 12).await;

        let run = world.run().await;

        assert_eq!(run.code, 0, "{:?}", run.actions());
        assert_eq!(run.json["counts"]["done"], json!(12));
        assert!(world.members("Core").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_while_the_team_cannot_be_read_is_kept_until_it_can() {
    let world = followed().await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    let reading = When::method("GET").path("team_user");
    world.sapling.faults().always(reading, Fault::status(503));
    world.later(15);
    let unread = world.run().await;
    assert_ne!(unread.code, 0);
    approve(&world, &held, 12).await;
    world.later(15);
    let unread = world.run().await;
    assert_eq!(unread.code, 3, "{:?}", unread.actions());
    assert_eq!(world.members("Core").len(), 12);

    world.sapling.faults().clear();
    world.later(15);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert!(world.members("Core").is_empty());
}

/// People in a team of their own, whose grants there are over.
async fn also_over(world: &World, team: &str, count: usize) {
    let more: Vec<String> = (0..count)
        .map(|n| format!("{team}{n}@example.com"))
        .collect();
    world.team(team, &more.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = more
        .iter()
        .map(|email| format!("{email},sapling:acme/{team},{PAST}"))
        .collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_hold_while_one_waits_is_mailed_too() {
    let world = followed().await;
    assert!(is_alarm(&world.run().await));
    also_over(&world, "Docs", 12).await;
    let second = world.run().await;
    assert_eq!(second.json["counts"]["held"], json!(24));
    assert!(is_alarm(&second));
    world.later(15);
    let third = world.run().await;
    assert_eq!((third.code, is_alarm(&third)), (4, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_uses_up_nothing_of_the_limit() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 5\n".to_owned();
    also_over(&world, "Core", 6).await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    approve(&world, &held, 6).await;
    assert_eq!(world.run().await.json["counts"]["done"], json!(6));
    // Five ordinary ends of the same day are within the limit still.
    also_over(&world, "Docs", 5).await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert!(world.members("Docs").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_is_known_by_name_and_by_id_is_one_team() {
    let world = World::new().await;
    let id = world.team("Core", &[BOB, "amy@example.com"]);
    world
        .grants(&[
            &format!("{BOB},sapling:acme/Core,{PAST}"),
            &format!("{BOB},sapling:acme/{id},{PAST}"),
        ])
        .await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
    assert_eq!(run.actions().len(), 1, "{:?}", run.actions());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert!(world.list().await.iter().all(|g| g["state"] == "removed"));
    // Also before any team was ever read, and after a rename.
    world.member("Core", "zoe@example.com");
    world
        .sapling
        .with(|s| s.team_mut("Core").unwrap().rename("Kern"));
    world
        .grants(&[
            &format!("zoe@example.com,sapling:acme/Kern,{PAST}"),
            &format!("zoe@example.com,sapling:acme/Core,{PAST}"),
            &format!("zoe@example.com,sapling:acme/{id},{PAST}"),
        ])
        .await;
    let run = world.run().await;
    assert!(run.code == 0 || run.code == 3, "{:?}", run.errors());
    assert_eq!(world.members("Kern"), ["amy@example.com"]);
    for args in [
        &["revoke", "zoe@example.com"][..],
        &["revoke", "amy@example.com"],
        &["status"],
        &["report"],
    ] {
        assert_ne!(world.lapsed(args).await.code, 1, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_a_reading_contradicts_stays_one_obligation() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world.team("Core", &[BOB, "amy@example.com"]);
    world
        .grants(&[
            &format!("{BOB},sapling:acme/Core,{PAST}"),
            &format!("jane@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    // A yes, and nothing is done.
    let lies = Fault::Status(Answer::new(200).body("application/json", "{}"));
    world.sapling.faults().always(When::method("DELETE"), lies);
    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.code, 3, "{:?}", run.actions());
        assert!(world.whitelisted().is_empty());
        world.later(30);
    }
    assert_ne!(world.lapsed(&["revoke", BOB]).await.code, 1);
    world.sapling.faults().clear();
    world.later(30);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.actions());
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    world.trail_is_whole().await;
}

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
async fn what_is_owed_in_a_deleted_team_is_given_up_by_a_persons_word_and_owed_again_when_seen() {
    let world = World::new().await;
    world.team("Core", &[BOB, "amy@example.com"]);
    world.team("Docs", &["amy@example.com"]);
    end_in_core(&world, &[BOB.to_owned()], "12h").await;
    assert_eq!(world.run().await.code, 0);
    // The team is there no more for the key's holder.
    world.drop_member("Core", crate::world::HOLDER);
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.code, 3, "{:?}", run.actions());
    assert_eq!(run.json["owed"]["remove"], json!(1));
    let off = |reason: &'static str| {
        [
            "write-off",
            BOB,
            "--target",
            "sapling:acme/Core",
            "--reason",
            reason,
        ]
    };
    let nobody = [
        "write-off",
        "who@example.com",
        "--target",
        "sapling:acme/Core",
        "--reason",
        "x",
    ];
    assert_eq!(world.lapsed(&nobody).await.code, 2);
    let empty = world.lapsed(&off("")).await;
    assert_eq!(empty.code, 2, "a reason is wanted");

    let said = world.lapsed(&off("the team was deleted")).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!(run.json["owed"]["remove"], json!(0));
        assert!(run.actions().is_empty(), "{:?}", run.actions());
        assert_eq!(run.code, 0, "{:?} {:?}", run.errors(), run.findings());
        world.later(30);
    }
    let evidence = world.texts("SELECT evidence FROM action WHERE evidence IS NOT NULL");
    assert_eq!(evidence, ["written_off"]);
    let status = world.lapsed(&["status"]).await.stdout;
    assert!(status.contains(" 0  overdue"), "{status}");
    world.trail_is_whole().await;

    // It was no more than hidden, and Bob is there still.
    world.sapling.with(|state| {
        let holder = TeamUser::new(
            crate::world::HOLDER,
            "2020-01-01T00:00:00Z".parse().unwrap(),
        );
        state.team_mut("Core").unwrap().add_member(holder.admin());
    });
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joined_after_their_whitelist_grant_had_ended_is_no_business_of_a_team_that_follows() {
    let mut world = World::new().await;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n".to_owned();
    world.team("Core", &["old@example.com"]);
    world.whitelist(&["old@example.com", "new@example.com"]);
    world.sapling.with(|state| {
        let new = TeamUser::new("new@example.com", "2026-01-01T00:00:00Z".parse().unwrap());
        state.team_mut("Core").unwrap().add_member(new);
    });
    world
        .grants(&[
            &format!("old@example.com,sentius:acme,{PAST}"),
            &format!("new@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    for _ in 0..2 {
        assert_eq!(world.run().await.code, 0);
        assert_eq!(world.members("Core"), ["new@example.com"]);
        world.later(20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_in_a_file_that_is_applied_again_after_its_end_gives_access_that_ends() {
    let world = World::new().await;
    world.write(
        "one.csv",
        "email,target,end\njane@example.com,sentius:acme,14d\n",
    );
    let file = world.path("one.csv");
    let import = ["import", file.to_str().unwrap()];
    assert_eq!(world.lapsed(&import).await.code, 0);
    assert_eq!(world.whitelisted().len(), 1);
    world.later(15 * 24 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());

    assert_eq!(world.lapsed(&import).await.code, 0);

    assert_eq!(world.whitelisted().len(), 1);
    world.later(15 * 24 * 60);
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty(), "it ends again");
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
