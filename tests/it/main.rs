//! The whole program: the real binary on a real database, against both providers and a mail server
//! that speak real HTTP and SMTP on loopback. One module for each thing a user would notice.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on is to fail right there"
)]

mod addresses;
mod architecture;
mod as_of;
mod backups;
mod bad_configuration;
mod bad_files;
mod bad_rows;
mod bearer;
mod browser;
mod catching_up;
mod clocks;
mod command_line;
mod completing;
mod daemon;
mod daemon_between;
mod daemon_clock;
mod daemon_meanwhile;
mod daemon_moves;
mod daemon_systemd;
mod demo;
mod desk;
mod documented_yes;
mod doubt;
mod dry_run;
mod extending;
mod failures;
mod forbidden;
mod full_disk;
mod giving_files;
mod giving_flags;
mod giving_many;
mod granting;
mod granting_faults;
mod granting_refused;
mod guard;
mod held;
mod history;
mod holds;
mod importing;
mod invites;
mod killed;
mod listener;
mod listing;
mod mail_faults;
mod mails;
mod metrics;
mod notices;
mod observation;
mod odd_texts;
mod other_users;
mod outages;
mod overlaps;
mod partial_lists;
mod processes;
mod replacing;
mod reporting;
mod restored;
mod review;
mod review_late;
mod revoking;
mod revoking_unknown;
mod schemas;
mod secrets;
mod side_by_side;
mod soak;
mod status;
mod strange_answers;
mod team_ends;
mod team_rules;
mod tls_mail;
mod trail;
mod unanswered;
mod unanswered_whitelist;
mod undoing;
mod upgrading;
mod walks;
mod walks_found;
mod whitelist_ends;
mod why;
mod world;
