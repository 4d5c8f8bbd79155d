//! The columns of `list`: the usual ones, or those that a person asks for by their keys.

use super::super::RowFormat;
use super::super::exit::Failure;
use super::super::output::{self, Cell, Table, Tone};
use crate::domain::GrantState;
use crate::explain::words::Words;
use crate::store::GrantRow;
use crate::store::queries::not_given::NotGiven;
use crate::text::nearest;

/// All columns, by the keys of the JSON, as CSV has them.
pub(in crate::cli) const KEYS: [&str; 11] = [
    "email",
    "target",
    "name",
    "permissions",
    "role",
    "start",
    "end",
    "owner",
    "reason",
    "state",
    "removed_at",
];
/// What a table shows if nobody asks for something else.
const USUAL: [&str; 8] = [
    "email", "target", "state", "end", "start", "role", "owner", "reason",
];
/// What is left out of the usual table first, where the terminal is too narrow.
const GIVEN_UP: [&str; 4] = ["START", "REASON", "OWNER", "ROLE"];
/// What then is told once, if all grants have it in common.
const SAID_ONCE: [&str; 2] = ["TARGET", "STATE"];
/// What goes on a second line of each grant if even the others do not fit.
const SECOND: [&str; 7] = ["STATE", "END", FROM_NOW, "START", "ROLE", "OWNER", "REASON"];
/// How far away the end is: beside the end.
const FROM_NOW: &str = "FROM NOW";

/// Which columns are shown.
#[derive(Debug)]
pub(super) struct Columns {
    keys: Vec<&'static str>,
    /// Whether a person named them: none of those is left out.
    asked: bool,
}

impl Columns {
    /// Those that `--columns` names, or the usual ones of this form.
    pub(super) fn asked(text: Option<&str>, format: RowFormat) -> Result<Self, Failure> {
        let Some(text) = text else {
            let keys = match format {
                RowFormat::Table => USUAL.to_vec(),
                _ => KEYS.to_vec(),
            };
            return Ok(Self { keys, asked: false });
        };
        if format == RowFormat::Json {
            return Err(Failure::usage(
                "--columns: a row of JSON always has all keys; it is for a table or CSV",
            ));
        }
        let mut keys = Vec::new();
        for name in text.split(',').map(str::trim) {
            let Some(key) = KEYS.into_iter().find(|key| key.eq_ignore_ascii_case(name)) else {
                let near = nearest(name, KEYS).unwrap_or(KEYS[0]);
                return Err(Failure::usage(format!(
                    "--columns: {name:?} is not a column; the nearest known one is {near} (there are {})",
                    KEYS.join(", ")
                )));
            };
            if keys.contains(&key) {
                return Err(Failure::usage(format!("--columns: {key} stands twice")));
            }
            keys.push(key);
        }
        Ok(Self { keys, asked: true })
    }

    pub(super) fn csv(&self, rows: &[GrantRow]) -> Result<(), Failure> {
        let values = |row: &GrantRow| -> Vec<String> {
            self.keys.iter().map(|key| value(row, key)).collect()
        };
        output::csv(&self.keys, rows.iter().map(values))
    }

    pub(super) fn table(&self, rows: &[GrantRow], not_given: &NotGiven, words: &Words) -> Table {
        let mut heads = Vec::new();
        for key in &self.keys {
            heads.push(head(key));
            if *key == "end" {
                heads.push(FROM_NOW);
            }
        }
        let mut table = Table::new(&heads).wraps(&["REASON", "NAME", "PERMISSIONS"]);
        if !self.asked {
            table = table
                .gives_up(&GIVEN_UP)
                .says_once(&SAID_ONCE)
                .has_second_line(&SECOND);
        }
        for row in rows {
            let mut cells = Vec::new();
            for key in &self.keys {
                cells.push(match *key {
                    "state" if not_given.has(row) => output::cell("not given").toned(Tone::Waiting),
                    key => cell(row, key, words),
                });
                if *key == "end" {
                    let away = row.end.map(|end| words.away(end));
                    cells.push(output::cell(&away.unwrap_or_default()));
                }
            }
            table.add(cells);
        }
        table
    }
}

fn head(key: &str) -> &'static str {
    match key {
        "email" => "EMAIL",
        "target" => "TARGET",
        "name" => "NAME",
        "permissions" => "PERMISSIONS",
        "role" => "ROLE",
        "start" => "START",
        "end" => "END",
        "owner" => "OWNER",
        "reason" => "REASON",
        "state" => "STATE",
        _ => "REMOVED AT",
    }
}

/// As CSV has it.
fn value(row: &GrantRow, key: &str) -> String {
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    match key {
        "email" => row.email.clone(),
        "target" => row.target.to_string(),
        "name" => row.name.clone().unwrap_or_default(),
        "permissions" => row.permissions.join(";"),
        "role" => row.role.clone().unwrap_or_default(),
        "start" => row.start.to_string(),
        "end" => time(row.end),
        "owner" => row.owner.clone().unwrap_or_default(),
        "reason" => row.reason.clone().unwrap_or_default(),
        "state" => row.state.as_str().to_owned(),
        _ => time(row.removed_at),
    }
}

/// As a table has it.
fn cell(row: &GrantRow, key: &str, words: &Words) -> Cell {
    match key {
        "permissions" => output::cell(&row.permissions.join(" ")),
        "start" => output::cell(&words.moment(row.start)),
        "end" => output::cell(&words.end(row.end)),
        "removed_at" => {
            let at = row.removed_at.map(|at| words.moment(at));
            output::cell(&at.unwrap_or_default())
        }
        "state" => output::cell(row.state.as_str()).toned(match row.state {
            GrantState::Active => Tone::Good,
            GrantState::Scheduled => Tone::Waiting,
            GrantState::Ended => Tone::Bad,
            GrantState::Removed => Tone::Plain,
        }),
        key => output::cell(&value(row, key)),
    }
}
