//! Mail: composing a message, and handing it to a mail server or a directory.

mod calendar;
pub mod compose;
pub mod deliver;
mod directory;
pub mod round;
mod smtp;
mod words;

pub(crate) use calendar::{Event, calendar};
pub use compose::{ComposeError, compose_plain, compose_report, message_id};
pub(crate) use compose::{compose_letter, report_forms};
pub use deliver::{BuildError, Courier, DeliveryError, Pace, Parcel};
pub use round::RoundError;
