//! The whole program from outside: the real binary, real files, and stand-ins for the providers
//! and the mail server on loopback.

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
mod reporting;
mod secrets;
mod tls_mail;
