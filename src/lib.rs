//! lapsed takes access away when its time is over, and proves it.

mod apply;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod domain;
mod explain;
mod failpoint;
mod files;
pub mod give;
pub mod guard;
pub mod import;
pub mod listener;
pub mod mail;
pub mod metrics;
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
pub mod status;
pub mod store;
