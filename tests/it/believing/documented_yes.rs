//! Which answers to a call that changes something are a yes, which are a no, and which are neither.

use lapsed_sandbox::{Answer, Fault, When};
use serde_json::json;

use crate::world::asking::ask;
use crate::world::{FUTURE, PAST, World};

/// Jane's whitelist grant is over; she is on the whitelist or was taken off it by somebody else.
async fn jane_is_due(is_there: bool) -> World {
    let world = World::new().await;
    if is_there {
        world.whitelist(&["jane@example.com"]);
    }
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
}

fn says(content_type: &str, body: &str) -> Answer {
    Answer::new(200).body(content_type, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_whose_document_says_no_is_a_failure_and_tried_again() {
    for body in [
        r#"{"error": "the whitelist is locked"}"#,
        r#"{"success": false, "message": "the whitelist is locked"}"#,
        r#"{"status": "error", "detail": "the whitelist is locked"}"#,
        r#"{"detail": "not now: the whitelist is locked"}"#,
    ] {
        let world = jane_is_due(true).await;
        let no = Fault::Status(says("application/json", body));
        world.sentius.faults().once(When::method("DELETE"), no);

        let run = world.run().await;

        assert_eq!(run.code, 3, "{body}");
        let failed = "whitelist.remove sentius:acme jane@example.com grant.ended failed -";
        assert_eq!(run.actions(), [failed], "{body}");
        let said = run.detail();
        assert!(said.contains("the whitelist is locked"), "{said}");
        assert_eq!(world.whitelisted(), ["jane@example.com"]);
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_whose_document_says_no_is_given_by_the_next_pass() {
    let world = World::new().await;
    let no = says("application/json", r#"{"ok": false, "error": "busy"}"#);
    world
        .sentius
        .faults()
        .once(When::method("POST"), Fault::Status(no));
    let grant = [
        "grant",
        "jane@example.com",
        "--target",
        "sentius:acme",
        "--end",
        FUTURE,
    ];

    let said = ask(&world, &grant).await;

    assert_eq!(
        (said.code, &said.results[0]["state"]),
        (3, &json!("failed"))
    );
    assert_eq!(said.detail(), "answered with 200, and said no: busy");
    assert_eq!(world.run().await.code, 0);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_text_that_says_yes_is_a_yes_and_any_other_is_not() {
    let done = "whitelist.remove sentius:acme jane@example.com grant.ended done acknowledged";
    let unknown = "whitelist.remove sentius:acme jane@example.com grant.ended unknown -";
    for (body, line) in [
        ("OK", done),
        ("deleted\n", done),
        ("User deleted.", done),
        ("welcome", unknown),
        ("not deleted", unknown),
    ] {
        let world = jane_is_due(true).await;
        let text = Fault::Status(says("text/plain", body).applied());
        world.sentius.faults().once(When::method("DELETE"), text);

        assert_eq!(world.run().await.actions(), [line], "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_2xx_that_is_not_documented_is_no_yes_and_the_call_is_made_again() {
    for code in [202, 203, 205, 206, 299] {
        let world = jane_is_due(true).await;
        let accepted = Fault::Status(Answer::new(code).body("application/json", ""));
        world
            .sentius
            .faults()
            .once(When::method("DELETE"), accepted);

        let run = world.run().await;

        let unknown = "whitelist.remove sentius:acme jane@example.com grant.ended unknown -";
        assert_eq!((run.code, run.actions()), (3, vec![unknown.to_owned()]));
        let said = run.detail();
        let other = format!("answered with something else than documented: status {code}");
        assert!(said.starts_with(&other), "{said}");
        assert_eq!(world.whitelisted(), ["jane@example.com"]);
        assert_eq!(world.run().await.code, 0);
        assert!(world.whitelisted().is_empty(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_is_shown_with_another_status_than_200_is_not_read() {
    for code in [201, 202, 203, 299] {
        let world = World::new().await;
        let core = world.team("Core", &["bob@example.com"]);
        world
            .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
            .await;
        let nobody = r#"{"users": [], "pending_users": []}"#;
        let answer = Answer::new(code).body("application/json", nobody);
        let reading = When::method("GET").path(&core);
        world
            .sapling
            .faults()
            .always(reading, Fault::Status(answer));

        let run = world.run().await;

        assert_eq!(run.code, 3, "{code}");
        assert_eq!(run.found("observation.doubtful"), ["sapling:acme/Core -"]);
        assert_eq!(world.list().await[0]["state"], json!("ended"), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_whitelist_answers_with_5xx_is_unknown_and_sent_again() {
    for code in [500, 502, 503] {
        let world = jane_is_due(true).await;
        world.whitelist_is_known();
        let failed = Fault::Status(Answer::new(code).applied());
        world.sentius.faults().once(When::method("DELETE"), failed);

        let run = world.run().await;

        assert_eq!(run.json["counts"]["unknown"], json!(1), "{code}");
        assert_eq!(run.detail(), format!("refused with {code}: scripted"));
        assert_eq!(world.run().await.json["counts"]["absent"], json!(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_of_an_account_that_never_answered_is_unknown_until_it_does() {
    let world = jane_is_due(false).await;
    let unknown = "whitelist.remove sentius:acme jane@example.com grant.ended unknown -";

    let first = world.run().await;

    assert_eq!((first.code, first.actions()), (3, vec![unknown.to_owned()]));
    assert!(
        first.detail().contains("may be a wrong base_url"),
        "{}",
        first.detail()
    );
    assert_eq!(world.list().await[0]["state"], json!("ended"));
    let waits = "SELECT count(*) FROM action WHERE next_try_at > (unixepoch() + 60) * 1000";
    assert_eq!(world.number(waits), 1);

    // Somebody is given access: now the account has answered.
    let grant = ["grant", "bob@example.com", "--target", "sentius:acme"];
    assert_eq!(ask(&world, &grant).await.code, 0);

    assert_eq!(world.number(waits), 0, "tried again at once");
    let next = world.run().await;
    assert_eq!(next.code, 0, "{:?}", next.actions());
    let absent = "whitelist.remove sentius:acme jane@example.com grant.ended absent acknowledged";
    assert_eq!(next.actions(), [absent]);
    assert_eq!(world.list().await[0]["state"], json!("removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_before_the_first_yes_of_a_pass_is_settled_by_the_same_pass() {
    let mut world = jane_is_due(false).await;
    world.whitelist(&["later@example.com"]);
    world.config.http += "concurrency = 1\n";
    world
        .grants(&["later@example.com,sentius:acme,2025-07-31T12:00:00Z"])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0, "{:?}", run.actions());
    let mut writes = world.writes();
    // On a slow machine the first answer is judged only after the second, and then needs no repeat.
    writes.truncate(2);
    assert_eq!(
        writes,
        ["DELETE /admin/whitelist 404", "DELETE /admin/whitelist 204"]
    );
    assert!(world.writes().len() <= 3, "{:?}", world.writes());
    world.all_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_an_account_has_answered_is_remembered_by_address_and_key() {
    let world = jane_is_due(true).await;
    assert_eq!(world.run().await.code, 0);
    let gone = |who: &str| format!("{who}@example.com,sentius:acme,{PAST}");
    world.grants(&[&gone("ann")]).await;
    let known = world.run().await;
    assert_eq!(known.json["counts"]["absent"], json!(1));
    let accounts = world.texts("SELECT account FROM answering ORDER BY account");
    assert_eq!(accounts, ["sapling:acme", "sentius:acme"]);

    let key = "sk-another-0123456789";
    world.write("sentius.key", key);
    world.sentius.with(|state| state.api_key = key.to_owned());
    world.grants(&[&gone("eve")]).await;
    let other = world.run().await;
    assert_eq!(other.json["counts"]["unknown"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_that_answers_404_to_everything_ends_nothing() {
    let world = jane_is_due(true).await;
    world
        .sentius
        .faults()
        .always(When::any(), Fault::status(404));
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.json["counts"]["unknown"], json!(1));
    }
    assert_eq!(world.list().await[0]["state"], json!("ended"));
    world.sentius.faults().clear();
    assert_eq!(world.run().await.code, 0);
    assert!(world.whitelisted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_posted_with_5xx_and_then_exists_is_ours() {
    let world = World::new().await;
    let done = Fault::Status(Answer::new(500).applied());
    world.sentius.faults().once(When::method("POST"), done);
    let conflict = Fault::Status(Answer::new(409).body("application/json", "{}"));
    world.sentius.faults().once(When::method("POST"), conflict);
    let grant = ["grant", "jane@example.com", "--target", "sentius:acme"];
    let said = ask(&world, &grant).await;
    assert_eq!(said.results[0]["state"], json!("unknown"));

    assert_eq!(world.run().await.code, 0);

    assert_eq!(world.texts("SELECT result FROM provision"), ["posted"]);
    assert_eq!(world.whitelisted(), ["jane@example.com"]);
    let writes = world.writes();
    assert_eq!(
        writes,
        ["POST /admin/whitelist 500", "POST /admin/whitelist 409"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_does_not_say_that_an_entry_exists_is_no_yes() {
    for (status, body) in [
        (409, r#"{"detail": "x"}"#),
        (409, r#"{"detail": "the whitelist is closed"}"#),
        (400, r#"{"detail": "user exists in another organization"}"#),
    ] {
        let world = World::new().await;
        let refusal = Answer::new(status).body("application/json", body);
        let post = When::method("POST");
        let faults = world.sentius.faults();
        faults.once(post, Fault::Status(refusal));
        let jane = ["grant", "jane@example.com", "--target", "sentius:acme"];

        let said = ask(&world, &[&jane[..], &["--end", FUTURE]].concat()).await;

        assert_eq!(said.code, 3, "{body}: {:?}", said.lines());
        if status == 409 {
            let run = world.run().await;
            assert_eq!(run.code, 0, "{body}: {:?}", run.errors());
            assert_eq!(world.whitelisted(), ["jane@example.com"]);
        }
    }
}
