//! Mail: composing a message, and handing it to a mail server or a directory.

mod calendar;
pub(crate) mod compose;
pub(crate) mod deliver;
mod directory;
pub(crate) mod round;
mod smtp;
mod table;
mod words;

pub(crate) use calendar::{CalendarEvent, calendar};
pub(crate) use compose::{ComposeError, MailHead, message_id};
pub(crate) use compose::{compose_letter, report_forms};
pub(crate) use deliver::{BuildError, Courier, DeliveryError, Pace, Parcel};
pub(crate) use round::RoundError;
