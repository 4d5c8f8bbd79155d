//! How a table is laid out: which columns fit into a width, and its lines. Pure.

mod below;
mod fit;
mod places;

use unicode_width::UnicodeWidthStr;

use super::Tone;
use super::wrap::{longest_word, wrap};
use crate::text::one_line;
pub(super) use below::{Said, below_heading, entry, hanging, verdict};
use fit::{Measured, fit};
use places::Places;

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
    /// Columns that are told once for all rows, where they say the same in each, before a row takes
    /// two lines.
    said_once: Vec<usize>,
    /// Columns that stand on a second line of their row where not all fit beside each other.
    second: Vec<usize>,
    /// A column of free text that stands below its row where it does not fit beside the others.
    below: Option<usize>,
    rows: Vec<Vec<Cell>>,
}

/// A cell whose text cannot do anything to a terminal.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Cell {
    text: String,
    tone: Tone,
}

/// The lines of a table, and what is not in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) lines: Vec<String>,
    /// What is the same in each row, with its column.
    pub(super) said_once: Vec<(&'static str, String)>,
    /// The columns that did not fit.
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
            said_once: Vec::new(),
            second: Vec::new(),
            below: None,
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

    /// These columns, of which none is the first, are told once where all rows have the same in them and
    /// the width is too small.
    pub(in crate::cli) fn says_once(mut self, heads: &[&str]) -> Self {
        self.said_once = self.places(heads);
        self
    }

    /// These columns matter too much to be left out: they go on a second line of their row where the
    /// width is too small for one.
    pub(in crate::cli) fn has_second_line(mut self, heads: &[&str]) -> Self {
        self.second = self.places(heads);
        self
    }

    /// This column holds free text that is worth a line of its own below the row.
    pub(in crate::cli) fn has_below(mut self, head: &str) -> Self {
        let places = self.places(&[head]);
        self.below = places.first().copied();
        self.wrapped.extend(places);
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
            return self.laid_out(&measured, &Places::on_one_line(&whole), &paint);
        };
        if let Some(widths) = fit(&measured, &[], width) {
            return self.laid_out(&measured, &Places::on_one_line(&widths), &paint);
        }
        let below = self
            .below
            .map(|at| (at, width.saturating_sub(INDENT.len())));
        let mut beside = measured.clone();
        if let Some((at, room)) = below {
            if self.longest_word(at) > room {
                return self.stacked(&measured, width, &paint);
            }
            beside[at].is_empty = true;
        }
        let places = self.places_on_one_line(&beside, width);
        match places.or_else(|| self.places_on_two_lines(&beside, width)) {
            Some(places) => self.laid_out(&measured, &Places { below, ..places }, &paint),
            None => self.stacked(&measured, width, &paint),
        }
    }

    /// With these places; what has none and is not empty is dropped.
    fn laid_out(
        &self,
        measured: &[Measured],
        places: &Places,
        paint: &impl Fn(&str, Tone) -> String,
    ) -> Lines {
        let has_place = |at: usize| {
            let columns = places.first.iter().chain(&places.second);
            let mut columns = columns.chain(&places.below).map(|(at, _)| at);
            columns.any(|other| *other == at) || places.once.contains(&at)
        };
        let dropped = (0..self.heads.len())
            .filter(|at| !measured[*at].is_empty && !has_place(*at))
            .map(|at| self.heads[at]);
        let once = places.once.iter().map(|at| {
            let text = self.rows.first().map(|row| row[*at].text.clone());
            (self.heads[*at], text.unwrap_or_default())
        });
        Lines {
            lines: self.placed(places, paint),
            said_once: once.collect(),
            dropped: dropped.collect(),
        }
    }

    fn longest_word(&self, at: usize) -> usize {
        let texts = self.rows.iter().map(|row| row[at].text.as_str());
        texts.map(longest_word).max().unwrap_or(0)
    }

    fn measure(&self, at: usize) -> Measured {
        let head = self.heads[at].width();
        let widths = self.rows.iter().map(|row| row[at].text.width());
        let most = widths.max().unwrap_or(0);
        let least = match self.wrapped.contains(&at) {
            true => self.longest_word(at).max(most.min(LEAST_TEXT)),
            false => most,
        };
        Measured {
            least: least.max(head),
            most: most.max(head),
            is_empty: most == 0,
        }
    }

    fn placed(&self, places: &Places, paint: &impl Fn(&str, Tone) -> String) -> Vec<String> {
        let heads = |columns: &[(usize, usize)]| {
            let heads = columns.iter();
            let heads = heads.map(|(at, width)| (self.heads[*at], *width, Tone::Plain));
            line(heads, paint)
        };
        let indented = |line: String| match line.is_empty() {
            true => None,
            false => Some(format!("{INDENT}{line}")),
        };
        let mut lines = vec![heads(&places.first)];
        lines.extend(indented(heads(&places.second)));
        for row in &self.rows {
            lines.extend(self.side_by_side(row, &places.first, paint));
            let second = self.side_by_side(row, &places.second, paint);
            lines.extend(second.into_iter().filter_map(indented));
            if let Some((at, room)) = places.below
                && !row[at].text.is_empty()
            {
                let pieces = wrap(&row[at].text, room).into_iter();
                lines.extend(pieces.map(|piece| format!("{INDENT}{piece}")));
            }
        }
        lines
    }

    /// The cells of a row in these columns, each of its width.
    fn side_by_side(
        &self,
        row: &[Cell],
        columns: &[(usize, usize)],
        paint: &impl Fn(&str, Tone) -> String,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let pieces: Vec<Vec<&str>> = columns
            .iter()
            .map(|(at, width)| match &row[*at] {
                cell if cell.text.width() <= *width => vec![cell.text.as_str()],
                cell if self.wrapped.contains(at) => wrap(&cell.text, *width),
                // Only a name can be longer than its column.
                name => {
                    lines.push(paint(&name.text, name.tone));
                    vec![""]
                }
            })
            .collect();
        let height = pieces.iter().map(Vec::len).max().unwrap_or(0);
        for level in 0..height {
            let cells = columns.iter().zip(&pieces).map(|((at, width), pieces)| {
                let piece = pieces.get(level).copied().unwrap_or_default();
                (piece, *width, row[*at].tone)
            });
            lines.push(line(cells, paint));
        }
        lines
    }

    /// Each row as a heading, its first cell, and a line below for each other cell.
    fn stacked(
        &self,
        measured: &[Measured],
        width: usize,
        paint: &impl Fn(&str, Tone) -> String,
    ) -> Lines {
        let mut lines = Vec::new();
        let heads = (1..self.heads.len()).filter(|at| !measured[*at].is_empty);
        let label = heads.map(|at| self.heads[at].width()).max().unwrap_or(0);
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
            lines.extend(below_heading(&below, label, Some(width), paint));
        }
        Lines {
            lines,
            said_once: Vec::new(),
            dropped: Vec::new(),
        }
    }
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

#[cfg(test)]
mod tests;
