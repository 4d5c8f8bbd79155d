//! Rows against what a source gave before.

use super::*;
use crate::domain::TargetRef;

fn at(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
}

const NOW: u8 = 15;

fn row(email: &str, end: Option<u8>) -> Row {
    Row {
        line: 2,
        grant: NewGrant {
            email: Email::observed(email),
            target: "sentius:acme".parse().unwrap(),
            name: None,
            permissions: vec![Permission::CanRead],
            role: None,
            start: None,
            end: end.map(at),
            owner: None,
            reason: None,
            as_written: format!("|{}", end.map_or("never".to_owned(), |end| end.to_string())),
            source: None,
        },
    }
}

fn grant(email: &str, end: Option<u8>) -> OfSource {
    OfSource {
        id: 1,
        target: TargetRef::new(TargetId(1), "sentius:acme".parse().unwrap()),
        email: Email::observed(email),
        person: email.to_lowercase(),
        role: None,
        start: at(1),
        end: end.map(at),
        name: None,
        permissions: "can_read".to_owned(),
        owner: None,
        reason: None,
        as_written: row(email, end).grant.as_written,
        revoked: false,
        closed: false,
        dropped_at: None,
    }
}

fn revoked(email: &str, end: Option<u8>) -> OfSource {
    OfSource {
        revoked: true,
        end: Some(at(10)),
        ..grant(email, end)
    }
}

fn means(rows: &[Row], grants: &[OfSource], whole: bool) -> (Vec<Means>, Vec<usize>) {
    let place = |row: &Row| Some((TargetId(1), row.grant.email.key().to_owned()));
    let places: Vec<Place> = rows.iter().map(place).collect();
    let Matched { rows, missing } = matched(rows, &places, grants, whole, at(NOW));
    (rows, missing)
}

#[test]
fn rows_and_grants_are_paired_by_person_and_dates() {
    let rows = [row("A@x.example", Some(20)), row("b@x.example", None)];
    let grants = [
        grant("c@x.example", None),
        grant("b@x.example", Some(25)),
        grant("a@x.example", Some(20)),
    ];
    let whole = (vec![Means::Same(2), Means::Changed(1)], vec![0]);
    assert_eq!(means(&rows, &grants, true), whole);
    // Otherwise other dates are another grant.
    let (rows, _) = means(&rows, &grants, false);
    assert_eq!(rows, [Means::Same(2), Means::New]);
}

#[test]
fn two_terms_of_one_person_are_two_grants() {
    let rows = [row("a@x.example", Some(20)), row("a@x.example", Some(25))];
    let grants = [
        grant("a@x.example", Some(25)),
        grant("a@x.example", Some(28)),
    ];
    let both = (vec![Means::Changed(1), Means::Same(0)], vec![]);
    assert_eq!(means(&rows, &grants, true), both);
    assert_eq!(
        means(&rows[1..], &grants, true),
        (vec![Means::Same(0)], vec![1])
    );
}

#[test]
fn what_a_person_ended_stays_until_any_field_of_the_row_changes() {
    let grants = [revoked("a@x.example", Some(20))];
    let same = row("a@x.example", Some(20));
    let mut owned = same.clone();
    owned.grant.owner = Some(Email::observed("o@x.example"));
    let stays = |row: &Row| means(std::slice::from_ref(row), &grants, true).0[0];
    assert_eq!(stays(&same), Means::Stays(0));
    assert_eq!(stays(&owned), Means::New);
    assert_eq!(stays(&row("a@x.example", Some(21))), Means::New);
    // Whose own end has passed gives nothing anyway.
    let over = [revoked("a@x.example", Some(12))];
    let past = row("a@x.example", Some(12));
    assert_eq!(means(&[past], &over, true).0, [Means::Same(0)]);
}

#[test]
fn a_row_that_went_back_to_older_dates_has_changed() {
    let grants = [
        revoked("a@x.example", Some(20)),
        grant("a@x.example", Some(25)),
    ];
    let rows = [row("a@x.example", Some(20))];
    assert_eq!(
        means(&rows, &grants, true),
        (vec![Means::Changed(1)], vec![])
    );
}

#[test]
fn a_start_that_is_still_to_come_is_another_grant() {
    let grants = [grant("a@x.example", Some(25))];
    let mut later = row("a@x.example", Some(26));
    later.grant.start = Some(at(20));
    assert_eq!(means(&[later], &grants, true), (vec![Means::New], vec![0]));
}

#[test]
fn a_row_whose_end_has_passed_is_over_and_its_grant_is_missing() {
    let grants = [grant("a@x.example", Some(25))];
    let past = row("a@x.example", Some(5));
    assert_eq!(
        means(std::slice::from_ref(&past), &grants, true),
        (vec![Means::Over], vec![0])
    );
    assert_eq!(
        means(&[past], &[], true).0,
        [Means::New],
        "a slip is a fault later"
    );
}

#[test]
fn a_row_after_its_grant_was_dropped_and_ended_is_new_and_before_that_it_is_back() {
    let dropped = OfSource {
        dropped_at: Some(at(10)),
        ..grant("a@x.example", Some(25))
    };
    let ended = OfSource {
        revoked: true,
        ..dropped.clone()
    };
    let rows = [row("a@x.example", Some(25))];
    assert_eq!(
        means(&rows, &[dropped], true),
        (vec![Means::Same(0)], vec![])
    );
    assert_eq!(
        means(&rows, std::slice::from_ref(&ended), true),
        (vec![Means::New], vec![])
    );
    let past = [row("a@x.example", Some(5))];
    assert_eq!(means(&past, &[ended], true).0, [Means::Over]);
}
