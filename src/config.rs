//! The validated settings: the only form of the configuration that others see.

mod accounts;
mod alarm;
mod checks;
mod environment;
mod error;
mod file;
mod lines;
mod mail;
mod rules;
mod schema;
mod secrets;
mod section;
#[cfg(test)]
mod tests;
mod times;

pub use alarm::{AlarmSettings, SecretUrl};
pub(crate) use checks::{is_full_name, is_loopback};
pub use error::{ConfigError, Problem};
pub(crate) use file::{database, mistakes};
pub use file::{load, load_with};
pub(crate) use schema::schema;
pub use secrets::Keys;
pub(crate) use secrets::{fit as fit_key, shown};

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use lettre::message::Mailbox;
use secrecy::SecretString;

use crate::domain::{Email, GuardPolicy, Policy, ReviewPolicy, Target};

/// Everything the configuration says, checked and with defaults filled in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The zone of schedules, dates and reports.
    pub timezone: TimeZone,
    /// The database file.
    pub database: PathBuf,
    /// Whitelist accounts, by unique name.
    pub sentius: Vec<SentiusAccount>,
    /// Team accounts, by unique name.
    pub sapling: Vec<SaplingAccount>,
    /// How calls are made.
    pub http: HttpSettings,
    /// When things run.
    pub schedule: Schedule,
    /// What time makes due.
    pub policy: Policy,
    /// What is never done, and what is held.
    pub guard: GuardSettings,
    /// Who is mailed, and how; absent: nobody.
    pub mail: Option<MailSettings>,
    /// The listener for monitoring; absent: none.
    pub status: Option<StatusSettings>,
    /// Who else is told how it goes; absent: nobody.
    pub alarm: Option<AlarmSettings>,
    /// Periodic confirmation by owners; absent: none.
    pub review: Option<ReviewPolicy>,
}

impl Settings {
    /// A name of the organization for readers: the accounts' names, each once.
    pub(crate) fn organization(&self) -> String {
        let mut names: Vec<&str> = self.sentius.iter().map(|a| a.name.as_str()).collect();
        names.extend(self.sapling.iter().map(|a| a.name.as_str()));
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }

    /// The names of all accounts, as in `sentius:acme`.
    pub(crate) fn accounts(&self) -> BTreeSet<String> {
        let whitelists = self.sentius.iter().map(|a| format!("sentius:{}", a.name));
        let teams = self.sapling.iter().map(|a| format!("sapling:{}", a.name));
        whitelists.chain(teams).collect()
    }

    /// The rules of all teams.
    pub(crate) fn team_rules(&self) -> impl Iterator<Item = &TeamRule> {
        self.sapling.iter().flat_map(|account| &account.teams)
    }

    /// The keys' holders by account, who need no grant.
    pub(crate) fn holders(&self) -> BTreeMap<String, Email> {
        let holder = |a: &SaplingAccount| Some((a.name.clone(), a.self_email.clone()?));
        self.sapling.iter().filter_map(holder).collect()
    }
}

/// One organization at Sentius.
#[derive(Debug, Clone)]
pub struct SentiusAccount {
    /// The ACCOUNT of `sentius:ACCOUNT`.
    pub name: String,
    /// Where the API is; a path in it has no slash at its end (no path at all is `/`).
    pub base_url: reqwest::Url,
    /// The key, read at start; empty with [`Keys::Leave`].
    pub api_key: SecretString,
}

/// One key holder at Sapling.
#[derive(Debug, Clone)]
pub struct SaplingAccount {
    /// The ACCOUNT of `sapling:ACCOUNT/TEAM`.
    pub name: String,
    /// Where the API is; a path in it has no slash at its end (no path at all is `/`).
    pub base_url: reqwest::Url,
    /// The key, read at start; empty with [`Keys::Leave`].
    pub api_key: SecretString,
    /// How the key is sent.
    pub auth: SaplingAuth,
    /// Polls suppressed emails when set.
    pub organization_id: Option<String>,
    /// The key's holder, never removed.
    pub self_email: Option<Email>,
    /// Rules for single teams.
    pub teams: Vec<TeamRule>,
}

/// How Sapling is sent its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaplingAuth {
    /// In the query of a GET and the JSON body of the others, as documented.
    Parameter,
    /// As `Authorization: Bearer`.
    Bearer,
}

/// `[[sapling.team]]`.
#[derive(Debug, Clone)]
pub struct TeamRule {
    /// The team, by name or id.
    pub team: Target,
    /// Members older than this are removed, unless a grant covers them.
    pub max_age: Option<SignedDuration>,
    /// A whitelist whose grants decide about membership.
    pub follow: Option<Target>,
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The longest a call may take as a whole.
    pub timeout: Duration,
    /// Calls at once, per provider account.
    pub concurrency: usize,
    /// Calls started a second, per provider account.
    pub requests_per_second: f64,
}

/// `[schedule]`: cron lines with seconds, valid in the configured zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// When a pass starts.
    pub pass: String,
    /// When the report is mailed.
    pub report: String,
}

/// `[guard]`.
#[derive(Debug, Clone)]
pub struct GuardSettings {
    /// What is never removed, and what is held.
    pub limits: GuardPolicy,
    /// How far our clock and a provider's may differ.
    pub max_clock_skew: SignedDuration,
    /// Whether all is planned, reported and mailed, and no provider is changed.
    pub observe_only: bool,
}

/// `[mail]`.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The sender.
    pub from: Mailbox,
    /// Who gets reports.
    pub to: Vec<Mailbox>,
    /// Who gets answers to mails; without it the sender does.
    pub reply_to: Option<Mailbox>,
    /// How long before an end notices go out, longest first.
    pub notify_before: Vec<SignedDuration>,
    /// Whether the person is told too, not only the owner.
    pub notify_people: bool,
    /// Where mail goes.
    pub route: MailRoute,
}

/// Where mail goes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum MailRoute {
    /// To a mail server.
    Smtp(SmtpSettings),
    /// Into a directory, one `.eml` a mail.
    Directory(PathBuf),
}

/// `[mail.smtp]`.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server's name.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// The login, where the server wants one; its password is empty with [`Keys::Leave`].
    pub credentials: Option<(String, SecretString)>,
    /// What EHLO says; absent: this host's full name, or its address.
    pub hello: Option<String>,
}

/// How a connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpTls {
    /// Plain at first, then upgraded; refused when the server cannot.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all: loopback only.
    None,
}

/// `[status]`.
#[derive(Debug, Clone)]
pub struct StatusSettings {
    /// Where to listen: loopback, unless there is a token.
    pub listen: SocketAddr,
    /// The token that every request must have; absent: none.
    pub token: Option<SecretString>,
    /// Where owners reach the listener, without a slash at the end; absent: mails have no links.
    pub public_url: Option<String>,
}
