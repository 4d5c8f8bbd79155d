//! The payloads on record, read and written again.

use std::collections::BTreeSet;

use super::*;

/// A payload of each form that there is, as the program has written it: a kind and the payload a line.
const PAYLOADS: &str = include_str!("payloads.txt");

fn on_record() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAYLOADS.lines().map(|line| line.split_once(' ').unwrap())
}

#[test]
fn every_event_on_record_is_read_and_written_again_byte_for_byte() {
    for (kind, payload) in on_record() {
        let event = Event::read(kind, payload).unwrap_or_else(|| panic!("{kind} {payload}"));
        assert_eq!(event.kind(), kind);
        assert_eq!(serde_json::to_string(&event).unwrap(), payload, "{kind}");
    }
}

#[test]
fn a_payload_of_every_kind_is_on_record() {
    let kinds: BTreeSet<&str> = on_record().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, Event::KINDS.iter().copied().collect());
}

#[test]
fn what_older_versions_told_is_read_and_so_are_rows_beside_it() {
    for (kind, payload) in [
        ("action.not_tried", r#"{"action_id":1,"why":"not read"}"#),
        (
            "provision.planned",
            r#"{"by":"a","command":"grant","due":"2026-01-01T00:00:00Z","email":"a@example.com","provision":"member.add","provision_id":1,"role":null,"target":"sapling:acme/Core"}"#,
        ),
    ] {
        let event = Event::read(kind, payload).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), payload);
    }
    let rows =
        r#"{"action_id":1,"rows":[{"table":"action","key":[1],"was":null,"is":{"attempts":1}}]}"#;
    let event = Event::ActionVerified(ActionOnly { action_id: 1 });
    assert_eq!(Event::read("action.verified", rows), Some(event));
}

#[test]
fn a_kind_a_form_and_a_word_of_a_later_version_are_not_guessed() {
    assert_eq!(Event::read("action.postponed", r#"{"action_id":1}"#), None);
    assert_eq!(Event::read("action.verified", r#"{"action":1}"#), None);
    let later = r#"{"counts":{},"outcome":"postponed","run":"r"}"#;
    assert_eq!(Event::read("run.finished", later), None);
    assert!(Event::read("run.finished", &later.replace("postponed", "held")).is_some());
}

#[test]
fn a_target_is_read_whatever_its_team_is_called() {
    let payload = r#"{"by":"a","email":"a@example.com","grant_id":1,"role":null,"target":"sapling:acme/a\u0007/b: c"}"#;
    let event = Event::read("review.kept", payload).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), payload);
}
