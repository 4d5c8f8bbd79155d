//! Signs that a list is only a page of a longer one, or an error: fields beside it, and headers.

mod names;
mod values;

use reqwest::header::{CONTENT_RANGE, HeaderMap, LINK};
use serde_json::{Map, Value};

use super::denial;
use names::{Tells, what};
use values::{counts_more, is, names_a_page, number, plain};

/// How deep fields about the list may be nested.
const LEVELS: u8 = 3;

/// The signs beside one list.
#[derive(Debug, Default)]
pub(super) struct PageSigns {
    /// The first that says so.
    more: Option<String>,
    /// How many rows there are said to be: in all, users, pending users; with the name.
    totals: [Option<(String, u64)>; 3],
    /// The number of this page, and of all of them, with the name.
    page: Option<u64>,
    pages: Option<(String, u64)>,
    /// The fewest rows that a page is said to have room for, with the name.
    size: Option<(String, u64)>,
    /// Whether one says that there is no more.
    is_whole: bool,
    /// The first that says that it went wrong.
    error: Option<String>,
}

impl PageSigns {
    /// Those in the headers of an answer.
    pub(super) fn of_headers(headers: &HeaderMap) -> Self {
        let mut signs = Self::default();
        if has_next_page(headers) {
            signs.is_part(|| "a Link header names the next page".to_owned());
        }
        for (name, value) in headers {
            let name = name.as_str();
            let text = String::from_utf8_lossy(value.as_bytes());
            if *name == CONTENT_RANGE {
                // Such as `users 0-8/16`.
                let (range, total) = text.rsplit_once('/').unwrap_or_default();
                if !range.trim_start().starts_with("bytes") {
                    signs.count(0, "the header content-range", &total.into());
                }
                continue;
            }
            let bare = ["x-", "wp-", "pagination-"]
                .iter()
                .fold(name, |name, prefix| {
                    name.strip_prefix(prefix).unwrap_or(name)
                });
            let value = || Value::String(text.trim().to_owned());
            for tells in what(bare) {
                let name = format!("the header {name}");
                match tells {
                    // Not of the list, by its name alone.
                    Tells::Error | Tells::Success => {}
                    Tells::Total(_) | Tells::More | Tells::Size
                        if ["count", "remaining", "limit", "size"].contains(&bare) => {}
                    Tells::About => {
                        let fields = serde_json::from_str(&text).unwrap_or_default();
                        signs.look_into(&fields, LEVELS);
                    }
                    tells => signs.note(tells, &name, &value(), 0),
                }
            }
        }
        signs
    }

    /// Whether a field may be a sign.
    pub(super) fn knows(name: &str) -> bool {
        what(name).next().is_some()
    }

    /// Notes a field beside the list.
    pub(super) fn take(&mut self, name: &str, value: &Value) {
        self.field(name, value, LEVELS);
    }

    /// Whether there is no sign, however many rows the list has.
    pub(super) fn is_none(&self) -> bool {
        let Self {
            more,
            totals,
            page: _,
            pages,
            size,
            is_whole: _,
            error,
        } = self;
        let signs = [pages, size].into_iter().chain(totals);
        more.is_none() && error.is_none() && signs.into_iter().all(Option::is_none)
    }

    /// Why the list cannot be the whole one, if so. `pending` is the number of invites beside
    /// `users`, for lists that have invites.
    pub(super) fn doubt(&self, users: usize, pending: Option<usize>) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(format!("an error beside the list: {error}"));
        }
        let part = |why: &str| Some(format!("a page of a longer list: {why}"));
        if let Some(more) = &self.more {
            return part(more);
        }
        if let Some((name, pages)) = &self.pages {
            let page = self.page.unwrap_or(1).max(1);
            if *pages > page {
                return part(&format!("{name} is {pages}, and this is page {page}"));
            }
        }
        let rows = [
            Some(users.saturating_add(pending.unwrap_or_default())),
            pending.map(|_| users),
            pending,
        ];
        let too_few = self.totals.iter().zip(rows).find_map(|(total, rows)| {
            let ((name, total), rows) = (total.as_ref()?, rows?);
            (*total > rows as u64).then(|| format!("{name} is {total}, and it has {rows}"))
        });
        if let Some(why) = too_few {
            return part(&why);
        }
        self.full_page(users as u64, pending.unwrap_or_default() as u64)
    }

    /// Why the list may go on: it has all the rows that a page can have, and nothing says that it is the
    /// whole one.
    fn full_page(&self, users: u64, pending: u64) -> Option<String> {
        let (name, size) = self.size.as_ref()?;
        let rows = [users.saturating_add(pending), users, pending];
        // The lists may have their pages together, or each its own.
        let is_full = rows[0] == *size || users.max(pending) >= *size;
        let is_told = |which: usize| {
            let total = self.totals[which].as_ref();
            total.is_some_and(|(_, total)| *total == rows[which])
        };
        let is_last_page = self.pages.is_some();
        let is_whole = self.is_whole || is_last_page || is_told(0) || (is_told(1) && is_told(2));
        (is_full && !is_whole).then(|| {
            format!(
                "perhaps a page of a longer list: it has as many rows as its page size of {size} ({name}), so there may be more"
            )
        })
    }

    fn is_part(&mut self, why: impl FnOnce() -> String) {
        self.more.get_or_insert_with(why);
    }

    fn field(&mut self, name: &str, value: &Value, levels: u8) {
        for tells in what(name) {
            self.note(tells, name, value, levels);
        }
    }

    fn note(&mut self, tells: Tells, name: &str, value: &Value, levels: u8) {
        match tells {
            Tells::Next if names_a_page(value) => self.is_part(|| format!("{name} is set")),
            Tells::Next => self.is_whole = true,
            Tells::More if is(value, true) || counts_more(value) => {
                self.is_part(|| format!("{name} is {}", plain(value)));
            }
            Tells::More if is(value, false) || number(value) == Some(0) => self.is_whole = true,
            Tells::Whole if is(value, false) => self.is_part(|| format!("{name} is false")),
            Tells::Whole if is(value, true) => self.is_whole = true,
            Tells::Total(which) => self.count(which, name, value),
            Tells::Page => self.page = self.page.max(number(value)),
            Tells::Pages => {
                let more = |pages: &u64| self.pages.as_ref().is_none_or(|(_, most)| pages > most);
                if let Some(pages) = number(value).filter(more) {
                    self.pages = Some((name.to_owned(), pages));
                }
            }
            Tells::Size => {
                let fewer = |size: &u64| self.size.as_ref().is_none_or(|(_, least)| size < least);
                // None at all is written as zero.
                if let Some(size) = number(value).filter(|size| *size > 0).filter(fewer) {
                    self.size = Some((name.to_owned(), size));
                }
            }
            Tells::Error if denial::is_error(value) => {
                self.error.get_or_insert_with(|| value.to_string());
            }
            Tells::Success if is(value, false) => {
                self.error
                    .get_or_insert_with(|| format!("{name} is {}", plain(value)));
            }
            Tells::About if levels > 0 => self.look_into(value, levels - 1),
            Tells::More | Tells::Whole | Tells::Error | Tells::Success | Tells::About => {}
        }
    }

    fn look_into(&mut self, value: &Value, levels: u8) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.field(name, value, levels);
                }
            }
            Value::Array(items) => {
                let is_next = |link: &&Map<String, Value>| {
                    link.get("rel").and_then(Value::as_str) == Some("next")
                };
                let mut links = items.iter().filter_map(Value::as_object);
                if links.any(|link| is_next(&link)) {
                    self.is_part(|| "a link to the next".to_owned());
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, which: usize, name: &str, value: &Value) {
        let Some(total) = number(value) else { return };
        let largest = self.totals[which].as_ref().map_or(0, |(_, total)| *total);
        if total >= largest {
            self.totals[which] = Some((name.to_owned(), total));
        }
    }
}

/// Whether a `Link` header names a next page (RFC 8288).
fn has_next_page(headers: &HeaderMap) -> bool {
    headers.get_all(LINK).iter().any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        let parameters = text.split([';', ',']).map(str::trim);
        let relations = parameters.filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            (name.trim() == "rel").then(|| value.trim().trim_matches('"').to_owned())
        });
        relations
            .into_iter()
            .any(|words| words.split_ascii_whitespace().any(|word| word == "next"))
    })
}

#[cfg(test)]
mod tests;
