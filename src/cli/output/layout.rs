//! How a table is laid out: which columns fit into a width, and its lines. Pure.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::Tone;
use crate::text::one_line;

/// Spaces between two columns.
const GAP: usize = 2;
/// Free text is wrapped, but not squeezed into less than this.
const LEAST_TEXT: usize = 24;
/// What stands before the lines below a heading.
const INDENT: &str = "  ";

/// A table for people.
#[derive(Debug)]
pub(in crate::cli) struct Table {
    heads: Vec<&'static str>,
    /// Columns that can be left out, the first to go first.
    given_up: Vec<usize>,
    /// Columns whose text can be wrapped between words.
    wrapped: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

/// A cell whose text cannot do anything to a terminal.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Cell {
    text: String,
    tone: Tone,
}

/// The lines of a table, and what did not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) lines: Vec<String>,
    pub(super) dropped: Vec<&'static str>,
}

impl Cell {
    pub(in crate::cli) fn new(text: &str) -> Self {
        Self {
            text: one_line(text),
            tone: Tone::Plain,
        }
    }

    pub(in crate::cli) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

impl Table {
    pub(in crate::cli) fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads.to_vec(),
            given_up: Vec::new(),
            wrapped: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// These columns can be left out where the width is too small, in this order.
    pub(in crate::cli) fn gives_up(mut self, heads: &[&str]) -> Self {
        self.given_up = self.places(heads);
        self
    }

    /// These columns hold free text, which can be wrapped between words.
    pub(in crate::cli) fn wraps(mut self, heads: &[&str]) -> Self {
        self.wrapped = self.places(heads);
        self
    }

    fn places(&self, heads: &[&str]) -> Vec<usize> {
        let place = |head: &&str| self.heads.iter().position(|known| known == head);
        heads.iter().filter_map(place).collect()
    }

    pub(in crate::cli) fn add(&mut self, row: impl IntoIterator<Item = Cell>) {
        self.rows.push(row.into_iter().collect());
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines within a width; without one, all columns and one line a row.
    pub(super) fn lines(
        &self,
        width: Option<usize>,
        paint: impl Fn(&str, Tone) -> String,
    ) -> Lines {
        let measured: Vec<Measured> = (0..self.heads.len()).map(|at| self.measure(at)).collect();
        let Some(width) = width else {
            let whole: Vec<_> = measured.iter().map(|m| Some(m.most)).collect();
            return Lines {
                lines: self.side_by_side(&whole, &paint),
                dropped: Vec::new(),
            };
        };
        match fit(&measured, &self.given_up, width) {
            Some(widths) => Lines {
                lines: self.side_by_side(&widths, &paint),
                dropped: (0..self.heads.len())
                    .filter(|at| widths[*at].is_none() && !measured[*at].is_empty)
                    .map(|at| self.heads[at])
                    .collect(),
            },
            None => Lines {
                lines: self.stacked(width, &paint),
                dropped: Vec::new(),
            },
        }
    }

    fn measure(&self, at: usize) -> Measured {
        let texts = || self.rows.iter().map(|row| row[at].text.as_str());
        let head = self.heads[at].width();
        let most = texts().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let least = match self.wrapped.contains(&at) {
            true => {
                let longest = |text| {
                    words(text)
                        .map(|word| text[word].width())
                        .max()
                        .unwrap_or(0)
                };
                let longest = texts().map(longest).max().unwrap_or(0);
                longest.max(most.min(LEAST_TEXT))
            }
            false => most,
        };
        Measured {
            least: least.max(head),
            most: most.max(head),
            is_empty: most == 0,
        }
    }

    fn side_by_side(
        &self,
        widths: &[Option<usize>],
        paint: &impl Fn(&str, Tone) -> String,
    ) -> Vec<String> {
        let shown: Vec<(usize, usize)> = widths
            .iter()
            .enumerate()
            .filter_map(|(at, width)| Some((at, (*width)?)))
            .collect();
        let mut lines = Vec::new();
        let heads = shown
            .iter()
            .map(|(at, width)| (self.heads[*at], *width, Tone::Plain));
        lines.push(line(heads, paint));
        for row in &self.rows {
            let pieces: Vec<Vec<&str>> = shown
                .iter()
                .map(|(at, width)| match row[*at].text.width() > *width {
                    true => wrap(&row[*at].text, *width),
                    false => vec![row[*at].text.as_str()],
                })
                .collect();
            let height = pieces.iter().map(Vec::len).max().unwrap_or(0);
            for level in 0..height {
                let cells = shown.iter().zip(&pieces).map(|((at, width), pieces)| {
                    let piece = pieces.get(level).copied().unwrap_or_default();
                    (piece, *width, row[*at].tone)
                });
                lines.push(line(cells, paint));
            }
        }
        lines
    }

    /// Each row as a heading, its first cell, and a line below for each other cell.
    fn stacked(&self, width: usize, paint: &impl Fn(&str, Tone) -> String) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut cells = row.iter().enumerate();
            if let Some((_, first)) = cells.next() {
                lines.push(paint(&first.text, first.tone));
            }
            let below: Vec<Said<'_>> = cells
                .filter(|(_, cell)| !cell.text.is_empty())
                .map(|(at, cell)| Said {
                    word: self.heads[at].to_lowercase(),
                    cell,
                    wraps: self.wrapped.contains(&at),
                })
                .collect();
            lines.extend(below_heading(&below, Some(width), paint));
        }
        lines
    }
}

/// A word below a heading, and what it says.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) word: String,
    pub(super) cell: &'a Cell,
    pub(super) wraps: bool,
}

/// A line for each word and its text, indented; long texts go on below themselves.
pub(super) fn below_heading(
    said: &[Said<'_>],
    width: Option<usize>,
    paint: &impl Fn(&str, Tone) -> String,
) -> Vec<String> {
    let label = said.iter().map(|said| said.word.width()).max().unwrap_or(0);
    let before = INDENT.len() + label + GAP;
    let mut lines = Vec::new();
    for Said { word, cell, wraps } in said {
        let pieces = match width.filter(|_| *wraps) {
            Some(width) => wrap(&cell.text, width.saturating_sub(before)),
            None => vec![cell.text.as_str()],
        };
        for (level, piece) in pieces.into_iter().enumerate() {
            let word = if level == 0 { word.as_str() } else { "" };
            let space = " ".repeat(before - INDENT.len() - word.width());
            let text = paint(piece, cell.tone);
            lines.push(format!("{INDENT}{word}{space}{text}").trim_end().to_owned());
        }
    }
    lines
}

/// What holds of something: on one line, or below its name where that is too long.
pub(super) fn verdict(
    name: &str,
    said: &Cell,
    width: Option<usize>,
    paint: &impl Fn(&str, Tone) -> String,
) -> Vec<String> {
    let on_one = name.width() + 2 + said.text.width();
    let Some(width) = width.filter(|width| on_one > *width) else {
        return vec![format!("{name}: {}", paint(&said.text, said.tone))];
    };
    let pieces = wrap(&said.text, width.saturating_sub(INDENT.len()));
    let pieces = pieces
        .into_iter()
        .map(|piece| format!("{INDENT}{}", paint(piece, said.tone)));
    std::iter::once(format!("{name}:")).chain(pieces).collect()
}

/// What a column needs.
#[derive(Debug, Clone, Copy)]
struct Measured {
    least: usize,
    most: usize,
    is_empty: bool,
}

/// The widths of the columns that are shown. Empty columns are left out, and then those that can be
/// given up, in their order, until the others fit; `None` where they do not fit even then.
fn fit(columns: &[Measured], given_up: &[usize], width: usize) -> Option<Vec<Option<usize>>> {
    let mut shown: Vec<usize> = (0..columns.len())
        .filter(|at| *at == 0 || !columns[*at].is_empty)
        .collect();
    let needed = |shown: &[usize]| {
        let columns: usize = shown.iter().map(|at| columns[*at].least).sum();
        columns + GAP * shown.len().saturating_sub(1)
    };
    let mut order = given_up.iter();
    while needed(&shown) > width {
        let next = order.next()?;
        shown.retain(|at| at != next);
    }
    let mut spare = width - needed(&shown);
    let mut widths = vec![None; columns.len()];
    // What needs the least gets it first, and leaves its share of the space to the others.
    shown.sort_by_key(|at| columns[*at].most - columns[*at].least);
    let mut hungry = shown
        .iter()
        .filter(|at| columns[**at].most > columns[**at].least)
        .count();
    for at in shown {
        let Measured { least, most, .. } = columns[at];
        let more = (most - least).min(spare / hungry.max(1));
        if most > least {
            hungry -= 1;
        }
        spare -= more;
        widths[at] = Some(least + more);
    }
    Some(widths)
}

/// Cells beside each other, without spaces at the end.
fn line<'a>(
    cells: impl Iterator<Item = (&'a str, usize, Tone)>,
    paint: &impl Fn(&str, Tone) -> String,
) -> String {
    let (mut line, mut space) = (String::new(), 0);
    for (text, width, tone) in cells {
        if text.is_empty() {
            space += width + GAP;
            continue;
        }
        line.push_str(&" ".repeat(space));
        line.push_str(&paint(text, tone));
        space = width.saturating_sub(text.width()) + GAP;
    }
    line
}

/// The text in pieces of at most this width. A word is never broken: a longer one is a piece of its
/// own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut pieces: Vec<&str> = Vec::new();
    let mut begin = 0;
    for word in words(text) {
        let longer = &text[begin..word.end];
        match pieces.last_mut() {
            Some(last) if longer.width() <= width => *last = longer,
            _ => {
                begin = word.start;
                pieces.push(&text[word]);
            }
        }
    }
    if pieces.is_empty() {
        pieces.push("");
    }
    pieces
}

/// Where the parts lie between which a line can be broken: words, but a date and its time are one.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let word_from = |at: usize| at + text[at..].find(' ').unwrap_or(text.len() - at);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|c| c != ' ')?;
        let mut end = word_from(start);
        if is_date(&text[start..end]) && end < text.len() {
            let next = word_from(end + 1);
            if is_time(&text[end + 1..next]) {
                end = next;
            }
        }
        at = end;
        Some(start..end)
    })
}

/// Whether a word ends like `2026-12-31`.
fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 10 && is_like(&bytes[bytes.len() - 10..], b"0000-00-00")
}

/// Whether a word begins like `23:59`.
fn is_time(word: &str) -> bool {
    word.len() >= 5 && is_like(&word.as_bytes()[..5], b"00:00")
}

fn is_like(bytes: &[u8], form: &[u8]) -> bool {
    bytes.iter().zip(form).all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    })
}

#[cfg(test)]
mod tests;
