//! Printing: results to stdout, messages to stderr, tables that fit.

mod layout;
mod wrap;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::exit::Failure;
pub(super) use layout::{Cell, Table};
use layout::{Lines, Said};

use crate::explain::words::Words;
use crate::files;
use crate::report::defused;
use crate::text::{self, for_terminal, is_active, one_line};

/// Prints a text as it is.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes what names people into a file, whole and for its owner's eyes only.
pub(super) fn file(path: &Path, text: &str) -> Result<(), Failure> {
    files::write(path, text.as_bytes()).map_err(|error| {
        let error = anyhow::Error::from(error);
        Failure::could_not_run(error.context(format!("--output {}", path.display())))
    })
}

/// Prints a document: without control characters on a terminal, else as it is.
pub(super) fn document(text: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        print(&for_terminal(text))
    } else {
        print(text)
    }
}

/// Prints a line.
pub(super) fn line(text: &str) -> io::Result<()> {
    print(&format!("{text}\n"))
}

/// Prints a value as one line of JSON, piece by piece: a pass over many teams says much.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    // As much as a pipe takes at once.
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    write_json(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a value as JSON with those characters escaped that could do something to a terminal.
pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Calm);
    Ok(value.serialize(&mut serializer)?)
}

/// JSON as usual, but for those characters.
struct Calm;

impl Formatter for Calm {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most texts are like this, and need no second look. All bytes are looked at, many at once.
        let calm = |calm, byte| calm & matches!(byte, b' '..=b'~');
        if fragment.bytes().fold(true, calm) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_active(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// The result of printing about finished work: a closed output does not change how the work ended.
pub(super) fn if_read(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints a message to stderr, and ignores that it may be closed. The text may contain foreign
/// names, and is cleaned.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", for_terminal(text));
}

/// How many columns a terminal is believed to have that does not say so.
const USUAL_WIDTH: usize = 80;

/// The width for people: that of the terminal, or what `COLUMNS` says; none where stdout is none.
pub(super) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|columns| columns.trim().parse().ok());
    // What a terminal says of its rows does not matter: some say that they have none.
    let has = || Some(usize::from(tcgetwinsize(io::stdout()).ok()?.ws_col));
    let is_some = |columns: &usize| *columns > 0;
    let width = told.filter(is_some).or_else(|| has().filter(is_some));
    Some(width.unwrap_or(USUAL_WIDTH))
}

/// Prints a table: as wide as the terminal, or each row whole on a line where there is none. What is
/// left out on a terminal is named, with the option `instead`, which shows it.
pub(super) fn show(table: &Table, instead: &str) -> io::Result<()> {
    if table.is_empty() {
        return Ok(());
    }
    let width = width();
    let Lines {
        lines,
        said_once,
        dropped,
    } = table.lines(width, tinted);
    line(&lines.join("\n"))?;
    let note = |text: &str| match width {
        Some(width) => complain(&wrap::wrap(text, width).join("\n")),
        None => complain(text),
    };
    if !said_once.is_empty() {
        let told = said_once
            .iter()
            .map(|(head, text)| format!("{head} {text}"));
        note(&format!(
            "the same in all rows: {}",
            told.collect::<Vec<_>>().join(", ")
        ));
    }
    if !dropped.is_empty() {
        let dropped = dropped.join(", ");
        note(&format!(
            "not shown: {dropped}; use a wider terminal or {instead}"
        ));
    }
    Ok(())
}

/// Prints lines below a heading: a word and its text.
pub(super) fn lines(said: &[(&str, String)]) -> io::Result<()> {
    let cells: Vec<Cell> = said.iter().map(|(_, text)| cell(text)).collect();
    let said = said.iter().zip(&cells).map(|((word, _), cell)| Said {
        word: (*word).to_owned(),
        cell,
        wraps: true,
    });
    let said: Vec<Said<'_>> = said.collect();
    let label = said.iter().map(|said| said.word.len()).max().unwrap_or(0);
    line(&layout::below_heading(&said, label, width(), &tinted).join("\n"))
}

/// Prints an entry of a list: its parts on an indented line, or on several where it is too long.
pub(super) fn entry(parts: &[&str]) -> io::Result<()> {
    let parts: Vec<String> = parts.iter().map(|part| one_line(part)).collect();
    line(&layout::entry(&parts, width()).join("\n"))
}

/// Prints a line whose continuation, on a terminal, stands below its text.
pub(super) fn hanging(text: &str, indent: usize, tone: Tone) -> io::Result<()> {
    for piece in layout::hanging(text, indent, width()) {
        line(&tinted(&piece, tone))?;
    }
    Ok(())
}

/// Prints a text behind a mark, and on a terminal what goes on below it too.
pub(super) fn marked(mark: &str, tone: Tone, text: &str) -> io::Result<()> {
    let before = format!("{mark}  ");
    let pieces = layout::hanging(&format!("{before}{text}"), before.len(), width());
    let shown = pieces.join("\n");
    let rest = shown.strip_prefix(&before).unwrap_or(text);
    line(&format!("{}  {rest}", tinted(mark, tone)))
}

/// Prints what holds of something.
pub(super) fn verdict(name: &str, said: &str, tone: Tone) -> io::Result<()> {
    let said = cell(said).toned(tone);
    line(&layout::verdict(&one_line(name), &said, width(), &tinted).join("\n"))
}

/// Prints a text of one line, on a terminal broken between words.
pub(super) fn paragraph(text: &str) -> io::Result<()> {
    let text = one_line(text);
    match width() {
        Some(width) => line(&wrap::wrap(&text, width).join("\n")),
        None => line(&text),
    }
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Waiting,
    Plain,
}

/// Whether colours can be shown: on a terminal whose user has not declined them
/// (<https://no-color.org>).
pub(super) fn has_colours(stream: &impl IsTerminal) -> bool {
    let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !declined && stream.is_terminal()
}

/// The text in the colour of its tone, where colours can be shown.
pub(super) fn tinted(text: &str, tone: Tone) -> String {
    let colour = match tone {
        Tone::Good => 32,
        Tone::Bad => 31,
        Tone::Waiting => 33,
        Tone::Plain => 0,
    };
    if tone == Tone::Plain || !has_colours(&io::stdout()) {
        text.to_owned()
    } else {
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    }
}

/// A cell whose text cannot do anything to a terminal.
pub(super) fn cell(text: &str) -> Cell {
    Cell::new(text)
}

/// Prints rows as CSV. Texts that a spreadsheet would run as formulas are defused.
pub(super) fn csv(
    header: &[&str],
    rows: impl Iterator<Item = impl IntoIterator<Item = String>>,
) -> Result<(), Failure> {
    let defused = |cell: String| defused(&cell).into_owned();
    raw_csv(header, rows.map(|row| row.into_iter().map(defused)))
}

/// The same for a program, which takes every cell for text.
pub(super) fn raw_csv(
    header: &[&str],
    rows: impl Iterator<Item = impl IntoIterator<Item = String>>,
) -> Result<(), Failure> {
    let mut out = csv::Writer::from_writer(BufWriter::new(io::stdout().lock()));
    // A program takes the text as it is; on a terminal it is for people, as a table is.
    let is_shown = io::stdout().is_terminal();
    let write = || -> Result<(), csv::Error> {
        out.write_record(header)?;
        for row in rows {
            if is_shown {
                out.write_record(row.into_iter().map(|cell| one_line(&cell)))?;
            } else {
                out.write_record(row)?;
            }
        }
        Ok(out.flush()?)
    };
    write().map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::from(error),
        other => Failure::could_not_run(anyhow::anyhow!("the CSV could not be written: {other:?}")),
    })
}

/// The same as a text.
pub(super) fn csv_text<const N: usize>(
    header: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<String, Failure> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let write = || -> Result<Vec<u8>, csv::Error> {
        out.write_record(header)?;
        for row in rows {
            out.write_record(row)?;
        }
        out.into_inner().map_err(|error| error.into_error().into())
    };
    let bytes = write().map_err(|error| Failure::could_not_run(error.into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Says below a table how many rows it has, and in which zone its times are.
pub(super) fn counted(number: usize, one: &str, words: &Words) {
    let count = count(number, one);
    complain(&match number {
        0 => count,
        _ => format!("{count}; {}", words.times_in()),
    });
}

/// `1 grant`, `2 grants`.
pub(super) fn count(number: usize, one: &str) -> String {
    text::count(number as u64, one, &format!("{one}s"))
}
