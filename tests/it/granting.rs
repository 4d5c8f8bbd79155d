//! Access that is given: what goes to the provider, what is on record, and what is not done twice.

use lapsed::sandbox::{Answer, Fault, When};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::world::{FUTURE, PAST, World};

/// What a command said of each person.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) results: Vec<Value>,
    pub(crate) stderr: String,
}

impl Said {
    /// Each result as `email target provision state result`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let keys = ["email", "target", "provision", "state", "result"];
        let line = |row: &Value| keys.map(|key| word(row, key)).join(" ");
        self.results.iter().map(line).collect()
    }

    pub(crate) fn detail(&self) -> &str {
        self.results[0]["detail"].as_str().unwrap_or("-")
    }
}

/// Runs a command that gives, and reads its JSON.
pub(crate) async fn ask(world: &World, args: &[&str]) -> Said {
    let printed = world.lapsed(&[args, &["--format", "json"]].concat()).await;
    let json: Value = serde_json::from_str(&printed.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {} {}", printed.code, printed.stderr));
    Said {
        code: printed.code,
        results: json["results"].as_array().unwrap().clone(),
        stderr: printed.stderr,
    }
}

/// A command that dies at this place.
pub(crate) async fn die(world: &World, args: &[&str], place: &str) {
    let mut command = world.command(args);
    command.env("LAPSED_FAILPOINT", place);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(
        output.status.code(),
        None,
        "{place} was not reached: {output:?}"
    );
}

const JANE: [&str; 4] = ["grant", "jane@example.com", "--target", "sentius:acme"];

fn jane<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&JANE, more].concat()
}

/// The only entry of the whitelist.
pub(crate) fn entry(world: &World) -> lapsed::sandbox::Entry {
    world.sentius.with(|state| {
        let entries: Vec<_> = state.entries.values().cloned().collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_entry_is_posted_as_documented_and_recorded() {
    let world = World::new().await;
    let said = ask(
        &world,
        &jane(&[
            "--name",
            "Jane Doe",
            "--permission",
            "can_use_api",
            "--permission",
            "can_read",
            "--start",
            "2026-03-01",
            "--end",
            FUTURE,
            "--owner",
            "it@acme.example",
            "--reason",
            "audit",
            "--by",
            "anna",
        ]),
    )
    .await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.add done posted"]
    );
    let entry = entry(&world);
    assert_eq!(entry.name, "Jane Doe");
    assert_eq!(entry.permissions, ["can_read", "can_use_api"]);
    assert_eq!(entry.start_date.to_string(), "2026-03-01T00:00:00Z");
    assert_eq!(entry.end_date.unwrap().to_string(), FUTURE);
    let row = &world.list().await[0];
    assert_eq!(
        (&row["state"], &row["owner"]),
        (&json!("active"), &json!("it@acme.example"))
    );
    let kinds: Vec<String> = world.events().iter().map(|e| e.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            "grant.recorded",
            "provision.planned",
            "provision.intent",
            "provision.result"
        ]
    );
    assert_eq!(world.events()[2].payload["by"], "anna");
    world.trail_is_whole().await;

    // It ends as every other.
    world.sql("UPDATE grants SET ends_at = 1772600000000");
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gave_no_name_is_called_as_on_record_or_by_the_address() {
    let world = World::new().await;
    ask(&world, &jane(&[])).await;
    assert_eq!(entry(&world).name, "jane@example.com");
    assert_eq!(entry(&world).permissions, ["can_read"]);
    ask(&world, &jane(&["--end", "30d", "--name", "Jane"])).await;
    world.sentius.with(|state| state.entries.clear());
    ask(
        &world,
        &[
            "grant",
            "JANE@example.com",
            "--target",
            "sentius:acme",
            "--end",
            "3d",
            "--permission",
            "can_read",
            "--permission",
            "can_use_api",
        ],
    )
    .await;
    // The address as it was first written, the name as it was last given, the last end: none.
    let entry = entry(&world);
    assert_eq!(
        (entry.name.as_str(), entry.email.as_str()),
        ("Jane", "jane@example.com")
    );
    assert_eq!((entry.permissions.len(), entry.end_date), (2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_grant_again_calls_nobody() {
    let world = World::new().await;
    ask(&world, &jane(&["--end", "14d"])).await;
    world.forget_calls();
    let said = ask(&world, &jane(&["--end", "14d"])).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["jane@example.com sentius:acme - unchanged -".to_owned()]
        )
    );
    assert!(world.writes().is_empty());
    // One that another outlasts is recorded, and nobody has to be called.
    let said = ask(&world, &jane(&["--end", "7d"])).await;
    assert_eq!(said.lines(), ["jane@example.com sentius:acme - recorded -"]);
    assert!(world.writes().is_empty());
    assert_eq!(world.list().await.len(), 2);
    let text = world.lapsed(&jane(&["--end", "14d"])).await;
    assert!(
        text.stderr.contains("has this access already, until 20"),
        "{}",
        text.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_leaves_the_entry_with_the_last_end() {
    let world = World::new().await;
    ask(&world, &jane(&["--end", "2098-01-01T00:00:00Z"])).await;
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew done posted"]
    );
    assert_eq!(entry(&world).end_date.unwrap().to_string(), FUTURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn added_invited_refused_and_already_there_are_told_apart() {
    let world = World::new().await;
    world.team("Core", &["there@example.com"]);
    world.invite("Core", "pending@example.com");
    world.sapling.with(|state| {
        state.superuser = true;
        state.register("known@example.com", true);
    });
    let body = r#"{"added":[],"invited":[],"errors":[{"email":"no@example.com","reason":"domain\n blocked"}],"already_exists":[]}"#;
    let refuses = Answer::new(200).body("application/json", body);
    world.sapling.faults().once(
        When::method("POST").email("no@example.com"),
        Fault::Status(refuses),
    );
    let mut lines = Vec::new();
    for who in ["known", "new", "there", "pending", "no"] {
        let email = format!("{who}@example.com");
        let said = ask(
            &world,
            &[
                "grant",
                &email,
                "--target",
                "sapling:acme/Core",
                "--end",
                FUTURE,
            ],
        )
        .await;
        lines.extend(said.lines());
        assert_eq!(
            said.code,
            if who == "no" { 3 } else { 0 },
            "{}",
            said.stderr
        );
        if who == "no" {
            assert_eq!(said.detail(), "the provider refused: domain blocked");
        }
    }
    assert_eq!(
        lines,
        [
            "known@example.com sapling:acme/Core member.add done added",
            "new@example.com sapling:acme/Core member.add done invited",
            "there@example.com sapling:acme/Core member.add done already_exists",
            "pending@example.com sapling:acme/Core member.add done already_invited",
            "no@example.com sapling:acme/Core member.add refused -",
        ]
    );
    assert_eq!(world.writes().len(), 3, "{:?}", world.writes());
    let open = world
        .list()
        .await
        .iter()
        .filter(|g| g["state"] == "active")
        .count();
    assert_eq!(open, 4, "what was refused does not stand as access");
    // Nobody is told of as a surprise.
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert!(
        run.found("member.appeared").is_empty(),
        "{:?}",
        run.findings()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_mention_the_person_is_settled_by_reading() {
    let world = World::new().await;
    world.team("Core", &[]);
    for (who, fault) in [
        (
            "empty",
            Fault::Status(Answer::new(204).body("application/json", "").applied()),
        ),
        ("lost", Fault::DropAfter),
        ("cut", Fault::CutBody),
    ] {
        let email = format!("{who}@example.com");
        world.sapling.faults().once(When::method("POST"), fault);
        let said = ask(&world, &["grant", &email, "--target", "sapling:acme/Core"]).await;
        let line = format!("{email} sapling:acme/Core member.add done invited");
        assert_eq!(
            (said.code, said.lines()),
            (0, vec![line]),
            "{}",
            said.detail()
        );
    }
    assert_eq!(world.invited("Core").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_given_at_once_taken_back_at_its_end_and_the_member_stays() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    for (role, flag) in [("manager", "is_manager"), ("admin", "is_admin")] {
        let args = [
            "grant",
            "bob@example.com",
            "--target",
            "sapling:acme/Core",
            "--role",
            role,
            "--end",
            FUTURE,
        ];
        let said = ask(&world, &args).await;
        assert_eq!(
            said.lines(),
            ["bob@example.com sapling:acme/Core member.promote done promoted"]
        );
        let has = |world: &World| {
            world.sapling.with(|state| {
                let bob = state
                    .team("Core")
                    .unwrap()
                    .member("bob@example.com")
                    .unwrap();
                (bob.is_admin, bob.is_manager)
            })
        };
        assert_eq!(has(&world), (role == "admin", role == "manager"), "{flag}");
        let run = world.run().await;
        assert!(
            run.found("member.changed").is_empty(),
            "{:?}",
            run.findings()
        );
        world.sql(&format!(
            "UPDATE grants SET ends_at = 1772600000000 WHERE role = '{role}'"
        ));
        assert_eq!(world.run().await.code, 0);
        assert_eq!(has(&world), (false, false));
    }
    assert_eq!(world.members("Core"), ["bob@example.com"]);
}

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
            "--target: no single team of the key's holder has the name or id \"Cor\"; the nearest are Core",
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
            "--permission: a team knows none of these",
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
            "--end: 2025-06-30T12:00:00Z is past",
        ),
        (
            &["a@b.cd", "--target", core, "--end", "tomorrow"],
            "--end: \"tomorrow\" is not a time",
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
    assert_eq!(printed.code, 3);
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
    let body = r#"{"detail": "email domain is\nnot allowed sk-whitelist-0123456789"}"#;
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
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::status(409));
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
async fn what_failed_or_was_not_answered_is_settled_by_the_next_pass() {
    for (fault, state) in [
        (Fault::status(500), "failed"),
        (Fault::status(401), "failed"),
        (Fault::DropBefore, "unknown"),
        (Fault::DropAfter, "unknown"),
        (Fault::CutBody, "unknown"),
        (Fault::Html, "unknown"),
        (Fault::Status(Answer::new(504).applied()), "unknown"),
    ] {
        let world = World::new().await;
        world.team("Core", &[]);
        for provider in [world.sentius.faults(), world.sapling.faults()] {
            provider.once(When::method("POST"), fault.clone());
        }
        let whitelist = ask(&world, &jane(&["--end", FUTURE])).await;
        assert_eq!(
            (whitelist.code, &whitelist.results[0]["state"]),
            (3, &json!(state)),
            "{fault:?}"
        );
        assert!(!whitelist.detail().is_empty());
        let team = ask(
            &world,
            &["grant", "bob@example.com", "--target", "sapling:acme/Core"],
        )
        .await;
        // What was done is seen at once when the team is read back.
        assert!(
            team.code == 3 || team.results[0]["result"] == "invited",
            "{fault:?}"
        );

        let run = world.run().await;

        assert_eq!(run.code, 0, "{fault:?}: {:?}", run.errors());
        assert_eq!(world.whitelisted(), ["jane@example.com"]);
        assert_eq!(world.invited("Core"), ["bob@example.com"]);
        let posts = world
            .writes()
            .iter()
            .filter(|w| w.contains("team_user"))
            .count();
        assert!(posts <= 2, "{:?}", world.writes());
        let open = world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL");
        assert_eq!(open, 0, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_for_long_is_an_error_of_each_pass_until_it_is_over() {
    let world = World::new().await;
    world
        .sentius
        .faults()
        .always(When::method("POST"), Fault::status(503));
    ask(&world, &jane(&["--end", FUTURE])).await;
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(
            run.errors(),
            ["sentius:acme: whitelist.add jane@example.com: failed: refused with 503: scripted"]
        );
    }
    assert_eq!(world.run().await.json["actions"], json!([]));
    world.sql("UPDATE grants SET ends_at = 1772600000000");
    world.forget_calls();
    let run = world.run().await;
    // Nothing is given any more; what may be there is removed.
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.writes(), ["DELETE /admin/whitelist 404"]);
    let states = world.texts("SELECT state FROM provision");
    assert_eq!(states, ["withdrawn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_grant_is_settled_by_the_next_pass() {
    for place in ["give-after-intent", "give-after-call", "give-after-result"] {
        let world = World::new().await;
        world.team("Core", &["bob@example.com"]);
        die(&world, &jane(&["--end", FUTURE]), place).await;
        die(
            &world,
            &["grant", "new@example.com", "--target", "sapling:acme/Core"],
            place,
        )
        .await;
        let role = [
            "grant",
            "bob@example.com",
            "--target",
            "sapling:acme/Core",
            "--role",
            "manager",
        ];
        die(&world, &role, place).await;
        let intents = world
            .events()
            .iter()
            .filter(|e| e.kind == "provision.intent")
            .count();
        assert!(intents >= 3, "{place}");

        let run = world.run().await;

        assert_eq!(run.code, 0, "{place}: {:?}", run.errors());
        assert_eq!(world.whitelisted(), ["jane@example.com"]);
        assert_eq!(world.invited("Core"), ["new@example.com"]);
        let manager = |state: &mut lapsed::sandbox::SaplingState| {
            state
                .team("Core")
                .unwrap()
                .member("bob@example.com")
                .unwrap()
                .is_manager
        };
        assert!(world.sapling.with(manager), "{place}");
        let open = world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL");
        assert_eq!(open, 0, "{place}");
        // Asked for again, nobody is called: all is there.
        world.forget_calls();
        assert_eq!(
            ask(&world, &jane(&["--end", FUTURE])).await.lines(),
            ["jane@example.com sentius:acme - unchanged -"]
        );
        assert_eq!(
            ask(&world, &role).await.lines(),
            ["bob@example.com sapling:acme/Core member.promote done already_exists"]
        );
        assert!(world.writes().is_empty(), "{place}: {:?}", world.writes());
        world.trail_is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_the_future_is_posted_with_its_date_and_given_in_a_team_at_its_moment() {
    let world = World::new().await;
    world.team("Core", &[]);
    let said = ask(&world, &jane(&["--start", "2098-01-01", "--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.add done posted"]
    );
    assert_eq!(entry(&world).start_date.to_string(), "2098-01-01T00:00:00Z");
    let said = ask(
        &world,
        &[
            "grant",
            "bob@example.com",
            "--target",
            "sapling:acme/Core",
            "--start",
            "2098-01-01",
        ],
    )
    .await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["bob@example.com sapling:acme/Core member.add scheduled -".to_owned()]
        )
    );
    assert_eq!(world.run().await.code, 0);
    assert!(
        world.invited("Core").is_empty(),
        "nobody is let in before the start"
    );
    // Its moment comes.
    world.sql("UPDATE grants SET starts_at = 1772600000000; UPDATE provision SET due_at = 1772600000000 WHERE settled_at IS NULL");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.invited("Core"), ["bob@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_only_calls_nobody() {
    let world = World::new().await;
    let said = ask(&world, &jane(&["--record-only", "--end", PAST])).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["jane@example.com sentius:acme - recorded -".to_owned()]
        )
    );
    let said = ask(
        &world,
        &[
            "grant",
            "a@b.cd",
            "--target",
            "sapling:acme/Later",
            "--record-only",
        ],
    )
    .await;
    assert_eq!(said.lines(), ["a@b.cd sapling:acme/Later - recorded -"]);
    assert!(world.sentius.calls().is_empty() && world.sapling.calls().is_empty());
    assert_eq!(world.list().await[0]["state"], "active");
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

#[test]
fn the_keys_of_the_json_are_those_of_the_document() {
    let document = include_str!("../../docs/JSON.md");
    let documented = |heading: &str| -> Vec<String> {
        let (_, part) = document.split_once(heading).unwrap();
        let rows = part
            .lines()
            .skip_while(|l| !l.starts_with("| `"))
            .take_while(|l| l.starts_with("| `"));
        rows.map(|l| l.split('`').nth(1).unwrap().to_owned())
            .collect()
    };
    let desk = Desk::new();
    let args = [
        "grant",
        "a@b.cd",
        "--target",
        "sentius:acme",
        "--record-only",
        "--format",
        "json",
    ];
    let json = desk.json(&args);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    assert_eq!(sorted(keys(&json)), ["results"]);
    assert_eq!(
        sorted(keys(&json["results"][0])),
        sorted(documented("## What was given"))
    );
}
