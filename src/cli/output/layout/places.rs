//! Where the columns of a table stand: all on one line of their row, or on two. Pure.

use unicode_width::UnicodeWidthStr;

use super::fit::{Measured, fit};
use super::{INDENT, Table};

/// Where the columns stand, and how wide each is.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) first: Vec<(usize, usize)>,
    pub(super) second: Vec<(usize, usize)>,
    pub(super) below: Option<(usize, usize)>,
    pub(super) once: Vec<usize>,
}

impl Places {
    /// Beside each other, where they have a width.
    pub(super) fn on_one_line(widths: &[Option<usize>]) -> Self {
        let columns = widths.iter().enumerate();
        Self {
            first: columns
                .filter_map(|(at, width)| Some((at, (*width)?)))
                .collect(),
            second: Vec::new(),
            below: None,
            once: Vec::new(),
        }
    }
}

impl Table {
    /// Where a line a row is enough. Of two ways to get there, the first leaves out what can be given
    /// up, and the second tells also once what all rows have in common.
    pub(super) fn places_on_one_line(&self, measured: &[Measured], width: usize) -> Option<Places> {
        if let Some(widths) = fit(measured, &self.given_up, width) {
            return Some(Places::on_one_line(&widths));
        }
        let mut rest = measured.to_vec();
        let is_same = |at: &usize| {
            let mut texts = self.rows.iter().map(|row| &row[*at].text);
            let first = texts.next();
            !measured[*at].is_empty && self.rows.len() > 1 && texts.all(|text| Some(text) == first)
        };
        let once: Vec<usize> = self.said_once.iter().copied().filter(is_same).collect();
        for at in &once {
            rest[*at].is_empty = true;
        }
        let widths = fit(&rest, &self.given_up, width).filter(|_| !once.is_empty())?;
        Some(Places {
            once,
            ..Places::on_one_line(&widths)
        })
    }

    /// Where each row takes two lines. Rather than stack all rows, the few longest names get a line of
    /// their own.
    pub(super) fn places_on_two_lines(
        &self,
        measured: &[Measured],
        width: usize,
    ) -> Option<Places> {
        let (mut first, mut second) = (measured.to_vec(), Vec::new());
        for at in &self.second {
            second.push(measured[*at]);
            first[*at].is_empty = true;
        }
        let first_widths =
            fit(&first, &self.given_up, width).or_else(|| self.fit_short_names(&first, width))?;
        let place = |at: &usize| self.second.iter().position(|other| other == at);
        let given_up: Vec<usize> = self.given_up.iter().filter_map(place).collect();
        let widths = match second.is_empty() {
            true => Vec::new(),
            false => fit(&second, &given_up, width.saturating_sub(INDENT.len()))?,
        };
        let widths = self.second.iter().zip(widths);
        Some(Places {
            second: widths
                .filter_map(|(at, width)| Some((*at, width?)))
                .collect(),
            ..Places::on_one_line(&first_widths)
        })
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
}
