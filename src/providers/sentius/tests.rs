//! The whitelist's requests, to the byte, and how its answers are taken.

use super::super::testing::{
    KEY, Reply, Stub, answer, assert_no_key, assert_no_key_in, html, json, settings,
};
use super::*;

const KEY_ENCODED: &str = "sk-very-secret%26%3D%2B%25";

fn account(stub: &Stub, key: &str) -> SentiusAccount {
    SentiusAccount {
        name: "acme".to_owned(),
        base_url: stub.url(),
        api_key: SecretString::from(key),
    }
}

async fn whitelist(reply: Reply) -> (Whitelist, Stub) {
    let stub = Stub::start([reply]).await;
    let whitelist = Whitelist::new(&account(&stub, KEY), &settings(), &Metrics::default()).unwrap();
    assert_no_key(&whitelist);
    (whitelist, stub)
}

fn entry(end: Option<&str>) -> Entry {
    Entry {
        name: "Jane \"J\" Doe".to_owned(),
        email: Email::observed("Jane+X@Example.com"),
        permissions: vec!["can_read".to_owned(), "can_use_api".to_owned()],
        start: "2025-03-05T11:34:30.258Z".parse().unwrap(),
        end: end.map(|end| end.parse().unwrap()),
    }
}

#[tokio::test]
async fn an_entry_is_posted_as_documented() {
    let (whitelist, stub) = whitelist(json(200, "{\"ok\": true}")).await;
    whitelist
        .add(&entry(Some("2025-04-01T00:00:00Z")))
        .await
        .unwrap();
    let (head, body) = stub.request();
    let first = format!("POST /admin/whitelist?api_key={KEY_ENCODED} HTTP/1.1\r\n");
    assert!(head.starts_with(&first), "{head}");
    assert!(head.contains("accept: application/json\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    assert_eq!(
        body,
        r#"{"name":"Jane \"J\" Doe","email":"Jane+X@Example.com","permissions":["can_read","can_use_api"],"start_date":"2025-03-05T11:34:30.258Z","end_date":"2025-04-01T00:00:00.000Z"}"#
    );
}

#[tokio::test]
async fn an_entry_without_end_says_null() {
    let (whitelist, stub) = whitelist(answer(204, &[], "")).await;
    whitelist.add(&entry(None)).await.unwrap();
    assert!(stub.request().1.ends_with(r#""end_date":null}"#));
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_no_entry() {
    let (whitelist, _stub) = whitelist(html(200)).await;
    let error = whitelist.add(&entry(None)).await.unwrap_err();
    assert!(error.is_unknown_outcome());
    assert_no_key_in(&error);
}

#[tokio::test]
async fn a_look_at_the_clock_proves_nothing() {
    let stub = Stub::start([json(200, "{}"), json(404, "{}")]).await;
    let whitelist = Whitelist::new(&account(&stub, KEY), &settings(), &Metrics::default()).unwrap();
    whitelist.look_at_clock().await.unwrap();
    let jane = Email::observed("jane@example.com");
    let error = whitelist.remove(&jane).await.unwrap_err();
    assert!(matches!(error, CallError::Unproven { .. }), "{error:?}");
}

#[tokio::test]
async fn every_character_of_an_address_survives_the_query() {
    for (email, encoded) in [
        ("user@example.com", "user%40example.com"),
        ("a+b%c&d#e'f@x.com", "a%2Bb%25c%26d%23e%27f%40x.com"),
        ("\"a b\"@x.com", "%22a%20b%22%40x.com"),
        ("Jürgen@bücher.example", "J%C3%BCrgen%40b%C3%BCcher.example"),
    ] {
        let (whitelist, stub) = whitelist(answer(200, &[], "")).await;
        let gone = whitelist.remove(&Email::observed(email)).await;
        assert_eq!(gone, Ok(Gone::Acknowledged));
        let (head, body) = stub.request();
        let first =
            format!("DELETE /admin/whitelist?email={encoded}&api_key={KEY_ENCODED} HTTP/1.1\r\n");
        assert!(head.starts_with(&first), "{head}");
        assert!(head.contains("accept: */*\r\n"), "{head}");
        assert!(!head.contains("content-type"), "{head}");
        assert_eq!(body, "");
    }
}

#[tokio::test]
async fn an_unknown_address_is_absent_and_a_missing_page_is_not() {
    let jane = Email::observed("jane@example.com");
    let not_found = || json(404, "{\"detail\": \"Not Found\"}");
    let stub = Stub::start([not_found(), json(200, "{}"), not_found()]).await;
    let known = Whitelist::new(&account(&stub, KEY), &settings(), &Metrics::default()).unwrap();
    let error = known.remove(&jane).await.unwrap_err();
    assert!(error.is_unknown_outcome(), "{error:?}");
    assert!(
        error.to_string().contains("may be a wrong base_url"),
        "{error}"
    );
    known.add(&entry(None)).await.unwrap();
    assert_eq!(known.remove(&jane).await, Ok(Gone::Absent));
    let (page, _stub) = whitelist(html(404)).await;
    assert_eq!(page.remove(&jane).await.unwrap_err().status(), Some(404));
}

#[tokio::test]
async fn an_empty_key_makes_no_client() {
    let stub = Stub::start([json(200, "{}")]).await;
    let error =
        Whitelist::new(&account(&stub, " \n"), &settings(), &Metrics::default()).unwrap_err();
    assert_eq!(error.to_string(), "sentius:acme: the key is empty");
}
