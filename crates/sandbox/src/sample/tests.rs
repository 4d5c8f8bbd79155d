//! The sample holds what the demo is to show.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use crate::PERMISSIONS;
use crate::reply::is_address;

type Row = HashMap<String, String>;

fn now() -> Timestamp {
    "2026-11-22T07:00:00.250Z".parse().unwrap()
}

fn rows(sample: &Sample) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(sample.grants_csv.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn end(row: &Row) -> Option<Timestamp> {
    (!row["end"].is_empty()).then(|| row["end"].parse().unwrap())
}

/// The grants' ends by whom and what they are for, roles apart.
fn ends(sample: &Sample) -> BTreeMap<(String, String, String), Vec<Option<Timestamp>>> {
    let mut ends: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows(sample) {
        let role = row["role"].clone();
        let key = (row["target"].clone(), row["email"].clone(), role);
        ends.entry(key).or_default().push(end(&row));
    }
    ends
}

fn overdue(sample: &Sample, target: &str) -> Vec<String> {
    let past = |end: &Option<Timestamp>| end.is_some_and(|end| end <= now());
    let ends = ends(sample);
    let over = ends
        .iter()
        .filter(|((to, _, _), ends)| to == target && ends.iter().all(past));
    over.map(|((_, email, _), _)| email.clone()).collect()
}

#[test]
fn the_same_moment_gives_the_same_sample() {
    let (one, two) = (Sample::new(now()), Sample::new(now()));
    assert_eq!(one.grants_csv, two.grants_csv);
    assert_eq!(one.sentius.entries, two.sentius.entries);
    let later = now() + SignedDuration::from_hours(1);
    assert_ne!(one.grants_csv, Sample::new(later).grants_csv);
}

#[test]
fn every_person_has_a_name_an_address_and_a_part() {
    let sample = Sample::new(now());
    assert!(PEOPLE.len() >= 40);
    let used: BTreeSet<String> = rows(&sample)
        .iter()
        .map(|row| row["email"].clone())
        .collect();
    let teams = sample.sapling.teams().iter();
    let seated: BTreeSet<String> = teams
        .flat_map(|team| {
            let members = team.members().map(|user| user.login_email.clone());
            members.chain(team.invites().map(|invite| invite.email.clone()))
        })
        .collect();
    for (name, email) in PEOPLE {
        assert!(!name.is_empty());
        assert!(is_address(email), "{email}");
        let domain = email.rsplit_once('@').unwrap().1;
        assert!(
            domain.ends_with(".example") || domain.starts_with("example."),
            "{email}"
        );
        assert!(used.contains(*email) || seated.contains(*email), "{email}");
    }
    for email in used.iter().chain(&seated).filter(|email| *email != SELF) {
        assert_ne!(name_of(email), "", "{email}");
    }
}

#[test]
fn every_grant_is_for_somebody_who_is_there() {
    let sample = Sample::new(now());
    for row in rows(&sample) {
        if let Some(team) = row["target"].strip_prefix("sapling:acme/") {
            let team = sample.sapling.team(team).unwrap();
            let known =
                team.member(&row["email"]).is_some() || team.invite(&row["email"]).is_some();
            assert!(known, "{row:?}");
            assert!(["", "admin", "manager"].contains(&row["role"].as_str()));
        } else {
            assert_eq!(row["target"], "sentius:acme");
            assert!(sample.sentius.entries.contains_key(&row["email"]));
            assert!(
                row["permissions"]
                    .split(';')
                    .all(|p| PERMISSIONS.contains(&p))
            );
        }
        let start: Timestamp = row["start"].parse().unwrap();
        assert!(end(&row).is_none_or(|end| end > start), "{row:?}");
    }
}

#[test]
fn some_are_overdue_everywhere_but_too_few_for_the_guard() {
    let sample = Sample::new(now());
    assert_eq!(
        overdue(&sample, "sentius:acme").len(),
        6,
        "one of them protected"
    );
    assert_eq!(overdue(&sample, "sapling:acme/Contractors").len(), 4);
    assert_eq!(
        overdue(&sample, "sapling:acme/Sales"),
        ["camille.dubois@acme.example"]
    );
    let core = overdue(&sample, "sapling:acme/Core");
    let wanted = [
        "grace.whitfield",
        "mateo.fernandez",
        "siobhan.o'neill",
        "tomas.obriain",
    ];
    assert_eq!(core, wanted.map(|name| format!("{name}@acme.example")));
}

#[test]
fn the_next_ninety_days_hold_something_every_other_week() {
    let sample = Sample::new(now());
    let days: BTreeSet<i64> = rows(&sample)
        .iter()
        .filter_map(end)
        .map(|end| (end.as_second() - now().as_second()).div_euclid(86_400))
        .collect();
    for fortnight in 0..6 {
        let span = fortnight * 14..(fortnight + 1) * 14;
        assert!(days.range(span).next().is_some(), "{fortnight}: {days:?}");
    }
}

#[test]
fn overlaps_suppressed_addresses_and_gaps_are_there() {
    let sample = Sample::new(now());
    let ends = ends(&sample);
    let two: Vec<_> = ends.values().filter(|ends| ends.len() == 2).collect();
    assert!(two.iter().any(|ends| ends.contains(&None)));
    assert!(two.iter().any(|ends| !ends.contains(&None)));

    let suppressed = &sample.sapling.suppressed;
    let support = sample.sapling.team("Support").unwrap();
    assert!(
        suppressed
            .iter()
            .any(|email| support.invite(email).is_some())
    );
    assert!(
        suppressed
            .iter()
            .any(|email| sample.sentius.entries.contains_key(email))
    );

    let core = sample.sapling.team("Core").unwrap();
    let pavel = (
        "sapling:acme/Core".to_owned(),
        "pavel.novak@acme.example".to_owned(),
        String::new(),
    );
    assert!(core.member(&pavel.1).is_some() && !ends.contains_key(&pavel));
    assert!(
        core.member("mateo.fernandez@acme.example")
            .unwrap()
            .is_manager
    );
    let board = sample.sapling.team("Board").unwrap();
    assert!(!board.member(&sample.self_email).unwrap().is_admin);
}
