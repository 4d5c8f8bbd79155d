//! lapsed takes access away when its time is over, and proves it.
//!
//! A pass is the whole program, and [`pass`] reads from top to bottom. What is on record and what the
//! providers show becomes a plan; the guard says what of it may be done; each removal has its intent on
//! disk before the call and its result after it; what was removed is read back; and people are told.
//!
//! The modules stand in the order in which that flow passes them. Each uses only those before it, which a
//! test holds them to. docs/ARCHITECTURE.md has a line for each.

// What all the others stand on.
pub mod clock;
mod failpoint;
mod files;
mod progress;
mod text;

// The vocabulary, and what the configuration says.
pub mod config;
pub mod domain;

// What is decided, without any input or output: when, what, and whether it may be.
mod breaker;
mod guard;
mod plan;
mod schedule;

// Who is told what, and how it reads.
mod explain;
mod notify;
mod report;
mod status;

// The world: the providers, and what is kept.
pub mod metrics;
pub mod providers;
pub mod store;

// The stages of a pass, and the pass.
mod execute;
mod mail;
mod observe;
pub mod pass;

// Who starts one: people, time, and those who watch.
mod alarm;
pub mod cli;
mod commands;
mod daemon;
mod listener;
