//! The timezone, and cron lines that will come due in it.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::section::{Leaf, Read, Section};
use super::{Schedule, checks};

/// Reads `timezone`.
pub(super) fn timezone(root: &mut Section<'_>) -> TimeZone {
    let read = |leaf: Leaf| {
        let name = checks::line(leaf)?;
        TimeZone::get(&name).map_err(|_| {
            format!("{name:?} is no timezone known here; write an IANA name such as UTC or Europe/Berlin")
        })
    };
    root.read("timezone", read).unwrap_or(TimeZone::UTC)
}

/// Reads `[schedule]`.
pub(super) fn schedule(root: &mut Section<'_>, zone: &TimeZone) -> Schedule {
    let mut schedule = Schedule {
        pass: "0 */15 * * * *".to_owned(),
        report: "0 0 7 * * Mon".to_owned(),
    };
    if let Some(mut section) = root.section("schedule") {
        if let Some(line) = section.read("pass", |leaf| cron(leaf, zone)) {
            schedule.pass = line;
        }
        if let Some(line) = section.read("report", |leaf| cron(leaf, zone)) {
            schedule.report = line;
        }
        section.finish();
    }
    schedule
}

fn cron(leaf: Leaf, zone: &TimeZone) -> Read<String> {
    leaf.note(|| json!({ "pattern": r"^\s*\S+(\s+\S+){5}\s*$" }));
    let line = checks::line(leaf)?;
    let fields = line.split_whitespace().count();
    if fields != 6 {
        let hint = if fields == 5 {
            format!("; for seconds put a 0 in front: \"0 {line}\"")
        } else {
            String::new()
        };
        return Err(format!(
            "{line:?} counts {fields} where six fields are needed: second, minute, hour, day of month, month, day of week{hint}"
        ));
    }
    let parsed = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .build()
        .parse(&line)
        .map_err(|error| format!("{line:?} is not a cron line: {}", reason(error)))?;
    // Without a year field a line occurs in every calendar or in none, so any start will do; this
    // one makes a 29 February come soon.
    let start = date(2024, 1, 1)
        .to_zoned(zone.clone())
        .map_err(|error| error.to_string())?;
    match parsed.find_next_occurrence(&start, true) {
        Ok(_) => Ok(line),
        Err(_) => Err(format!("{line:?} never occurs; there is no such day")),
    }
}

/// What `croner` says, without the name of its error's variant in front.
fn reason(error: CronError) -> String {
    let text = match error {
        CronError::InvalidPattern(text)
        | CronError::IllegalCharacters(text)
        | CronError::ComponentError(text) => text,
        other => other.to_string(),
    };
    text.trim_end_matches('.').to_owned()
}
