//! Lists as the provider sends them, with the signs that one is only a part of a longer list.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::wire::{PendingUser, Team, TeamUser};
use crate::providers::denial;

/// Fields that name the next page.
const NEXT: [&str; 10] = [
    "next",
    "next_page",
    "nextPage",
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_url",
    "next_link",
    "@odata.nextLink",
];
/// Fields that say whether there is one.
const MORE: [&str; 5] = [
    "has_more",
    "hasMore",
    "has_next",
    "hasNext",
    "has_next_page",
];
/// Fields that count all rows of the list.
const TOTAL: [&str; 6] = [
    "total",
    "total_count",
    "totalCount",
    "count",
    "total_results",
    "total_items",
];
/// Fields that count the members of a team alone.
const TOTAL_USERS: [&str; 5] = [
    "total_users",
    "users_total",
    "users_count",
    "user_count",
    "user_total",
];
/// Fields that count its invites alone.
const TOTAL_PENDING: [&str; 4] = [
    "total_pending_users",
    "pending_users_total",
    "pending_users_count",
    "pending_count",
];
/// Fields in which the others may stand.
const ABOUT: [&str; 8] = [
    "links",
    "_links",
    "meta",
    "metadata",
    "pagination",
    "paging",
    "page_info",
    "pageInfo",
];

/// What stands beside a list: whether there is more than it.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// The first field that says so.
    more: Option<String>,
    /// How many rows there are said to be: in all, users, pending users; with the field's name.
    totals: [Option<(String, u64)>; 3],
    /// The first field that says that it went wrong.
    error: Option<String>,
}

impl Signs {
    /// Why the list is not to be taken for the whole, if so. `rows`: users and pending users.
    pub(super) fn doubt(&self, users: usize, pending: usize) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(format!("an error beside the list: {error}"));
        }
        let part = |why: &str| Some(format!("a page of a longer list: {why}"));
        if let Some(more) = &self.more {
            return part(more);
        }
        let rows = [users.saturating_add(pending), users, pending];
        let too_few = self.totals.iter().zip(rows).find_map(|(total, rows)| {
            let (name, total) = total.as_ref()?;
            (*total > rows as u64).then(|| format!("{name} is {total}, and it has {rows}"))
        });
        too_few.and_then(|why| part(&why))
    }

    /// Whether a field may be a sign.
    fn knows(name: &str) -> bool {
        name == "error"
            || [
                &NEXT[..],
                &MORE,
                &TOTAL,
                &TOTAL_USERS,
                &TOTAL_PENDING,
                &ABOUT,
            ]
            .iter()
            .any(|names| names.contains(&name))
    }

    fn take(&mut self, name: &str, value: &Value, levels: u8) {
        if name == "error" {
            if denial::is_error(value) {
                self.error.get_or_insert_with(|| value.to_string());
            }
        } else if NEXT.contains(&name) {
            if names_a_page(value) {
                self.more.get_or_insert_with(|| format!("{name} is set"));
            }
        } else if MORE.contains(&name) {
            if *value == Value::Bool(true) || value.as_str() == Some("true") {
                self.more.get_or_insert_with(|| format!("{name} is true"));
            }
        } else if ABOUT.contains(&name) && levels > 0 {
            self.look_into(value, levels - 1);
        } else {
            self.count(name, value);
        }
    }

    fn look_into(&mut self, value: &Value, levels: u8) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.take(name, value, levels);
                }
            }
            Value::Array(items) => {
                let is_next = |link: &&Map<String, Value>| {
                    link.get("rel").and_then(Value::as_str) == Some("next")
                };
                let mut links = items.iter().filter_map(Value::as_object);
                if links.any(|link| is_next(&link)) {
                    self.more
                        .get_or_insert_with(|| "a link to the next".to_owned());
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, name: &str, value: &Value) {
        let which = [&TOTAL[..], &TOTAL_USERS, &TOTAL_PENDING]
            .iter()
            .position(|names| names.contains(&name));
        let total = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let (Some(which), Some(total)) = (which, total) else {
            return;
        };
        let largest = self.totals[which].as_ref().map_or(0, |(_, total)| *total);
        if total >= largest {
            self.totals[which] = Some((name.to_owned(), total));
        }
    }
}

/// Whether a field for the next page names one: absent ones are written in many ways.
fn names_a_page(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        // A link as HAL writes it.
        Value::Object(fields) => fields.get("href").map_or(!fields.is_empty(), names_a_page),
    }
}

/// A document of lists: each of them has to be there, and what else is a sign is kept.
macro_rules! page {
    ($(#[$doc:meta])* $page:ident { $($list:ident: $row:ty),+ }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $page {
            $(pub(super) $list: Vec<$row>,)+
            pub(super) signs: Signs,
        }

        impl<'de> Deserialize<'de> for $page {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> Visitor<'de> for Fields {
                    type Value = $page;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a JSON object")
                    }

                    fn visit_map<A: MapAccess<'de>>(
                        self,
                        mut fields: A,
                    ) -> Result<Self::Value, A::Error> {
                        $(let mut $list: Option<Vec<$row>> = None;)+
                        let mut signs = Signs::default();
                        while let Some(name) = fields.next_key::<String>()? {
                            match name.as_str() {
                                $(stringify!($list) => {
                                    if $list.replace(fields.next_value()?).is_some() {
                                        return Err(A::Error::duplicate_field(stringify!($list)));
                                    }
                                })+
                                name if Signs::knows(name) => {
                                    signs.take(name, &fields.next_value()?, 2);
                                }
                                _ => {
                                    fields.next_value::<IgnoredAny>()?;
                                }
                            }
                        }
                        Ok($page {
                            $($list: $list
                                .ok_or_else(|| A::Error::missing_field(stringify!($list)))?,)+
                            signs,
                        })
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    };
}

page! {
    /// `GET team`.
    Teams { teams: Team }
}
page! {
    /// `GET team/{id}/team_user`.
    Members { users: TeamUser, pending_users: PendingUser }
}
page! {
    /// `GET organization/{id}/suppressed_emails`.
    Suppressed { suppressed_emails: String }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a team of one member and one invite is a part, with these fields beside the lists.
    fn doubt(fields: &str) -> Option<String> {
        let json = format!(
            r#"{{"users": [{{"id": "u1", "login_email": "a@x.com"}}], {fields},
                "pending_users": [{{"email": "b@x.com"}}]}}"#
        );
        let page: Members = serde_json::from_str(&json).unwrap();
        page.signs.doubt(page.users.len(), page.pending_users.len())
    }

    #[test]
    fn a_list_that_goes_on_elsewhere_is_a_part() {
        for (fields, why) in [
            (r#""has_more": true"#, "has_more is true"),
            (r#""next": "/x?page=2""#, "next is set"),
            (r#""next_page": 2"#, "next_page is set"),
            (r#""next_cursor": "abc""#, "next_cursor is set"),
            (r#""next_page_token": "abc""#, "next_page_token is set"),
            (r#""links": {"next": "/x"}"#, "next is set"),
            (r#""_links": {"next": {"href": "/x"}}"#, "next is set"),
            (
                r#""links": [{"rel": "next", "href": "/x"}]"#,
                "a link to the next",
            ),
            (
                r#""meta": {"pagination": {"has_more": true}}"#,
                "has_more is true",
            ),
            (r#""pagination": {"next_page": 3}"#, "next_page is set"),
            (
                r#""paging": {"total_count": "3"}"#,
                "total_count is 3, and it has 2",
            ),
            (r#""total": 3"#, "total is 3, and it has 2"),
            (r#""count": 50"#, "count is 50, and it has 2"),
            (r#""total_users": 2"#, "total_users is 2, and it has 1"),
            (r#""pending_count": 2"#, "pending_count is 2, and it has 1"),
        ] {
            let said = doubt(fields).unwrap_or_default();
            assert_eq!(said, format!("a page of a longer list: {why}"), "{fields}");
        }
    }

    #[test]
    fn a_list_that_ends_here_is_the_whole() {
        for fields in [
            r#""has_more": false"#,
            r#""next": null, "next_cursor": "", "next_page": 0"#,
            r#""links": {"self": "/x", "next": null}"#,
            r#""_links": {"next": {"href": null}}"#,
            r#""links": [{"rel": "self", "href": "/x"}]"#,
            r#""meta": {"pagination": {"page": 1, "per_page": 50}}"#,
            r#""meta": null, "pagination": 7"#,
            r#""total": 2"#,
            r#""total": 1"#,
            r#""count": 1, "total_users": 1"#,
            r#""error": null"#,
            r#""next_steps": "invite more", "users_note": {"has_more": true}"#,
        ] {
            assert_eq!(doubt(fields), None, "{fields}");
        }
    }

    #[test]
    fn an_error_beside_the_lists_is_no_reading() {
        let said = doubt(r#""error": "half of it""#).unwrap();
        assert_eq!(said, "an error beside the list: \"half of it\"");
    }

    #[test]
    fn a_list_that_is_missing_or_null_or_there_twice_is_no_reading() {
        for json in [
            r#"{"users": []}"#,
            r#"{"pending_users": []}"#,
            r#"{"users": null, "pending_users": []}"#,
            r#"{"users": [], "pending_users": null}"#,
            r#"{"users": [], "users": [], "pending_users": []}"#,
            "[[], []]",
        ] {
            assert!(serde_json::from_str::<Members>(json).is_err(), "{json}");
        }
    }
}
