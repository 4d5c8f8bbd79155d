//! Summaries that the tests of the renderers share.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::summary::{
    Change, Debt, Ended, Ending, Held, Invite, NeverEnds, Protected, Source, Summary, Suppressed,
    Trail, Unanswered, Unmanaged,
};

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

/// A week with something of everything.
pub(crate) fn lively() -> Summary {
    let mut summary = quiet();
    summary.held = [
        ("jane.doe@contractor.example", 72),
        ("o'neil@contractor.example", 24),
    ]
    .map(|(email, hours)| Held {
        run: some("01JD9Z0Q6H3C1B8FJ5E7K2M4TA"),
        action: "member.remove".into(),
        target: "sapling:acme/Contractors".into(),
        email: email.into(),
        reason: "grant.ended".into(),
        since: summary.to - hours.hours(),
        why: "2 of 6 people of the team in 24 hours is more than 25 %".into(),
    })
    .into();
    summary.sources = vec![Source {
        target: "sapling:acme/Finance".into(),
        problem: "the list of members shrank from 14 to 0, which is not believed yet".into(),
        since: at("2026-11-21T22:15:00Z"),
    }];
    summary.debts = debts();
    summary.ended = ended();
    summary.protected = vec![Protected {
        action: "member.remove".into(),
        target: "sapling:acme/Board".into(),
        email: "ceo@acme.example".into(),
        reason: "team.max_age".into(),
        since: at("2026-10-30T00:00:00Z"),
        why: "protected by name in the configuration".into(),
    }];
    summary.ending = ending(summary.to);
    summary.never_ends = vec![NeverEnds {
        email: "root@acme.example".into(),
        target: "sentius:acme".into(),
        owner: None,
        since: at("2025-02-01T09:00:00Z"),
    }];
    summary.unanswered = vec![Unanswered {
        email: "lin@acme.example".into(),
        target: "sentius:acme".into(),
        owner: some("owner@acme.example"),
        since: at("2026-11-02T06:00:00Z"),
        reminded_at: Some(at("2026-11-16T06:00:00Z")),
    }];
    summary.unmanaged = vec![
        Unmanaged {
            email: "shadow@acme.example".into(),
            target: "sapling:acme/Core".into(),
            since: at("2026-03-04T10:00:00Z"),
            is_admin: true,
        },
        Unmanaged {
            email: "a.very.long.local.part.that.goes.on.and.on@a-long-subdomain.of.acme.example"
                .into(),
            target: "sapling:acme/Research & Development (EMEA)".into(),
            since: at("2026-11-18T10:00:00Z"),
            is_admin: false,
        },
    ];
    summary.invites = vec![Invite {
        email: "new.starter@acme.example".into(),
        target: "sapling:acme/Core".into(),
        first_seen: at("2026-11-13T08:00:00Z"),
        stage: "not registered".into(),
    }];
    summary.suppressed = vec![Suppressed {
        email: "gone@acme.example".into(),
        first_seen: at("2026-11-19T12:00:00Z"),
        places: vec![
            "pending in sapling:acme/Core".into(),
            "whitelisted in sentius:acme".into(),
        ],
    }];
    summary.changes = changes();
    summary
}

fn debts() -> Vec<Debt> {
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
    .map(|(state, attempts, since, action, detail)| Debt {
        action: action.into(),
        target: if action == "whitelist.remove" {
            "sentius:acme"
        } else {
            "sapling:acme/Core"
        }
        .into(),
        email: format!("{state}@contractor.example"),
        reason: if action == "member.demote" {
            "role.ended"
        } else {
            "grant.ended"
        }
        .into(),
        state: state.into(),
        since: at(since),
        attempts,
        next_try: (state == "failed").then(|| at("2026-11-22T06:30:00Z")),
        detail: some(detail),
    })
    .into()
}

fn ended() -> Vec<Ended> {
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
        |(when, action, target, email, reason, evidence, state, detail)| Ended {
            at: at(when),
            action: action.into(),
            target: target.into(),
            email: email.into(),
            reason: reason.into(),
            evidence: some(evidence),
            state: state.into(),
            detail: some(detail),
        },
    )
    .into()
}

fn ending(to: Timestamp) -> Vec<Ending> {
    [1, 3, 9, 9, 10, 12, 30, 31, 31, 32, 33, 34, 34, 58, 60, 88]
        .iter()
        .enumerate()
        .map(|(number, day)| Ending {
            email: format!("contractor{number:02}@acme.example"),
            target: if number % 3 == 0 {
                "sentius:acme"
            } else {
                "sapling:acme/Core"
            }
            .into(),
            end: to + (day * 24 + 17).hours(),
            owner: (number % 4 != 0).then(|| "owner@acme.example".to_owned()),
        })
        .collect()
}

fn changes() -> Vec<Change> {
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
    .map(|(when, kind, target, email, detail)| Change {
        at: at(when),
        kind: kind.into(),
        target: some(target),
        email: some(email),
        detail: some(detail),
    })
    .into()
}

/// Puts a text into each place where texts of others can stand: one entry of each kind.
pub(crate) fn fill_with(summary: &mut Summary, text: &str) {
    let full = lively();
    let own = || text.to_owned();
    macro_rules! first {
        ($list:ident { $($field:ident),* } $({ $($optional:ident),* })?) => {
            summary.$list = full.$list.first().cloned().into_iter().collect();
            for entry in &mut summary.$list {
                $(entry.$field = own();)*
                $($(entry.$optional = Some(own());)*)?
            }
        };
    }
    summary.organization = own();
    summary.run = Some(own());
    summary.trail.head = own();
    first!(ended { action, target, email, reason, state } { evidence, detail });
    first!(debts { action, target, email, reason, state } { detail });
    first!(held { action, target, email, reason, why } { run });
    first!(protected {
        action,
        target,
        email,
        reason,
        why
    });
    first!(ending { email, target } { owner });
    first!(never_ends { email, target } { owner });
    first!(unanswered { email, target } { owner });
    first!(unmanaged { email, target });
    first!(invites {
        email,
        target,
        stage
    });
    first!(suppressed { email });
    for address in &mut summary.suppressed {
        address.places = vec![own()];
    }
    first!(changes { kind } { target, email, detail });
    first!(sources { target, problem });
}
