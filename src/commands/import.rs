//! Reads grants from a CSV file: all rows are checked before anything is recorded, and every fault
//! is reported with its line.

mod difference;
mod matching;
mod row;
mod sourced;

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use crate::config::Settings;
use crate::store::NewGrant;
use crate::text::nearest;
pub(crate) use difference::{Change, Compared, Difference, compare};
pub(crate) use row::{Written, known_account};
pub(crate) use sourced::{Pruned, WouldHold, drop_missing, foresee};

/// The columns that a file may have, in any order.
const COLUMNS: [&str; 9] = [
    "email",
    "target",
    "name",
    "permissions",
    "role",
    "start",
    "end",
    "owner",
    "reason",
];

/// How many faults are reported at once: enough to see the pattern.
const SHOWN: usize = 20;

/// A file that cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ImportError {
    /// It could not be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{0}")]
    Faults(Faults),
}

/// What is wrong in a file, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faults {
    path: PathBuf,
    faults: Vec<(u64, String)>,
}

impl Faults {
    pub(crate) fn new(path: &Path, faults: Vec<(u64, String)>) -> Self {
        Self {
            path: path.to_owned(),
            faults,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (line, fault)) in self.faults.iter().take(SHOWN).enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(
                f,
                "{separator}{}: line {line}: {fault}",
                self.path.display()
            )?;
        }
        if self.faults.len() > SHOWN {
            write!(f, "\nand {} more faults", self.faults.len() - SHOWN)?;
        }
        write!(f, "\nnothing was recorded")
    }
}

/// A grant and the line that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line, from 1.
    pub line: u64,
    /// The grant.
    pub grant: NewGrant,
}

/// The name of a file in messages; `-` is stdin.
pub(crate) fn named(path: &Path) -> &Path {
    match path == Path::new("-") {
        true => Path::new("<stdin>"),
        false => path,
    }
}

/// Reads and checks a whole file, or stdin where it is `-`. Relative times count from `now`; in a file with
/// a name, `is_sourced`, there are none.
///
/// # Errors
/// When the file cannot be read or any row is wrong.
pub(crate) fn read(
    path: &Path,
    settings: &Settings,
    is_sourced: bool,
    now: Timestamp,
) -> Result<Vec<Row>, ImportError> {
    let name = named(path);
    let bytes = match name == path {
        true => std::fs::read(path),
        false => all_of_stdin(),
    };
    let bytes = bytes.map_err(|source| ImportError::File {
        path: name.to_owned(),
        source,
    })?;
    parse(&bytes, settings, is_sourced, now)
        .map_err(|faults| ImportError::Faults(Faults::new(name, faults)))
}

fn all_of_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What separates the fields: the commas of the standard, or the semicolons with which spreadsheets of
/// many countries save. The first line says which.
fn separator(bytes: &[u8]) -> u8 {
    let mut lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    let header = lines.find(|line| !line.is_empty()).unwrap_or_default();
    match header.contains(&b';') && !header.contains(&b',') {
        true => b';',
        false => b',',
    }
}

fn parse(
    bytes: &[u8],
    settings: &Settings,
    is_sourced: bool,
    now: Timestamp,
) -> Result<Vec<Row>, Vec<(u64, String)>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let separator = separator(bytes);
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader
        .flexible(true)
        .delimiter(separator)
        .from_reader(bytes);
    let mut lines = Lines::of(bytes);
    let (header, first) = match reader.byte_headers() {
        Ok(header) => {
            let first = lines.at(header.position());
            (
                columns(header).map_err(|fault| vec![(first, fault)])?,
                first,
            )
        }
        Err(error) => return Err(vec![(1, error.to_string())]),
    };
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                faults.push((lines.at(Some(reader.position())), error.to_string()));
                break;
            }
        }
        let line = lines.at(record.position());
        match row::grant((&header, &record, separator), settings, is_sourced, now) {
            Ok(grant) => rows.push(Row { line, grant }),
            Err(fault) => faults.push((line, fault)),
        }
    }
    if rows.is_empty() && faults.is_empty() {
        // This is more likely a failed export than somebody's wish.
        faults.push((first, "no row stands below the columns".to_owned()));
    }
    if is_sourced && faults.is_empty() {
        faults = matching::contradictions(&rows);
    }
    if faults.is_empty() {
        Ok(rows)
    } else {
        Err(faults)
    }
}

/// Counts lines as an editor does. The reader's own count lags by one after CR LF, and points
/// before empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// The line on which the next record begins.
    fn at(&mut self, place: Option<&csv::Position>) -> u64 {
        let place = place.and_then(|place| usize::try_from(place.byte()).ok());
        let mut start = place.unwrap_or(self.counted).max(self.counted);
        while matches!(self.bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        for at in self.counted..start.min(self.bytes.len()) {
            let ends = match self.bytes[at] {
                b'\n' => true,
                b'\r' => self.bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(ends);
        }
        self.counted = start;
        self.line
    }
}

/// Where each column stands.
type Header = Vec<&'static str>;

fn columns(header: &csv::ByteRecord) -> Result<Header, String> {
    let mut columns = Header::new();
    if header.is_empty() {
        return Err(
            "the file is empty; its first line names the columns, such as email,target,end"
                .to_owned(),
        );
    }
    for (place, name) in header.iter().enumerate() {
        let name = std::str::from_utf8(name)
            .map_err(|_| "the columns' names are not UTF-8; save the file as UTF-8".to_owned())?;
        let name = name.trim();
        if header.len() == 1 && name.contains('\t') {
            return Err(
                "the columns are separated by tabs; save the file with commas or semicolons between them"
                    .to_owned(),
            );
        }
        if name.is_empty() {
            return Err(format!("column {} has no name", place + 1));
        }
        let Some(column) = COLUMNS.into_iter().find(|c| c.eq_ignore_ascii_case(name)) else {
            let nearest = nearest(name, COLUMNS).unwrap_or("email");
            return Err(format!(
                "{name:?} is not a column; the nearest known one is {nearest} (there are {})",
                COLUMNS.join(", ")
            ));
        };
        if columns.contains(&column) {
            return Err(format!("the column {column} stands twice"));
        }
        columns.push(column);
    }
    for needed in ["email", "target"] {
        if !columns.contains(&needed) {
            return Err(format!(
                "the column {needed} is missing; the first line names the columns, such as email,target,end"
            ));
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests;
