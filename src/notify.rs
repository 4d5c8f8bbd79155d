//! Who is mailed what, and when: ends that come, and reviews. Pure.

pub(crate) mod links;
pub(crate) mod notices;
pub(crate) mod reviews;
mod turn;

pub(crate) use turn::MailTurn;
