//! Sapling's requests, to the byte, with the key in both places it can be.

use super::super::Gone;
use super::super::testing::{
    KEY, Reply, Stub, answer, assert_no_key, assert_no_key_in, html, json, settings,
};
use super::*;
use crate::domain::Email;

const KEY_ENCODED: &str = "sk-very-secret%26%3D%2B%25";

fn account(stub: &Stub, auth: SaplingAuth, key: &str) -> SaplingAccount {
    SaplingAccount {
        name: "acme".to_owned(),
        base_url: stub.url(),
        api_key: SecretString::from(key),
        auth,
        organization_id: None,
        self_email: None,
        teams: Vec::new(),
    }
}

async fn clients(auth: SaplingAuth, reply: Reply) -> (Reader, Writer, Stub) {
    let stub = Stub::start([reply]).await;
    let (reader, writer) =
        connect(&account(&stub, auth, KEY), &settings(), &Metrics::default()).unwrap();
    assert_no_key(&(&reader, &writer));
    (reader, writer, stub)
}

async fn reader(reply: Reply) -> (Reader, Stub) {
    let (reader, _, stub) = clients(SaplingAuth::Parameter, reply).await;
    (reader, stub)
}

async fn writer(reply: Reply) -> (Writer, Stub) {
    let (_, writer, stub) = clients(SaplingAuth::Parameter, reply).await;
    (writer, stub)
}

/// The first line and the body of the only request.
fn sent(stub: &Stub) -> (String, String) {
    let (head, body) = stub.request();
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    (line.to_owned(), body)
}

fn jane() -> Email {
    Email::observed("Jane@example.com")
}

const EMPTY_TEAM: &str = r#"{"users": [], "pending_users": []}"#;

#[tokio::test]
async fn teams_are_read_with_the_key_in_the_query() {
    let (reader, stub) = reader(json(
        200,
        r#"{"teams": [{"id": "t1", "name": "Core", "x": 1}]}"#,
    ))
    .await;
    let teams = reader.teams().await.unwrap();
    let core = Team {
        id: "t1".to_owned(),
        name: "Core".to_owned(),
    };
    assert_eq!(teams, [core]);
    assert_eq!(
        sent(&stub),
        (format!("GET /api/v1/team?key={KEY_ENCODED}"), String::new())
    );
}

#[tokio::test]
async fn with_bearer_the_key_is_in_the_header_and_nowhere_else() {
    let (reader, _, stub) = clients(SaplingAuth::Bearer, json(200, r#"{"teams": []}"#)).await;
    reader.teams().await.unwrap();
    let (head, _) = stub.request();
    assert!(head.starts_with("GET /api/v1/team HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("authorization: Bearer {KEY}\r\n")),
        "{head}"
    );
    assert_eq!(head.matches("very-secret").count(), 1);

    let (_, writer, stub) = clients(SaplingAuth::Bearer, answer(204, &[], "")).await;
    assert_eq!(
        writer.revoke_invite("t1", &jane()).await,
        Ok(Gone::Acknowledged)
    );
    let (head, body) = stub.request();
    assert_eq!(body, r#"{"email":"Jane@example.com"}"#);
    assert_eq!(head.matches("very-secret").count(), 1);
}

#[tokio::test]
async fn a_removal_sends_its_key_in_a_body() {
    let (writer, stub) = writer(answer(204, &["content-type: text/html"], "")).await;
    assert_eq!(writer.remove("u/1").await, Ok(Gone::Acknowledged));
    let (head, body) = stub.request();
    assert!(
        head.starts_with("DELETE /api/v1/team_user/u%2F1 HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(
        !head.contains("very-secret") && !head.contains("authorization"),
        "{head}"
    );
    assert_eq!(body, r#"{"key":"sk-very-secret&=+%"}"#);
}

#[tokio::test]
async fn what_is_not_there_is_absent_unless_a_page_says_so() {
    let not_found = || json(404, "{\"msg\": \"no such user\"}");
    let (stranger, _stub) = writer(not_found()).await;
    let error = stranger.remove("u1").await.unwrap_err();
    assert!(matches!(error, CallError::Unproven { .. }), "{error:?}");
    // A list that is the documented one proves the account; its errors and a page do not.
    let stub = Stub::start([
        json(403, "{}"),
        html(200),
        not_found(),
        json(200, "{\"teams\": []}"),
        not_found(),
    ])
    .await;
    let account = account(&stub, SaplingAuth::Parameter, KEY);
    let (reader, writer_of_it) = connect(&account, &settings(), &Metrics::default()).unwrap();
    assert!(reader.teams().await.is_err() && reader.teams().await.is_err());
    assert!(writer_of_it.remove("u1").await.is_err());
    reader.teams().await.unwrap();
    assert_eq!(writer_of_it.remove("u1").await, Ok(Gone::Absent));
    let (page, _stub) = writer(html(404)).await;
    assert!(page.remove("u1").await.is_err());
    assert!(page.take_flags("u1", Flags::default()).await.is_err());
    let (page, _stub) = writer(html(200)).await;
    let error = page.revoke_invite("t1", &jane()).await.unwrap_err();
    assert!(error.is_unknown_outcome());
    assert_no_key_in(&error);
}

#[tokio::test]
async fn an_invite_is_revoked_as_documented() {
    let (writer, stub) = writer(answer(204, &[], "")).await;
    assert_eq!(
        writer.revoke_invite("t1", &jane()).await,
        Ok(Gone::Acknowledged)
    );
    let (line, body) = sent(&stub);
    assert_eq!(line, "DELETE /api/v1/team_user_invite/t1");
    assert_eq!(
        body,
        r#"{"key":"sk-very-secret&=+%","email":"Jane@example.com"}"#
    );
}

#[tokio::test]
async fn flags_are_changed_one_by_one() {
    let (writer, stub) = writer(answer(204, &[], "")).await;
    let demoted = Flags {
        is_admin: Some(false),
        ..Flags::default()
    };
    writer.change("u1", demoted).await.unwrap();
    let (line, body) = sent(&stub);
    assert_eq!(line, "PATCH /api/v1/team_user/u1");
    assert_eq!(body, r#"{"key":"sk-very-secret&=+%","is_admin":false}"#);
}

#[tokio::test]
async fn adding_tells_added_invited_refused_and_present_apart() {
    let told = r#"{"added": [{"email": "a@x.com", "team_user": {"id": "u1", "login_email": "a@x.com",
        "is_admin": false, "is_manager": true, "edit_permission": false, "inspect_permission": false,
        "created_at": "Wed, 07 Oct 2020 21:15:47 GMT"}}, {"email": "e@x.com", "team_user": 1}],
        "invited": [{"email": "b@x.com"}], "errors": [{"email": "c", "reason": "malformed"}],
        "already_exists": [{"email": "d@x.com"}]}"#;
    let (client, stub) = writer(json(200, told)).await;
    let flags = Flags {
        is_manager: Some(true),
        ..Flags::default()
    };
    let added = client.add("t1", &jane(), flags).await.unwrap();
    let user = added.added[0].team_user.as_ref().unwrap();
    assert!(user.is_manager && user.created_at.is_some() && user.updated_at.is_none());
    assert_eq!(added.added[1].team_user, None);
    assert_eq!(added.invited, ["b@x.com"]);
    assert_eq!(added.errors[0].reason, "malformed");
    assert_eq!(added.already_exists, ["d@x.com"]);
    let (line, body) = sent(&stub);
    assert_eq!(line, "POST /api/v1/team/t1/team_user");
    assert_eq!(
        body,
        r#"{"key":"sk-very-secret&=+%","email":"Jane@example.com","is_manager":true}"#
    );

    let (client, stub) = writer(answer(204, &[], "")).await;
    let many = [jane(), Email::observed("o'neil+x@x.com")];
    let added = client
        .add_many("t1", &many, Flags::default())
        .await
        .unwrap();
    assert_eq!(added, Added::default());
    let (line, body) = sent(&stub);
    assert_eq!(line, "POST /api/v1/team/t1/team_user2");
    assert_eq!(
        body,
        r#"{"key":"sk-very-secret&=+%","emails":["Jane@example.com","o'neil+x@x.com"]}"#
    );
}

#[tokio::test]
async fn a_bulk_removal_says_who_was_removed_and_who_was_not_found() {
    let told = r#"{"deleted_users": [{"id": "u1", "email": "jane@example.com"}],
        "not_found_users": ["bob@example.com"], "warning": ""}"#;
    let (client, stub) = writer(json(200, told)).await;
    let (jane, bob) = (jane(), Email::observed("bob@example.com"));
    let removed = client.remove_many("t/1", &[&jane, &bob]).await.unwrap();
    assert_eq!(removed.deleted[0].id, "u1");
    assert_eq!(removed.not_found, ["bob@example.com"]);
    let (line, body) = sent(&stub);
    assert_eq!(line, "DELETE /api/v1/team/t%2F1/team_users/bulk_delete");
    assert_eq!(
        body,
        r#"{"key":"sk-very-secret&=+%","emails":["Jane@example.com","bob@example.com"]}"#
    );
}

#[tokio::test]
async fn a_bulk_removal_that_says_nothing_has_an_unknown_outcome() {
    for reply in [
        answer(204, &[], ""),
        json(200, r#"{"deleted_users": []}"#),
        json(200, "[[], []]"),
        html(200),
    ] {
        let (writer, _stub) = writer(reply).await;
        let error = writer.remove_many("t1", &[&jane()]).await.unwrap_err();
        assert!(error.is_unknown_outcome(), "{error:?}");
        assert_no_key_in(&error);
    }
}

#[tokio::test]
async fn an_unchanged_team_is_not_parsed() {
    let (reader, stub) = reader(json(200, EMPTY_TEAM)).await;
    let first = reader.team_users("a/../b", None).await.unwrap();
    let TeamReading::Read { digest, users, .. } = first else {
        panic!("{first:?}");
    };
    assert!(users.is_empty());
    let again = reader.team_users("a/../b", Some(&digest)).await;
    assert_eq!(again, Ok(TeamReading::Unchanged));
    let other = Digest::from_bytes([0; 32]);
    let third = reader.team_users("a/../b", Some(&other)).await.unwrap();
    assert!(matches!(third, TeamReading::Read { .. }));
    for request in stub.seen() {
        assert!(request.starts_with("GET /api/v1/team/a%2F..%2Fb/team_user?key="));
    }
}

#[tokio::test]
async fn what_is_no_reading_of_a_team_never_looks_like_an_empty_one() {
    for reply in [
        html(200),
        answer(204, &[], ""),
        answer(200, &["content-type: text/plain"], EMPTY_TEAM),
        json(200, "{}"),
        json(200, "[[], []]"),
        json(200, r#"{"users": []}"#),
        json(200, r#"{"users": null, "pending_users": []}"#),
        json(200, r#"{"users": [], "pending_users": [{"email": ""}]}"#),
        json(201, EMPTY_TEAM),
        json(202, EMPTY_TEAM),
        json(203, EMPTY_TEAM),
        json(299, EMPTY_TEAM),
        answer(302, &["location: /login"], ""),
    ] {
        let (reader, _stub) = reader(reply).await;
        let error = reader.team_users("t1", None).await.unwrap_err();
        assert!(
            matches!(error, CallError::Implausible { write: false, .. }),
            "{error:?}"
        );
        assert_no_key_in(&error);
    }
}

#[tokio::test]
async fn a_part_of_a_longer_list_is_no_reading() {
    let team = r#"{"users": [], "pending_users": [], "has_more": true}"#;
    let linked = &[
        "content-type: application/json",
        "link: </x?page=2>; rel=\"next\"",
    ];
    for reply in [
        json(200, team),
        json(206, EMPTY_TEAM),
        answer(200, linked, EMPTY_TEAM),
    ] {
        let (reader, _stub) = reader(reply).await;
        let error = reader.team_users("t1", None).await.unwrap_err();
        let part = "answered with something else than documented: a page of a longer list: ";
        assert!(error.to_string().starts_with(part), "{error}");
    }
    let (teams, _stub) = reader(json(200, r#"{"teams": [], "next": "/x"}"#)).await;
    assert!(teams.teams().await.is_err());
    let suppressed = r#"{"suppressed_emails": ["a@x.com"], "total": 2}"#;
    let (suppressed, _stub) = reader(json(200, suppressed)).await;
    assert!(suppressed.suppressed_emails("o1").await.is_err());
}

#[tokio::test]
async fn a_large_team_is_read_as_a_small_one_and_known_again() {
    let filler = "x".repeat(9 << 20);
    let rows = r#"[{"id": "u1", "login_email": "a@x.com", "is_admin": true}]"#;
    let team = format!(r#"{{"filler": "{filler}", "users": {rows}, "pending_users": []}}"#);
    let stub = Stub::start([json(200, &team), json(200, &team), json(200, &team[1..])]).await;
    let patient = HttpSettings {
        timeout: std::time::Duration::from_secs(60),
        ..settings()
    };
    let account = account(&stub, SaplingAuth::Parameter, KEY);
    let (reader, _) = connect(&account, &patient, &Metrics::default()).unwrap();
    let first = reader.team_users("t1", None).await.unwrap();
    let TeamReading::Read {
        users,
        digest,
        room,
        ..
    } = first
    else {
        panic!("{first:?}");
    };
    assert!(users[0].is_admin);
    assert_eq!(digest, Digest::of(team.as_bytes()));
    drop(room);
    let again = reader.team_users("t1", Some(&digest)).await;
    assert_eq!(again, Ok(TeamReading::Unchanged));
    let broken = reader.team_users("t1", None).await.unwrap_err();
    assert!(
        matches!(broken, CallError::Implausible { .. }),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_yes_whose_document_says_no_is_a_no() {
    let says = r#"{"error": "not an admin"}"#;
    let denied = |error: CallError| {
        assert!(matches!(error, CallError::Denied { .. }), "{error:?}");
        assert!(error.to_string().contains("not an admin"), "{error}");
    };
    let (client, _stub) = writer(json(200, says)).await;
    denied(client.remove("u1").await.unwrap_err());
    denied(client.change("u1", Flags::default()).await.unwrap_err());
    denied(client.revoke_invite("t1", &jane()).await.unwrap_err());
    denied(client.remove_many("t1", &[&jane()]).await.unwrap_err());
    denied(
        client
            .add("t1", &jane(), Flags::default())
            .await
            .unwrap_err(),
    );

    // What is told of each person goes before what is said of the whole.
    let part = r#"{"errors": [{"email": "c@x.com", "reason": "not allowed"}], "error": "some"}"#;
    let (client, _stub) = writer(json(200, part)).await;
    let added = client.add("t1", &jane(), Flags::default()).await.unwrap();
    assert_eq!(added.errors[0].reason, "not allowed");
    let (client, _stub) = writer(answer(200, &["content-type: text/plain"], "OK")).await;
    assert_eq!(client.remove("u1").await, Ok(Gone::Acknowledged));
    client.change("u1", Flags::default()).await.unwrap();
}

#[tokio::test]
async fn a_team_of_others_is_forbidden() {
    let (reader, _stub) = reader(json(403, r#"{"msg": "not an admin"}"#)).await;
    let error = reader.team_users("t1", None).await.unwrap_err();
    assert!(error.is_forbidden());
    assert_eq!(error.to_string(), "refused with 403: not an admin");
}

#[tokio::test]
async fn suppressed_addresses_are_read() {
    let (client, stub) = reader(json(200, r#"{"suppressed_emails": ["a@x.com"]}"#)).await;
    assert_eq!(client.suppressed_emails("o1").await.unwrap(), ["a@x.com"]);
    let line = format!("GET /api/v1/organization/o1/suppressed_emails?key={KEY_ENCODED}");
    assert_eq!(sent(&stub).0, line);
    let (client, _stub) = reader(json(200, r#"{"suppressed_emails": [" "]}"#)).await;
    assert!(client.suppressed_emails("o1").await.is_err());
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_not_sent() {
    let (client, stub) = writer(answer(204, &[], "")).await;
    for id in ["", ".", ".."] {
        let error = client.remove(id).await.unwrap_err();
        assert!(matches!(error, CallError::NotSent { .. }));
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_key_that_no_header_can_hold_makes_no_client() {
    let stub = Stub::start([json(200, "{}")]).await;
    let account = account(&stub, SaplingAuth::Bearer, "very-secret\n");
    let error = connect(&account, &settings(), &Metrics::default()).unwrap_err();
    assert_no_key(&error);
    assert!(!error.to_string().contains("very-secret"));
}
