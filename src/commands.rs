//! What a person asks for: access is given, prolonged, taken and given back, and words about doubts
//! and debts are put on record. Passes act on what is recorded.

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
