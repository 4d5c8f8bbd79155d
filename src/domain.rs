//! The vocabulary: no I/O, no async, no clock.

mod email;
mod span;
mod target;
mod when;

pub use email::{Email, EmailError};
pub use span::{SpanError, parse_span};
pub use target::{Provider, Target, TargetError};
pub use when::{Edge, When, WhenError};
