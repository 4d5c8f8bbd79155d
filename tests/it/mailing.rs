//! Mail: what is sent, who gets it, and what becomes of it.

mod alarm;
pub(crate) mod links;
mod long_mails;
mod mail_between;
mod mail_connections;
mod mail_faults;
mod mail_refused;
mod mail_servers;
mod mails;
mod notices;
mod postfix;
mod reply_to;
pub(crate) mod review;
mod review_late;
pub(crate) mod tls_mail;
