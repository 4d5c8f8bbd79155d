//! The vocabulary: no I/O, no async, no clock.

mod email;
mod target;

pub use email::{Email, EmailError};
pub use target::{Provider, Target, TargetError};
