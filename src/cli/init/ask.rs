//! The questions of `init`, and what answers them: options, then a person at a terminal.

use std::io::{self, Read as _};
use std::path::Path;

use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, Input, Password};
use secrecy::SecretString;

use super::super::exit::Failure;
use crate::config;

/// More than any key.
const LARGEST: u64 = 16 << 10;

/// How often somebody may press Enter where a key is to be pasted.
const TRIES: usize = 3;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The options alone.
    Options,
    /// A person, for what the options leave open.
    Person,
}

/// A question with one text as its answer.
pub(super) struct Question<'q> {
    /// As a person is asked.
    pub(super) prompt: &'q str,
    /// The option that answers it.
    pub(super) option: &'q str,
    /// What it is without an answer; `None`: there must be one.
    pub(super) default: Option<&'q str>,
}

/// The option that has a secret in a file, and the one that names a variable.
pub(super) struct Source<'q> {
    pub(super) prompt: &'q str,
    pub(super) option: &'q str,
    pub(super) file: Option<&'q Path>,
    pub(super) variable: Option<&'q str>,
}

impl Asked {
    /// The answer to a question. `unfit` tells what is wrong with one.
    pub(super) fn text(
        self,
        question: &Question<'_>,
        given: Option<String>,
        unfit: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Failure> {
        let option = question.option;
        let answer = match (given, self, question.default) {
            (Some(given), _, _) => given,
            (None, Self::Person, default) => return person(question.prompt, default, &unfit),
            (None, Self::Options, Some(default)) => default.to_owned(),
            (None, Self::Options, None) => {
                return Err(Failure::usage(format!("{option} is missing")));
            }
        };
        match unfit(&answer) {
            Some(why) => Err(Failure::usage(format!("{option}: {why}"))),
            None => Ok(answer),
        }
    }

    /// Whether something is wanted: an option of it says so, else the person.
    pub(super) fn wants(self, prompt: &str, has_option: bool) -> Result<bool, Failure> {
        if has_option || self == Self::Options {
            return Ok(has_option);
        }
        let theme = ColorfulTheme::default();
        let confirm = Confirm::with_theme(&theme);
        confirm
            .with_prompt(prompt)
            .default(true)
            .interact()
            .map_err(stopped)
    }

    /// A secret. It is never an option itself, and is not shown while it is typed.
    pub(super) fn secret(self, source: &Source<'_>) -> Result<SecretString, Failure> {
        let option = source.option;
        let (place, text) = match (source.file, source.variable) {
            (Some(file), _) => (
                format!("{option}-file {}", config::shown(&file.to_string_lossy())),
                read(file),
            ),
            (None, Some(name)) => (
                format!("{option}-env {}", config::shown(name)),
                variable(name),
            ),
            (None, None) if self == Self::Person => return pasted(source.prompt),
            (None, None) => {
                return Err(Failure::usage(format!(
                    "{option}-file or {option}-env is missing"
                )));
            }
        };
        text.and_then(|text| config::fit_key(&text))
            .map_err(|why| Failure::usage(format!("{place} {why}")))
    }
}

fn person(
    prompt: &str,
    default: Option<&str>,
    unfit: &impl Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let theme = ColorfulTheme::default();
    let mut input = Input::<String>::with_theme(&theme).with_prompt(prompt);
    if let Some(default) = default {
        input = input
            .allow_empty(default.is_empty())
            .default(default.to_owned())
            .show_default(!default.is_empty());
    }
    let check = |answer: &String| match unfit(answer.trim()) {
        Some(why) => Err(why),
        None => Ok(()),
    };
    let answer = input.validate_with(check).interact_text();
    Ok(answer.map_err(stopped)?.trim().to_owned())
}

fn pasted(prompt: &str) -> Result<SecretString, Failure> {
    let theme = ColorfulTheme::default();
    let mut why = String::new();
    for _ in 0..TRIES {
        let typed = Password::with_theme(&theme)
            .with_prompt(prompt)
            .allow_empty_password(true)
            .interact()
            .map_err(stopped)?;
        match config::fit_key(&typed) {
            Ok(key) => return Ok(key),
            Err(unfit) => why = unfit,
        }
    }
    Err(Failure::usage(format!("{prompt}: what was typed {why}")))
}

fn stopped(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    Failure::could_not_run(anyhow::Error::from(error).context("the terminal"))
}

/// The text of a file, which may be a pipe; `-` is stdin.
fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().take(LARGEST).read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|f| f.take(LARGEST).read_to_string(&mut text)),
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => "is not set".to_owned(),
        std::env::VarError::NotUnicode(_) => "is not UTF-8".to_owned(),
    })
}
