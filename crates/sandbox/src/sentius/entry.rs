//! One line of the whitelist, and the rules for what may stand in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reply::is_address;

/// The permissions that the document knows.
pub const PERMISSIONS: [&str; 4] = [
    "can_read",
    "can_use_api",
    "can_use_whitelist",
    "can_delegate",
];

/// One person on the whitelist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Full name.
    pub name: String,
    /// The exact address the person signs in with.
    pub email: String,
    /// What the person may do, `can_read` among it.
    pub permissions: Vec<String>,
    /// When access begins.
    pub start_date: Timestamp,
    /// Until when it lasts; `None`: without end.
    pub end_date: Option<Timestamp>,
}

/// The body of a POST; whatever else it holds is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    email: String,
    permissions: Vec<String>,
    start_date: String,
    end_date: Option<String>,
}

impl Entry {
    /// Checks the body of a POST, or says what is wrong with it.
    pub(super) fn read(json: &Value) -> Result<Self, String> {
        let written = Written::deserialize(json).map_err(|error| error.to_string())?;
        if written.name.is_empty() {
            return Err("name is empty".to_owned());
        }
        if !is_address(&written.email) {
            return Err("email is not an address".to_owned());
        }
        let unknown = |permission: &&String| !PERMISSIONS.contains(&permission.as_str());
        if let Some(unknown) = written.permissions.iter().find(unknown) {
            return Err(format!("permissions: {unknown:?} is not known"));
        }
        if !written.permissions.iter().any(|p| p == "can_read") {
            return Err("permissions: can_read is missing".to_owned());
        }
        let start_date = date("start_date", &written.start_date)?;
        let end_date = written.end_date.as_deref();
        let end_date = end_date.map(|text| date("end_date", text)).transpose()?;
        if end_date.is_some_and(|end| end < start_date) {
            return Err("end_date is before start_date".to_owned());
        }
        Ok(Self {
            name: written.name,
            email: written.email,
            permissions: written.permissions,
            start_date,
            end_date,
        })
    }
}

fn date(key: &str, text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{key}: {text:?} is not an RFC 3339 time");
    if !looks_like_rfc3339(text) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// `2025-03-05T11:34:30.258Z` or with an offset; jiff alone takes more forms than that.
fn looks_like_rfc3339(text: &str) -> bool {
    let zone = match text.strip_suffix('Z') {
        Some(rest) => rest.len(),
        None => text.len().saturating_sub(6),
    };
    let (Some(local), Some(offset)) = (text.get(..zone), text.get(zone..)) else {
        return false;
    };
    let shape: String = local
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let fraction = shape.strip_prefix("0000-00-00T00:00:00");
    let fraction_fits = fraction.is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c == '0'))
    });
    let offset: String = offset
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    fraction_fits && matches!(offset.as_str(), "Z" | "+00:00" | "-00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc_3339_is_a_date() {
        for text in [
            "2025-03-05T11:34:30.258Z",
            "2025-03-05T11:34:30Z",
            "2025-03-05T11:34:30+05:30",
        ] {
            assert!(date("d", text).is_ok(), "{text}");
        }
        for text in [
            "",
            "2025-03-05",
            "2025-03-05T11:34:30",
            "2025-03-05 11:34:30Z",
            "2025-13-05T11:34:30Z",
            "2025-03-05T11:34:30.Z",
            "2025-03-05T11:34:30Z[UTC]",
            "Wed, 05 Mar 2025 11:34:30 GMT",
            "ü025-03-05T11:34:30Z",
        ] {
            assert!(date("d", text).is_err(), "{text}");
        }
    }
}
