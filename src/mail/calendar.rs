//! Ends of access as calendar entries (RFC 5545): published, with nothing to answer.

use icalendar::{Calendar, Component, Property};
use jiff::Timestamp;

use crate::text::one_line;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CalendarEvent {
    /// The entry's identifier: the same for one grant, whenever it ends.
    pub(crate) uid: String,
    /// Increases each time that the end is moved.
    pub(crate) sequence: u32,
    pub(crate) at: Timestamp,
    /// What the calendar shows.
    pub(crate) title: String,
    /// What it shows beneath.
    pub(crate) text: String,
}

/// Writes the file. An entry has no length and blocks no time: it is a moment.
pub(crate) fn calendar(
    events: impl IntoIterator<Item = CalendarEvent>,
    stamp: Timestamp,
) -> String {
    let mut calendar = Calendar::new();
    calendar.properties = Property::from_array([
        ("VERSION", "2.0"),
        (
            "PRODID",
            concat!("-//lapsed//lapsed ", env!("CARGO_PKG_VERSION"), "//EN"),
        ),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ]);
    for event in events {
        let entry = icalendar::Event::new()
            .uid(&one_line(&event.uid))
            .sequence(event.sequence)
            .add_property("DTSTAMP", utc(stamp))
            .add_property("DTSTART", utc(event.at))
            .summary(&one_line(&event.title))
            .description(&one_line(&event.text))
            .add_property("TRANSP", "TRANSPARENT")
            .done();
        calendar.push(entry);
    }
    calendar.to_string()
}

/// A moment in UTC, to the second, which is all that the format can say.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(title: &str) -> CalendarEvent {
        CalendarEvent {
            uid: "grant-7-1@acme.example".into(),
            sequence: 2,
            at: "2026-12-03T22:59:59.999Z".parse().unwrap(),
            title: title.into(),
            text: "It ends by itself.".into(),
        }
    }

    fn written(title: &str) -> String {
        calendar([entry(title)], "2026-11-23T06:00:02Z".parse().unwrap())
    }

    /// Content lines, unfolded as RFC 5545, 3.1 says.
    fn lines(file: &str) -> Vec<String> {
        let whole = file.replace("\r\n ", "").replace("\r\n\t", "");
        whole.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn an_end_is_a_moment_in_utc_that_blocks_no_time() {
        let mut lines = lines(&written("Access of a; b, c ends"));
        assert_eq!(lines.pop().as_deref(), Some(""), "the last line ends too");
        lines.sort();
        let mut expected = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            concat!(
                "PRODID:-//lapsed//lapsed ",
                env!("CARGO_PKG_VERSION"),
                "//EN"
            ),
            "CALSCALE:GREGORIAN",
            "METHOD:PUBLISH",
            "BEGIN:VEVENT",
            "UID:grant-7-1@acme.example",
            "SEQUENCE:2",
            "DTSTAMP:20261123T060002Z",
            "DTSTART:20261203T225959Z",
            "SUMMARY:Access of a\\; b\\, c ends",
            "DESCRIPTION:It ends by itself.",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
            "END:VCALENDAR",
        ];
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_line(text in "\\PC*|[\r\n:;,\\\\\" aé王\u{2028}]{0,200}") {
            let file = written(&format!("x{text}\r\nEND:VEVENT"));
            for line in file.split("\r\n") {
                // 75 are asked for (RFC 5545, 3.1: "SHOULD"); the library's last piece of a folded
                // line may have one more, for the space that it begins with.
                prop_assert!(line.len() <= 76, "{}: {line:?}", line.len());
                prop_assert!(!line.contains(['\r', '\n']), "{line:?}");
            }
            let lines = lines(&file);
            prop_assert_eq!(lines.len(), 16);
            prop_assert_eq!(lines.iter().filter(|line| *line == "END:VEVENT").count(), 1);
            let title = lines.iter().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap();
            let plain = title.replace("\\;", ";").replace("\\,", ",").replace("\\\\", "\\");
            let wanted = one_line(&format!("x{text}\r\nEND:VEVENT"));
            // Where backslashes stand together the simple unescaping above is not exact.
            if !text.contains('\\') {
                prop_assert_eq!(plain, wanted);
            }
        }
    }
}
