//! What an amendment of a grant changed, in words.

use jiff::Timestamp;

use crate::domain::Permission;
use crate::domain::event::GrantForm;

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
pub(super) fn changes(was: &Known, is: &Known) -> Vec<String> {
    let text = |text: &Option<String>| filled(text).map(str::to_owned);
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let said = |known: &Known| {
        [
            ("name", text(&known.name)),
            ("permissions", listed(&known.permissions)),
            ("owner", text(&known.owner)),
            ("reason", text(&known.reason)),
            ("start", moment(known.start)),
            ("end", moment(known.end)),
        ]
    };
    let none = || "none".to_owned();
    let pairs = said(was).into_iter().zip(said(is));
    let changed = pairs.filter(|((_, was), (_, is))| was != is);
    changed
        .map(|((key, was), (_, is))| {
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
