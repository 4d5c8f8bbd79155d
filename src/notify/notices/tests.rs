//! Who is told when: by hand over weekends and moved ends, and over weeks at random.

mod random;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::*;
use crate::domain::{Target, TargetId, TargetRef};

const LINE: &str = "0 */15 * * * *";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn email(text: &str) -> Email {
    Email::observed(text)
}

pub(super) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

pub(super) fn rules() -> NoticeRules {
    NoticeRules {
        windows: vec![days(14), days(3), days(1)],
        people: false,
    }
}

/// A grant of Jane's that Olga answers for.
pub(super) fn end(grant: i64, end: &str) -> AccessEnd {
    let target: Target = "sentius:acme".parse().unwrap();
    AccessEnd {
        grant,
        target: TargetRef::new(TargetId(1), target),
        email: email("jane@example.com"),
        role: None,
        end: at(end),
        owner: Some(email("olga@acme.example")),
        reason: None,
        recorded_at: at("2026-01-01T00:00:00Z"),
    }
}

/// Remembers what was sent, as the store does.
pub(super) fn note(memory: &mut Memory, notices: &[Notice]) {
    for notice in notices {
        for item in notice.items() {
            let told = LastNotice {
                end: item.end.end,
                window: item.window,
                sequence: item.sequence,
            };
            memory
                .told
                .insert((item.end.grant, notice.to.clone()), told);
        }
    }
}

/// The daemon's pass in UTC: who is told of which grants, and what is remembered.
fn daemon(ends: &[AccessEnd], memory: &mut Memory, now: &str) -> Vec<(String, Vec<i64>)> {
    let turn = MailTurn::on_line(at(now), LINE, &TimeZone::UTC);
    let notices = decide(ends, memory, &rules(), &turn);
    note(memory, &notices);
    let told = |n: &Notice| {
        (
            n.to.written().to_owned(),
            n.items().map(|i| i.end.grant).collect(),
        )
    };
    notices.iter().map(told).collect()
}

fn olga(grants: &[i64]) -> Vec<(String, Vec<i64>)> {
    vec![("olga@acme.example".to_owned(), grants.to_vec())]
}

// 2026-11-27 is a Friday.

#[test]
fn the_daemon_waits_for_the_morning_and_tells_each_window_once() {
    let ends = [end(1, "2026-12-09T15:00:00Z")];
    let mut memory = Memory::default();
    let mut told = Vec::new();
    for day in ["24", "25", "26", "27", "28", "29", "30"] {
        for hour in ["00:00", "06:45", "07:00", "07:15", "23:45"] {
            let now = format!("2026-11-{day}T{hour}:00Z");
            if !daemon(&ends, &mut memory, &now).is_empty() {
                told.push(format!("11-{day} {hour}"));
            }
        }
    }
    for day in 1..=9 {
        let now = format!("2026-12-{day:02}T07:00:00Z");
        if !daemon(&ends, &mut memory, &now).is_empty() {
            told.push(format!("12-{day:02} 07:00"));
        }
    }
    // Two weeks, three days and one day before, each on the morning before it is too late.
    assert_eq!(told, ["11-25 07:00", "12-04 07:00", "12-08 07:00"]);
}

#[test]
fn fridays_mail_covers_the_weekend_up_to_mondays() {
    let ends = [
        end(1, "2026-11-28T12:00:00Z"),
        end(2, "2026-11-29T23:59:59Z"),
        end(3, "2026-11-30T06:59:00Z"),
        // A day before is Monday itself.
        end(4, "2026-12-01T07:30:00Z"),
    ];
    let mut memory = Memory::default();
    for end in &ends {
        let told = LastNotice {
            end: end.end,
            window: days(3),
            sequence: 0,
        };
        memory
            .told
            .insert((end.grant, email("olga@acme.example")), told);
    }
    // The first ends a day after, and was told the day before.
    assert_eq!(
        daemon(&ends, &mut memory, "2026-11-27T07:00:00Z"),
        olga(&[1, 2, 3])
    );
    for now in ["2026-11-28T07:00:00Z", "2026-11-29T07:00:00Z"] {
        assert_eq!(daemon(&ends, &mut memory, now), []);
    }
    assert_eq!(
        daemon(&ends, &mut memory, "2026-11-30T07:00:00Z"),
        olga(&[4])
    );
}

#[test]
fn an_end_on_the_weekend_that_is_recorded_on_saturday_is_told_on_saturday() {
    let ends = [
        end(1, "2026-11-29T12:00:00Z"),
        end(2, "2026-12-04T12:00:00Z"),
    ];
    let mut memory = Memory::default();
    let now = "2026-11-28T09:15:00Z";
    // The mail goes out for the first, and tells all that there is to tell.
    assert_eq!(daemon(&ends, &mut memory, now), olga(&[1, 2]));
    assert_eq!(
        daemon(&ends[1..], &mut Memory::default(), now),
        [],
        "this one can wait"
    );
}

#[test]
fn an_end_before_the_morning_is_told_at_night() {
    let ends = [end(1, "2026-11-24T05:00:00Z")];
    let mut memory = Memory::default();
    assert_eq!(
        daemon(&ends, &mut memory, "2026-11-24T03:00:00Z"),
        olga(&[1])
    );
}

#[test]
fn a_grant_recorded_inside_several_windows_is_told_once() {
    let ends = [end(1, "2026-11-26T12:00:00Z")];
    let mut memory = Memory::default();
    assert_eq!(
        daemon(&ends, &mut memory, "2026-11-25T08:00:00Z"),
        olga(&[1])
    );
    assert_eq!(daemon(&ends, &mut memory, "2026-11-26T07:00:00Z"), []);
}

#[test]
fn a_moved_end_is_told_anew_and_moves_the_entry_in_the_calendar() {
    let mut memory = Memory::default();
    let sequence = |memory: &mut Memory, ends: &str, now: &str| -> Option<u32> {
        let turn = MailTurn::on_line(at(now), LINE, &TimeZone::UTC);
        let notices = decide(&[end(1, ends)], memory, &rules(), &turn);
        note(memory, &notices);
        notices.first().map(|n| n.answered_for[0].sequence)
    };
    let mut told = |ends, now| sequence(&mut memory, ends, now);
    assert_eq!(
        told("2026-11-26T12:00:00Z", "2026-11-24T08:00:00Z"),
        Some(0)
    );
    assert_eq!(
        told("2027-02-26T12:00:00Z", "2026-11-25T08:00:00Z"),
        None,
        "far away"
    );
    assert_eq!(
        told("2026-12-03T12:00:00Z", "2026-11-26T08:00:00Z"),
        Some(1)
    );
    assert_eq!(told("2026-12-03T12:00:00Z", "2026-11-27T08:00:00Z"), None);
    assert_eq!(
        told("2026-12-03T12:00:00Z", "2026-11-30T08:00:00Z"),
        Some(1),
        "three days"
    );
    assert_eq!(
        told("2026-12-02T12:00:00Z", "2026-12-01T08:00:00Z"),
        Some(2)
    );
}

#[test]
fn a_new_owner_is_told_what_the_old_one_was() {
    let mut ends = [end(1, "2026-12-04T12:00:00Z")];
    let mut memory = Memory::default();
    assert_eq!(
        daemon(&ends, &mut memory, "2026-11-24T08:00:00Z"),
        olga(&[1])
    );
    ends[0].owner = Some(email("Otto@acme.example"));
    let told = daemon(&ends, &mut memory, "2026-11-25T08:00:00Z");
    assert_eq!(told, [("Otto@acme.example".to_owned(), vec![1])]);
}

#[test]
fn people_are_told_where_that_is_wanted_and_nobody_twice() {
    let mut mine = end(1, "2026-11-26T12:00:00Z");
    mine.email = email("OLGA@acme.example");
    let mut orphan = end(2, "2026-11-26T12:00:00Z");
    orphan.owner = None;
    let ends = [mine, orphan, end(3, "2026-11-26T12:00:00Z")];
    let rules = NoticeRules {
        people: true,
        ..rules()
    };
    let turn = MailTurn::asked_for(at("2026-11-24T03:00:00Z"), &TimeZone::UTC);
    let notices = decide(&ends, &Memory::default(), &rules, &turn);
    let grants = |items: &[Item]| items.iter().map(|i| i.end.grant).collect::<Vec<_>>();
    let told: Vec<_> = notices
        .iter()
        .map(|n| (n.to.key(), grants(&n.answered_for), grants(&n.own)))
        .collect();
    assert_eq!(
        told,
        [
            ("jane@example.com", vec![], vec![2, 3]),
            ("olga@acme.example", vec![1, 3], vec![])
        ]
    );
    let owners = NoticeRules {
        people: false,
        ..rules
    };
    let told = decide(&ends, &Memory::default(), &owners, &turn);
    assert_eq!(told.len(), 1, "nobody is told of what nobody owns");
}

#[test]
fn who_has_got_the_days_mail_waits_for_the_next() {
    let ends = [end(1, "2026-11-26T12:00:00Z")];
    let mut memory = Memory::default();
    memory.served.insert(email("Olga@acme.example"));
    assert_eq!(daemon(&ends, &mut memory, "2026-11-24T08:00:00Z"), []);
    memory.served.clear();
    assert_eq!(
        daemon(&ends, &mut memory, "2026-11-25T07:00:00Z"),
        olga(&[1])
    );
}

#[test]
fn a_pass_that_never_comes_at_a_good_hour_tells_at_its_own() {
    for (line, now, next, wait) in [
        // In the small hours of each day: not on weekends, though.
        (
            "0 0 3 * * *",
            "2026-11-24T03:00:00Z",
            "2026-11-25T03:00:00Z",
            None,
        ),
        (
            "0 0 3 * * *",
            "2026-11-27T03:00:00Z",
            "2026-11-30T03:00:00Z",
            None,
        ),
        (
            "0 0 3 * * *",
            "2026-11-28T03:00:00Z",
            "2026-11-30T03:00:00Z",
            Some("2026-11-30T03:00:00Z"),
        ),
        // On Saturdays alone.
        (
            "0 0 8 * * Sat",
            "2026-11-28T08:00:00Z",
            "2026-12-05T08:00:00Z",
            None,
        ),
        // Once a month.
        (
            "0 0 8 1 * *",
            "2026-12-01T08:00:00Z",
            "2027-01-01T08:00:00Z",
            None,
        ),
        // As usual, before and after the hour.
        (
            LINE,
            "2026-11-24T06:45:00Z",
            "2026-11-25T07:00:00Z",
            Some("2026-11-24T07:00:00Z"),
        ),
        (LINE, "2026-11-24T09:00:00Z", "2026-11-25T07:00:00Z", None),
        (
            LINE,
            "2026-11-28T09:00:00Z",
            "2026-11-30T07:00:00Z",
            Some("2026-11-30T07:00:00Z"),
        ),
    ] {
        let turn = MailTurn::on_line(at(now), line, &TimeZone::UTC);
        assert_eq!(
            (turn.next, turn.urgent_until()),
            (at(next), wait.map(at)),
            "{line} {now}"
        );
    }
}

#[test]
fn mornings_are_local_ones_also_when_clocks_change() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (now, next) in [
        // From Friday to the Monday after clocks went back, and forward.
        ("2026-10-23T05:00:00Z", "2026-10-26T06:00:00Z"),
        ("2027-03-26T06:00:00Z", "2027-03-29T05:00:00Z"),
    ] {
        let turn = MailTurn::on_line(at(now), LINE, &berlin);
        assert_eq!((turn.next, turn.urgent_until()), (at(next), None), "{now}");
        assert_eq!(
            MailTurn::asked_for(at(now), &berlin).next,
            at(next),
            "{now}"
        );
    }
}
