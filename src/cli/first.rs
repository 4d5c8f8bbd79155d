//! What is said where there is no configuration yet: what lapsed is, and where to begin.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::config::ConfigError;

/// Where the name of the configuration comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum NamedBy {
    #[default]
    Default,
    Option,
    Environment,
}

impl NamedBy {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        match matches.value_source("config") {
            Some(ValueSource::CommandLine) => Self::Option,
            Some(ValueSource::EnvVariable) => Self::Environment,
            _ => Self::Default,
        }
    }

    fn said(self) -> &'static str {
        match self {
            Self::Default => "it is the default; --config or LAPSED_CONFIG names another",
            Self::Option => "--config names it",
            Self::Environment => "LAPSED_CONFIG names it",
        }
    }
}

/// The error as it is told. Whoever has a configuration with mistakes knows the rest.
pub(super) fn told(error: &ConfigError, named_by: NamedBy) -> String {
    if !error.is_missing() {
        return error.to_string();
    }
    format!(
        "{error} ({})

lapsed ends people's access to Sentius whitelists and Sapling teams when its time is over, and
keeps the proof. To begin:
  lapsed demo   shows all of it on sample data; it needs no configuration
  lapsed init   writes a configuration and its key files, and checks them
README.md leads from there to the first report (in the package: /usr/share/doc/lapsed/README.md).",
        named_by.said()
    )
}
