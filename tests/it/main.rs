//! The whole program: the real binary on a real database, against both providers and a mail server
//! that speak real HTTP and SMTP on loopback. One module for each thing a user would notice.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on is to fail right there"
)]

mod addresses;
mod bearer;
mod clocks;
mod doubt;
mod dry_run;
mod failures;
mod forbidden;
mod guard;
mod holds;
mod invites;
mod mails;
mod observation;
mod overlaps;
mod processes;
mod strange_answers;
mod team_ends;
mod team_rules;
mod trail;
mod unanswered;
mod unanswered_whitelist;
mod whitelist_ends;
mod world;
