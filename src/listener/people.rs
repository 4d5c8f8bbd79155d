//! The pages about people: a search by address, and all that is on record about one person. What
//! they read is found by index, and what they show has a limit.

use askama::Template;
use jiff::Timestamp;

use super::page::{Frame, PageError};
use crate::clock;
use crate::config::Settings;
use crate::domain::Email;
use crate::explain::words::Words;
use crate::explain::{AccessState, Explanation, HistoryRow, OnePlace, Rules, explain, lines, tell};
use crate::report::Urgency;
use crate::store::queries::person::{self as on_record, Found};
use crate::store::{Store, StoreError};
use crate::text::{one_line, quoted};

/// People that a search shows.
const MOST_FOUND: usize = 50;
/// Targets that are shown of one person, and what is said of each.
const MOST_PLACES: usize = 100;
const MOST_LINES: usize = 40;
/// Events that are shown of one person.
const MOST_EVENTS: usize = 100;
/// The longest text that can be part of an address on record.
const LONGEST: usize = 254;

/// A link to the page about a person; the address may break after its `@`.
#[derive(Template)]
#[template(path = "link.html")]
pub(super) struct Link<'a> {
    email: &'a str,
}

impl<'a> Link<'a> {
    /// The link to a person, if the text is an address and not the name of a target.
    pub(super) fn to(text: &'a str) -> Option<Self> {
        let is_address = text.contains('@') && !text.contains(':');
        is_address.then_some(Self { email: text })
    }

    pub(super) fn for_address(email: &'a str) -> Self {
        Self { email }
    }

    /// The link as HTML.
    fn html(email: &'a str) -> Result<String, askama::Error> {
        Self { email }.render()
    }

    fn halves(&self) -> (String, String) {
        let (head, tail) = match self.email.rfind('@') {
            Some(at) => self.email.split_at(at + 1),
            None => (self.email, ""),
        };
        (one_line(head), one_line(tail))
    }

    /// The address as a value in a URL.
    fn encoded(&self) -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~@".contains(byte);
        let written = |byte: u8| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        self.email.bytes().map(written).collect()
    }
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    headline: String,
    people: Vec<String>,
    notes: Vec<String>,
}

/// The people whose address has this part.
pub(super) async fn find(store: &Store, asked_for: &str) -> Result<String, PageError> {
    let asked_for = asked_for.trim();
    let mut page = PeoplePage {
        frame: Frame::asked_for(asked_for),
        headline: "Find a person".to_owned(),
        people: Vec::new(),
        notes: Vec::new(),
    };
    if asked_for.is_empty() {
        page.notes
            .push("Type an address, or a part of one.".to_owned());
    } else if asked_for.len() > LONGEST {
        let note = format!("No address is longer than {LONGEST} bytes.");
        page.notes.push(note);
    } else {
        let part = Email::observed(asked_for).key().to_owned();
        let found = store
            .read_aside(move |db| on_record::search(db, &part, MOST_FOUND))
            .await?;
        page.headline = headline(asked_for, &found);
        page.notes = notes(&found);
        let links = found.people.iter().map(|email| Link::html(email));
        page.people = links.collect::<Result<_, _>>()?;
    }
    Ok(page.render()?)
}

fn headline(asked_for: &str, found: &Found) -> String {
    let asked_for = one_line(asked_for);
    match (found.people.len(), found.more) {
        (0, _) => format!("Nobody found with “{asked_for}”"),
        (1, _) => format!("1 person with “{asked_for}”"),
        (number, true) => format!("The first {number} people with “{asked_for}”"),
        (number, false) => format!("{number} people with “{asked_for}”"),
    }
}

fn notes(found: &Found) -> Vec<String> {
    let mut notes = Vec::new();
    if found.more {
        let note =
            "There are more: type more of the address. Those that begin with the text come first.";
        notes.push(note.to_owned());
    }
    if found.unread {
        let note = "All addresses that begin with the text were looked through, and of the others only the first ones: \
                    to be certain, type the beginning of the address.";
        notes.push(note.to_owned());
    }
    notes
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    email: String,
    tone: &'static str,
    asked: String,
    last_pass: Option<String>,
    is_unknown: bool,
    near: Vec<String>,
    places: Vec<PlaceRow>,
    more_places: usize,
    why: String,
    history: Vec<EventRow>,
    events: usize,
    more_events: usize,
    all_history: String,
}

/// What holds on one target.
struct PlaceRow {
    target: String,
    tone: &'static str,
    verdict: String,
    lines: Vec<(&'static str, String)>,
}

/// What happened at one time.
struct EventRow {
    at: String,
    text: String,
    target: String,
    by: String,
}

/// What a person's page is, and whether anything is on record.
pub(super) struct Shown {
    pub(super) html: String,
    pub(super) is_known: bool,
}

/// All that is on record about one person.
pub(super) async fn show(
    store: &Store,
    settings: &Settings,
    email: &str,
) -> Result<Shown, PageError> {
    let email = Email::observed(email);
    let now = clock::now();
    let words = Words::shown(&settings.timezone, now);
    let rules = Rules::of(settings);
    let read = move |db: &_| -> Result<_, StoreError> {
        let facts = on_record::facts(db, &email, &rules, now)?;
        let history = on_record::history(db, &email)?;
        Ok((facts, rules, history))
    };
    let (facts, rules, history) = store.read_aside(read).await?;
    let explanation = explain(&facts, &rules, None, &words);
    let history = tell(history.happened, &history.actions, &words);
    let is_known = explanation.known || !history.is_empty();
    let html = person(&explanation, history, is_known, &words)?.render()?;
    Ok(Shown { html, is_known })
}

fn person(
    explanation: &Explanation,
    history: Vec<HistoryRow>,
    is_known: bool,
    words: &Words,
) -> Result<PersonPage, PageError> {
    let moment = |at: Timestamp| words.moment(at);
    let email = one_line(&explanation.email);
    let events = history.len();
    let near = explanation.near.iter().map(|email| Link::html(email));
    let places = &explanation.targets;
    let shown = &places[..places.len().min(MOST_PLACES)];
    let is_overdue = |place: &OnePlace| place.access == AccessState::Overdue;
    let last = history.into_iter().rev().take(MOST_EVENTS);
    Ok(PersonPage {
        frame: Frame::asked_for(""),
        tone: match (is_known, places.iter().any(is_overdue)) {
            (true, false) => Urgency::Calm.class(),
            _ => Urgency::Warning.class(),
        },
        asked: moment(explanation.at),
        last_pass: explanation.last_pass.map(moment),
        is_unknown: !is_known,
        near: near.collect::<Result<_, _>>()?,
        places: shown.iter().map(|place| row(place, words)).collect(),
        more_places: places.len() - shown.len(),
        why: format!("lapsed why {}", quoted(&email)),
        history: last.map(|row| event(row, words)).collect(),
        events,
        more_events: events.saturating_sub(MOST_EVENTS),
        all_history: format!("lapsed history {}", quoted(&email)),
        email,
    })
}

fn row(place: &OnePlace, words: &Words) -> PlaceRow {
    let mut lines = lines(place, words);
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        let told = format!("{more} lines, which lapsed why tells");
        lines.push(("more", told));
    }
    PlaceRow {
        target: one_line(&place.target.to_string()),
        tone: match place.access {
            AccessState::Overdue => Urgency::Alarm.class(),
            AccessState::Invited | AccessState::Scheduled | AccessState::Unseen => {
                Urgency::Warning.class()
            }
            AccessState::Yes => "well",
            AccessState::No => Urgency::Calm.class(),
        },
        verdict: one_line(&place.verdict),
        lines: lines
            .into_iter()
            .map(|(word, text)| (word, one_line(&text)))
            .collect(),
    }
}

fn event(row: HistoryRow, words: &Words) -> EventRow {
    let text = |text: Option<String>| one_line(&text.unwrap_or_default());
    EventRow {
        at: words.moment(row.at),
        text: one_line(&row.text),
        target: text(row.target),
        by: text(row.by),
    }
}
