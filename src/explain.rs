//! A person's access, explained: pure, from what is on record to a value and to words.

pub(crate) mod facts;
mod forecast;
mod history;
mod lines;
mod next;
mod rules;
mod verdict;
mod why;
pub(crate) mod words;

pub(crate) use forecast::after_end;
pub(crate) use history::{Actions, Happened, HistoryRow, Seen, What, tell};
pub(crate) use lines::lines;
pub(crate) use rules::Rules;
pub(crate) use verdict::AccessState;
pub(crate) use why::{Explanation, OnePlace, explain};
