//! lapsed takes access away when its time is over, and proves it.

pub mod clock;
pub mod config;
pub mod domain;
pub mod mail;
pub mod providers;
pub mod report;
pub mod guard;
pub mod plan;
pub mod sandbox;
pub mod store;
