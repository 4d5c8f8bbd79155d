//! The daemon, and several of the program at once.

mod account_hangs;
mod daemon;
mod daemon_between;
mod daemon_clock;
pub(crate) mod daemon_meanwhile;
mod daemon_moves;
mod daemon_systemd;
mod interrupted;
mod killed;
mod logging;
mod processes;
mod side_by_side;
mod supervision;
mod while_reading;
