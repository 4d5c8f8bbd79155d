//! A small organization for one test: both providers, a mail server, a folder with configuration,
//! keys and database, and the program to run on them.

pub(crate) mod asking;
pub(crate) mod calendar;
pub(crate) mod chain;
mod config;
mod daemon;
mod forms;
mod outcome;
mod page;
pub(crate) mod readings;
mod terminal;
pub(crate) mod trail;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lapsed_sandbox::{
    Call, Entry, MailOptions, MailSink, Sapling, SaplingState, Sentius, SentiusState, TeamUser,
};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use config::{Config, Mail};
pub(crate) use daemon::Daemon;
pub(crate) use outcome::{Outcome, Printed, short};

/// The holder of the Sapling key, an admin of every team.
pub(crate) const HOLDER: &str = "robot@acme.example";
/// An end that is long past.
pub(crate) const PAST: &str = "2025-06-30T12:00:00Z";
/// An end that is far away.
pub(crate) const FUTURE: &str = "2099-12-31T00:00:00Z";
/// The key of the whitelist.
pub(crate) const SENTIUS_KEY: &str = "sk-sentius-0123456789";

pub(crate) struct World {
    pub(crate) sentius: Sentius,
    pub(crate) sapling: Sapling,
    pub(crate) mail: MailSink,
    /// Written out anew before each command.
    pub(crate) config: Config,
    /// Whether the providers' clocks go along where the program's is set to another time.
    pub(crate) one_clock: bool,
    folder: TempDir,
    /// How far the world's clock is ahead, in minutes.
    minutes: AtomicI64,
}

impl World {
    /// An empty whitelist, no teams, no mail.
    pub(crate) async fn new() -> Self {
        let sentius = Sentius::start(SentiusState::new(SENTIUS_KEY)).await;
        let sapling = Sapling::start(SaplingState::new(HOLDER)).await;
        let world = Self {
            sentius: sentius.unwrap(),
            sapling: sapling.unwrap(),
            mail: MailSink::start(MailOptions::default()).await.unwrap(),
            config: Config::default(),
            one_clock: false,
            folder: TempDir::with_prefix("lapsed-it-").unwrap(),
            minutes: AtomicI64::new(0),
        };
        world.write("sentius.key", SENTIUS_KEY);
        world.write("sapling.key", &world.sapling_key());
        world
    }

    pub(crate) fn sapling_key(&self) -> String {
        self.sapling.with(|state| state.api_key.clone())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path(self.config.database)
    }

    /// Writes a file for our eyes only, as keys must be.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Puts addresses on the whitelist.
    pub(crate) fn whitelist(&self, emails: &[&str]) {
        self.sentius.with(|state| {
            for email in emails {
                state.add(Entry {
                    name: "Somebody".to_owned(),
                    email: (*email).to_owned(),
                    permissions: vec!["can_read".to_owned()],
                    start_date: time("2024-03-01T00:00:00Z"),
                    end_date: None,
                });
            }
        });
    }

    /// The addresses on the whitelist.
    pub(crate) fn whitelisted(&self) -> Vec<String> {
        self.sentius
            .with(|state| state.entries.keys().cloned().collect())
    }

    /// Adds a team with the holder and these members, who joined in March 2024; returns its id.
    pub(crate) fn team(&self, name: &str, emails: &[&str]) -> String {
        self.sapling.with(|state| {
            let team = state.add_team(name);
            for email in emails {
                team.add_member(TeamUser::new(email, time("2024-03-01T00:00:00Z")));
            }
            team.id().to_owned()
        })
    }

    /// Adds a member, who joined in March 2024; returns the membership's id.
    pub(crate) fn member(&self, team: &str, email: &str) -> String {
        let user = TeamUser::new(email, time("2024-03-01T00:00:00Z"));
        self.sapling
            .with(|state| state.team_mut(team).unwrap().add_member(user))
    }

    /// Takes a member out behind the program's back.
    pub(crate) fn drop_member(&self, team: &str, email: &str) {
        self.sapling
            .with(|state| state.team_mut(team).unwrap().remove_member(email))
            .unwrap();
    }

    pub(crate) fn invite(&self, team: &str, email: &str) {
        let invite = lapsed_sandbox::Invite::new(email);
        self.sapling
            .with(|state| state.team_mut(team).unwrap().add_invite(invite));
    }

    /// The members of a team but for the holder, as they are written there.
    pub(crate) fn members(&self, team: &str) -> Vec<String> {
        self.sapling.with(|state| {
            let members = state.team(team).unwrap().members();
            let emails = members.map(|member| member.login_email.clone());
            emails.filter(|email| email != HOLDER).collect()
        })
    }

    /// The addresses invited to a team.
    pub(crate) fn invited(&self, team: &str) -> Vec<String> {
        self.sapling.with(|state| {
            let invites = state.team(team).unwrap().invites();
            invites.map(|invite| invite.email.clone()).collect()
        })
    }

    /// So many people on the whitelist whose access should be over, `p0@example.com` and so on.
    pub(crate) async fn overdue(&self, count: usize) {
        let people: Vec<String> = (0..count).map(|n| format!("p{n}@example.com")).collect();
        let emails: Vec<&str> = people.iter().map(String::as_str).collect();
        self.whitelist(&emails);
        let rows = people.iter();
        let rows: Vec<String> = rows
            .map(|who| format!("{who},sentius:acme,{PAST}"))
            .collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        self.grants(&rows).await;
    }

    /// Records grants: each row is `email,target,end`.
    pub(crate) async fn grants(&self, rows: &[&str]) {
        self.import(&format!("email,target,end\n{}\n", rows.join("\n")))
            .await;
    }

    /// Records the grants of a CSV file.
    pub(crate) async fn import(&self, csv: &str) {
        self.write("grants.csv", csv);
        let file = self.path("grants.csv");
        let printed = self
            .lapsed(&["import", file.to_str().unwrap(), "--record-only"])
            .await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
    }

    /// One pass.
    pub(crate) async fn run(&self) -> Outcome {
        self.pass(&[]).await
    }

    /// A look ahead.
    pub(crate) async fn dry_run(&self, at: Option<&str>) -> Outcome {
        let mut args = vec!["--dry-run"];
        args.extend(at.map(|at| ["--at", at]).into_iter().flatten());
        self.pass(&args).await
    }

    async fn pass(&self, more: &[&str]) -> Outcome {
        let args = [&["--run-now", "--format", "json"], more].concat();
        Outcome::of(self.lapsed(&args).await)
    }

    /// What `list` says, as JSON.
    pub(crate) async fn list(&self) -> Vec<Value> {
        self.rows(&["list", "--format", "json"]).await
    }

    /// What a command says, as JSON rows.
    pub(crate) async fn rows(&self, args: &[&str]) -> Vec<Value> {
        let printed = self.lapsed(args).await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        serde_json::from_str(&printed.stdout).unwrap()
    }

    /// Runs the program to its end.
    pub(crate) async fn lapsed(&self, args: &[&str]) -> Printed {
        let mut command = self.command(args);
        let output = tokio::task::spawn_blocking(move || command.output());
        Printed::of(&output.await.unwrap().unwrap())
    }

    /// Starts a pass and does not wait for it.
    pub(crate) fn start(&self) -> Child {
        self.command(&["--run-now", "--format", "json"])
            .spawn()
            .unwrap()
    }

    /// Starts a pass that dies at this place of the program, as in a power cut.
    pub(crate) async fn dies(&self, place: &str) {
        let mut command = self.command(&["--run-now"]);
        command.env("LAPSED_FAILPOINT", place);
        let output = tokio::task::spawn_blocking(move || command.output());
        let printed = Printed::of(&output.await.unwrap().unwrap());
        assert_eq!(printed.code, -1, "{place}: {}", printed.stdout);
    }

    /// The program with these arguments, not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let text = self.config.text(self);
        // Another process may be reading it just now: an unchanged file stays as it is.
        if std::fs::read_to_string(self.path("lapsed.toml"))
            .ok()
            .as_deref()
            != Some(&text)
        {
            self.write("lapsed.toml", &text);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_lapsed"));
        command
            .env_clear()
            .envs(self.clock())
            .arg("--config")
            .arg(self.path("lapsed.toml"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Lets time go by, for the program and for both providers.
    pub(crate) fn later(&self, minutes: i64) {
        let ahead = self.minutes.fetch_add(minutes, Ordering::Relaxed) + minutes;
        self.write("clock", &(ahead * 60_000).to_string());
        self.sentius.set_clock_ahead(ahead * 60);
        self.sapling.set_clock_ahead(ahead * 60);
    }

    /// What time it is in the world.
    pub(crate) fn now(&self) -> Timestamp {
        let ahead = self.minutes.load(Ordering::Relaxed);
        lapsed::clock::now() + jiff::SignedDuration::from_mins(ahead)
    }

    fn clock(&self) -> Option<(&'static str, PathBuf)> {
        let is_real = self.minutes.load(Ordering::Relaxed) == 0;
        (!is_real).then(|| ("LAPSED_CLOCK", self.path("clock")))
    }

    /// Changes the database behind the program's back.
    pub(crate) fn sql(&self, sql: &str) {
        trail::open(self).execute_batch(sql).unwrap();
    }

    /// The text parts of the mails received so far, in order.
    pub(crate) fn mail_texts(&self) -> Vec<String> {
        let text = |mail: &lapsed_sandbox::Received| {
            let parser = mail_parser::MessageParser::default();
            let message = parser.parse(&mail.data).unwrap();
            message.body_text(0).unwrap().into_owned()
        };
        self.mail.mails().iter().map(text).collect()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The calls of both providers that were no GETs, in order, as `METHOD path status`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut calls = [self.sentius.calls(), self.sapling.calls()].concat();
        calls.retain(|call| call.method != "GET");
        calls.sort_by_key(|call| call.at);
        calls.iter().map(line).collect()
    }

    /// The calls to Sapling so far, GETs and all.
    pub(crate) fn sapling_calls(&self) -> Vec<String> {
        self.sapling.calls().iter().map(line).collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.sentius.clear_calls();
        self.sapling.clear_calls();
    }
}

fn line(call: &Call) -> String {
    let status = call.status.map_or("-".to_owned(), |s| s.to_string());
    let path = call.path.trim_start_matches("/api/v1");
    format!("{} {path} {status}", call.method)
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Waits until it is so; fails when it does not come to be.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    within(Duration::from_secs(20), what, is_so).await;
}

/// Waits so long until it is so; fails when it does not come to be.
pub(crate) async fn within(most: Duration, what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < most, "not within {most:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
