//! A mail to one person: what concerns them, in rows, and what they can do about it. Text and HTML
//! in the look of the report.

mod hold;
mod notice;
mod review;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::RenderError;
use super::fitting::MOST_ROWS;
use super::html::HtmlRows;
use super::palette::STYLE;
use super::summary::zone_name;
use super::text::TextPage;
use super::view::DisplayRow;
use super::words::hours;
use crate::text::{self, one_line};

pub(crate) use hold::hold;
pub(crate) use notice::notice;
pub(crate) use review::review;

/// The page on which an owner can answer, and until when.
#[derive(Debug, Clone)]
pub(crate) struct AnswerPage {
    pub(crate) url: String,
    pub(crate) until: Timestamp,
}

/// A letter, ready to be written.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    kicker: &'static str,
    organization: String,
    headline: String,
    intro: Vec<String>,
    /// Stands before all that is said of commands, which its reader may not be able to run.
    link: Option<AnswerLink>,
    /// Who helps those who cannot use either.
    help: Option<String>,
    parts: Vec<Part>,
    footer: Vec<String>,
}

/// A list with its heading; a letter's only list needs none.
#[derive(Debug, Clone)]
struct Part {
    title: String,
    note: String,
    /// What to type, where there is something to be done.
    command: String,
    rows: Vec<DisplayRow>,
    more: u64,
    /// Where the rest is.
    rest: &'static str,
}

/// A link with what it does.
#[derive(Debug, Clone)]
struct AnswerLink {
    url: String,
    note: String,
}

/// Where and when a letter is written.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// How the reader knows the organization.
    pub(crate) organization: String,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
    /// Who gets an answer to the letter, where somebody is named.
    pub(crate) contact: Option<String>,
}

impl Scene {
    fn moment(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        local.strftime("%a %Y-%m-%d %H:%M").to_string()
    }

    fn day(&self, at: Timestamp) -> String {
        text::day(at, &self.zone)
    }

    fn ahead(&self, at: Timestamp) -> String {
        let ahead = at.duration_since(self.now).as_hours();
        format!("in {}", hours(u64::try_from(ahead).unwrap_or(0)))
    }

    /// Who helps owners without a shell.
    fn help(&self, page: Option<&AnswerPage>) -> Option<String> {
        let contact = one_line(self.contact.as_ref()?);
        Some(match page {
            Some(_) => format!(
                "If you can use neither the link nor commands, answer this mail: {contact} gets it, and \
                 can do it for you."
            ),
            None => format!(
                "If you cannot run commands, answer this mail: {contact} gets it, and can run them for \
                 you."
            ),
        })
    }

    /// The link to the page with what the recipient answers for.
    fn link(&self, page: Option<&AnswerPage>, offers: &str) -> Option<AnswerLink> {
        page.map(|page| AnswerLink {
            url: page.url.clone(),
            note: format!(
                "{offers} It works until {} and takes one answer for each of them. Who has the link \
                 answers in your name: do not pass it on.",
                self.moment(page.until)
            ),
        })
    }

    fn zone_note(&self) -> String {
        let zone = zone_name(&self.zone, self.now);
        format!("Times are those of {zone}.")
    }

    /// The organization behind a subject's words.
    fn subject(&self, words: &str) -> String {
        let label: String = one_line(&self.organization).chars().take(80).collect();
        match label.as_str() {
            "" => format!("lapsed: {words}"),
            label => format!("lapsed: {words} — {label}"),
        }
    }
}

impl Part {
    /// The first of so many rows, cleaned.
    fn of(rows: impl ExactSizeIterator<Item = DisplayRow>, rest: &'static str) -> Self {
        let total = rows.len();
        let rows: Vec<DisplayRow> = rows.take(MOST_ROWS).map(DisplayRow::cleaned).collect();
        Self {
            title: String::new(),
            note: String::new(),
            command: String::new(),
            more: total.saturating_sub(rows.len()) as u64,
            rows,
            rest,
        }
    }
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
    style: &'a str,
}

impl Html<'_> {
    /// The rows of a list; what they hold is escaped by their own template.
    fn rows<'a>(&self, part: &'a Part) -> HtmlRows<'a> {
        HtmlRows {
            rows: &part.rows,
            more: part.more,
            rest: part.rest,
        }
    }
}

impl Letter {
    /// The same with so many rows of each list at most.
    pub(crate) fn beginning(&self, rows: usize) -> Self {
        let mut letter = self.clone();
        for part in &mut letter.parts {
            part.more += part.rows.len().saturating_sub(rows) as u64;
            part.rows.truncate(rows);
        }
        letter
    }

    /// As plain text, 78 columns wide.
    pub(crate) fn text(&self) -> String {
        let mut page = TextPage::default();
        page.wrapped("", &format!("{}.", self.headline));
        for line in &self.intro {
            page.blank();
            page.wrapped("", line);
        }
        if let Some(link) = &self.link {
            page.blank();
            page.wrapped("", &link.note);
            page.blank();
            page.line(&format!("    {}", link.url));
        }
        if let Some(help) = &self.help {
            page.blank();
            page.wrapped("", help);
        }
        for part in &self.parts {
            page.blank();
            if !part.title.is_empty() {
                page.line(&part.title);
                page.line(&"=".repeat(part.title.chars().count()));
            }
            if !part.note.is_empty() {
                page.wrapped("", &part.note);
                if !part.command.is_empty() || !part.rows.is_empty() {
                    page.blank();
                }
            }
            if !part.command.is_empty() {
                page.line(&format!("    {}", part.command));
                if !part.rows.is_empty() {
                    page.blank();
                }
            }
            // Each is a block of lines of its own.
            for (place, row) in part.rows.iter().enumerate() {
                if place > 0 {
                    page.blank();
                }
                page.rows(std::slice::from_ref(row), 0, part.rest);
            }
            page.rows(&[], part.more, part.rest);
        }
        page.blank();
        page.line("--------");
        for line in &self.footer {
            page.wrapped("", line);
        }
        page.0
    }

    /// As one HTML file.
    pub(crate) fn html(&self) -> Result<String, RenderError> {
        let page = Html {
            letter: self,
            style: &STYLE,
        };
        Ok(page.render()?)
    }
}

#[cfg(test)]
mod tests;
