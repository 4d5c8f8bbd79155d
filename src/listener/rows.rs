//! Parts of the overview: days, passes, and groups of people, each cut to a size that people read.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::people::Link;
use crate::report::Urgency;
use crate::status::{self, Status};
use crate::store::queries::page::{Day, Entries, EntriesOfKind, People, TeamCoverage};
use crate::store::queries::runs::RunRow;
use crate::text::{self, one_line};

/// More names than these are folded away.
const MOST_OPEN_NAMES: usize = 8;
/// More ends of a day than these are folded away.
const MOST_OPEN_ENDS: usize = 5;
/// Letters shown of where a pass had something to do.
const MOST_REACH: usize = 100;

/// A day of the calendar.
pub(super) struct DayRow {
    pub(super) label: String,
    pub(super) count: u64,
    ends: Vec<EndRow>,
    /// What is not shown.
    pub(super) more: u64,
}

/// An end of access.
pub(super) struct EndRow {
    pub(super) at: String,
    email: String,
    pub(super) target: String,
}

impl DayRow {
    pub(super) fn of(day: &Day, count: u64, zone: &TimeZone) -> Self {
        let text = |text: &Option<String>| one_line(text.as_deref().unwrap_or_default());
        let ends = day.ends.iter().map(|end| EndRow {
            at: end.at.to_zoned(zone.clone()).strftime("%H:%M").to_string(),
            email: text(&end.email),
            target: text(&end.target),
        });
        let ends: Vec<EndRow> = ends.collect();
        Self {
            label: day.span.starts.strftime("%a\u{a0}%Y-%m-%d").to_string(),
            more: count.saturating_sub(ends.len() as u64),
            count,
            ends,
        }
    }

    /// The ends that are seen at once, and those that are folded away.
    pub(super) fn parts(&self) -> Vec<&[EndRow]> {
        parts(&self.ends, MOST_OPEN_ENDS)
    }
}

impl EndRow {
    pub(super) fn link(&self) -> Link<'_> {
        Link::for_address(&self.email)
    }
}

/// The rows that are seen at once, and those that are folded away, as far as there are any.
pub(super) fn parts<T>(rows: &[T], open: usize) -> Vec<&[T]> {
    let (open, folded) = rows.split_at(rows.len().min(open));
    let parts = [open, folded].into_iter();
    parts.filter(|part| !part.is_empty()).collect()
}

/// A pass.
pub(super) struct PassRow {
    pub(super) run: String,
    pub(super) began: String,
    pub(super) outcome: String,
    /// Where it had something to do, if not everywhere.
    pub(super) reach: String,
    /// How to let go ahead what it holds.
    pub(super) approve: Option<String>,
}

impl PassRow {
    pub(super) fn of(run: &RunRow, status: &Status, zone: &TimeZone) -> Self {
        let outcome = match (run.ended(), status.passes.running) {
            (Some(pass), _) => status::outcome(&pass),
            (None, true) => "not finished".to_owned(),
            (None, false) => "did not come to its end".to_owned(),
        };
        let reach = match run.reach.as_str() {
            "everything" => String::new(),
            reach => one_line(reach),
        };
        let is_held = status.held.run.as_ref() == Some(&run.run);
        Self {
            run: run.short().to_owned(),
            began: moment(run.started_at, zone),
            outcome,
            reach: match reach.char_indices().nth(MOST_REACH) {
                Some((end, _)) => format!("{}…", &reach[..end]),
                None => reach,
            },
            approve: is_held.then(|| format!("lapsed approve {}", run.short())),
        }
    }
}

/// The people of a team or a whitelist, by kind.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) kinds: Vec<Names>,
    /// What is said where there are none.
    pub(super) nobody: &'static str,
    /// What is left out.
    pub(super) note: &'static str,
}

/// People of one kind, as a line.
pub(super) struct Names {
    pub(super) count: usize,
    pub(super) what: &'static str,
    pub(super) tone: &'static str,
    pub(super) line: String,
    pub(super) is_long: bool,
}

impl Group {
    /// A team; of its names, `left` are shown at most.
    pub(super) fn of_team(team: &TeamCoverage, left: &mut usize) -> Self {
        let kinds = [
            (&team.uncovered, "without a grant", Urgency::Warning),
            (&team.covered, "covered", Urgency::Calm),
        ];
        let kinds = kinds.into_iter().filter(|(people, ..)| people.count > 0);
        Self {
            name: one_line(&team.name),
            kinds: kinds
                .map(|(people, what, tone)| {
                    let People { count, names } = people;
                    self::names(*count, names.iter().map(|n| one_line(n)), left, what, tone)
                })
                .collect(),
            nobody: match team.is_known {
                true => "Nobody is in it.",
                false => "Who is in it is not known: it could not be read yet.",
            },
            note: "",
        }
    }

    /// A whitelist.
    pub(super) fn of_whitelist(entries: &Entries, zone: &TimeZone, left: &mut usize) -> Self {
        let kinds = [
            (
                &entries.unconfirmed,
                "not certain: sent, and not confirmed",
                Urgency::Warning,
            ),
            (
                &entries.acknowledged,
                "acknowledged by the provider",
                Urgency::Calm,
            ),
            (&entries.recorded, "there by a person's word", Urgency::Calm),
        ];
        let kinds = kinds.into_iter().filter(|(kind, ..)| kind.count > 0);
        Self {
            name: one_line(&entries.name),
            kinds: kinds
                .map(|(kind, what, tone)| {
                    let EntriesOfKind { count, first } = kind;
                    let lines = first.iter().map(|(email, end)| match end {
                        Some(end) => {
                            format!("{} (until {})", one_line(email), text::day(*end, zone))
                        }
                        None => one_line(email),
                    });
                    names(*count, lines, left, what, tone)
                })
                .collect(),
            nobody: "Nobody, as far as is known.",
            note: match entries.more {
                true => "There are more; only the first ones by address are counted and shown.",
                false => "",
            },
        }
    }
}

fn names(
    count: usize,
    names: impl ExactSizeIterator<Item = String>,
    left: &mut usize,
    what: &'static str,
    tone: Urgency,
) -> Names {
    let shown = names.len().min(*left);
    *left -= shown;
    let mut line: Vec<String> = names.take(shown).collect();
    if count > shown {
        line.push(format!("and {} more", count - shown));
    }
    Names {
        count,
        what,
        tone: tone.class(),
        is_long: count > MOST_OPEN_NAMES,
        line: line.join(", "),
    }
}

/// To the minute, in one piece: the space does not break.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    text::minute(at, zone).replace(' ', "\u{a0}")
}
