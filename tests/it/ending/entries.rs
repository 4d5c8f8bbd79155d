//! The whitelist is what was last acknowledged: each pass compares it with what the grants come to
//! now, and a replacement that fails leaves what was there.

use lapsed_sandbox::{Answer, Entry, Fault, When};
use serde_json::json;

use crate::giving::extending::{EXTEND, end, jane};
use crate::mailing::review;
use crate::world::asking::{ask, entry};
use crate::world::{FUTURE, PAST, World};

const JANE: &str = "jane@example.com";

fn refusal(status: u16, words: &str) -> Fault {
    let body = json!({"detail": words}).to_string();
    Fault::Status(Answer::new(status).body("application/json", &body))
}

/// Jane's entry; absent: she is not on the whitelist.
fn of_jane(world: &World) -> Option<Entry> {
    world.sentius.with(|state| state.entries.get(JANE).cloned())
}

fn deletes(world: &World) -> usize {
    let writes = world.writes();
    writes.iter().filter(|w| w.starts_with("DELETE")).count()
}

/// Jane's entry on the whitelist allows more than reading, without an end.
fn jane_may_use_the_api(world: &World) {
    world.sentius.with(|state| {
        let entry = Entry {
            name: "Jane".to_owned(),
            email: JANE.to_owned(),
            permissions: vec!["can_read".to_owned(), "can_use_api".to_owned()],
            start_date: PAST.parse().unwrap(),
            end_date: None,
        };
        state.entries.insert(JANE.to_owned(), entry);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_the_provider_does_not_allow_leaves_the_entry_as_it_is() {
    for (status, words) in [
        (422, "no contract exists beyond 2099-12-31"),
        (400, "no contract exists beyond 2099-12-31"),
        (409, "no contract exists beyond 2099-12-31"),
        (409, "the end exceeds the contract"),
        (409, "concurrent change, please retry"),
        (403, "not allowed"),
    ] {
        let world = jane().await;
        let post = When::method("POST");
        world.sentius.faults().always(post, refusal(status, words));

        let said = ask(&world, &EXTEND).await;

        assert_eq!(said.code, 3, "{status} {words}");
        for _ in 0..3 {
            assert_eq!(end(&world), FUTURE, "{status} {words}");
            assert_eq!(deletes(&world), 0, "{status} {words}: {:?}", world.writes());
            world.later(20);
            world.run().await;
        }
        assert_eq!(entry(&world).permissions.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_is_refused_for_good_leaves_the_end_on_record_and_is_not_sent_again() {
    let world = jane().await;
    let words = "no contract exists beyond 2099-12-31";
    let post = When::method("POST");
    world.sentius.faults().always(post, refusal(422, words));
    assert_eq!(ask(&world, &EXTEND).await.code, 3);
    assert_eq!(world.list().await[0]["end"], FUTURE);
    world.forget_calls();
    for _ in 0..3 {
        let run = world.run().await;
        assert_eq!((run.code, run.json["owed"]["give"].as_u64()), (0, Some(0)));
        world.later(20);
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_is_refused_in_the_middle_puts_the_old_entry_back() {
    for status in [422, 400, 409, 403, 429] {
        let world = jane().await;
        let faults = world.sentius.faults();
        faults.once(
            When::method("POST"),
            refusal(400, "the user already exists in the whitelist"),
        );
        faults.once(
            When::method("POST"),
            refusal(status, "no contract exists beyond 2099-12-31"),
        );
        let said = ask(&world, &EXTEND).await;
        assert!(of_jane(&world).is_some(), "{status}: she has access");
        assert_eq!(entry(&world).permissions.len(), 2, "{status}");
        assert!(said.code == 0 || said.code == 3, "{status}");
        world.later(20);
        world.run().await;
        assert!(of_jane(&world).is_some(), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_names_something_else_is_no_entry_that_exists() {
    for (status, words) in [
        (400, "no account exists for this address"),
        (409, "no account exists for this address"),
        (422, "the address does not exist"),
        (409, "a contract does not exist"),
        (400, "no user exists with this email"),
    ] {
        let world = World::new().await;
        let post = When::method("POST");
        world.sentius.faults().always(post, refusal(status, words));
        let grant = ["grant", JANE, "--target", "sentius:acme", "--end", FUTURE];
        let said = ask(&world, &grant).await;
        assert_eq!(said.code, 3, "{status} {words}: {:?}", said.lines());
        assert!(!said.lines()[0].contains("already_exists"), "{words}");
        assert!(of_jane(&world).is_none());
    }
}

/// Two grants of Jane that were given: one with a flag until then, one without until later.
async fn overlapping(short: &str) -> World {
    let world = World::new().await;
    for (end, permission) in [("90d", "can_read"), (short, "can_use_api")] {
        let grant = [
            "grant",
            JANE,
            "--target",
            "sentius:acme",
            "--end",
            end,
            "--permission",
            "can_read",
            "--permission",
            permission,
        ];
        assert_eq!(ask(&world, &grant).await.code, 0, "{end}");
    }
    let both = of_jane(&world).unwrap();
    assert!(both.permissions.contains(&"can_use_api".to_owned()));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_of_two_grants_ends_the_entry_keeps_what_the_other_gives_and_no_more() {
    let world = overlapping("12h").await;
    let long = of_jane(&world).unwrap().end_date;
    world.later(13 * 60);
    world.forget_calls();

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    let left = of_jane(&world).unwrap();
    assert_eq!(left.permissions, ["can_read"]);
    assert_eq!(left.end_date, long);
    assert_eq!(deletes(&world), 0);
    world.forget_calls();
    assert_eq!(world.run().await.code, 0);
    assert!(world.writes().is_empty(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_longer_of_two_grants_is_revoked_the_entry_ends_with_the_other() {
    // Grant by grant there is no command: the longer one is of a file that no longer names it.
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world
        .import(&format!(
            "email,target,end,permissions\n{JANE},sentius:acme,{FUTURE},can_read;can_use_api\n\
             {JANE},sentius:acme,30d,can_read\n"
        ))
        .await;
    assert_eq!(world.run().await.code, 0);
    assert!(
        world.writes().is_empty(),
        "recorded as existing is as recorded"
    );
    world.sql(&format!(
        "UPDATE grants SET ends_at = {}, revoked = 1 WHERE ends_at > 4000000000000;
         UPDATE entry SET look_at = 0;",
        lapsed::clock::now().as_millisecond()
    ));

    assert_eq!(world.run().await.code, 0);

    let left = of_jane(&world).unwrap();
    assert_eq!(left.permissions, ["can_read"]);
    assert!(
        left.end_date
            .is_some_and(|end| end < FUTURE.parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_grants_that_were_only_recorded_come_to_one_entry_and_then_to_the_longer_one() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world
        .import(&format!(
            "email,target,end,permissions\n{JANE},sentius:acme,{FUTURE},can_read\n\
             {JANE},sentius:acme,12h,can_read;can_use_api\n"
        ))
        .await;
    assert_eq!(world.run().await.code, 0);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    world.later(13 * 60);
    let look = world.dry_run(None).await;
    assert!(look.actions().is_empty(), "{:?}", look.actions());
    assert!(world.writes().is_empty());

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.errors());
    let left = of_jane(&world).unwrap();
    assert_eq!(left.permissions, ["can_read"]);
    assert_eq!(left.end_date.unwrap().to_string(), FUTURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_could_not_be_posted_anew_is_owed_until_it_is() {
    let world = overlapping("12h").await;
    world.later(13 * 60);
    world
        .sentius
        .faults()
        .always(When::method("POST"), Fault::status(503));
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(run.json["owed"]["give"], json!(1), "{:?}", run.errors());
        assert!(of_jane(&world).is_some());
        world.later(20);
    }
    world.sentius.faults().clear();
    assert_eq!(world.run().await.code, 0);
    assert_eq!(of_jane(&world).unwrap().permissions, ["can_read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_review_of_one_of_two_grants_leaves_the_entry_of_the_other() {
    let world = review::world("end").await;
    world.whitelist(&[JANE]);
    world
        .owned_grants(
            review::RECORDED,
            &[
                "jane@example.com,sentius:acme,never,olga@acme.example",
                "jane@example.com,sentius:acme,2031-06-30,",
            ],
        )
        .await;
    for now in [review::ASKED, review::REMINDED, review::GIVEN_UP] {
        world.run_at(now).await;
    }
    let (run, _) = world.run_at("2030-04-29T10:15:00Z").await;
    let listed = world
        .lapsed_at("2030-04-29T11:15:00Z", &["list", "--format", "json"])
        .await;
    let rows: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let running: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|g| g["state"] == "active")
        .map(|g| g["end"].as_str().unwrap_or("never"))
        .collect();
    let left = of_jane(&world).map(|entry| entry.end_date.map(|end| end.to_string()));
    match running[..] {
        // The review is about the person's access: all of it is over, and the entry is gone.
        [] => assert_eq!(left, None, "{:?}", run.actions()),
        [end] => assert_eq!(left, Some(Some(end.to_owned())), "{:?}", run.actions()),
        _ => panic!("{running:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_given_back_has_the_flags_of_the_membership_and_of_the_role_again() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world.sapling.with(|state| {
        state.superuser = true;
        state.register(JANE, true);
    });
    let target = "sapling:acme/Core";
    let grant = [
        "grant",
        JANE,
        "--target",
        target,
        "--end",
        "30d",
        "--permission",
        "edit",
    ];
    assert_eq!(ask(&world, &grant).await.code, 0);
    let role = [
        "grant", JANE, "--target", target, "--role", "manager", "--end", "30d",
    ];
    assert_eq!(ask(&world, &role).await.code, 0, "a role for a time");
    world.sapling.with(|state| {
        let jane = state.team("Core").unwrap().member(JANE).unwrap();
        assert!(jane.is_manager && jane.edit_permission);
    });
    let run = world
        .lapsed(&["revoke", JANE, "--target", target, "--format", "json"])
        .await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(world.members("Core"), ["amy@example.com"]);

    let said = ask(&world, &["undo", run["run"].as_str().unwrap()]).await;

    assert_eq!(said.code, 0, "{:?} {}", said.lines(), said.stderr);
    world.sapling.with(|state| {
        let jane = state.team("Core").unwrap().member(JANE).unwrap();
        assert!(jane.is_manager, "the role comes back");
        assert!(jane.edit_permission, "and the permission");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_own_call_took_from_somebody_who_is_covered_again_is_given_back_with_its_flags() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    world
        .import(&format!(
            "email,target,end,permissions\n{JANE},sentius:acme,{PAST},can_read;can_use_api\n"
        ))
        .await;
    // The removal is sent, and while it is under way somebody records that she stays.
    let late = Fault::Delay(std::time::Duration::from_millis(900));
    world.sentius.faults().once(When::method("DELETE"), late);
    let mut pass = world.start();
    crate::world::until("it is on its way", || deletes(&world) == 1).await;
    world
        .import(&format!(
            "email,target,end,permissions\n{JANE},sentius:acme,{FUTURE},can_read;can_delegate\n"
        ))
        .await;
    tokio::task::spawn_blocking(move || pass.wait().unwrap())
        .await
        .unwrap();

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?} {:?}", run.errors(), run.json["owed"]);
    let back = of_jane(&world).expect("she has access again");
    assert_eq!(back.permissions, ["can_read", "can_delegate"]);
    assert_eq!(back.end_date.unwrap().to_string(), FUTURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_grants_of_which_the_first_is_over_before_a_pass_come_to_the_entry_of_the_other() {
    let world = World::new().await;
    jane_may_use_the_api(&world);
    let target = ["grant", JANE, "--target", "sentius:acme", "--record-only"];
    let api = ["--permission", "can_read", "--permission", "can_use_api"];
    let short = [&target[..], &["--end", "30m"], &api].concat();
    assert_eq!(ask(&world, &short).await.code, 0);
    let long = [&target[..], &["--end", FUTURE]].concat();
    assert_eq!(ask(&world, &long).await.code, 0);
    world.later(31);

    assert_eq!(world.run().await.code, 0);

    assert_eq!(of_jane(&world).unwrap().permissions, ["can_read"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_grant_allowed_that_was_over_when_it_was_recorded_is_taken_from_the_entry() {
    for (turned, one_file) in [(false, true), (true, true), (false, false), (true, false)] {
        let world = World::new().await;
        jane_may_use_the_api(&world);
        let mut rows = [
            format!("{JANE},sentius:acme,{PAST},can_read;can_use_api"),
            format!("{JANE},sentius:acme,{FUTURE},can_read"),
        ];
        if turned {
            rows.reverse();
        }
        let files = match one_file {
            true => vec![rows.join("\n")],
            false => rows.to_vec(),
        };
        for rows in files {
            world
                .import(&format!("email,target,end,permissions\n{rows}\n"))
                .await;
        }

        let run = world.run().await;

        assert_eq!(run.code, 0, "{:?} {:?}", run.errors(), run.json["owed"]);
        let entry = of_jane(&world).expect("the other grant covers her");
        assert_eq!(entry.permissions, ["can_read"], "{turned} {one_file}");
        world.forget_calls();
        assert_eq!(world.run().await.code, 0);
        assert!(world.writes().is_empty(), "{:?}", world.writes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_two_records_tell_of_is_not_taken_off_to_be_posted_as_it_is_on_record() {
    let world = World::new().await;
    world.whitelist(&[JANE]);
    let target = ["grant", JANE, "--target", "sentius:acme", "--record-only"];
    for end in ["30m", FUTURE] {
        let grant = [&target[..], &["--end", end]].concat();
        assert_eq!(ask(&world, &grant).await.code, 0);
    }
    world.later(31);
    let exists = refusal(409, "user already exists");
    world.sentius.faults().once(When::method("POST"), exists);
    let post = When::method("POST");
    world.sentius.faults().always(post, refusal(422, "no"));

    assert_eq!(world.run().await.code, 0);

    assert_eq!(deletes(&world), 0, "{:?}", world.writes());
    assert!(of_jane(&world).is_some());
}
