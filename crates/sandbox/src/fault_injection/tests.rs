//! What each fault looks like from outside.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::server::client;
use crate::{Invite, Rule, Sapling, SaplingState, When};

struct Here {
    client: Client,
    sapling: Sapling,
    core: String,
}

async fn here() -> Here {
    let mut state = SaplingState::new("robot@acme.example");
    let core = state.add_team("Core");
    core.add_invite(Invite::new("eve@example.com"));
    let core = core.id().to_owned();
    Here {
        client: client(),
        sapling: Sapling::start(state).await.unwrap(),
        core,
    }
}

impl Here {
    fn meets(&self, fault: Fault) -> &Self {
        self.sapling.faults().once(When::any(), fault);
        self
    }

    fn get(&self) -> RequestBuilder {
        let url = format!(
            "{}/api/v1/team/{}/team_user",
            self.sapling.base_url(),
            self.core
        );
        self.client
            .get(url)
            .bearer_auth("SANDBOXSANDBOXSANDBOXSANDBOX0001")
    }

    fn delete(&self) -> RequestBuilder {
        let url = format!(
            "{}/api/v1/team_user_invite/{}",
            self.sapling.base_url(),
            self.core
        );
        let call = self
            .client
            .delete(url)
            .bearer_auth("SANDBOXSANDBOXSANDBOXSANDBOX0001");
        call.json(&serde_json::json!({ "email": "eve@example.com" }))
    }

    fn invited(&self) -> bool {
        self.sapling.with(|state| {
            state
                .team("Core")
                .unwrap()
                .invite("eve@example.com")
                .is_some()
        })
    }
}

#[tokio::test]
async fn a_status_comes_with_its_headers_and_nothing_done() {
    let here = here().await;
    let answer = Answer::new(429)
        .retry_after("120")
        .body("text/plain", "slow down");
    let response = here
        .meets(Fault::Status(answer))
        .delete()
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "120");
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.text().await.unwrap(), "slow down");
    assert!(here.invited());
    assert_eq!(here.sapling.calls()[0].status, Some(429));

    let late = Fault::Status(Answer::new(504).applied());
    assert_eq!(
        here.meets(late).delete().send().await.unwrap().status(),
        504
    );
    assert!(!here.invited());
    assert_eq!(here.delete().send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_dropped_connection_carries_not_one_byte() {
    let here = here().await;
    for fault in [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Hang(Duration::from_millis(20)),
    ] {
        here.meets(fault.clone());
        let address = here
            .sapling
            .base_url()
            .strip_prefix("http://")
            .unwrap()
            .to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /api/v1/team HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got).await;
        assert_eq!(got, b"", "{fault:?}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_drops_is_seen_once_and_not_repeated() {
    let here = here().await;
    here.get().send().await.unwrap().bytes().await.unwrap();
    here.meets(Fault::DropBefore)
        .delete()
        .send()
        .await
        .unwrap_err();
    here.get().send().await.unwrap().bytes().await.unwrap();
    assert!(here.invited());
    here.meets(Fault::DropAfter)
        .delete()
        .send()
        .await
        .unwrap_err();
    assert!(!here.invited());
    let calls = here.sapling.calls();
    let statuses: Vec<_> = calls.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), None, Some(200), None]);
}

#[tokio::test]
async fn silence_outlasts_a_callers_patience() {
    let here = here().await;
    let short = Duration::from_millis(50);
    let long = Duration::from_secs(60);
    let error = here
        .meets(Fault::Hang(long))
        .delete()
        .timeout(short)
        .send()
        .await
        .unwrap_err();
    assert!(error.is_timeout() && here.invited());
    let error = here
        .meets(Fault::HangAfter(long))
        .delete()
        .timeout(short)
        .send()
        .await
        .unwrap_err();
    assert!(error.is_timeout() && !here.invited());
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let here = here().await;
    here.sapling.set_latency(Duration::from_millis(20));
    let started = Instant::now();
    let response = here
        .meets(Fault::Delay(Duration::from_millis(20)))
        .get()
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn a_sign_in_page_is_a_200() {
    let here = here().await;
    let response = here.meets(Fault::Html).delete().send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .starts_with("<!doctype html>")
    );
    assert!(here.invited());
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_announced() {
    let here = here().await;
    let mut response = here.meets(Fault::CutBody).get().send().await.unwrap();
    assert!(response.content_length().unwrap() > MISSING as u64);
    let start = response.chunk().await.unwrap().unwrap();
    assert!(start.starts_with(b"{\"users\""));
    response.chunk().await.unwrap_err();

    let response = here.meets(Fault::CutBody).delete().send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap_err();
    assert!(!here.invited());
}

#[tokio::test]
async fn an_endless_body_does_not_end() {
    let here = here().await;
    let mut response = here.meets(Fault::Endless).get().send().await.unwrap();
    let mut size = 0;
    while size < 4 << 20 {
        size += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn a_redirect_names_its_goal() {
    let here = here().await;
    let to = "http://127.0.0.1:1/elsewhere".to_owned();
    let fault = Fault::Redirect { status: 303, to };
    let response = here.meets(fault).delete().send().await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(
        response.headers()["location"],
        "http://127.0.0.1:1/elsewhere"
    );
    assert!(here.invited());
}

#[tokio::test]
async fn the_date_can_be_wrong_on_top_of_anything() {
    let here = here().await;
    let faults = here.sapling.faults();
    faults.always(When::any(), Fault::DateSkew(3600));
    faults.once(When::any(), Fault::status(503));
    for status in [503, 200] {
        let response = here.get().send().await.unwrap();
        assert_eq!(response.status(), status);
        let date = response.headers()["date"].to_str().unwrap();
        let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
        let ahead = date.as_second() - crate::clock::now().as_second();
        assert!((3590..=3600).contains(&ahead), "{ahead}");
    }
}

#[tokio::test]
async fn a_listing_can_lose_a_key_or_all_its_rows() {
    let here = here().await;
    let omit = Fault::Omit("users".to_owned());
    let json: Value = here
        .meets(omit)
        .get()
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(json.get("users").is_none() && json.get("pending_users").is_some());
    let empty = here.meets(Fault::EmptyLists).get();
    let json: Value = empty.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        json,
        serde_json::json!({ "users": [], "pending_users": [] })
    );
    let json: Value = here.get().send().await.unwrap().json().await.unwrap();
    assert_eq!(json["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_soak_is_cleared_in_one_word() {
    let here = here().await;
    let soak = Rule::new(When::method("get").path("team_user"), Fault::status(500));
    here.sapling.faults().add(soak.always().chance(0.5));
    let mut failures = 0;
    for _ in 0..40 {
        failures += u32::from(here.get().send().await.unwrap().status() == 500);
    }
    assert!((5..=35).contains(&failures), "{failures}");
    here.sapling.faults().clear();
    assert_eq!(here.get().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_dropped_stand_in_is_gone_at_once() {
    let here = here().await;
    here.get().send().await.unwrap().bytes().await.unwrap();
    let call = here.get();
    drop(here.sapling);
    call.send().await.unwrap_err();
}
