//! Text for people: foreign text that has no effect where it is shown, numbers with their nouns,
//! spans, moments in a zone, and the word that was meant.

use std::fmt::{self, Write as _};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How much of the end of a run's id is shown.
const SHORT_RUN: usize = 12;

/// Writes the text with all that breaks a line, moves a cursor or reorders what stands around it
/// escaped as `\u{1b}`. What is written so cannot be read back: it is for people.
pub(crate) fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in text.chars() {
        if is_active(c) {
            write!(f, "{}", c.escape_unicode())?;
        } else {
            f.write_char(c)?;
        }
    }
    Ok(())
}

/// Whether the character has an effect or is invisible: it breaks a line, moves the cursor,
/// reorders the text around it, or makes two names look the same.
pub(crate) fn is_active(c: char) -> bool {
    breaks(c) || bends(c)
}

/// Controls, and the separators of lines and paragraphs.
pub(crate) fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Bidirectional marks, overrides and isolates, and all else that Unicode has unseen
/// (`Default_Ignorable_Code_Point`, annotations): but for variation selectors, which only choose how the
/// character before them looks.
fn bends(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
    )
}

/// The text on one line, for people: control characters become spaces, and characters that reorder
/// or hide their neighbours become a visible mark.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(shown)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A text of several lines as a terminal can show it: the same, but for the ends of lines.
pub(crate) fn for_terminal(text: &str) -> String {
    let shown = |c| if c == '\n' { c } else { shown(c) };
    text.chars().map(shown).collect()
}

fn shown(c: char) -> char {
    match c {
        c if breaks(c) => ' ',
        c if is_active(c) => '\u{fffd}',
        c => c,
    }
}

/// A word as it can be typed into a shell: whatever a team is called, it stays one word and does
/// nothing.
pub(crate) fn quoted(word: &str) -> String {
    let word = one_line(word);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return word;
    }
    if word.contains('\'') && !word.contains(['"', '$', '`', '\\', '!']) {
        return format!("\"{word}\"");
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The known word that takes the fewest changes to become `word`, in any case.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    let far = |known: &&str| strsim::damerau_levenshtein(&word, &known.to_lowercase());
    known.into_iter().min_by_key(far)
}

/// A number with its noun.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A span as people say it: up to two minutes in seconds, up to two hours in minutes, up to two days
/// in hours, then in days.
pub(crate) fn span(span: SignedDuration) -> String {
    let seconds = u64::try_from(span.as_secs()).unwrap_or(0);
    match seconds {
        0..120 => count(seconds, "second", "seconds"),
        120..7_200 => count(seconds / 60, "minute", "minutes"),
        7_200..172_800 => count(seconds / 3_600, "hour", "hours"),
        _ => count(seconds / 86_400, "day", "days"),
    }
}

/// `in 39 days`, `3 hours ago`.
pub(crate) fn away(at: Timestamp, now: Timestamp) -> String {
    let away = at.duration_since(now);
    if away.is_negative() {
        format!("{} ago", span(away.abs()))
    } else {
        format!("in {}", span(away))
    }
}

/// `2026-12-31`, in the zone.
pub(crate) fn day(at: Timestamp, zone: &TimeZone) -> String {
    in_zone(at, zone, "%Y-%m-%d")
}

/// `2026-12-31 23:59`, in the zone: the form of a moment wherever the zone is told beside it.
pub(crate) fn minute(at: Timestamp, zone: &TimeZone) -> String {
    in_zone(at, zone, "%Y-%m-%d %H:%M")
}

/// `2026-12-31 23:59:59 CET`: a moment in a text that is kept or stands alone.
pub(crate) fn second(at: Timestamp, zone: &TimeZone) -> String {
    in_zone(at, zone, "%Y-%m-%d %H:%M:%S %Z")
}

/// A sentence in which each time that is written for programs, such as `2026-12-31T22:59:59Z`, is said
/// in another way.
pub(crate) fn retold(text: &str, say: impl Fn(Timestamp) -> String) -> String {
    let (mut told, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('T') {
        let start = at.saturating_sub("2026-12-31".len());
        let end = rest[at..].find('Z').map(|z| at + z + 1);
        let written = end.and_then(|end| rest.get(start..end));
        let moment = written.filter(|written| written.starts_with(|c: char| c.is_ascii_digit()));
        match (moment.and_then(|written| written.parse().ok()), end) {
            (Some(moment), Some(end)) => {
                told += &rest[..start];
                told += &say(moment);
                rest = &rest[end..];
            }
            _ => {
                told += &rest[..=at];
                rest = &rest[at + 1..];
            }
        }
    }
    told + rest
}

/// The part of a run's id that people are shown, and can give for the whole: its beginning is the
/// time.
pub(crate) fn short_run(run: &str) -> &str {
    let from = run.len().saturating_sub(SHORT_RUN);
    run.get(from..).unwrap_or(run)
}

fn in_zone(at: Timestamp, zone: &TimeZone, form: &str) -> String {
    at.to_zoned(zone.clone()).strftime(form).to_string()
}

#[cfg(test)]
mod tests;
