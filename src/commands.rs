//! The commands of a person: give, extend, revoke and restore access, accept doubtful readings, and
//! write off what is owed. Passes act on what they record.

mod accept;
pub(crate) mod answers;
mod extend;
pub(crate) mod import;
mod note;
mod requests;
mod revoke;
mod turns;
mod undo;
mod write_off;

pub(crate) use accept::{AcceptError, accept};
pub(crate) use extend::NewEnd;
pub(crate) use note::{note, rehearse_note};
pub(crate) use requests::{GiveError, Given, Request, Requests};
pub(crate) use revoke::{Foreseen, Revocation, Revoked, WouldEnd};
pub(crate) use undo::{GivenBack, WouldGive};
pub(crate) use write_off::{WriteOffError, write_off};
