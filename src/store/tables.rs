//! One file for each table, which reads and writes its rows.

pub(in crate::store) mod answering;
pub(crate) mod clock;
pub(crate) mod entry;
pub(in crate::store) mod episodes;
pub(in crate::store) mod grants;
pub(in crate::store) mod holds;
pub(crate) mod invites;
pub(in crate::store) mod links;
pub(in crate::store) mod members;
pub(in crate::store) mod notices;
pub(in crate::store) mod outbox;
pub(crate) mod provisions;
pub(in crate::store) mod resting;
pub(in crate::store) mod reviews;
pub(in crate::store) mod runs;
pub(in crate::store) mod sources;
pub(in crate::store) mod targets;
pub(in crate::store) mod teams;
