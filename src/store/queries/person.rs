//! Everything on record about one person, found by index.

mod facts;
mod happened;
mod near;
mod planned;
mod search;

pub(crate) use facts::facts;
pub(crate) use happened::history;
pub(crate) use near::{beginning_with, meant, near, nearly_the_same, owners_beginning_with};
pub(crate) use planned::policies;
pub(crate) use search::{Found, search};
