//! What stands below a heading: lines with a word in front, entries of a list, or a verdict. Pure.

use unicode_width::UnicodeWidthStr;

use super::{Cell, GAP, INDENT, Tone};
use crate::cli::output::wrap::wrap;

/// A word below a heading, and what it says.
#[derive(Debug)]
pub(in crate::cli::output) struct Said<'a> {
    pub(in crate::cli::output) word: String,
    pub(in crate::cli::output) cell: &'a Cell,
    pub(in crate::cli::output) wraps: bool,
}

/// A line for each word and its text, indented; long texts go on below themselves. The texts begin
/// behind a label of this width.
pub(in crate::cli::output) fn below_heading(
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
pub(in crate::cli::output) fn verdict(
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

/// An entry of a list: its parts beside each other, or where they do not fit, further ones below. Only
/// the last is free text, and can be broken between words.
pub(in crate::cli::output) fn entry(parts: &[String], width: Option<usize>) -> Vec<String> {
    let further = INDENT.repeat(2);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(further.width()));
    let mut lines = vec![INDENT.to_owned()];
    for (at, part) in parts
        .iter()
        .enumerate()
        .filter(|(_, part)| !part.is_empty())
    {
        let is_last = at + 1 == parts.len();
        let mut pieces = match is_last {
            true => wrap(part, room).into_iter(),
            false => vec![part.as_str()].into_iter(),
        };
        if let Some(line) = lines.last_mut() {
            let gap = if line.trim().is_empty() { 0 } else { GAP };
            let fits = width.is_none_or(|width| line.width() + gap + part.width() <= width);
            if fits || gap == 0 {
                line.push_str(&" ".repeat(gap));
                line.push_str(pieces.next().unwrap_or_default());
            }
        }
        lines.extend(pieces.map(|piece| format!("{further}{piece}")));
    }
    lines
}

/// A line whose continuation is indented.
pub(in crate::cli::output) fn hanging(
    text: &str,
    indent: usize,
    width: Option<usize>,
) -> Vec<String> {
    let Some(width) = width.filter(|width| text.width() > *width) else {
        return vec![text.to_owned()];
    };
    let shown = text.trim_start_matches(' ');
    let begin = text.len() - shown.len();
    let pieces = wrap(shown, width.saturating_sub(indent.max(begin)));
    let before = std::iter::once(begin).chain(std::iter::repeat(indent));
    let lines = pieces.into_iter().zip(before);
    lines
        .map(|(piece, before)| format!("{}{piece}", " ".repeat(before)))
        .collect()
}
