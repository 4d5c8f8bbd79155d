//! The day's mail: when it is sent, and how far ahead it looks.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::schedule;

/// The first hour at which people are mailed: earlier, nobody reads it, and phones ring.
const MORNING: i8 = 7;
/// How many days ahead a good hour is searched; passes that come less than once a week mail at
/// once.
const AHEAD: i64 = 8;

/// The day's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MailTurn {
    pub now: Timestamp,
    /// The local day, which a recipient gets one mail of.
    pub day: Date,
    /// When a later day's mail can be sent: this one has to mention all ends before.
    pub next: Timestamp,
    /// Until when it is better to wait, if this is no good hour.
    wait: Option<Timestamp>,
}

/// An hour at which people are mailed.
#[derive(Debug, Clone, Copy)]
struct Habit {
    /// From this hour on.
    hour: i8,
    /// Also on Saturdays and Sundays.
    weekend: bool,
}

/// The best comes first; the others are for passes that never come at such an hour.
const HABITS: [Habit; 3] = [
    Habit {
        hour: MORNING,
        weekend: false,
    },
    Habit {
        hour: 0,
        weekend: false,
    },
    Habit {
        hour: 0,
        weekend: true,
    },
];

impl MailTurn {
    /// For a pass that a person started: they chose the hour.
    pub(crate) fn asked_for(now: Timestamp, zone: &TimeZone) -> Self {
        let day = now.to_zoned(zone.clone()).date();
        let next = HABITS[0].days(day.saturating_add(1.day()), zone).next();
        Self {
            now,
            day,
            next: next.map_or(now, |(_, morning)| morning),
            wait: None,
        }
    }

    /// For the daemon, whose passes come on a cron line.
    pub(crate) fn on_line(now: Timestamp, line: &str, zone: &TimeZone) -> Self {
        let day = now.to_zoned(zone.clone()).date();
        let tomorrow = day.saturating_add(1.day());
        let habit = HABITS
            .into_iter()
            .find_map(|habit| Some((habit, habit.next(line, zone, tomorrow, now)?)));
        let Some((habit, next)) = habit else {
            let next = schedule::next(line, zone, now);
            return Self {
                now,
                day,
                next: next.unwrap_or(now),
                wait: None,
            };
        };
        let soonest = || habit.next(line, zone, day, now).unwrap_or(next);
        Self {
            now,
            day,
            next,
            wait: (!habit.suits(now, zone)).then(soonest),
        }
    }

    /// Whether a mail about these ends is sent now: at a good hour, or if one of them comes before
    /// the next.
    pub(crate) fn goes_out(&self, mut ends: impl Iterator<Item = Timestamp>) -> bool {
        self.wait.is_none_or(|until| ends.any(|end| end <= until))
    }

    /// The last end that cannot wait, where now is no good hour.
    pub(crate) fn urgent_until(&self) -> Option<Timestamp> {
        self.wait
    }
}

impl Habit {
    fn takes(self, day: Date) -> bool {
        self.weekend || !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
    }

    fn suits(self, now: Timestamp, zone: &TimeZone) -> bool {
        let local = now.to_zoned(zone.clone());
        self.takes(local.date()) && local.hour() >= self.hour
    }

    /// The days from `first` on, each with the moment at which its good hours begin.
    fn days(self, first: Date, zone: &TimeZone) -> impl Iterator<Item = (Date, Timestamp)> {
        (0..=AHEAD)
            .filter_map(move |ahead| first.checked_add(ahead.days()).ok())
            .filter(move |day| self.takes(*day))
            .filter_map(move |day| {
                let from = day.at(self.hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
                Some((day, from.timestamp()))
            })
    }

    /// The line's next occurrence after `now` at a good hour of `first` or a later day.
    fn next(self, line: &str, zone: &TimeZone, first: Date, now: Timestamp) -> Option<Timestamp> {
        let second = SignedDuration::from_secs(1);
        self.days(first, zone).find_map(|(day, from)| {
            let before = from.checked_sub(second).ok()?.max(now);
            let at = schedule::next(line, zone, before)?;
            (at.to_zoned(zone.clone()).date() == day).then_some(at)
        })
    }
}
