//! What people ask for: grants, files of them, other ends, a word that ends access, and undoing.

mod consenting;
pub(crate) mod extending;
mod giving_files;
mod giving_flags;
mod giving_many;
mod granting;
mod granting_faults;
mod granting_refused;
mod import_forms;
mod importing;
pub(crate) mod revoking;
mod revoking_unknown;
pub(crate) mod sourced;
mod sourced_held;
mod sourced_telling;
mod telling;
pub(crate) mod undoing;
mod words;
