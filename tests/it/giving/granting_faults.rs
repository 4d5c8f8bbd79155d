//! Access that is given although providers fail and the process dies in between.

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::world::asking::{ask, die, jane};
use crate::world::{FUTURE, PAST, World};

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
async fn what_failed_or_was_not_answered_is_settled_by_the_next_pass() {
    for (fault, state) in [
        (Fault::status(500), "unknown"),
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
    world.whitelist_is_known();
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert_eq!(
            run.errors(),
            ["sentius:acme: whitelist.add jane@example.com: unknown: refused with 503: scripted"]
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
        let manager = |state: &mut lapsed_sandbox::SaplingState| {
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
async fn a_refusal_after_a_try_that_was_not_answered_does_not_forget_what_may_be_there() {
    let world = World::new().await;
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::DropAfter);
    assert_eq!(ask(&world, &jane(&["--end", FUTURE])).await.code, 3);
    // It was done; the second time the provider says no in words that nobody knows.
    world
        .sentius
        .faults()
        .always(When::method("POST"), Fault::status(400));
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert!(
        run.errors()[0].contains("an earlier try was not answered, so it may be there"),
        "{:?}",
        run.errors()
    );
    assert_eq!(
        world.list().await[0]["state"],
        "active",
        "her end is still acted on"
    );
    world.sql("UPDATE grants SET ends_at = 1772600000000");
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_removal_still_failed_is_given_a_whole_new_entry() {
    let world = World::new().await;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
        .sentius
        .faults()
        .always(When::method("DELETE"), Fault::status(500));
    assert_eq!(world.run().await.code, 3);
    world.sentius.faults().clear();
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::status(409));
    let said = ask(&world, &jane(&["--end", FUTURE])).await;
    assert_eq!(
        said.lines(),
        ["jane@example.com sentius:acme whitelist.renew done posted"]
    );
    assert_eq!(
        crate::world::asking::entry(&world)
            .end_date
            .unwrap()
            .to_string(),
        FUTURE
    );
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_gets_few_posts_and_what_was_not_tried_is_given_later() {
    let world = World::new().await;
    world
        .sentius
        .faults()
        .always(When::method("POST"), Fault::status(503));
    let mut file = "email,target,end\n".to_owned();
    for n in 0..120 {
        file.push_str(&format!("p{n}@example.com,sentius:acme,9d\n"));
    }
    world.write("people.csv", &file);
    let file = world.path("people.csv");

    let import = world.lapsed(&["import", file.to_str().unwrap()]).await;

    assert_eq!(import.code, 3, "{}", import.stderr);
    let posts = world.sentius.calls().len();
    assert!(posts <= 10, "{posts} calls at a provider that fails");
    let why = "of the last";
    assert!(import.stdout.contains(why), "{}", import.stdout);
    let run = world.run().await;
    assert_eq!(run.code, 3);
    // A pass gives before its removals and after them, and tries nothing twice.
    let posts = world.sentius.calls().len();
    assert!(posts <= 20, "{posts} calls at a provider that fails");
    let people: std::collections::BTreeSet<String> = run.errors().into_iter().collect();
    assert_eq!(run.errors().len(), people.len());

    world.sentius.faults().clear();
    let run = world.run().await;
    assert_eq!(run.code, 0, "{}", run.json);
    assert_eq!(world.whitelisted().len(), 120);
    world.trail_is_whole().await;
}
