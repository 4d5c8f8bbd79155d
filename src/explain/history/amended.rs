//! What an amendment of a grant changed, in words.

use jiff::Timestamp;

use crate::domain::Permission;
use crate::domain::event::GrantForm;
use crate::explain::words::Words;

/// The fields of a grant that an amendment may change.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    name: Option<String>,
    permissions: Vec<Permission>,
    owner: Option<String>,
    reason: Option<String>,
    start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
}

impl Known {
    pub(super) fn of(form: &GrantForm) -> Self {
        Self {
            name: form.name.clone(),
            permissions: form.permissions.clone(),
            // As it is written: another spelling is a change.
            owner: form.owner.as_ref().map(|owner| owner.written().to_owned()),
            reason: form.reason.clone(),
            start: Some(form.start),
            end: form.end,
        }
    }
}

/// What an amendment changed: `reason audit → migration`.
pub(super) fn changes(was: &Known, is: &Known, words: &Words) -> Vec<String> {
    let text = |text: &Option<String>| filled(text).map(str::to_owned);
    let said = |known: &Known| {
        [
            ("name", text(&known.name)),
            ("permissions", listed(&known.permissions)),
            ("owner", text(&known.owner)),
            ("reason", text(&known.reason)),
        ]
    };
    let texts = said(was).into_iter().zip(said(is));
    let texts = texts.map(|((key, was), (_, is))| (was != is).then_some((key, was, is)));
    // Moments that look the same in words may differ.
    let moment = |key, was: Option<Timestamp>, is: Option<Timestamp>| {
        let said = |at: Option<Timestamp>| at.map(|at| words.field(at));
        (was != is).then(|| (key, said(was), said(is)))
    };
    let moments = [
        moment("start", was.start, is.start),
        moment("end", was.end, is.end),
    ];
    let none = || "none".to_owned();
    texts
        .chain(moments)
        .flatten()
        .map(|(key, was, is)| {
            let (was, is) = (was.unwrap_or_else(none), is.unwrap_or_else(none));
            format!("{key} {was} → {is}")
        })
        .collect()
}

/// A text, unless it is empty.
pub(super) fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

pub(super) fn listed(permissions: &[Permission]) -> Option<String> {
    let words: Vec<&str> = permissions.iter().map(|p| p.as_str()).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn an_end_that_moved_is_told_as_other_moments_are_and_kept_as_it_is_written() {
        let known = |end: Option<&str>| Known {
            end: end.map(|end| end.parse().unwrap()),
            ..Known::default()
        };
        let (was, is) = (known(Some("2026-12-31T22:59:59.999Z")), known(None));
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-11-22T07:00:00Z".parse().unwrap();
        let told = |words: &Words| changes(&was, &is, words);
        assert_eq!(
            told(&Words::shown(&zone, now)),
            ["end 2026-12-31 23:59 → none"]
        );
        assert_eq!(
            told(&Words::kept(&zone, now)),
            ["end 2026-12-31T22:59:59.999Z → none"]
        );
        assert_eq!(changes(&was, &was, &Words::shown(&zone, now)), [""; 0]);
    }
}
