//! Lists as the provider sends them, with the signs that one is only a part of a longer list.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::wire::{PendingUser, Team, TeamUser};
use crate::providers::signs::PageSigns;

/// A document of lists: each of them is required, and other fields are kept where they are signs.
macro_rules! page {
    ($(#[$doc:meta])* $page:ident { $($list:ident: $row:ty),+ }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $page {
            $(pub(super) $list: Vec<$row>,)+
            pub(super) signs: PageSigns,
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
                        let mut signs = PageSigns::default();
                        while let Some(name) = fields.next_key::<String>()? {
                            match name.as_str() {
                                $(stringify!($list) => {
                                    if $list.replace(fields.next_value()?).is_some() {
                                        return Err(A::Error::duplicate_field(stringify!($list)));
                                    }
                                })+
                                name if PageSigns::knows(name) => {
                                    signs.take(name, &fields.next_value()?);
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

    #[test]
    fn what_stands_before_between_and_after_the_lists_is_heard() {
        for fields in [
            r#""has_more": true, "users": [], "pending_users": []"#,
            r#""users": [], "Next-Token": "x", "pending_users": []"#,
            r#""users": [], "pending_users": [], "meta": {"total_pages": 2}"#,
        ] {
            let page: Members = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
            assert!(page.signs.doubt(0, Some(0)).is_some(), "{fields}");
        }
        let row = r#"{"users": [{"id": "u1", "login_email": "a@x.com", "has_more": true}], "pending_users": []}"#;
        let page: Members = serde_json::from_str(row).unwrap();
        assert_eq!(page.signs.doubt(1, Some(0)), None, "a row is no sign");
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
