//! The demo's providers, mail server and temporary folder with a configuration.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::TempDir;

use crate::cli::exit::Failure;
use crate::cli::output;
use lapsed_sandbox::{Invite, MailOptions, MailSink, Sample, Sapling, Sentius};

/// The team whose invites are all new; the others' were there at the earlier look.
const NEW_INVITES: &str = "Contractors";

pub(super) struct DemoStage {
    folder: TempDir,
    sentius: Sentius,
    sapling: Sapling,
    mail: MailSink,
    /// Where the page is shown, if it is.
    page: Option<SocketAddr>,
}

/// The numbers of people with access: on the whitelist, then members and invites of each team.
pub(super) type Numbers = Vec<(String, usize, usize)>;

impl DemoStage {
    /// Starts everything.
    pub(super) async fn set(now: Timestamp, stays: bool) -> Result<Self, Failure> {
        let sample = Sample::new(now);
        let folder = tempfile::Builder::new().prefix("lapsed-demo-").tempdir()?;
        let mail = MailSink::start(MailOptions::default()).await?;
        let (sentius_key, sapling_key) = (
            sample.sentius.api_key.clone(),
            sample.sapling.api_key.clone(),
        );
        let sentius = Sentius::start(sample.sentius.clone()).await?;
        let sapling = Sapling::start(sample.sapling.clone()).await?;
        let stage = Self {
            folder,
            sentius,
            sapling,
            mail,
            page: match stays {
                true => Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?),
                false => None,
            },
        };
        stage.write("sentius.key", &sentius_key)?;
        stage.write("sapling.key", &sapling_key)?;
        stage.write("grants.csv", &sample.grants_csv)?;
        stage.write("lapsed.toml", &stage.configuration(&sample))?;
        Ok(stage)
    }

    fn configuration(&self, sample: &Sample) -> String {
        let file = |name: &str| format!("{:?}", self.folder.path().join(name));
        let protected: Vec<String> = sample.protected.iter().map(|p| format!("{p:?}")).collect();
        let page = self.page.map_or_else(String::new, |page| {
            format!("[status]\nlisten = \"{page}\"\n")
        });
        let mut rules = String::new();
        for rule in &sample.team_rules {
            rules += &format!("[[sapling.team]]\nname = {:?}\n", rule.team);
            rules += &optional("max_age", rule.max_age.as_deref());
            rules += &optional("follow", rule.follow.as_deref());
        }
        format!(
            r#"
[state]
path = {database}

[[sentius]]
name = "acme"
base_url = "{}"
api_key_file = {sentius_key}

[[sapling]]
name = "acme"
base_url = "{}"
api_key_file = {sapling_key}
organization_id = {:?}
self_email = {:?}
{rules}
[http]
requests_per_second = 200

[guard]
protected = [{}]

[mail]
from = "lapsed <lapsed@acme.example>"
to = ["it@acme.example"]
[mail.smtp]
host = "127.0.0.1"
port = {}
tls = "none"
{page}"#,
            self.sentius.base_url(),
            self.sapling.base_url(),
            sample.organization_id,
            sample.self_email,
            protected.join(", "),
            self.mail.port(),
            database = file("lapsed.db"),
            sentius_key = file("sentius.key"),
            sapling_key = file("sapling.key"),
        )
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.folder.path().join(name))?
            .write_all(text.as_bytes())?;
        Ok(())
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("lapsed.toml")
    }

    pub(super) fn grants(&self) -> PathBuf {
        self.folder.path().join("grants.csv")
    }

    /// Says what there is.
    pub(super) fn describe(&self) -> Result<(), Failure> {
        for (name, members, invites) in self.numbers() {
            output::line(&words(&name, members, invites))?;
        }
        Ok(())
    }

    pub(super) fn numbers(&self) -> Numbers {
        let mut numbers = vec![(
            "sentius:acme".to_owned(),
            self.sentius.with(|state| state.entries.len()),
            0,
        )];
        self.sapling.with(|state| {
            for team in state.teams() {
                let name = format!("sapling:acme/{}", team.name());
                numbers.push((name, team.members().len(), team.invites().len()));
            }
        });
        numbers
    }

    /// Says where the page is, and what a second terminal can ask.
    pub(super) fn invite(&self, person: Option<&str>) -> Result<(), Failure> {
        if let Some(page) = self.page {
            output::line(&format!("The page: http://{page}/"))?;
        }
        let program = std::env::current_exe()?;
        let lapsed = format!("{} --config {}", program.display(), self.config().display());
        output::line("In a second terminal:")?;
        let history = person.map(|email| format!("history {email}"));
        for command in ["status", "list --ending-within 14d"]
            .into_iter()
            .chain(history.as_deref())
            .chain(["grant you@example.com --target sentius:acme --end 1d"])
        {
            output::line(&format!("  {lapsed} {command}"))?;
        }
        Ok(())
    }

    /// Says what is different now.
    pub(super) fn compare(&self, before: &Numbers) -> Result<(), Failure> {
        for (was, is) in before.iter().zip(self.numbers()) {
            let now = words(&is.0, is.1, is.2);
            let change = if (was.1, was.2) == (is.1, is.2) {
                "as before".to_owned()
            } else if was.2 == 0 && is.2 == 0 {
                format!("was {}", was.1)
            } else {
                format!("was {} and {}", was.1, was.2)
            };
            output::line(&format!("{now}  ({change})"))?;
        }
        Ok(())
    }

    /// Says what was mailed.
    pub(super) fn mails(&self) -> Result<(), Failure> {
        for mail in self.mail.mails() {
            let is_notice = String::from_utf8_lossy(&mail.data).contains("text/calendar");
            let (what, parts) = match is_notice {
                true => ("Ends to come were", "a calendar file"),
                false => ("The report was", "CSV"),
            };
            output::paragraph(&format!(
                "{what} mailed to {}: text, HTML and {parts}, {} KB.",
                mail.to.join(", "),
                mail.data.len() / 1000
            ))?;
        }
        Ok(())
    }

    /// Takes out the invites that are newer than the earlier look.
    pub(super) fn without_newer_invites(&self) -> Vec<Invite> {
        self.sapling.with(|state| {
            let Some(team) = state.team_mut(NEW_INVITES) else {
                return Vec::new();
            };
            let invites: Vec<Invite> = team.invites().cloned().collect();
            for invite in &invites {
                team.remove_invite(&invite.email);
            }
            invites
        })
    }

    /// Puts them back.
    pub(super) fn with_invites(&self, invites: Vec<Invite>) {
        self.sapling.with(|state| {
            if let Some(team) = state.team_mut(NEW_INVITES) {
                for invite in invites {
                    team.add_invite(invite);
                }
            }
        });
    }
}

fn words(name: &str, members: usize, invites: usize) -> String {
    let people = if name.starts_with("sentius") {
        format!("{members} people")
    } else {
        let plural = if invites == 1 { "" } else { "s" };
        format!("{members} members, {invites} invite{plural}")
    };
    format!("  {name:<28}{people}")
}

fn optional(key: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!("{key} = {value:?}\n"))
}
