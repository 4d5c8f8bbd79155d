//! How a table is laid out: which columns fit into a width, and its lines. Pure.

use unicode_width::UnicodeWidthStr;

use super::Tone;
use super::wrap::{longest_word, wrap};
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
            return Lines {
                lines: self.side_by_side(&whole, None, &paint),
                dropped: Vec::new(),
            };
        };
        if let Some(widths) = fit(&measured, &[], width) {
            return self.fitted(&measured, &widths, None, &paint);
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
        let fitted = fit(&beside, &self.given_up, width);
        // Rather than stack all rows, the few longest names get a line of their own.
        match fitted.or_else(|| self.fit_short_names(&beside, width)) {
            Some(widths) => self.fitted(&beside, &widths, below, &paint),
            None => self.stacked(&measured, width, &paint),
        }
    }

    /// With these widths, and what is not measured as empty and has none dropped.
    fn fitted(
        &self,
        measured: &[Measured],
        widths: &[Option<usize>],
        below: Option<(usize, usize)>,
        paint: &impl Fn(&str, Tone) -> String,
    ) -> Lines {
        let dropped = (0..self.heads.len())
            .filter(|at| widths[*at].is_none() && !measured[*at].is_empty)
            .map(|at| self.heads[at]);
        Lines {
            lines: self.side_by_side(widths, below, paint),
            dropped: dropped.collect(),
        }
    }

    /// The widths where only most of the first cells fit beside the others.
    fn fit_short_names(&self, measured: &[Measured], width: usize) -> Option<Vec<Option<usize>>> {
        let mut measured = measured.to_vec();
        let mut names: Vec<usize> = self.rows.iter().map(|row| row[0].text.width()).collect();
        names.sort_unstable();
        if names.last().is_none_or(|longest| *longest > width) {
            return None;
        }
        let head = self.heads[0].width();
        // At least half of them fit.
        let mut longer = names.split_off(names.len() / 2);
        longer.dedup();
        for most in longer.into_iter().rev() {
            measured[0].least = head.max(most);
            measured[0].most = measured[0].least;
            let widths = fit(&measured, &self.given_up, width);
            if widths.is_some() {
                return widths;
            }
        }
        None
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

    fn side_by_side(
        &self,
        widths: &[Option<usize>],
        below: Option<(usize, usize)>,
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
                let cells = shown.iter().zip(&pieces).map(|((at, width), pieces)| {
                    let piece = pieces.get(level).copied().unwrap_or_default();
                    (piece, *width, row[*at].tone)
                });
                lines.push(line(cells, paint));
            }
            if let Some((at, room)) = below
                && !row[at].text.is_empty()
            {
                let pieces = wrap(&row[at].text, room).into_iter();
                lines.extend(pieces.map(|piece| format!("{INDENT}{piece}")));
            }
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
            dropped: Vec::new(),
        }
    }
}

/// A word below a heading, and what it says.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) word: String,
    pub(super) cell: &'a Cell,
    pub(super) wraps: bool,
}

/// A line for each word and its text, indented; long texts go on below themselves. The texts begin
/// behind a label of this width.
pub(super) fn below_heading(
    said: &[Said<'_>],
    label: usize,
    width: Option<usize>,
    paint: &impl Fn(&str, Tone) -> String,
) -> Vec<String> {
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

#[cfg(test)]
mod tests;
