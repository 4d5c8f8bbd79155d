//! The form of an answer page, as a browser sends it: choices by grant, and one for all others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::{Edge, When};
use crate::store::LinkAnswer;

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) token: String,
    /// For the rows that have no answer of their own.
    pub(super) all: Choice,
    /// The rows that stood on the page, by grant.
    pub(super) rows: BTreeMap<i64, Choice>,
}

/// A choice, and the day that stands beside it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) said: Said,
    pub(super) until: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    #[default]
    Nothing,
    Keep,
    End,
}

/// What is wrong with what was chosen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// Of the choice for all, or of the form as a whole.
    pub(super) whole: Option<String>,
    pub(super) rows: BTreeMap<i64, String>,
}

impl Form {
    /// Reads a body; nothing where it is not what an answer page sends.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut form = Self::default();
        let mut seen = std::collections::BTreeSet::new();
        for (key, value) in form_urlencoded::parse(body) {
            if !seen.insert(key.to_string()) {
                return None;
            }
            match key.split_once('.') {
                None if key == "t" => form.token = value.into_owned(),
                None if key == "all" => form.all.said = Said::parse(&value)?,
                None if key == "until" => form.all.until = value.trim().to_owned(),
                Some((field, grant)) => {
                    let choice = form.rows.entry(grant.parse().ok()?).or_default();
                    match field {
                        "a" => choice.said = Said::parse(&value)?,
                        "u" => choice.until = value.trim().to_owned(),
                        _ => return None,
                    }
                }
                None => return None,
            }
        }
        Some(form)
    }

    /// The answers that the choices come to, or all that is wrong with them. Days are those of the zone,
    /// to their last moment.
    pub(super) fn answers(
        &self,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<BTreeMap<i64, LinkAnswer>, Faults> {
        let mut faults = Faults::default();
        let all = self.all.answer(zone, now).unwrap_or_else(|why| {
            faults.whole = Some(format!("The choice for all others: {why}."));
            None
        });
        let mut answers = BTreeMap::new();
        for (grant, choice) in &self.rows {
            match choice.answer(zone, now) {
                Ok(own) => {
                    if let Some(answer) = own.or(all) {
                        answers.insert(*grant, answer);
                    }
                }
                Err(why) => {
                    faults.rows.insert(*grant, why);
                }
            }
        }
        if faults == Faults::default() && answers.is_empty() {
            faults.whole = Some("No answer was chosen yet.".to_owned());
        }
        match faults == Faults::default() {
            true => Ok(answers),
            false => Err(faults),
        }
    }
}

impl Choice {
    fn answer(&self, zone: &TimeZone, now: Timestamp) -> Result<Option<LinkAnswer>, String> {
        match (self.said, self.until.as_str()) {
            (Said::Nothing, "") => Ok(None),
            (Said::Nothing, _) => {
                Err("a day stands there; choose “Keep” beside it, or empty it".to_owned())
            }
            (Said::End, "") => Ok(Some(LinkAnswer::End)),
            (Said::End, _) => {
                Err("a day stands there, and “End now” has none; choose one of the two".to_owned())
            }
            (Said::Keep, "") => Ok(Some(LinkAnswer::Keep(None))),
            (Said::Keep, day) => Ok(Some(LinkAnswer::Keep(Some(last_moment(day, zone, now)?)))),
        }
    }
}

impl Said {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "" => Some(Self::Nothing),
            "keep" => Some(Self::Keep),
            "end" => Some(Self::End),
            _ => None,
        }
    }
}

/// The last moment of a day that is written `2030-06-30`, and in no other way: what else a command would
/// take, such as `never`, no link does.
fn last_moment(day: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    let is_day = day.len() == 10
        && day.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let read = match is_day {
        true => When::parse(day, now, zone, Edge::End).ok(),
        false => None,
    };
    let end = read.and_then(When::at);
    let end = end.ok_or("there is no such day; days are written like 2030-06-30")?;
    match end > now {
        true => Ok(end),
        false => Err("that day is past; choose a later one, or end the access now".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(body: &str) -> Result<BTreeMap<i64, LinkAnswer>, Faults> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2030-04-01T09:00:00Z".parse().unwrap();
        Form::parse(body.as_bytes()).unwrap().answers(&zone, now)
    }

    fn end(text: &str) -> LinkAnswer {
        LinkAnswer::Keep(Some(text.parse().unwrap()))
    }

    #[test]
    fn each_row_has_its_own_answer_or_that_for_all() {
        let own = "t=x&all=keep&until=2030-06-30&a.1=end&u.1=&a.2=&u.2=&a.3=keep&u.3=";
        let expected = [
            (1, LinkAnswer::End),
            (2, end("2030-06-30T21:59:59.999Z")),
            (3, LinkAnswer::Keep(None)),
        ];
        assert_eq!(answers(own), Ok(expected.into()));
        let today = answers("all=&until=&a.7=keep&u.7=2030-04-01");
        assert_eq!(today, Ok([(7, end("2030-04-01T21:59:59.999Z"))].into()));
    }

    #[test]
    fn a_bad_day_is_a_fault_of_its_row() {
        for day in [
            "2030-02-30",
            "2030-13-01",
            "never",
            "90d",
            "30.06.2030",
            "2030-06-30T12:00",
            "12030-06-30",
            "tomorrow",
            "2030-03-31",
            "0000-01-01",
            "-030-01-01",
            "20३0-01-01",
        ] {
            let faults = answers(&format!("a.1=keep&u.1={day}&a.2=end")).unwrap_err();
            assert_eq!(faults.rows.keys().collect::<Vec<_>>(), [&1], "{day}");
        }
        assert!(answers("a.1=keep&u.1=9999-12-31").is_ok(), "the last day");
    }

    #[test]
    fn a_day_without_keep_and_nothing_at_all_are_asked_about() {
        for body in ["a.1=&u.1=2030-06-30", "a.1=end&u.1=2030-06-30"] {
            assert_eq!(answers(body).unwrap_err().rows.len(), 1, "{body}");
        }
        for body in ["t=x", "a.1=&u.1=", "all=&until=2030-06-30&a.1=end"] {
            assert!(answers(body).unwrap_err().whole.is_some(), "{body}");
        }
    }

    #[test]
    fn only_what_the_page_sends_is_read() {
        for body in [
            "a.1=keep&a.1=end",
            "t=1&t=2",
            "a.x=keep",
            "a.1=maybe",
            "b.1=keep",
            "all=yes",
            "owner=me",
            "=",
        ] {
            assert!(Form::parse(body.as_bytes()).is_none(), "{body}");
        }
    }
}
