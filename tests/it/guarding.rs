//! What waits for a person: plans over a limit, and runs that only look.

mod dry_run;
mod guard;
mod held;
mod holds;
mod observing;
