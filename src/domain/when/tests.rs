//! Zones with awkward days, and the many ways not to write a time.

use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-22T07:00:00.123Z";

fn parse_in(zone: &str, text: &str, edge: Edge) -> Result<When, WhenError> {
    let tz = TimeZone::get(zone).unwrap();
    When::parse(text, NOW.parse().unwrap(), &tz, edge)
}

fn at(zone: &str, text: &str, edge: Edge) -> String {
    let when = parse_in(zone, text, edge).unwrap_or_else(|e| panic!("{text}: {e}"));
    when.at().unwrap().to_string()
}

#[test]
fn a_time_is_taken_with_its_offset_whatever_the_zone() {
    for (text, expected) in [
        ("2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z"),
        ("2026-11-22T07:00:00+01:00", "2026-11-22T06:00:00Z"),
        ("2026-11-22 07:00:00-05:00", "2026-11-22T12:00:00Z"),
        ("2026-11-22t07:00:00z", "2026-11-22T07:00:00Z"),
        ("2026-11-22T07:00:00.1239Z", "2026-11-22T07:00:00.123Z"),
    ] {
        assert_eq!(at("Asia/Tokyo", text, Edge::End), expected, "{text}");
    }
}

#[test]
fn a_span_counts_from_now() {
    for (text, expected) in [
        ("12h", "2026-11-22T19:00:00.123Z"),
        ("14d", "2026-12-06T07:00:00.123Z"),
        ("6w", "2027-01-03T07:00:00.123Z"),
        ("0s", "2026-11-22T07:00:00.123Z"),
    ] {
        assert_eq!(at("America/New_York", text, Edge::End), expected, "{text}");
    }
}

#[test]
fn never_is_never_in_any_case_of_letters() {
    for text in ["never", "Never", " NEVER "] {
        assert_eq!(parse_in("UTC", text, Edge::End), Ok(When::Never));
    }
}

#[test]
fn a_date_is_its_first_moment_or_its_last_millisecond_in_the_zone() {
    for (zone, date, start, end) in [
        (
            "UTC",
            "2026-11-22",
            "2026-11-22T00:00:00Z",
            "2026-11-22T23:59:59.999Z",
        ),
        (
            "Europe/Berlin",
            "2026-11-22",
            "2026-11-21T23:00:00Z",
            "2026-11-22T22:59:59.999Z",
        ),
        // 25 hours long
        (
            "Europe/Berlin",
            "2026-10-25",
            "2026-10-24T22:00:00Z",
            "2026-10-25T22:59:59.999Z",
        ),
        // midnight is skipped: the day starts at 01:00
        (
            "America/Sao_Paulo",
            "2018-11-04",
            "2018-11-04T03:00:00Z",
            "2018-11-05T01:59:59.999Z",
        ),
        // 23:00 to midnight comes twice: the second one ends the day
        (
            "America/Sao_Paulo",
            "2018-02-17",
            "2018-02-17T02:00:00Z",
            "2018-02-18T02:59:59.999Z",
        ),
        // back from 00:01 to 23:01: the day before goes on after the next has begun
        (
            "America/St_Johns",
            "2010-11-06",
            "2010-11-06T02:30:00Z",
            "2010-11-07T03:29:59.999Z",
        ),
        (
            "America/St_Johns",
            "2010-11-07",
            "2010-11-07T02:30:00Z",
            "2010-11-08T03:29:59.999Z",
        ),
        // forward from 23:30 to 00:30: the next day starts at half past midnight
        (
            "America/Toronto",
            "1919-03-30",
            "1919-03-30T05:00:00Z",
            "1919-03-31T04:29:59.999Z",
        ),
        (
            "America/Toronto",
            "1919-03-31",
            "1919-03-31T04:30:00Z",
            "1919-04-01T03:59:59.999Z",
        ),
        // a day that Samoa left out: nothing starts before it or ends after it
        (
            "Pacific/Apia",
            "2011-12-30",
            "2011-12-30T10:00:00Z",
            "2011-12-30T09:59:59.999Z",
        ),
    ] {
        assert_eq!(
            at(zone, date, Edge::Start),
            start,
            "start of {date} in {zone}"
        );
        assert_eq!(at(zone, date, Edge::End), end, "end of {date} in {zone}");
    }
}

#[test]
fn the_word_for_a_day_is_its_date_in_the_zone() {
    // In Auckland it is the evening of the same Sunday, in Honolulu still Saturday.
    for (zone, word, edge, expected) in [
        (
            "Pacific/Auckland",
            "today",
            Edge::End,
            "2026-11-22T10:59:59.999Z",
        ),
        (
            "Pacific/Honolulu",
            "Today",
            Edge::Start,
            "2026-11-21T10:00:00Z",
        ),
        (
            "Pacific/Honolulu",
            " yesterday ",
            Edge::End,
            "2026-11-21T09:59:59.999Z",
        ),
        ("UTC", "TOMORROW", Edge::End, "2026-11-23T23:59:59.999Z"),
        ("UTC", "tomorrow", Edge::Start, "2026-11-23T00:00:00Z"),
    ] {
        assert_eq!(at(zone, word, edge), expected, "{word} in {zone}");
    }
    let (now, tz) = (NOW.parse().unwrap(), TimeZone::UTC);
    assert_eq!(When::dated("Tomorrow", now, &tz), "2026-11-23");
    assert_eq!(When::dated("14d", now, &tz), "14d");
}

#[test]
fn a_date_with_a_time_is_taken_in_the_zone() {
    for (zone, text, expected) in [
        ("UTC", "2026-12-31 18:00", "2026-12-31T18:00:00Z"),
        ("Europe/Berlin", "2026-12-31 18:00", "2026-12-31T17:00:00Z"),
        (
            "Europe/Berlin",
            "2026-12-31T18:00:07",
            "2026-12-31T17:00:07Z",
        ),
        (
            "America/New_York",
            "2026-07-01 00:00:00.5",
            "2026-07-01T04:00:00.5Z",
        ),
        // Left out when the clocks are put forward: an hour later.
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        // Twice when they are put back: the first one.
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
    ] {
        for edge in [Edge::Start, Edge::End] {
            assert_eq!(at(zone, text, edge), expected, "{text} in {zone}");
        }
    }
}

#[test]
fn the_end_of_the_calendar_is_the_last_moment_that_can_be_stored() {
    const LAST: &str = "9999-12-30T22:00:00Z";
    for text in [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59+14:00",
        "9999-12-31 23:59:59",
        "9999-12-31",
        "9999-12-30T22:00:00.999Z",
        LAST,
    ] {
        assert_eq!(at("UTC", text, Edge::End), LAST, "{text}");
    }
    assert_eq!(
        at("UTC", "9999-12-30T21:00:00Z", Edge::End),
        "9999-12-30T21:00:00Z"
    );
}

#[test]
fn what_is_no_time_is_refused_with_the_reason() {
    for (text, why) in [
        ("", "is empty"),
        (" \t", "is empty"),
        ("18:00:00", "a time of day without a date"),
        ("18:00", "2026-11-22 18:00"),
        ("7:00:00", "or a span from now such as 18h"),
        ("2026-11-22 25:00", "no time that exists"),
        ("2026-11-31 07:00", "no time that exists"),
        ("9999-12-31T24:59:59Z", "no time that exists"),
        ("9999-12-32T00:00:00Z", "no time that exists"),
        ("10000-01-01T00:00:00Z", "not a time"),
        ("2026-02-30", "no date that exists"),
        ("2026-13-01", "no date that exists"),
        ("2026-1-1", "no date that exists"),
        ("2026-11-22T", "no date that exists"),
        ("2026-11-22T25:00:00Z", "no time that exists"),
        ("2026-11-22T07:00:00+99:00", "no time that exists"),
        ("14", "no unit"),
        ("-3d", "negative"),
        ("1mo", "months or years"),
        ("99999999d", "too long"),
        ("tomorow", "not a time"),
        ("today 18:00", "not a time"),
        ("22.11.2026", "not a time"),
        ("11/22/2026", "not a time"),
    ] {
        let error = parse_in("America/New_York", text, Edge::End)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-0-9TZ:.+ dhwmsy\\PC]{0,30}") {
        for edge in [Edge::Start, Edge::End] {
            let _ = parse_in("America/St_Johns", &text, edge);
        }
    }

    #[test]
    fn a_day_ends_right_before_the_next_one_starts(days in 0_i64..40_000) {
        let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days);
        let end = at("America/Sao_Paulo", &date.to_string(), Edge::End);
        let next = at("America/Sao_Paulo", &date.tomorrow().unwrap().to_string(), Edge::Start);
        let pause = next.parse::<Timestamp>().unwrap() - end.parse::<Timestamp>().unwrap();
        prop_assert_eq!(pause.total(jiff::Unit::Millisecond).unwrap(), 1.0);
    }
}
