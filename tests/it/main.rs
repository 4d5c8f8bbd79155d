//! The whole program: the real binary on a real database, against both providers and a mail server
//! that speak real HTTP and SMTP on loopback. One module for each thing a user would notice.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on is to fail right there"
)]

mod addresses;
mod backups;
mod catching_up;
mod clocks;
mod full_disk;
mod held;
mod killed;
mod mail_faults;
mod overlaps;
mod restored;
mod side_by_side;
mod soak;
mod team_ends;
mod whitelist_ends;
mod world;
