//! The whole program: the real binary on a real database, against both providers and a mail server
//! that speak real HTTP and SMTP on loopback. One module for each thing a user would notice.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on is to fail right there"
)]

mod architecture;
mod asking;
mod believing;
mod desk;
mod ending;
mod giving;
mod guarding;
mod keeping;
mod mailing;
mod running;
mod showing;
mod soak;
mod walks;
mod walks_found;
mod world;
