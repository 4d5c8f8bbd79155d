//! The accounts and the mail of `init`: their options, and the questions for what these leave open.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::exit::Failure;
use super::ask::{Asked, Question, Source};
use super::text::{Account, Mail, Route, list, quoted};
use crate::config;

#[derive(Debug, Args)]
#[command(next_help_heading = "A whitelist at Sentius")]
pub(super) struct SentiusArgs {
    /// Its name here, as in sentius:NAME
    #[arg(long, value_name = "NAME")]
    sentius_name: Option<String>,

    /// Where the API is [default: https://api.sentius.ai]
    #[arg(long, value_name = "URL")]
    sentius_url: Option<String>,

    /// A file with the key; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "sentius_key_env")]
    sentius_key_file: Option<PathBuf>,

    /// The name of an environment variable with the key
    #[arg(long, value_name = "NAME")]
    sentius_key_env: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Teams at Sapling")]
pub(super) struct SaplingArgs {
    /// Their name here, as in sapling:NAME/TEAM
    #[arg(long, value_name = "NAME")]
    sapling_name: Option<String>,

    /// Where the API is [default: https://api.sapling.ai]
    #[arg(long, value_name = "URL")]
    sapling_url: Option<String>,

    /// A file with the key; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "sapling_key_env")]
    sapling_key_file: Option<PathBuf>,

    /// The name of an environment variable with the key
    #[arg(long, value_name = "NAME")]
    sapling_key_env: Option<String>,

    /// Whose key it is; this person is never removed
    #[arg(long, value_name = "EMAIL")]
    sapling_self_email: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Mail")]
pub(super) struct MailArgs {
    /// The sender
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,

    /// Who gets reports; several are separated by commas
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    mail_to: Vec<String>,

    /// Write each mail into this directory, instead of sending it
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "smtp_host")]
    mail_directory: Option<PathBuf>,

    /// The mail server
    #[arg(long, value_name = "HOST")]
    smtp_host: Option<String>,

    /// Its port [default: 587 with starttls, 465 with implicit, 25 with none]
    #[arg(long, value_name = "PORT")]
    smtp_port: Option<u16>,

    /// How the connection is protected: starttls, implicit, or none (loopback only)
    #[arg(long, value_name = "WORD")]
    smtp_tls: Option<String>,

    /// The login, where the server wants one
    #[arg(long, value_name = "NAME")]
    smtp_username: Option<String>,

    /// A file with its password; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "smtp_password_env")]
    smtp_password_file: Option<PathBuf>,

    /// The name of an environment variable with its password
    #[arg(long, value_name = "NAME")]
    smtp_password_env: Option<String>,
}

/// What is wrong with the value of this key, read as this TOML.
pub(super) fn unfit(key: &str, toml: &str) -> Option<String> {
    let mistakes = config::mistakes(toml).into_iter();
    let mut own = mistakes.filter(|(of, _)| of == key);
    own.next().map(|(_, why)| why)
}

/// Name and URL of an account of this kind.
fn named(
    asked: Asked,
    kind: &str,
    name: Option<String>,
    url: Option<String>,
) -> Result<(String, String), Failure> {
    let question = Question {
        prompt: &format!("A short name for it, as in {kind}:NAME"),
        option: &format!("--{kind}-name"),
        default: None,
    };
    let of = |key: &str, text: &str| {
        let toml = format!("[[{kind}]]\n{key} = {}", quoted(text));
        unfit(&format!("{kind}[0].{key}"), &toml)
    };
    let name = asked.text(&question, name, |text| of("name", text))?;
    let question = Question {
        prompt: "Where its API is",
        option: &format!("--{kind}-url"),
        default: Some(&format!("https://api.{kind}.ai")),
    };
    let url = asked.text(&question, url, |text| of("base_url", text))?;
    Ok((name, url))
}

impl SentiusArgs {
    pub(super) fn key_file(&self) -> Option<&Path> {
        self.sentius_key_file.as_deref()
    }

    pub(super) fn account(self, asked: Asked) -> Result<Option<Account>, Failure> {
        let has_option = self.sentius_name.is_some()
            || self.sentius_url.is_some()
            || self.sentius_key_file.is_some()
            || self.sentius_key_env.is_some();
        if !asked.wants("Is there a whitelist at Sentius?", has_option)? {
            return Ok(None);
        }
        let (name, url) = named(asked, "sentius", self.sentius_name, self.sentius_url)?;
        let key = asked.secret(&Source {
            prompt: "Its key (not shown)",
            option: "--sentius-key",
            file: self.sentius_key_file.as_deref(),
            variable: self.sentius_key_env.as_deref(),
        })?;
        Ok(Some(Account {
            name,
            url,
            key,
            self_email: None,
        }))
    }
}

impl SaplingArgs {
    pub(super) fn key_file(&self) -> Option<&Path> {
        self.sapling_key_file.as_deref()
    }

    pub(super) fn account(self, asked: Asked) -> Result<Option<Account>, Failure> {
        let has_option = self.sapling_name.is_some()
            || self.sapling_url.is_some()
            || self.sapling_key_file.is_some()
            || self.sapling_key_env.is_some()
            || self.sapling_self_email.is_some();
        if !asked.wants("Are there teams at Sapling?", has_option)? {
            return Ok(None);
        }
        let (name, url) = named(asked, "sapling", self.sapling_name, self.sapling_url)?;
        let key = asked.secret(&Source {
            prompt: "Its key (not shown)",
            option: "--sapling-key",
            file: self.sapling_key_file.as_deref(),
            variable: self.sapling_key_env.as_deref(),
        })?;
        let holder = Question {
            prompt: "Whose key it is: an address that is never removed (empty: not known)",
            option: "--sapling-self-email",
            default: Some(""),
        };
        let holder = asked.text(&holder, self.sapling_self_email, |text| match text {
            "" => None,
            text => {
                let toml = format!("[[sapling]]\nself_email = {}", quoted(text));
                unfit("sapling[0].self_email", &toml)
            }
        })?;
        Ok(Some(Account {
            name,
            url,
            key,
            self_email: Some(holder).filter(|text| !text.is_empty()),
        }))
    }
}

impl MailArgs {
    pub(super) fn password_file(&self) -> Option<&Path> {
        self.smtp_password_file.as_deref()
    }

    pub(super) fn mail(self, asked: Asked) -> Result<Option<Mail>, Failure> {
        let has_option = self.mail_from.is_some()
            || !self.mail_to.is_empty()
            || self.mail_directory.is_some()
            || self.smtp_host.is_some();
        if !asked.wants("Is a report to be mailed?", has_option)? {
            return Ok(None);
        }
        let of = |key: &str, value: &str| {
            unfit(&format!("mail.{key}"), &format!("[mail]\n{key} = {value}"))
        };
        let from = Question {
            prompt: "From (such as lapsed@acme.com)",
            option: "--mail-from",
            default: None,
        };
        let from = asked.text(&from, self.mail_from.clone(), |text| {
            of("from", &quoted(text))
        })?;
        let to = Question {
            prompt: "To (several are separated by commas)",
            option: "--mail-to",
            default: None,
        };
        let given = Some(self.mail_to.join(",")).filter(|to| !to.is_empty());
        let split = |text: &str| -> Vec<String> {
            text.split(',').map(|one| one.trim().to_owned()).collect()
        };
        let to = asked.text(&to, given, |text| of("to", &list(&split(text))))?;
        let to = split(&to);
        if let Some(directory) = &self.mail_directory {
            let route = Route::Directory(std::path::absolute(directory)?);
            return Ok(Some(Mail { from, to, route }));
        }
        let route = self.smtp(asked)?;
        Ok(Some(Mail { from, to, route }))
    }

    fn smtp(self, asked: Asked) -> Result<Route, Failure> {
        let of = |key: &str, value: &str| {
            let toml = format!("[mail.smtp]\n{key} = {value}");
            unfit(&format!("mail.smtp.{key}"), &toml)
        };
        let host = Question {
            prompt: "The mail server",
            option: "--smtp-host (or --mail-directory)",
            default: None,
        };
        let host = asked.text(&host, self.smtp_host, |text| of("host", &quoted(text)))?;
        let tls = Question {
            prompt: "How the connection is protected: starttls, implicit, or none (loopback only)",
            option: "--smtp-tls",
            default: Some("starttls"),
        };
        let tls = asked.text(&tls, self.smtp_tls, |text| of("tls", &quoted(text)))?;
        let has_password = self.smtp_password_file.is_some() || self.smtp_password_env.is_some();
        let username = Question {
            prompt: "The login (empty: the server wants none)",
            option: "--smtp-username",
            default: match has_password {
                true => None,
                false => Some(""),
            },
        };
        let username = asked.text(&username, self.smtp_username, |_| None)?;
        let login = match username.is_empty() {
            true => None,
            false => {
                let password = asked.secret(&Source {
                    prompt: "Its password (not shown)",
                    option: "--smtp-password",
                    file: self.smtp_password_file.as_deref(),
                    variable: self.smtp_password_env.as_deref(),
                })?;
                Some((username, password))
            }
        };
        Ok(Route::Smtp {
            host,
            port: self.smtp_port,
            tls,
            login,
        })
    }
}
