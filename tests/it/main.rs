//! The whole program: the real binary on a real database, against both providers and a mail server
//! that speak real HTTP and SMTP on loopback. One module for each thing a user would notice.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on is to fail right there"
)]

mod addresses;
mod architecture;
mod bad_configuration;
mod bad_files;
mod bad_rows;
mod command_line;
mod demo;
mod desk;
mod importing;
mod listing;
mod odd_texts;
mod overlaps;
mod reporting;
mod secrets;
mod team_ends;
mod tls_mail;
mod whitelist_ends;
mod world;
