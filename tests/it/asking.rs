//! The command line, configuration and import files: what is taken, and how a fault is told.

mod bad_configuration;
mod bad_rows;
mod command_line;
mod completing;
mod initializing;
mod manual;
mod odd_texts;
mod schema;
mod times;
