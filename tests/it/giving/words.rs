//! A person's word against what is owed or in doubt: `accept` and `write-off`, for each kind of
//! target, and what they refuse.

use lapsed_sandbox::{Fault, When};
use serde_json::json;

use crate::world::asking::ask;
use crate::world::readings::{core, end_in_core, people, says};
use crate::world::{FUTURE, PAST, World};

const JANE: &str = "jane@example.com";
const BOB: &str = "bob@example.com";

/// Twelve teams, of which the list shows only one now.
async fn most_teams_are_missing() -> World {
    let world = World::new().await;
    for team in 0..12 {
        world.team(&format!("T{team:02}"), &["bob@example.com"]);
    }
    world
        .grants(&["bob@example.com,sapling:acme/T05,12h"])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    let one = world
        .sapling
        .with(|s| s.team("T00").unwrap().id().to_owned());
    let list = says(&json!({"teams": [{"id": one, "name": "T00"}]}));
    // The path of the list is that of every team as well: those come first.
    let team = When::method("GET").path("/api/v1/team");
    world.sapling.faults().always(team, list);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_teams_that_lost_most_is_in_doubt_until_a_person_accepts_it() {
    let world = most_teams_are_missing().await;
    let accept = ["accept", "sapling:acme", "--by", "ann"];
    assert_eq!(world.lapsed(&accept).await.code, 2, "not in doubt yet");
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme -"]);
        assert_eq!(run.json["owed"]["doubt"], json!(1));
    }

    let said = world.lapsed(&accept).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    let run = world.run().await;
    assert!(
        !run.found("observation.doubtful")
            .contains(&"sapling:acme -".to_owned())
    );
    assert_eq!(world.lapsed(&accept).await.code, 2, "once");
    world.trail_is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_teams_cannot_be_accepted() {
    let world = World::new().await;
    core(&world, &people(2));
    assert_eq!(world.run().await.code, 0);
    let page = says(&json!({"teams": [], "has_more": true}));
    let list = When::method("GET").path("/api/v1/team");
    world.sapling.faults().always(list, page);
    for _ in 0..4 {
        world.later(20);
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert!(run.found("target.unknown").is_empty());
    }
    let said = world.lapsed(&["accept", "sapling:acme"]).await;
    assert_eq!(said.code, 2, "{}", said.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_accepted_is_a_usage_error_with_the_reason() {
    let world = World::new().await;
    core(&world, &people(2));
    assert_eq!(world.run().await.code, 0);
    for target in [
        "sapling:acme/Core",
        "sapling:acme/Nowhere",
        "sapling:acme",
        "sapling:other",
        "sentius:acme",
        "nonsense",
        "",
    ] {
        let said = world.lapsed(&["accept", target]).await;
        assert_eq!(said.code, 2, "{target}: {}", said.stdout);
        assert!(!said.stderr.is_empty(), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_whitelist_refuses_for_ever_is_given_up_and_owed_again_when_it_is_given_again() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world
        .grants(&[&format!("{JANE},sentius:acme,{PAST}")])
        .await;
    let refuses = When::method("DELETE");
    world.sentius.faults().always(refuses, Fault::status(403));
    assert_eq!(world.run().await.code, 3);
    let off = [
        "write-off",
        JANE,
        "--target",
        "sentius:acme",
        "--reason",
        "contract over",
    ];

    let mut wrong = off;
    wrong[3] = "sentius:emca";
    let refused = world.lapsed(&wrong).await;
    assert_eq!(refused.code, 2);
    let named = "lapsed: --target: sentius:emca is not on record";
    assert!(refused.stderr.starts_with(named), "{}", refused.stderr);
    let nearest = "the nearest on record is sentius:acme";
    assert!(refused.stderr.contains(nearest), "{}", refused.stderr);

    let said = world.lapsed(&off).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!((run.code, run.actions()), (0, vec![]));
        world.later(30);
    }
    let evidence = world.texts("SELECT evidence FROM action WHERE evidence IS NOT NULL");
    assert_eq!(evidence, ["written_off"]);
    assert_eq!(world.lapsed(&off).await.code, 2, "nothing is owed any more");
    world.sentius.faults().clear();
    let grant = ["grant", JANE, "--target", "sentius:acme", "--end", "12h"];
    assert_eq!(ask(&world, &grant).await.code, 0);
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.json["counts"]["done"], json!(1), "{:?}", run.actions());
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gift_that_can_never_be_given_is_given_up() {
    let world = World::new().await;
    core(&world, &people(1));
    assert_eq!(world.run().await.code, 0);
    world
        .sapling
        .faults()
        .always(When::method("POST"), Fault::status(403));
    let grant = [
        "grant",
        JANE,
        "--target",
        "sapling:acme/Core",
        "--end",
        FUTURE,
    ];
    assert_eq!(ask(&world, &grant).await.code, 3);
    let run = world.run().await;
    assert_eq!((run.code, &run.json["owed"]["give"]), (3, &json!(1)));
    let off = [
        "write-off",
        JANE,
        "--target",
        "sapling:acme/Core",
        "--reason",
        "left",
    ];
    let said = world.lapsed(&off).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    world.sapling.faults().clear();
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!((run.code, &run.json["owed"]["give"]), (0, &json!(0)));
        assert!(world.invited("Core").is_empty());
        world.later(20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_in_no_other_targets_way() {
    let world = World::new().await;
    core(&world, &people(1));
    world.team("Docs", &["p00@example.com"]);
    end_in_core(&world, &people(1), PAST).await;
    world
        .grants(&[&format!("p00@example.com,sapling:acme/Docs,{PAST}")])
        .await;
    world
        .sapling
        .faults()
        .always(When::method("DELETE"), Fault::status(403));
    assert_eq!(world.run().await.code, 3);
    let off = [
        "write-off",
        "p00@example.com",
        "--target",
        "sapling:acme/Core",
        "--reason",
        "x",
    ];
    assert_eq!(world.lapsed(&off).await.code, 0);
    world.sapling.faults().clear();
    // Both teams show the person: the one that was given up as well, so that it is owed again.
    world.later(60);
    let run = world.run().await;
    assert_eq!(run.json["counts"]["done"], json!(2), "{:?}", run.actions());
    assert_eq!(run.code, 0);
    assert!(world.members("Core").is_empty() && world.members("Docs").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_whitelist_does_not_take_is_given_up_and_not_given_later() {
    let world = World::new().await;
    let post = When::method("POST");
    world.sentius.faults().always(post, Fault::status(429));
    let target = ["--target", "sentius:acme"];
    let grant = [&["grant", JANE][..], &target, &["--end", FUTURE]].concat();
    assert_eq!(world.lapsed(&grant).await.code, 3);

    let off = [&["write-off", JANE][..], &target, &["--reason", "left"]].concat();
    assert_eq!(world.lapsed(&off).await.code, 0);

    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!((run.code, &run.json["owed"]["give"]), (0, &json!(0)));
        world.later(60);
        world.sentius.faults().clear();
    }
    assert!(world.whitelisted().is_empty());
    // The same file again changes nothing.
    let row = format!("email,target,end\n{JANE},sentius:acme,{FUTURE}\n");
    world.write("again.csv", &row);
    let file = world.path("again.csv");
    let import = ["import", file.to_str().unwrap()];
    assert_eq!(world.lapsed(&import).await.code, 0);
    assert!(world.whitelisted().is_empty());
    // Asked for again by hand, it is given.
    assert_eq!(world.lapsed(&grant).await.code, 0);
    assert_eq!(world.whitelisted(), [JANE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_by_a_name_that_two_teams_have_is_given_up_by_that_name() {
    let world = World::new().await;
    for _ in 0..2 {
        world.team("Core", &[BOB, "amy@example.com"]);
    }
    world
        .grants(&[&format!("{BOB},sapling:acme/Core,{PAST}")])
        .await;
    assert_eq!(world.run().await.code, 3);

    let off = ["write-off", BOB, "--target", "sapling:acme/Core"];
    let off = [&off[..], &["--reason", "which Core was never said"]].concat();
    let said = world.lapsed(&off).await;

    assert_eq!(said.code, 0, "{}", said.stderr);
    world.later(20);
    let run = world.run().await;
    assert_eq!((run.code, &run.json["owed"]["remove"]), (0, &json!(0)));
}
