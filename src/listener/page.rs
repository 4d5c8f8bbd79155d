//! The page for people: what ends when, what is overdue or held, the last passes, and who is
//! covered by a grant. One file without scripts that loads nothing else.

use std::sync::LazyLock;

use askama::Template;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::config::Settings;
use crate::report::{self, DisplayRow, ListSection, ReportList, Tile, Urgency, Week, zone_name};
use crate::status::{self, Health, Pass, Status};
use crate::store::queries::page::{self, Board, People, TeamCoverage};
use crate::store::queries::status::Wanted;
use crate::store::{Store, StoreError};
use crate::text::{self, one_line};

/// The one stylesheet; the policy names its digest.
const STYLE: &str = include_str!("templates/page.css");

/// Teams that are shown.
const MOST_TEAMS: usize = 200;
/// Teams that are looked at in one read: passes read in between.
const TEAMS_A_READ: usize = 20;
/// Names on the whole page.
const MOST_NAMES: usize = 5_000;
/// Further rows of a list are folded away.
const MOST_OPEN_ROWS: usize = 10;
/// More names than these are folded away.
const MOST_OPEN_NAMES: usize = 8;

/// Why the page could not be made.
#[derive(Debug, Error)]
pub(super) enum PageError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the page could not be written")]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    style: &'static str,
    version: &'static str,
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
    next: Option<String>,
    passes: Vec<PassRow>,
    teams: Vec<TeamRow>,
    more_teams: usize,
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
        let rows = &self.section.rows;
        let (open, folded) = rows.split_at(rows.len().min(MOST_OPEN_ROWS));
        let parts = [open, folded].into_iter();
        parts.filter(|part| !part.is_empty()).collect()
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

struct PassRow {
    began: String,
    outcome: String,
}

struct TeamRow {
    name: String,
    is_known: bool,
    covered: Names,
    uncovered: Names,
}

impl TeamRow {
    /// The kinds of people that there are, those without a grant first.
    fn kinds(&self) -> Vec<(&Names, &'static str, &'static str)> {
        let kinds = [
            (&self.uncovered, "without a grant", Urgency::Warning.class()),
            (&self.covered, "covered", Urgency::Calm.class()),
        ];
        kinds.into_iter().filter(|kind| kind.0.count > 0).collect()
    }
}

/// People of one kind, as a line.
struct Names {
    count: usize,
    line: String,
    is_long: bool,
}

/// What a browser may do with an answer: show it, with this stylesheet, alone in its window.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let digest = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
    let (mut board, mut listed) = store
        .read(move |db| {
            let board = page::gather(db, &of_board, &of_status, of_zone)?;
            Ok((board, page::teams(db)?))
        })
        .await?;
    let mut weeks = Vec::new();
    for week in page::weeks(status.at, &zone) {
        let count = store.read(move |db| page::ends_in(db, week)).await?;
        let starts = week.starts;
        weeks.push(Week { starts, count });
    }
    let ends = weeks.iter().map(|week| week.count).sum();
    board.summary.set_total(ReportList::Ending, ends);
    let more_teams = listed.len().saturating_sub(MOST_TEAMS);
    listed.truncate(MOST_TEAMS);
    let mut teams = Vec::with_capacity(listed.len());
    for some in listed.chunks(TEAMS_A_READ) {
        let (some, holders, wanted) = (some.to_vec(), settings.holders(), wanted.clone());
        let read = move |db: &_| page::coverage(db, &some, &holders, &wanted);
        teams.extend(store.read(read).await?);
    }
    Ok(page(status, &board, &weeks, &teams, more_teams, &zone).render()?)
}

fn page<'a>(
    status: &'a Status,
    board: &Board,
    weeks: &[Week],
    teams: &[TeamCoverage],
    more_teams: usize,
    zone: &TimeZone,
) -> Page<'a> {
    let moment = |at: Timestamp| moment(at, zone);
    let mut sections = report::sections(&board.summary);
    for drawn in sections.iter_mut().filter(|section| is_drawn(section)) {
        // Of the whole, where the list is cut.
        drawn.bars = report::bars(weeks);
    }
    let mut names_left = MOST_NAMES;
    Page {
        style: STYLE,
        version: env!("CARGO_PKG_VERSION"),
        status,
        headline: headline(status.verdict),
        tone: match status.verdict {
            Health::Well => Urgency::Calm.class(),
            Health::Failing => Urgency::Warning.class(),
            Health::Held => Urgency::Alarm.class(),
        },
        asked: moment(status.at),
        zone: zone_name(zone, status.at),
        tiles: tiles(status),
        has_ends: sections.iter().any(is_drawn),
        sections,
        alive_since: status.daemon.and_then(|daemon| daemon.since.map(moment)),
        next: status.passes.next.map(moment),
        passes: board.passes.iter().map(|pass| row(pass, zone)).collect(),
        teams: teams
            .iter()
            .map(|team| TeamRow {
                uncovered: names(&team.uncovered, &mut names_left),
                covered: names(&team.covered, &mut names_left),
                name: one_line(&team.name),
                is_known: team.is_known,
            })
            .collect(),
        more_teams,
    }
}

fn headline(verdict: Health) -> &'static str {
    match verdict {
        Health::Well => "All is well",
        Health::Failing => "Not all is well",
        Health::Held => "Removals wait for an approval",
    }
}

fn tiles(status: &Status) -> Vec<Tile> {
    vec![
        Tile::new(status.held.count, "held", Urgency::Alarm),
        Tile::new(status.overdue.count, "overdue", Urgency::Warning),
        Tile::new(status.sources.failing, "sources unread", Urgency::Warning),
        Tile::new(status.mail.unsent, "mails unsent", Urgency::Warning),
        Tile::new(status.ends.within_24h, "end within a day", Urgency::Calm),
        Tile::new(status.ends.within_7d, "end within a week", Urgency::Calm),
    ]
}

impl Urgency {
    /// The class of its colour.
    fn class(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

fn row(pass: &Pass, zone: &TimeZone) -> PassRow {
    PassRow {
        began: moment(pass.started_at, zone),
        outcome: status::outcome(pass),
    }
}

fn names(people: &People, left: &mut usize) -> Names {
    let shown = people.names.len().min(*left);
    *left -= shown;
    let mut line: Vec<String> = people.names[..shown].iter().map(|n| one_line(n)).collect();
    if people.count > shown {
        line.push(format!("and {} more", people.count - shown));
    }
    Names {
        count: people.count,
        is_long: people.count > MOST_OPEN_NAMES,
        line: line.join(", "),
    }
}

/// To the minute, in one piece: the space does not break.
fn moment(at: Timestamp, zone: &TimeZone) -> String {
    text::minute(at, zone).replace(' ', "\u{a0}")
}
