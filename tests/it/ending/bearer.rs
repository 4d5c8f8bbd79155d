//! Where the keys stand in calls: as the documents say, and nowhere else.

use lapsed_sandbox::KeyPlace;

use crate::world::{PAST, World};

/// A world in which a run makes every kind of call to Sapling that removes something.
async fn all_kinds_are_due() -> World {
    let world = World::new().await;
    let core = ["a@example.com", "b@example.com", "amy@example.com"];
    world.team("Core", &core);
    world.team("Docs", &["joe@example.com", "amy@example.com"]);
    world.invite("Core", "new@example.com");
    world.sapling.with(|state| {
        let team = state.team_mut("Docs").unwrap();
        team.change_member("amy@example.com", |amy| amy.is_manager = true);
    });
    world
        .import(&format!(
            "email,target,role,end\n\
             a@example.com,sapling:acme/Core,,{PAST}\n\
             b@example.com,sapling:acme/Core,,{PAST}\n\
             new@example.com,sapling:acme/Core,,{PAST}\n\
             joe@example.com,sapling:acme/Docs,,{PAST}\n\
             amy@example.com,sapling:acme/Docs,manager,{PAST}\n"
        ))
        .await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn as_bearer_the_key_stands_in_the_header_only() {
    let mut world = all_kinds_are_due().await;
    world.config.sapling += "auth = \"bearer\"\n";

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(world.writes().len(), 4, "{:?}", world.writes());
    let key = world.sapling_key();
    for call in world.sapling.calls() {
        assert_eq!(call.key, KeyPlace::Bearer, "{} {}", call.method, call.path);
        let parts = [&call.path, &call.query, &call.body];
        assert!(parts.iter().all(|part| !part.contains(&key)), "{call:?}");
        assert!(call.query.is_empty());
    }
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    assert_eq!(world.members("Docs"), ["amy@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_a_parameter_the_key_stands_in_the_query_of_gets_and_the_body_of_the_others() {
    let world = all_kinds_are_due().await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    let key = world.sapling_key();
    for call in world.sapling.calls() {
        if call.method == "GET" {
            assert_eq!(call.query, format!("key={key}"));
            assert!(call.body.is_empty());
        } else {
            assert_eq!(call.key, KeyPlace::Body, "{} {}", call.method, call.path);
            assert!(call.query.is_empty());
        }
        assert!(!call.path.contains(&key));
    }
}
