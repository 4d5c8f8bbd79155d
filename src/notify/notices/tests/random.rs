//! Weeks of passes over grants that are recorded, moved and over at random.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::super::*;
use super::{at, days, email, end, note, rules};

const STEP: SignedDuration = SignedDuration::from_hours(1);
/// A pass each hour.
const LINE: &str = "0 0 * * * *";
const START: &str = "2026-10-15T00:00:00Z";
const STEPS: i64 = 30 * 24;

/// A grant as it comes and goes: when it is recorded, its end, and when that moves to which other,
/// all in steps from the start.
type Life = (i64, i64, Option<(i64, i64)>, u8);

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let moved = prop::option::of((0..STEPS, 0..STEPS));
    prop::collection::vec((-100_i64..STEPS, 0..STEPS, moved, 0_u8..3), 1..12)
}

fn moment(step: i64) -> Timestamp {
    at(START) + STEP * i32::try_from(step).unwrap()
}

/// The grants that are on record at a step, as they are then.
fn on_record(lives: &[Life], step: i64) -> Vec<AccessEnd> {
    let mut ends = Vec::new();
    for (grant, (recorded, first, moved, owner)) in (0..).zip(lives) {
        let last = moved.filter(|(when, _)| *when <= step).map(|(_, to)| to);
        if *recorded <= step {
            ends.push(AccessEnd {
                end: moment(last.unwrap_or(*first)),
                owner: Some(email(&format!("owner{owner}@acme.example"))),
                ..end(grant, START)
            });
        }
    }
    ends
}

/// Whether a person could be told in time: the grant was on record with this end when the day
/// began whose mail is the last before the window.
fn in_time(since: Timestamp, window_begins: Timestamp, zone: &TimeZone) -> bool {
    let mut day = window_begins.to_zoned(zone.clone()).date();
    loop {
        let morning = day
            .at(7, 0, 0, 0)
            .to_zoned(zone.clone())
            .unwrap()
            .timestamp();
        let works = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        if works && morning <= window_begins {
            return since < day.to_zoned(zone.clone()).unwrap().timestamp();
        }
        day = day.checked_sub(1.day()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn everybody_is_told_in_time_once_and_at_a_good_hour(
        lives in lives(),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Auckland"]),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let mut memory = Memory::default();
        let mut today = None;
        // When and with which window each (grant, end) was told.
        let mut told: Vec<(i64, Timestamp, Timestamp, SignedDuration)> = Vec::new();
        for step in 0..STEPS {
            let now = moment(step);
            let turn = MailTurn::on_line(now, LINE, &zone);
            if today.replace(turn.day) != Some(turn.day) {
                memory.served.clear();
            }
            let notices = decide(&on_record(&lives, step), &memory, &rules(), &turn);
            note(&mut memory, &notices);
            let local = now.to_zoned(zone.clone());
            let weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
            for notice in &notices {
                prop_assert!(memory.served.insert(notice.to.clone()), "two mails on {}", turn.day);
                if local.hour() < 7 || weekend {
                    let urgent = notice.items().any(|i| i.end.end <= turn.urgent_until().unwrap());
                    prop_assert!(urgent, "{local} was no hour for it");
                }
                for item in notice.items() {
                    prop_assert!(item.end.end > now);
                    told.push((item.end.grant, item.end.end, now, item.window));
                }
            }
        }
        for (place, (grant, end, _, window)) in told.iter().enumerate() {
            let later = &told[place + 1..];
            let twice = later.iter().any(|(g, e, _, w)| g == grant && e == end && w >= window);
            // Unless it was moved meanwhile and back again.
            let (_, first, moved, _) = lives[usize::try_from(*grant).unwrap()];
            prop_assert!(!twice || moved.is_some_and(|(_, to)| to == first), "{grant} {end} twice");
        }
        for (grant, (recorded, first, moved, _)) in (0..).zip(&lives) {
            let until = moved.map_or(STEPS, |(when, _)| when);
            let mut phases = vec![(*recorded, until, moment(*first))];
            if let Some((when, to)) = moved {
                phases.push(((*when).max(*recorded), STEPS, moment(*to)));
            }
            for (since, until, end) in phases {
                for window in rules().windows {
                    let begins = end - window;
                    let seen = moment(since.max(0)) <= begins && begins < moment(until);
                    if seen && since < until && begins >= moment(0) + days(4) && in_time(moment(since), begins, &zone) {
                        let in_time = told.iter().any(|(g, e, when, w)| {
                            *g == grant && *e == end && *when <= begins && *w <= window
                        });
                        prop_assert!(in_time, "{grant}: {end} less {window:#} passed untold");
                    }
                }
            }
        }
    }
}
