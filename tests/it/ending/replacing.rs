//! Extensions for which the old entry must go before the new one comes: nobody is left without what
//! they had.

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::giving::extending::{EXTEND, LATER, end, jane};
use crate::world::asking::{ask, die, entry};
use crate::world::{FUTURE, PAST};

fn exists() -> Fault {
    let body = r#"{"detail": "User already exists in whitelist"}"#;
    Fault::Status(Answer::new(400).body("application/json", body))
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_entry_must_go_before_the_new_one_comes_it_is_replaced() {
    let world = jane().await;
    world.sentius.faults().once(When::method("POST"), exists());
    let said = ask(&world, &EXTEND).await;
    assert_eq!(
        (said.code, said.lines()),
        (
            0,
            vec!["jane@example.com sentius:acme whitelist.renew done posted".to_owned()]
        )
    );
    let writes = world.writes();
    let methods: Vec<&str> = writes.iter().filter_map(|w| w.split(' ').next()).collect();
    assert_eq!(methods, ["POST", "DELETE", "POST"]);
    assert_eq!(end(&world), LATER);
    assert!(
        world
            .events()
            .iter()
            .any(|e| e.kind == "provision.replacing")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_replacement_is_mended_first_by_the_next_pass() {
    for fault in [
        Fault::status(500),
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::status(401),
    ] {
        let world = jane().await;
        // Something else is due as well.
        world
            .grants(&[&format!("over@example.com,sentius:acme,{PAST}")])
            .await;
        world.sentius.faults().once(When::method("POST"), exists());
        world
            .sentius
            .faults()
            .once(When::method("POST"), fault.clone());
        let said = ask(&world, &EXTEND).await;
        assert_eq!(said.code, 3, "{fault:?}");
        world.forget_calls();

        let run = world.run().await;

        assert_eq!(run.code, 0, "{fault:?}: {:?}", run.errors());
        assert_eq!(end(&world), LATER, "{fault:?}");
        assert_eq!(
            world.writes()[0],
            "POST /admin/whitelist 200",
            "mended first: {fault:?}"
        );
        assert_eq!(
            world
                .list()
                .await
                .iter()
                .filter(|g| g["end"] == LATER)
                .count(),
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_replacement_that_cannot_be_mended_is_an_error_of_each_pass() {
    let world = jane().await;
    world.sentius.faults().once(When::method("POST"), exists());
    world
        .sentius
        .faults()
        .always(When::method("POST"), Fault::status(503));
    assert_eq!(ask(&world, &EXTEND).await.code, 3);
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 3);
        assert!(
            run.errors()[0].starts_with("sentius:acme: whitelist.renew jane@example.com: unknown"),
            "{:?}",
            run.errors()
        );
    }
    world.sentius.faults().clear();
    assert_eq!(world.run().await.code, 0);
    assert_eq!(end(&world), LATER);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_after_the_old_entry_went_brings_the_old_one_back() {
    let world = jane().await;
    world.sentius.faults().once(When::method("POST"), exists());
    let refuses = r#"{"detail": "end_date is too far away"}"#;
    world.sentius.faults().once(
        When::method("POST"),
        Fault::Status(Answer::new(422).body("application/json", refuses)),
    );
    let said = ask(&world, &EXTEND).await;
    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("refused"))
    );
    assert!(
        said.detail()
            .contains("end_date is too far away; the entry that was there before is there again"),
        "{}",
        said.detail()
    );
    assert_eq!(end(&world), FUTURE, "she has what she had");
    assert_eq!(entry(&world).permissions.len(), 2);
    assert_eq!(world.list().await[0]["end"], FUTURE);
    world.forget_calls();
    assert_eq!(world.run().await.code, 0);
    assert!(world.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_entry_that_cannot_be_taken_off_stays() {
    let world = jane().await;
    world.sentius.faults().once(When::method("POST"), exists());
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::status(403));
    let said = ask(&world, &EXTEND).await;
    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("failed"))
    );
    assert_eq!(end(&world), FUTURE);
    assert_eq!(world.run().await.code, 0);
    assert_eq!(end(&world), LATER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_anywhere_in_an_extension_is_settled_by_the_next_pass() {
    for place in [
        "give-after-intent",
        "give-before-replace",
        "give-after-replace",
        "give-after-call",
        "give-after-result",
    ] {
        let world = jane().await;
        world.sentius.faults().once(When::method("POST"), exists());
        die(&world, &EXTEND, place).await;

        let run = world.run().await;

        assert_eq!(run.code, 0, "{place}: {:?}", run.errors());
        assert_eq!(end(&world), LATER, "{place}");
        let open = world.number("SELECT count(*) FROM provision WHERE settled_at IS NULL");
        assert_eq!(open, 0, "{place}");
        world.trail_is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_of_the_old_entry_that_comes_late_does_not_take_the_new_one() {
    let world = jane().await;
    world.sentius.faults().once(When::method("POST"), exists());
    world
        .sentius
        .faults()
        .once(When::method("DELETE"), Fault::DropBefore);
    let said = ask(&world, &EXTEND).await;
    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("unknown"))
    );
    assert!(
        said.detail().contains("posted again by the next pass"),
        "{}",
        said.detail()
    );
    // Now it is carried out.
    world.sentius.with(|state| state.entries.clear());
    assert_eq!(world.run().await.code, 0);
    assert_eq!(end(&world), LATER);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_that_was_taken_off_cannot_be_posted_again_no_other_is_taken_off() {
    let world = jane().await;
    world.whitelist(&["sue@example.com"]);
    world
        .grants(&[&format!("sue@example.com,sentius:acme,{FUTURE}")])
        .await;
    let faults = world.sentius.faults();
    faults.once(When::method("POST").email("jane"), exists());
    faults.always(When::method("POST").email("jane"), Fault::status(503));
    assert_eq!(ask(&world, &EXTEND).await.code, 3);
    assert_eq!(world.whitelisted(), ["sue@example.com"]);

    faults.once(When::method("POST").email("sue"), exists());
    let mut other = EXTEND;
    other[1] = "sue@example.com";
    let said = ask(&world, &other).await;
    assert_eq!(said.code, 3);
    assert!(
        said.detail().contains("the entry stays as it is"),
        "{}",
        said.detail()
    );
    assert_eq!(world.whitelisted(), ["sue@example.com"]);

    faults.clear();
    faults.once(When::method("POST").email("sue"), exists());
    world.later(30);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.errors());
    assert_eq!(world.whitelisted(), ["jane@example.com", "sue@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_is_brought_to_its_end_whoever_waits() {
    let mut world = jane().await;
    world.config.http = "timeout = \"40s\"\nrequests_per_second = 1000\n".to_owned();
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    world.sentius.faults().once(When::method("POST"), exists());
    let slow = Fault::Delay(std::time::Duration::from_secs(13));
    world.sentius.faults().once(When::method("DELETE"), slow);
    // Somebody's access ends elsewhere a second after that has begun.
    let end = lapsed::clock::now() + jiff::SignedDuration::from_secs(2);
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{end}")])
        .await;
    let said = ask(&world, &EXTEND).await;
    assert_eq!(said.code, 0, "{:?}", said.lines());
    assert_eq!(self::end(&world), LATER);
}
