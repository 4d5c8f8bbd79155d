//! lapsed takes access away when its time is over, and proves it.

mod apply;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod domain;
mod failpoint;
pub mod gates;
pub mod guard;
pub mod import;
pub mod mail;
mod notices;
mod observe;
pub mod pass;
pub mod plan;
pub mod providers;
pub mod report;
mod review;
pub mod sandbox;
pub mod schedule;
pub mod services;
pub mod store;
