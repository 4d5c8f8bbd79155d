//! What is written about the metrics against the metrics that there are.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::exposition::Exposition;
use super::{Counted, world};

/// All metrics that there are.
async fn everything() -> Exposition {
    let counted = Counted::of(world().await);
    counted.report().await;
    Exposition::read(&counted.text())
}

fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// The rows of the table in `docs/METRICS.md`: name, type, labels.
fn table() -> Vec<(String, String, BTreeSet<String>)> {
    let text = document("docs/METRICS.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let code = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name: Vec<String> = code(cells[1]);
        let labels: Vec<String> = code(cells[3]);
        (
            name[0].clone(),
            cells[2].to_owned(),
            labels.into_iter().collect(),
        )
    })
    .collect()
}

/// How a family is called in queries.
fn queried(family: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{family}_total"),
        "info" => format!("{family}_info"),
        _ => family.to_owned(),
    }
}

fn emitted(all: &Exposition) -> Vec<(String, String, BTreeSet<String>)> {
    let families = all.families.iter();
    let row = |(family, kind): (&String, &String)| {
        let labels = all.labels(family).into_iter().map(str::to_owned);
        (queried(family, kind), kind.clone(), labels.collect())
    };
    families.map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_the_metrics_is_that_of_the_metrics() {
    let mut there = emitted(&everything().await);
    let mut written = table();
    there.sort();
    written.sort();
    assert_eq!(written, there);
}

/// The words of a text that look like metrics of ours.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_ours = |word: &&str| word.starts_with("lapsed_") || word.starts_with("process_");
    words.filter(is_ours).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_documents_name_metrics_that_there_are() {
    let all = everything().await;
    let mut there = all.names();
    let histograms = all.families.iter().filter(|(_, kind)| *kind == "histogram");
    there.extend(histograms.map(|(family, _)| family.as_str()));
    for file in [
        "docs/alerts.yml",
        "docs/METRICS.md",
        "tests/alerts.yml",
        "contrib/grafana/lapsed.json",
    ] {
        let text = document(file);
        let named = named(&text);
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&there).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let text = document("contrib/grafana/lapsed.json");
    let named = named(&text);
    for (name, kind, _) in table() {
        let shown = |suffix: &str| named.contains(format!("{name}{suffix}").as_str());
        let is_shown = match kind.as_str() {
            "histogram" => shown("_bucket"),
            _ => shown(""),
        };
        assert!(is_shown, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_select_by_labels_that_there_are() {
    let all = everything().await;
    let text = document("docs/alerts.yml");
    let mut selected = 0;
    for (at, _) in text.match_indices('{') {
        let before = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = before.into_iter().next().unwrap();
        let family = name.trim_end_matches("_total").trim_end_matches("_bucket");
        if !all.families.contains_key(family) || family == "process_start_time_seconds" {
            continue;
        }
        let label = text[at + 1..].split(['=', '!']).next().unwrap();
        assert!(all.labels(family).contains(label), "{name}: {label}");
        selected += 1;
    }
    assert!(selected >= 5, "{selected}");
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn the_alerts_fire_when_they_should_and_only_then() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let there = Command::new("promtool").arg("--version").output();
    if there.is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this test needs promtool"
        );
        println!("skipped: there is no promtool here");
        return;
    }
    for args in [
        ["check", "rules", "docs/alerts.yml"],
        ["test", "rules", "tests/alerts.yml"],
    ] {
        let ran = Command::new("promtool")
            .args(args)
            .current_dir(root)
            .output();
        let ran = ran.unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
