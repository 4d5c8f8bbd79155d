//! Ends that are moved: on record, at the whitelist, and whatever comes between.

use lapsed_sandbox::{Fault, Rule, When};
use serde_json::json;

use crate::world::asking::{ask, entry};
use crate::world::{FUTURE, PAST, World};

pub(crate) const LATER: &str = "2099-12-31T06:00:00Z";

pub(crate) const EXTEND: [&str; 6] = [
    "extend",
    "jane@example.com",
    "--target",
    "sentius:acme",
    "--end",
    LATER,
];

/// Jane has access until FUTURE, given with every permission.
pub(crate) async fn jane() -> World {
    let world = World::new().await;
    let args = [
        "grant",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        FUTURE,
        "--name",
        "Jane",
        "--permission",
        "can_read",
        "--permission",
        "can_use_api",
    ];
    assert_eq!(ask(&world, &args).await.code, 0);
    world.forget_calls();
    world
}

pub(crate) fn end(world: &World) -> String {
    entry(world).end_date.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_is_posted_again_with_its_new_end() {
    let world = jane().await;
    let said = ask(&world, &EXTEND).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew done posted"]
    );
    assert_eq!(said.results[0]["end"], LATER);
    let entry = entry(&world);
    assert_eq!(entry.end_date.unwrap().to_string(), LATER);
    assert_eq!((entry.name.as_str(), entry.permissions.len()), ("Jane", 2));
    assert_eq!(world.list().await[0]["end"], LATER);
    let events = world.events();
    let moved = events.iter().find(|e| e.kind == "grant.extended").unwrap();
    assert_eq!(
        (&moved.payload["was"], &moved.payload["end"]),
        (&json!(FUTURE), &json!(LATER))
    );
    // Back to an earlier end, and to none.
    for (new, shown) in [
        ("2030-01-01T00:00:00Z", json!("2030-01-01T00:00:00Z")),
        ("never", json!(null)),
    ] {
        let args = [
            "extend",
            "JANE@example.com",
            "--target",
            "sentius:acme",
            "--end",
            new,
        ];
        assert_eq!(ask(&world, &args).await.code, 0);
        assert_eq!(world.list().await[0]["end"], shown);
    }
    assert_eq!(self::entry(&world).end_date, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_end_shortens_all_that_would_last_longer() {
    let world = jane().await;
    let more = [
        "grant",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2040-01-01T00:00:00Z",
    ];
    ask(&world, &more).await;
    let args = [
        "extend",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        "2035-01-01T00:00:00Z",
    ];
    assert_eq!(ask(&world, &args).await.code, 0);
    assert_eq!(end(&world), "2035-01-01T00:00:00Z");
    for row in world.list().await {
        assert_eq!(row["end"], "2035-01-01T00:00:00Z");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_is_refused_leaves_the_old_end_on_record() {
    let world = jane().await;
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::status(400));
    let said = ask(&world, &EXTEND).await;
    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("refused"))
    );
    assert_eq!(
        (end(&world).as_str(), &world.list().await[0]["end"]),
        (FUTURE, &json!(FUTURE))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_while_a_pass_runs_is_on_record_at_once_and_posted_by_the_next() {
    let mut world = jane().await;
    world.config.http = "timeout = \"1s\"\n".to_owned();
    let lock = std::fs::File::options()
        .write(true)
        .open(world.path("lapsed.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    let said = ask(&world, &EXTEND).await;
    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("planned")),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("the next pass posts the entry"),
        "{}",
        said.stderr
    );
    assert_eq!(world.list().await[0]["end"], LATER);
    drop(lock);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(end(&world), LATER);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_team_only_the_record_moves() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    let args = [
        "extend",
        "bob@example.com",
        "--target",
        "sapling:acme/Core",
        "--end",
        FUTURE,
    ];
    let said = ask(&world, &args).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["bob@example.com sapling:acme/Core - recorded -".to_owned()]
        )
    );
    assert!(world.sapling.calls().is_empty());
    assert_eq!(world.run().await.code, 0);
    assert_eq!(
        world.members("Core"),
        ["bob@example.com"],
        "what was over goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_alone_moves_its_own_end() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    let target = ["--target", "sapling:acme/Core"];
    let grant = [
        &[
            "grant",
            "bob@example.com",
            "--role",
            "manager",
            "--end",
            FUTURE,
        ][..],
        &target,
    ]
    .concat();
    assert_eq!(ask(&world, &grant).await.code, 0);
    let extend = [&["extend", "bob@example.com", "--end", LATER][..], &target].concat();
    let said = ask(&world, &extend).await;
    assert_eq!(said.results[0]["role"], "manager");
    assert_eq!(world.list().await[0]["end"], LATER);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_extended_is_refused() {
    let world = jane().await;
    ask(
        &world,
        &[
            "grant",
            "soon@example.com",
            "--target",
            "sentius:acme",
            "--start",
            "2098-01-01",
            "--end",
            "2098-02-01",
        ],
    )
    .await;
    world.forget_calls();
    for (args, said) in [
        (
            ["who@example.com", "sentius:acme", "2098-01-01"],
            "no grant is open for who@example.com on sentius:acme",
        ),
        (
            ["jany@example.com", "sentius:acme", "2098-01-01"],
            "records what is there; nearly the same: jane@example.com",
        ),
        (
            ["jane@example.com", "sapling:acme/Core", "2098-01-01"],
            "no grant is open for jane@example.com",
        ),
        (
            ["jane@example.com", "sentius:acme", PAST],
            "--end: 2025-06-30 12:00 is past; revoke ends access at once",
        ),
        (
            ["jane@example.com", "sentius:acme", "soon"],
            "--end: \"soon\" is not a time",
        ),
        (
            ["soon@example.com", "sentius:acme", "2090-01-01"],
            "begins only at 2098-01-01",
        ),
        (
            ["jane", "sentius:acme", "2090-01-01"],
            "EMAIL: \"jane\" is not an address",
        ),
        (
            ["jane@example.com", "acme", "2090-01-01"],
            "\"acme\" is not a target",
        ),
    ] {
        let [email, target, end] = args;
        let printed = world
            .lapsed(&["extend", email, "--target", target, "--end", end])
            .await;
        assert_eq!((printed.code, printed.stdout.as_str()), (2, ""), "{args:?}");
        assert!(
            printed.stderr.contains(said),
            "{said:?} is not in {:?}",
            printed.stderr
        );
    }
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_not_answered_does_not_take_what_was_extended() {
    for record_only in [false, true] {
        let world = World::new().await;
        world.whitelist(&["jane@example.com"]);
        world
            .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
            .await;
        world
            .sentius
            .faults()
            .once(When::method("DELETE"), Fault::DropAfter);
        assert_eq!(world.run().await.code, 3);
        assert!(world.whitelisted().is_empty());
        // Somebody gives her more time, knowing nothing of it.
        if record_only {
            world
                .grants(&[&format!("jane@example.com,sentius:acme,{FUTURE}")])
                .await;
        } else {
            assert_eq!(ask(&world, &EXTEND).await.code, 0);
        }
        let run = world.run().await;
        assert_eq!(run.code, 0, "{:?}", run.errors());
        assert_eq!(end(&world), if record_only { FUTURE } else { LATER });
        world.all_settled_once().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_removal_was_not_answered_and_who_was_extended_is_let_in_again() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    world.sapling.with(|state| {
        state.superuser = true;
        state.register("bob@example.com", true);
    });
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;
    // The team cannot be read back after it either.
    world
        .sapling
        .faults()
        .once(When::method("DELETE"), Fault::DropAfter);
    world.sapling.faults().add(
        Rule::new(When::method("GET").path("team_user"), Fault::status(403))
            .skip(1)
            .times(1),
    );
    assert_eq!(world.run().await.code, 3);
    assert!(world.members("Core").is_empty());
    ask(
        &world,
        &[
            "extend",
            "bob@example.com",
            "--target",
            "sapling:acme/Core",
            "--end",
            FUTURE,
        ],
    )
    .await;
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.members("Core"), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_grant_survives_the_removal_of_an_earlier_one() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    let args = [
        "grant",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--start",
        "2098-01-01",
        "--end",
        FUTURE,
        "--record-only",
    ];
    assert_eq!(ask(&world, &args).await.code, 0);

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(entry(&world).start_date.to_string(), "2098-01-01T00:00:00Z");
    assert_eq!(end(&world), FUTURE);
    let states: Vec<_> = world
        .list()
        .await
        .iter()
        .map(|g| g["state"].clone())
        .collect();
    assert_eq!(states, [json!("removed"), json!("scheduled")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_a_running_grant_is_not_replaced_by_one_that_begins_later() {
    let world = jane().await;
    world.sql("UPDATE grants SET ends_at = 2000000000000");
    let args = [
        "grant",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--start",
        "2098-01-01",
        "--end",
        FUTURE,
    ];
    let said = ask(&world, &args).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew scheduled -"]
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    // What runs ends: its entry goes, and the next one's is posted ahead of its start.
    world.sql("UPDATE grants SET ends_at = 1772600000000 WHERE ends_at = 2000000000000");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(entry(&world).start_date.to_string(), "2098-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_grant_allowed_beyond_the_second_ends_with_it() {
    let world = jane().await;
    world.sql("UPDATE grants SET ends_at = 2000000000000");
    let args = [
        "grant",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        FUTURE,
    ];
    let said = ask(&world, &args).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew done posted"]
    );
    assert_eq!(
        (entry(&world).permissions.len(), end(&world).as_str()),
        (2, FUTURE)
    );
    let due = world.number("SELECT look_at FROM entry");
    assert_eq!(
        due, 2_000_000_000_000,
        "noted for the moment at which it changes"
    );
    world.sql("UPDATE grants SET ends_at = 1772600000000 WHERE ends_at = 2000000000000");
    let run = world.run().await;
    assert_eq!(
        (run.code, &run.json["actions"]),
        (0, &json!([])),
        "{:?}",
        run.errors()
    );
    assert_eq!(entry(&world).permissions, ["can_read"]);
    assert_eq!(end(&world), FUTURE);
}
