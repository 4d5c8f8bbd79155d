//! The commands of a person: give, extend, revoke and restore access, accept doubtful readings, and
//! write off what is owed. Passes act on what they record.

mod accept;
mod extend;
mod note;
mod requests;
mod revoke;
mod turns;
mod undo;
mod write_off;

pub use accept::{AcceptError, Accepted, accept};
pub use note::{note, rehearse_note};
pub use requests::{GiveError, Given, Request, Requests};
pub use revoke::{Foreseen, Revocation, Revoked, WouldEnd};
pub use undo::{NotGiven, Undone};
pub use write_off::{WriteOffError, WrittenOff, write_off};
