//! The whitelist as a client sees it.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::*;
use crate::server::client;
use crate::{Fault, KeyPlace, When};

async fn sentius() -> (Client, Sentius) {
    let sentius = Sentius::start(SentiusState::new("s3cret")).await.unwrap();
    (client(), sentius)
}

fn jane() -> Value {
    json!({
        "name": "Jane Doe",
        "email": "Jane+x@example.com",
        "permissions": ["can_read", "can_use_api"],
        "start_date": "2025-03-05T11:34:30.258Z",
        "end_date": null,
    })
}

async fn post(client: &Client, sentius: &Sentius, body: &Value) -> Response {
    let url = format!("{}/admin/whitelist?api_key=s3cret", sentius.base_url());
    client.post(url).json(body).send().await.unwrap()
}

async fn delete(client: &Client, sentius: &Sentius, query: &[(&str, &str)]) -> Response {
    let url = format!("{}/admin/whitelist", sentius.base_url());
    client.delete(url).query(query).send().await.unwrap()
}

#[tokio::test]
async fn somebody_is_added_replaced_and_removed_by_the_exact_address() {
    let (client, sentius) = sentius().await;
    assert_eq!(post(&client, &sentius, &jane()).await.status(), 200);
    let mut again = jane();
    again["end_date"] = json!("2026-01-01T00:00:00+01:00");
    let answer: Value = post(&client, &sentius, &again).await.json().await.unwrap();
    assert_eq!(answer["end_date"], "2025-12-31T23:00:00Z");
    sentius.with(|state| {
        assert_eq!(state.entries.len(), 1);
        assert!(state.entries["Jane+x@example.com"].end_date.is_some());
    });

    let key = ("api_key", "s3cret");
    let other = delete(&client, &sentius, &[("email", "jane+x@example.com"), key]).await;
    assert_eq!(other.status(), 404);
    assert!(other.json::<Value>().await.unwrap()["error"].is_string());
    let exact = [("email", "Jane+x@example.com"), key];
    assert_eq!(delete(&client, &sentius, &exact).await.status(), 204);
    assert_eq!(delete(&client, &sentius, &exact).await.status(), 404);
    assert_eq!(delete(&client, &sentius, &[key]).await.status(), 400);
}

#[tokio::test]
async fn a_body_against_the_document_is_a_400() {
    let (client, sentius) = sentius().await;
    for (key, value) in [
        ("name", json!(null)),
        ("email", json!("nobody")),
        ("permissions", json!(["can_use_api"])),
        ("permissions", json!(["can_read", "can_fly"])),
        ("permissions", json!("can_read")),
        ("start_date", json!("2025-03-05")),
        ("start_date", json!(null)),
        ("end_date", json!("never")),
        ("end_date", json!("2020-01-01T00:00:00Z")),
        ("surprise", json!(1)),
    ] {
        let mut body = jane();
        body[key] = value;
        let answer = post(&client, &sentius, &body).await;
        assert_eq!(answer.status(), 400, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
    let url = format!("{}/admin/whitelist?api_key=s3cret", sentius.base_url());
    for (kind, body) in [
        ("application/json", "{"),
        ("application/json", "[]"),
        ("text/plain", "{}"),
    ] {
        let call = client.post(&url).header("content-type", kind).body(body);
        assert_eq!(call.send().await.unwrap().status(), 400, "{kind} {body}");
    }
    sentius.with(|state| assert!(state.entries.is_empty()));
}

#[tokio::test]
async fn the_key_counts_in_the_query_only() {
    let (client, sentius) = sentius().await;
    let url = format!("{}/admin/whitelist", sentius.base_url());
    let mut body = jane();
    body["api_key"] = json!("s3cret");
    let in_body = client.post(&url).json(&body).send().await.unwrap();
    assert_eq!(in_body.status(), 401);
    let wrong = client
        .delete(&url)
        .query(&[("api_key", "no")])
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    assert!(wrong.json::<Value>().await.unwrap()["error"].is_string());
    let places: Vec<_> = sentius.calls().iter().map(|call| call.key).collect();
    assert_eq!(places, [KeyPlace::Body, KeyPlace::Query]);

    sentius.with(|state| state.can_use_whitelist = false);
    assert_eq!(post(&client, &sentius, &jane()).await.status(), 403);
}

#[tokio::test]
async fn what_is_not_in_the_document_is_not_there() {
    let (client, sentius) = sentius().await;
    let base = sentius.base_url();
    let answer = client.get(format!("{base}/admin")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    let listing = client.request(Method::GET, format!("{base}/admin/whitelist"));
    let answer = listing.send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
}

#[tokio::test]
async fn calls_are_logged_as_they_came() {
    let (client, sentius) = sentius().await;
    post(&client, &sentius, &jane()).await;
    let query = [("email", "o'neil+%&#@example.com"), ("api_key", "s3cret")];
    delete(&client, &sentius, &query).await;
    let calls = sentius.calls();
    assert_eq!(calls[0].method, "POST");
    assert_eq!(calls[0].path, "/admin/whitelist");
    assert_eq!(calls[0].query, "api_key=s3cret");
    assert_eq!(
        serde_json::from_str::<Value>(&calls[0].body).unwrap(),
        jane()
    );
    assert_eq!(calls[0].status, Some(200));
    assert_eq!(calls[1].email(), Some("o'neil+%&#@example.com"));
    assert!(
        calls[1]
            .query
            .starts_with("email=o%27neil%2B%25%26%23%40example.com&")
    );

    sentius.clear_calls();
    sentius.log_calls(false);
    post(&client, &sentius, &jane()).await;
    assert!(sentius.calls().is_empty());
}

#[tokio::test]
async fn a_dropped_call_is_applied_or_not_as_scripted() {
    let (client, sentius) = sentius().await;
    sentius.with(|state| state.add(Entry::read(&jane()).unwrap()));
    let url = format!("{}/admin/whitelist", sentius.base_url());
    let call = client
        .delete(url)
        .query(&[("email", "Jane+x@example.com"), ("api_key", "s3cret")]);
    let call = call.build().unwrap();

    sentius.faults().once(When::any(), Fault::DropBefore);
    client.execute(call.try_clone().unwrap()).await.unwrap_err();
    sentius.with(|state| assert_eq!(state.entries.len(), 1));
    sentius.faults().once(When::any(), Fault::DropAfter);
    client.execute(call.try_clone().unwrap()).await.unwrap_err();
    sentius.with(|state| assert_eq!(state.entries.len(), 0));
    assert!(sentius.calls().iter().all(|call| call.status.is_none()));
    assert_eq!(client.execute(call).await.unwrap().status(), 404);
}
