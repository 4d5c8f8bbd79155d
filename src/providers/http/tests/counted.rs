//! Each call is counted once, by what came of it.

use super::*;
use crate::metrics::Gauges;

/// The lines about calls after one call that ends so.
async fn counted(base: &Url, still: bool) -> Vec<String> {
    let metrics = Metrics::default();
    let key = SecretString::from(KEY);
    let http = Http::new("test:acme".to_owned(), base, &key, &settings(), &metrics).unwrap();
    let http = http.while_due(StillDue::by(move || Box::pin(async move { still })));
    let _ = http.write(call(Method::DELETE)).await;
    let text = metrics.text(&Gauges::default());
    let about = text.lines().filter(|line| {
        line.starts_with("lapsed_provider_calls_total")
            || line.starts_with("lapsed_provider_call_duration_seconds_count")
    });
    about.map(str::to_owned).collect()
}

fn lines(outcome: &str, sent: bool) -> Vec<String> {
    let labels = "account=\"test:acme\",method=\"DELETE\"";
    let mut lines = vec![format!(
        "lapsed_provider_calls_total{{{labels},outcome=\"{outcome}\"}} 1"
    )];
    if sent {
        lines.push(format!(
            "lapsed_provider_call_duration_seconds_count{{{labels}}} 1"
        ));
    }
    lines
}

#[tokio::test]
async fn an_answer_counts_by_its_class_and_none_by_why_there_is_none() {
    for (reply, outcome) in [
        (json(200, "{}"), "2xx"),
        (answer(302, &["location: /"], ""), "3xx"),
        (json(404, "{}"), "4xx"),
        (json(503, "{}"), "5xx"),
        (answer(700, &[], ""), "implausible"),
        (Reply::Close, "unanswered"),
    ] {
        let stub = Stub::start([reply]).await;
        assert_eq!(counted(&stub.url(), true).await, lines(outcome, true));
    }
}

#[tokio::test]
async fn a_call_that_never_left_is_told_from_one_that_was_withheld() {
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    assert_eq!(counted(&nobody, true).await, lines("not_sent", true));

    let stub = Stub::start([json(200, "{}")]).await;
    assert_eq!(counted(&stub.url(), false).await, lines("withheld", false));
    assert!(stub.seen().is_empty());
}
