//! Does what was decided, removals and gifts alike: the intent is on disk before the call, and the
//! result after it.

mod attempt;
mod proofs;
pub(crate) mod provisions;
pub(crate) mod removals;
