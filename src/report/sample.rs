//! Summaries that the tests of the renderers share.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::line::ReportLine;
use super::list::ReportList;
use super::summary::{Summary, Trail};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A week in which nothing was due.
pub(crate) fn quiet() -> Summary {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let mut summary = Summary::new("acme", zone, at("2026-11-22T06:00:00Z"));
    summary.run = some("01JDA4T5XK8Y2V7QW3M9N6P0RS");
    summary.from = Some(at("2026-11-15T06:00:00Z"));
    summary.generated_at = at("2026-11-22T06:00:02Z");
    summary.next_report = Some(at("2026-11-29T06:00:00Z"));
    summary.trail = Trail {
        events: 18_204,
        head: "7c1f0a9be2d84c55a3f6e19b0d7728c4f1a65e3390bb42d7c8ee0915fa26b3d1".into(),
    };
    summary
}

/// A line about a person on a target.
fn line(email: &str, target: &str, when: &str) -> ReportLine {
    ReportLine {
        at: at(when),
        email: some(email),
        target: some(target),
        ..ReportLine::default()
    }
}

/// A week with something of everything.
pub(crate) fn lively() -> Summary {
    let mut summary = quiet();
    let to = summary.to;
    summary[ReportList::Held] = [
        ("jane.doe@contractor.example", 72),
        ("o'neil@contractor.example", 24),
    ]
    .map(|(email, hours)| ReportLine {
        at: to - hours.hours(),
        run: some("01JD9Z0Q6H3C1B8FJ5E7K2M4TA"),
        action: some("member.remove"),
        target: some("sapling:acme/Contractors"),
        email: some(email),
        reason: some("grant.ended"),
        state: some("held"),
        detail: some("2 of 6 people of the team in 24 hours is more than 25 %"),
        ..ReportLine::default()
    })
    .into();
    summary[ReportList::Sources] = vec![ReportLine {
        detail: some("the list of members shrank from 14 to 0, which is not believed yet"),
        ..line("", "sapling:acme/Finance", "2026-11-21T22:15:00Z")
    }];
    summary[ReportList::Debts] = debts();
    summary[ReportList::Ended] = ended();
    summary[ReportList::Protected] = vec![ReportLine {
        action: some("member.remove"),
        reason: some("team.max_age"),
        state: some("protected"),
        detail: some("protected by name in the configuration"),
        ..line(
            "ceo@acme.example",
            "sapling:acme/Board",
            "2026-10-30T00:00:00Z",
        )
    }];
    summary[ReportList::Ending] = ending(to);
    summary[ReportList::NeverEnds] = vec![line(
        "root@acme.example",
        "sentius:acme",
        "2025-02-01T09:00:00Z",
    )];
    summary[ReportList::Unanswered] = vec![ReportLine {
        owner: some("owner@acme.example"),
        state: some("reminded"),
        reminded_at: Some(at("2026-11-16T06:00:00Z")),
        ..line("lin@acme.example", "sentius:acme", "2026-11-02T06:00:00Z")
    }];
    summary[ReportList::Unmanaged] = [
        (
            line(
                "shadow@acme.example",
                "sapling:acme/Core",
                "2026-03-04T10:00:00Z",
            ),
            true,
        ),
        (
            line(
                "a.very.long.local.part.that.goes.on.and.on@a-long-subdomain.of.acme.example",
                "sapling:acme/Research & Development (EMEA)",
                "2026-11-18T10:00:00Z",
            ),
            false,
        ),
    ]
    .map(|(line, is_admin)| ReportLine {
        is_admin: Some(is_admin),
        ..line
    })
    .into();
    summary[ReportList::Invites] = vec![ReportLine {
        state: some("not registered"),
        ..line(
            "new.starter@acme.example",
            "sapling:acme/Core",
            "2026-11-13T08:00:00Z",
        )
    }];
    summary[ReportList::Suppressed] = vec![ReportLine {
        places: vec![
            "pending in sapling:acme/Core".into(),
            "whitelisted in sentius:acme".into(),
        ],
        ..line("gone@acme.example", "", "2026-11-19T12:00:00Z")
    }];
    summary[ReportList::Changes] = changes();
    summary
}

fn debts() -> Vec<ReportLine> {
    [
        (
            "failed",
            9,
            "2026-11-20T23:00:00Z",
            "whitelist.remove",
            "500: Internal Server Error",
        ),
        ("unknown", 1, "2026-11-22T05:45:00Z", "member.remove", ""),
        ("planned", 0, "2026-11-22T05:58:00Z", "member.demote", ""),
    ]
    .map(|(state, attempts, since, action, detail)| ReportLine {
        at: at(since),
        action: some(action),
        target: some(if action == "whitelist.remove" {
            "sentius:acme"
        } else {
            "sapling:acme/Core"
        }),
        email: Some(format!("{state}@contractor.example")),
        reason: some(if action == "member.demote" {
            "role.ended"
        } else {
            "grant.ended"
        }),
        state: some(state),
        attempts: Some(attempts),
        next_try: (state == "failed").then(|| at("2026-11-22T06:30:00Z")),
        detail: some(detail),
        ..ReportLine::default()
    })
    .into()
}

fn ended() -> Vec<ReportLine> {
    [
        (
            "2026-11-16T23:00:00Z",
            "whitelist.remove",
            "sentius:acme",
            "mia@contractor.example",
            "grant.ended",
            "acknowledged",
            "done",
            "",
        ),
        (
            "2026-11-18T10:12:00Z",
            "member.remove",
            "sapling:acme/Core",
            "Bob.Stone@acme.example",
            "grant.revoked",
            "verified",
            "done",
            "",
        ),
        (
            "2026-11-19T23:00:00Z",
            "invite.revoke",
            "sapling:acme/Core",
            "typo@acmee.example",
            "invite.stale",
            "verified",
            "absent",
            "the person had declined it",
        ),
        (
            "2026-11-20T23:00:00Z",
            "member.demote",
            "sapling:acme/Research & Development (EMEA)",
            "lead@acme.example",
            "role.ended",
            "verified",
            "done",
            "",
        ),
    ]
    .map(
        |(when, action, target, email, reason, evidence, state, detail)| ReportLine {
            action: some(action),
            reason: some(reason),
            evidence: some(evidence),
            state: some(state),
            detail: some(detail),
            ..line(email, target, when)
        },
    )
    .into()
}

fn ending(to: Timestamp) -> Vec<ReportLine> {
    [1, 3, 9, 9, 10, 12, 30, 31, 31, 32, 33, 34, 34, 58, 60, 88]
        .iter()
        .enumerate()
        .map(|(number, day)| ReportLine {
            at: to + (day * 24 + 17).hours(),
            email: Some(format!("contractor{number:02}@acme.example")),
            target: some(if number % 3 == 0 {
                "sentius:acme"
            } else {
                "sapling:acme/Core"
            }),
            owner: (number % 4 != 0).then(|| "owner@acme.example".to_owned()),
            ..ReportLine::default()
        })
        .collect()
}

fn changes() -> Vec<ReportLine> {
    [
        (
            "2026-11-17T08:00:00Z",
            "member.appeared",
            "sapling:acme/Core",
            "zoë@acme.example",
            "no grant covers them",
        ),
        (
            "2026-11-18T09:00:00Z",
            "grant extended",
            "sentius:acme",
            "lin@acme.example",
            "from 2026-11-30 to 2027-02-28, by it@acme.example",
        ),
        (
            "2026-11-21T22:15:00Z",
            "team forbidden",
            "sapling:acme/Legal",
            "",
            "403: the key may not read this team",
        ),
    ]
    .map(|(when, kind, target, email, detail)| ReportLine {
        action: some(kind),
        detail: some(detail),
        ..line(email, target, when)
    })
    .into()
}

/// Puts a text into each place where texts of others can stand: one line of each list.
pub(crate) fn fill_with(summary: &mut Summary, text: &str) {
    let full = lively();
    let own = || Some(text.to_owned());
    summary.organization = text.to_owned();
    summary.run = own();
    summary.trail.head = text.to_owned();
    for list in ReportList::ALL {
        let line = full[*list].first().cloned();
        summary[*list] = line
            .into_iter()
            .map(|line| ReportLine {
                action: own(),
                target: own(),
                email: own(),
                reason: own(),
                state: own(),
                evidence: own(),
                owner: own(),
                detail: own(),
                run: own(),
                places: line
                    .places
                    .iter()
                    .take(1)
                    .map(|_| text.to_owned())
                    .collect(),
                ..line
            })
            .collect();
    }
}
