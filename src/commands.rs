//! What a person says, beside giving and taking: each word is on record, and passes act on it.

mod accept;
mod write_off;

pub use accept::{AcceptError, Accepted, accept};
pub use write_off::{WriteOffError, WrittenOff, write_off};
