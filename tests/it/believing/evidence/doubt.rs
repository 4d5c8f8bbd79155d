//! What is in doubt and what is impossible: the first is believed in the end or by a person's word,
//! the second never.

use lapsed_sandbox::TeamUser;
use serde_json::json;

use super::{core, end_in_core, people, shows, states};
use crate::world::{HOLDER, PAST, World, time};

#[tokio::test(flavor = "multi_thread")]
async fn a_typing_error_in_self_email_is_never_believed_and_the_holder_stays() {
    let mut world = World::new().await;
    world.config.sapling = "self_email = \"robto@acme.example\"\n".to_owned();
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    core(&world, &people(3));
    let checked = world.lapsed(&["check"]).await;
    assert_eq!(checked.code, 3);
    let why = "robto@acme.example (self_email) is not a member of Core";
    assert!(checked.stdout.contains(why), "{}", checked.stdout);
    for _ in 0..4 {
        world.later(20);
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.json["owed"]["doubt"], json!(1));
        assert!(run.actions().is_empty(), "{:?}", run.actions());
    }
    let accepted = world.lapsed(&["accept", "sapling:acme/Core"]).await;
    assert_eq!(accepted.code, 2);
    assert!(accepted.stderr.contains("robto@acme.example"));
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_self_email_names_no_admin_no_rule_removes_one() {
    let mut world = World::new().await;
    world.config.sapling = "self_email = \"p0@example.com\"\n".to_owned();
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    core(&world, &["p0@example.com".to_owned()]);
    world.sapling.with(|state| {
        let other = TeamUser::new("boss@example.com", time("2024-03-01T00:00:00Z"));
        state.team_mut("Core").unwrap().add_member(other.admin());
    });
    let checked = world.lapsed(&["check"]).await;
    assert_eq!(checked.code, 3);
    let why = "p0@example.com (self_email) is no admin of Core";
    assert!(checked.stdout.contains(why), "{}", checked.stdout);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    let protected = format!("member.remove sapling:acme/Core {HOLDER} team.max_age protected -");
    assert!(run.actions().contains(&protected), "{:?}", run.actions());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_whose_address_was_changed_is_still_the_holder() {
    let mut world = World::new().await;
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    let id = core(&world, &people(3));
    world.config.guard = "min_team_admins = 0\n".to_owned();
    assert_eq!(world.run().await.code, 0);
    assert!(world.members("Core").is_empty());
    let users = world.sapling.with(|state| {
        let team = state.team("Core").unwrap();
        let mut holder = team.member(HOLDER).unwrap().clone();
        holder.login_email = "machine@acme.example".to_owned();
        let mut other = TeamUser::new("zoe@example.com", lapsed::clock::now()).admin();
        other.id = "z".to_owned();
        [holder, other]
    });
    shows(&world, &id, &json!({"users": users, "pending_users": []}));
    world.forget_calls();
    for _ in 0..4 {
        world.later(20);
        let run = world.run().await;
        assert_eq!((run.code, run.actions()), (0, vec![]), "{:?}", run.errors());
    }
    assert!(world.writes().is_empty());
}

/// A team of fifteen that has really lost nine, in readings that differ in other things each time.
async fn nine_of_fifteen_left() -> (World, Vec<String>) {
    let world = World::new().await;
    let people = people(15);
    core(&world, &people);
    end_in_core(&world, &people[..2], "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    for email in &people[..9] {
        world.drop_member("Core", email);
    }
    (world, people)
}

/// Something changes in the team that has nothing to do with who is there.
fn touch(world: &World, email: &str) {
    world.sapling.with(|state| {
        let team = state.team_mut("Core").unwrap();
        team.change_member(email, |user| {
            user.is_manager = !user.is_manager;
            user.updated_at = lapsed::clock::now();
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_really_lost_most_is_believed_though_the_readings_differ_in_other_things() {
    let (world, people) = nine_of_fifteen_left().await;
    for minutes in [0, 20] {
        world.later(minutes);
        touch(&world, &people[12]);
        let run = world.run().await;
        assert_eq!(run.code, 3, "{:?}", run.actions());
        assert_eq!(run.json["owed"]["doubt"], json!(1));
        assert_eq!(run.json["counts"]["absent"], json!(0));
    }
    world.later(11);
    touch(&world, &people[13]);
    let run = world.run().await;
    assert_eq!(run.found("member.left").len(), 9, "{:?}", run.findings());
    assert_eq!(
        run.json["counts"]["absent"],
        json!(2),
        "{:?}",
        run.actions()
    );
    world.later(1);
    let run = world.run().await;
    assert_eq!((run.code, &run.json["owed"]["doubt"]), (0, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_accepts_a_doubtful_reading_once() {
    let (world, people) = nine_of_fifteen_left().await;
    let refused = world.lapsed(&["accept", "sapling:acme/Core"]).await;
    assert_eq!(refused.code, 2, "nothing is in doubt yet");
    assert_eq!(world.run().await.code, 3);
    assert_eq!(world.lapsed(&["status"]).await.code, 3);
    let accept = ["accept", "sapling:acme/Core", "--by", "ann"];

    let accepted = world.lapsed(&accept).await;

    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert_eq!(accepted.stdout.matches("gone ").count(), 9);
    assert_eq!(states(&world).await, ["removed"]);
    let run = world.run().await;
    assert_eq!((run.code, &run.json["owed"]["doubt"]), (0, &json!(0)));
    assert_eq!(world.lapsed(&accept).await.code, 2, "it is used up");
    let listed = world.rows(&["members", "--format", "json"]).await;
    assert_eq!(listed.len(), 7);

    for email in &people[9..] {
        world.drop_member("Core", email);
    }
    world.member("Core", "new@example.com");
    let run = world.run().await;
    assert_eq!(run.code, 0, "six of seven is a small team");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_doubtful_reading_shows_is_removed() {
    let (world, people) = nine_of_fifteen_left().await;
    end_in_core(&world, &people[10..11], PAST).await;
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core p10@example.com grant.ended done verified"]
    );
    assert!(!world.members("Core").contains(&people[10]));
}
