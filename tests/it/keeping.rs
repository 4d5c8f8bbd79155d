//! The database and what is beside it: the trail, copies, upgrades, secrets, and files that others touch.

mod backups;
mod bad_files;
mod displaced;
pub(crate) mod full_disk;
mod injected;
mod lost_logs;
mod one_database;
mod other_users;
mod planted;
mod renamed;
mod restored;
pub(crate) mod secrets;
mod tampering;
mod tampering_old;
mod trail;
pub(crate) mod upgrading;
