//! What people and programs are shown: lists, reports, the page, figures and documents.

mod accessible;
mod as_of;
mod browser;
mod demo;
mod history;
mod listener;
mod listing;
mod metrics;
mod overview;
mod owed;
mod people;
mod reporting;
mod runs;
pub(crate) mod schemas;
mod status;
mod tables;
mod terminals;
mod told;
mod why;
mod why_moved;
