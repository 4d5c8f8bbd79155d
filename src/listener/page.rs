//! The overview for people: what ends when, what is overdue or held, access without an end, invites,
//! the last passes, and who is in a team or on a whitelist. One file without scripts that loads
//! nothing else.

use std::sync::LazyLock;

use askama::Template;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::people::Link;
use super::rows::{DayRow, Group, PassRow, moment, parts};
use crate::config::Settings;
use crate::report::{self, DisplayRow, ListSection, ReportList, Tile, Urgency, Week, zone_name};
use crate::status::{Health, Status};
use crate::store::queries::page::{self, Board, Entries, TeamCoverage};
use crate::store::queries::status::Wanted;
use crate::store::{Store, StoreError};
use crate::text::one_line;

/// The one stylesheet; the policy names its digest.
const STYLE: &str = include_str!("templates/page.css");

/// Teams that are shown.
const MOST_TEAMS: usize = 200;
/// Teams that are looked at in one read: passes read in between.
const TEAMS_A_READ: usize = 20;
/// Whitelists that are shown.
const MOST_WHITELISTS: usize = 20;
/// Names on the whole page.
const MOST_NAMES: usize = 5_000;
/// Further rows of a list are folded away.
const MOST_OPEN_ROWS: usize = 10;

/// Why the page could not be made.
#[derive(Debug, Error)]
pub(super) enum PageError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the page could not be written")]
    Template(#[from] askama::Error),
}

/// What stands around the content of each page.
pub(super) struct Frame {
    pub(super) style: &'static str,
    pub(super) version: &'static str,
    /// What was searched for.
    pub(super) asked_for: String,
}

impl Frame {
    pub(super) fn asked_for(text: &str) -> Self {
        Self {
            style: STYLE,
            version: env!("CARGO_PKG_VERSION"),
            asked_for: one_line(text),
        }
    }
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    frame: Frame,
    status: &'a Status,
    headline: &'static str,
    tone: &'static str,
    asked: String,
    zone: String,
    tiles: Vec<Tile>,
    sections: Vec<ListSection>,
    /// Whether one of them is drawn.
    has_ends: bool,
    alive_since: Option<String>,
    last: Option<String>,
    next: Option<String>,
    days: Vec<DayRow>,
    passes: Vec<PassRow>,
    teams: Vec<Group>,
    more_teams: usize,
    whitelists: Vec<Group>,
    more_whitelists: usize,
}

/// A list, laid out the same way wherever it stands; what it holds is escaped by its own template.
#[derive(Template)]
#[template(path = "list.html")]
struct List<'a> {
    section: &'a ListSection,
    tone: &'static str,
    command: &'static str,
}

impl List<'_> {
    /// The rows that are seen at once, and those that are folded away.
    fn parts(&self) -> Vec<&[DisplayRow]> {
        parts(&self.section.rows, MOST_OPEN_ROWS)
    }

    /// The page about the person of a row, if it is about one.
    fn person<'a>(&self, row: &'a DisplayRow) -> Option<Link<'a>> {
        Link::to(&row.lead)
    }
}

/// Whether it is the list of what ends.
fn is_drawn(section: &ListSection) -> bool {
    !section.bars.is_empty()
}

impl Page<'_> {
    fn list<'a>(&self, section: &'a ListSection) -> List<'a> {
        List {
            section,
            tone: section.tone.class(),
            command: match is_drawn(section) {
                true => "lapsed list --ending-within 90d",
                false => "lapsed report",
            },
        }
    }
}

/// What a browser may do with an answer: show it, with this stylesheet, alone in its window, and send
/// its form here.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let digest = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    POLICY.clone()
}

/// Reads what the page shows and writes it.
pub(super) async fn render(
    store: &Store,
    settings: &Settings,
    status: &Status,
) -> Result<String, PageError> {
    let zone = settings.timezone.clone();
    let wanted = Wanted::new(settings, status.at, status.unconfirmed.clone());
    let (of_board, of_status, of_zone) = (wanted.clone(), status.clone(), zone.clone());
    let (mut board, mut listed, whitelists) = store
        .read(move |db| {
            let board = page::gather(db, &of_board, &of_status, of_zone)?;
            Ok((board, page::teams(db)?, page::whitelists(db)?))
        })
        .await?;
    let mut days = Vec::new();
    let mut in_a_week = 0;
    for day in &board.days {
        let span = day.span;
        let count = store.read(move |db| page::ends_in(db, span)).await?;
        in_a_week += count;
        days.push(DayRow::of(day, count, &zone));
    }
    // The days are the first week.
    let mut weeks: Vec<Week> = Vec::new();
    for week in page::weeks(status.at, &zone) {
        let starts = week.starts;
        let count = match weeks.is_empty() {
            true => in_a_week,
            false => store.read(move |db| page::ends_in(db, week)).await?,
        };
        weeks.push(Week { starts, count });
    }
    let ends = weeks.iter().map(|week| week.count).sum();
    board.summary.set_total(ReportList::Ending, ends);
    let (mut endless, mut last) = (0, 0);
    while let Some((count, at)) = store.read(move |db| page::some_never_end(db, last)).await? {
        endless += count;
        last = at;
    }
    board.summary.set_total(ReportList::NeverEnds, endless);
    let mut seen = Seen {
        more_teams: listed.len().saturating_sub(MOST_TEAMS),
        ..Seen::default()
    };
    listed.truncate(MOST_TEAMS);
    for some in listed.chunks(TEAMS_A_READ) {
        let (some, holders, wanted) = (some.to_vec(), settings.holders(), wanted.clone());
        let read = move |db: &_| page::coverage(db, &some, &holders, &wanted);
        seen.teams.extend(store.read(read).await?);
    }
    seen.more_whitelists = whitelists.len().saturating_sub(MOST_WHITELISTS);
    for whitelist in whitelists.into_iter().take(MOST_WHITELISTS) {
        let read = move |db: &_| page::entries(db, &whitelist);
        seen.whitelists.push(store.read(read).await?);
    }
    Ok(page(status, &board, &weeks, days, &seen, &zone).render()?)
}

/// Who is in the first teams and on the first whitelists.
#[derive(Default)]
struct Seen {
    teams: Vec<TeamCoverage>,
    more_teams: usize,
    whitelists: Vec<Entries>,
    more_whitelists: usize,
}

fn page<'a>(
    status: &'a Status,
    board: &Board,
    weeks: &[Week],
    days: Vec<DayRow>,
    seen: &Seen,
    zone: &TimeZone,
) -> Page<'a> {
    let mut sections = report::sections(&board.summary);
    for drawn in sections.iter_mut().filter(|section| is_drawn(section)) {
        // Of the whole, where the list is cut.
        drawn.bars = report::bars(weeks);
    }
    let passes = &status.passes;
    let last = passes.last.as_ref().map(|pass| pass.finished_at);
    let mut left = MOST_NAMES;
    let teams = seen.teams.iter().map(|t| Group::of_team(t, &mut left));
    let teams = teams.collect();
    let whitelists = seen.whitelists.iter();
    let whitelists = whitelists.map(|w| Group::of_whitelist(w, zone, &mut left));
    Page {
        frame: Frame::asked_for(""),
        status,
        headline: headline(status),
        tone: match status.verdict {
            Health::Well => Urgency::Calm.class(),
            Health::Failing => Urgency::Warning.class(),
            Health::Held => Urgency::Alarm.class(),
        },
        asked: moment(status.at, zone),
        zone: zone_name(zone, status.at),
        tiles: tiles(status),
        has_ends: sections.iter().any(is_drawn),
        sections,
        alive_since: status
            .daemon
            .and_then(|daemon| daemon.since.map(|at| moment(at, zone))),
        last: last.map(|at| moment(at, zone)),
        next: passes.next.map(|at| moment(at, zone)),
        days,
        passes: board
            .passes
            .iter()
            .map(|run| PassRow::of(run, status, zone))
            .collect(),
        teams,
        more_teams: seen.more_teams,
        whitelists: whitelists.collect(),
        more_whitelists: seen.more_whitelists,
    }
}

fn headline(status: &Status) -> &'static str {
    match status.verdict {
        Health::Well if status.observe_only.is_some() => "Only observing: no provider is changed",
        Health::Well => "All is well",
        Health::Failing => "Not all is well",
        Health::Held => "Removals wait for an approval",
    }
}

fn tiles(status: &Status) -> Vec<Tile> {
    let sources = &status.sources;
    // A team that the key may never read is no fault.
    let unread = match sources.failing {
        0 => Urgency::Calm,
        _ => Urgency::Warning,
    };
    vec![
        Tile::new(status.held.count, "held", Urgency::Alarm),
        match status.observe_only {
            Some(due) => Tile::new(due.remove + due.give, "left alone", Urgency::Calm),
            None => Tile::new(status.overdue.count, "overdue", Urgency::Warning),
        },
        Tile::new(
            sources.failing + sources.forbidden,
            "sources unread",
            unread,
        ),
        Tile::new(status.mail.unsent, "mails unsent", Urgency::Warning),
        Tile::new(status.ends.within_24h, "end within a day", Urgency::Calm),
        Tile::new(status.ends.within_7d, "end within a week", Urgency::Calm),
    ]
}

impl Urgency {
    /// The class of its colour.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}
