//! Access that cannot be given: what is refused before the first call, and what the provider refuses.

use lapsed_sandbox::{Answer, Fault, When};

use crate::world::asking::{ask, jane};
use crate::world::{FUTURE, PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_is_refused_before_the_first_call() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    world.invite("Core", "pending@example.com");
    let core = "sapling:acme/Core";
    for (args, said) in [
        (
            &["jane", "--target", "sentius:acme"][..],
            "EMAIL: \"jane\" is not an address",
        ),
        (
            &["a@b.cd", "--target", "acme"],
            "--target: \"acme\" is not a target",
        ),
        (
            &["a@b.cd", "--target", "sentius:emca"],
            "--target: there is no sentius account named \"emca\"",
        ),
        (
            &["a@b.cd", "--target", "sapling:acme/Cor"],
            "--target: no team of the key's holder has the name or id \"Cor\"; the nearest are Core",
        ),
        (
            &[
                "a@b.cd",
                "--target",
                "sentius:acme",
                "--permission",
                "can_use_api",
            ],
            "--permission: can_read is missing",
        ),
        (
            &[
                "a@b.cd",
                "--target",
                "sentius:acme",
                "--permission",
                "can_fly",
            ],
            "--permission: \"can_fly\" is not a permission",
        ),
        (
            &[
                "a@b.cd",
                "--target",
                "sentius:acme",
                "--permission",
                "can_read;can_use_api",
            ],
            "--permission: one permission each time",
        ),
        (
            &["a@b.cd", "--target", core, "--permission", "can_read"],
            "--permission: can_read is of a whitelist; a team knows edit, inspect",
        ),
        (
            &["a@b.cd", "--target", "sentius:acme", "--permission", "edit"],
            "--permission: edit is of a team; a whitelist knows can_read,",
        ),
        (
            &[
                "a@b.cd",
                "--target",
                core,
                "--permission",
                "edit",
                "--role",
                "edit",
            ],
            "--permission: a role is a flag for a time",
        ),
        (
            &["a@b.cd", "--target", "sentius:acme", "--role", "admin"],
            "--role: a whitelist has no roles",
        ),
        (
            &["a@b.cd", "--target", core, "--role", "king"],
            "--role: \"king\"",
        ),
        (
            &["a@b.cd", "--target", core, "--role", "admin"],
            "--role: a@b.cd is not a member of sapling:acme/Core",
        ),
        (
            &["pending@example.com", "--target", core, "--role", "admin"],
            "--role: pending@example.com was invited",
        ),
        (
            &["a@b.cd", "--target", core, "--start", "never"],
            "--start: \"never\" is no start",
        ),
        (
            &[
                "a@b.cd",
                "--target",
                core,
                "--start",
                "2099-01-02",
                "--end",
                "2099-01-01",
            ],
            "--end: 2099-01-01 is not after the start",
        ),
        (
            &["a@b.cd", "--target", core, "--end", PAST],
            "--end: 2025-06-30 12:00 is past",
        ),
        (
            &["a@b.cd", "--target", core, "--end", "some day"],
            "--end: \"some day\" is not a time",
        ),
        (
            &["a@b.cd", "--target", core, "--end", ""],
            "--end: it is empty",
        ),
        (
            &["a@b.cd", "--target", core, "--owner", "boss"],
            "--owner: \"boss\" is not an address",
        ),
        (
            &["a@b.cd", "--target", "sentius:acme", "--name", "Jane\nDoe"],
            "--name: a line break",
        ),
        (
            &[
                "a@b.cd",
                "--target",
                "sentius:acme",
                "--reason",
                "\u{1b}[31m",
            ],
            "--reason: a line break",
        ),
    ] {
        let printed = world.lapsed(&[&["grant"], args].concat()).await;
        assert_eq!(
            (printed.code, printed.stdout.as_str()),
            (2, ""),
            "{args:?}: {}",
            printed.stderr
        );
        assert!(printed.stderr.starts_with("lapsed: "), "{}", printed.stderr);
        assert!(
            printed.stderr.contains(said),
            "{said:?} is not in {:?}",
            printed.stderr
        );
    }
    assert!(world.writes().is_empty());
    assert!(world.list().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_cannot_be_looked_at_records_nothing() {
    let world = World::new().await;
    world.team("Core", &[]);
    world
        .sapling
        .with(|state| state.set_forbidden("Core", true));
    let args = ["grant", "a@b.cd", "--target", "sapling:acme/Core"];
    let printed = world.lapsed(&args).await;
    assert_eq!(printed.code, 2);
    assert!(
        printed.stderr.contains("must be an admin of the team"),
        "{}",
        printed.stderr
    );
    world
        .sapling
        .faults()
        .always(When::any(), Fault::status(500));
    let printed = world
        .lapsed(&["grant", "a@b.cd", "--target", "sapling:acme/Docs"])
        .await;
    assert_eq!(printed.code, 3);
    assert!(
        printed.stderr.contains("nothing was recorded"),
        "{}",
        printed.stderr
    );
    assert!(world.list().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_for_good_does_not_stand_as_access() {
    let world = World::new().await;
    let body = r#"{"detail": "email domain is\nnot allowed sk-sentius-0123456789"}"#;
    let refuses = Answer::new(400).body("application/json", body);
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::Status(refuses));
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            3,
            vec!["jane@example.com sentius:acme whitelist.add refused -".to_owned()]
        )
    );
    assert_eq!(
        said.detail(),
        "refused with 400: email domain is not allowed [key]"
    );
    assert_eq!(world.list().await[0]["state"], "removed");
    assert!(world.events().iter().any(|e| e.kind == "grant.refused"));
    world.forget_calls();
    assert_eq!(world.run().await.code, 0);
    assert!(
        world.writes().is_empty(),
        "nothing is left to do: {:?}",
        world.writes()
    );
    // Asked for again, it is tried again.
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.add done posted"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_entry_does_not_end_a_membership_that_follows_the_whitelist() {
    let mut world = World::new().await;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nfollow = \"sentius:acme\"\n".to_owned();
    world.team("Core", &["jane@example.com"]);
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::status(400));
    assert_eq!(ask(&world, &jane(&[])).await.code, 3);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.members("Core"), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_there_already_is_left_as_it_is() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    let conflict = Answer::new(409).body("application/json", r#"{"error": "Conflict"}"#);
    let post = When::method("POST");
    world.sentius.faults().once(post, Fault::Status(conflict));
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["jane@example.com sentius:acme whitelist.add done already_exists".to_owned()]
        )
    );
    assert!(said.detail().contains("is on the whitelist already"));
    assert_eq!(world.writes(), ["POST /admin/whitelist 409"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_pass_runs_a_grant_waits_and_then_gives_up() {
    let mut world = World::new().await;
    world.config.http = "timeout = \"1s\"\n".to_owned();
    ask(
        &world,
        &[
            "grant",
            "a@b.cd",
            "--target",
            "sentius:acme",
            "--record-only",
        ],
    )
    .await;
    let lock = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(world.path("lapsed.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    let printed = world.lapsed(&jane(&[])).await;
    assert_eq!(printed.code, 5, "{}", printed.stderr);
    assert!(
        printed
            .stderr
            .contains("another pass is running; waiting for up to 1s"),
        "{}",
        printed.stderr
    );
    drop(lock);
    assert_eq!(ask(&world, &jane(&[])).await.code, 0);
}
