//! Moments for people: absolute in their zone, and how far away.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::report::zone_name;
use crate::text;

/// Whose zone it is, what time it is there, and how a moment is written.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    zone: TimeZone,
    pub(crate) now: Timestamp,
    form: Form,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// On a screen.
    Shown,
    /// In JSON and CSV.
    Kept,
}

impl Words {
    /// For people who are told the zone beside it: `2026-12-31 23:59`.
    pub(crate) fn shown(zone: &TimeZone, now: Timestamp) -> Self {
        Self {
            zone: zone.clone(),
            now,
            form: Form::Shown,
        }
    }

    /// For sentences in JSON and CSV, which are kept: `2026-12-31 23:59:59 CET`.
    pub(crate) fn kept(zone: &TimeZone, now: Timestamp) -> Self {
        Self {
            zone: zone.clone(),
            now,
            form: Form::Kept,
        }
    }

    /// `times in Europe/Berlin`.
    pub(crate) fn times_in(&self) -> String {
        format!("times in {}", zone_name(&self.zone, self.now))
    }

    /// `2026-12-31 23:59`.
    pub(crate) fn moment(&self, at: Timestamp) -> String {
        match self.form {
            Form::Shown => text::minute(at, &self.zone),
            Form::Kept => text::second(at, &self.zone),
        }
    }

    /// A moment that is the value of a field.
    pub(crate) fn field(&self, at: Timestamp) -> String {
        match self.form {
            Form::Shown => self.moment(at),
            Form::Kept => at.to_string(),
        }
    }

    /// `2026-12-31 23:59`, `never`.
    pub(crate) fn end(&self, end: Option<Timestamp>) -> String {
        end.map_or_else(|| "never".to_owned(), |end| self.moment(end))
    }

    /// `2026-12-31 23:59 (in 39 days)`.
    pub(crate) fn both(&self, at: Timestamp) -> String {
        format!("{} ({})", self.moment(at), self.away(at))
    }

    /// `in 39 days`, `3 hours ago`.
    pub(crate) fn away(&self, at: Timestamp) -> String {
        text::away(at, self.now)
    }

    /// A sentence that was written for programs too: its times as people are told them.
    pub(crate) fn told(&self, text: &str) -> String {
        text::retold(text, |at| self.both(at))
    }

    /// `until 2026-12-31 23:59`, `without an end`.
    pub(crate) fn until(&self, end: Option<Timestamp>) -> String {
        end.map_or_else(
            || "without an end".to_owned(),
            |end| format!("until {}", self.moment(end)),
        )
    }
}

/// What is to be given. Without a role, what a member is still to be given is flags.
pub(crate) fn to_give(provision: &str, has_role: bool) -> &str {
    match provision {
        "member.promote" if !has_role => "flags to be set",
        "whitelist.add" => "to be put on the whitelist",
        "whitelist.renew" => "whitelist entry to be posted again",
        "member.add" => "to be added to the team",
        "member.promote" => "role to be given",
        other => other,
    }
}

/// What the provider made of it.
pub(crate) fn given(result: &str, has_role: bool) -> &str {
    match result {
        "promoted" if !has_role => "flags set",
        "posted" => "the whitelist took the entry",
        "added" => "added to the team",
        "invited" => "invited to the team",
        "promoted" => "role given",
        "already_exists" => "was a member already",
        "already_invited" => "was invited already",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(zone: &str) -> Words {
        let now = "2026-11-22T07:00:00Z".parse().unwrap();
        Words::shown(&TimeZone::get(zone).unwrap(), now)
    }

    #[test]
    fn a_moment_is_told_in_its_zone_with_how_far_away_it_is() {
        let words = words("Europe/Berlin");
        for (at, told) in [
            ("2026-12-31T22:59:59.999Z", "2026-12-31 23:59 (in 39 days)"),
            ("2026-06-30T21:59:59Z", "2026-06-30 23:59 (144 days ago)"),
            ("2026-11-22T07:00:00Z", "2026-11-22 08:00 (in 0 seconds)"),
            ("2026-11-22T06:59:59Z", "2026-11-22 07:59 (1 second ago)"),
            ("2026-11-22T08:30:00Z", "2026-11-22 09:30 (in 90 minutes)"),
            ("2026-11-24T06:00:00Z", "2026-11-24 07:00 (in 47 hours)"),
        ] {
            assert_eq!(words.both(at.parse().unwrap()), told);
        }
        assert_eq!(words.times_in(), "times in Europe/Berlin");
    }

    #[test]
    fn a_moment_that_is_kept_has_its_seconds_and_its_zone() {
        let Words { zone, now, .. } = words("Europe/Berlin");
        let at = "2026-12-31T22:59:59.999Z".parse().unwrap();
        let kept = Words::kept(&zone, now).until(Some(at));
        assert_eq!(kept, "until 2026-12-31 23:59:59 CET");
    }

    #[test]
    fn the_ends_of_time_can_be_told() {
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            words(zone).both(Timestamp::MAX);
            words(zone).both(Timestamp::MIN);
        }
    }
}
