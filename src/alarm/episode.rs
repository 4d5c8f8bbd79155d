//! The conditions after a pass that a person should know, and their words. Pure. They contain no
//! names or addresses: a chat is no place for who loses access.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::config::Settings;
use crate::domain::{ActionState, PassOutcome, Verdict};
use crate::text::short_run;

/// What an episode is about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    IntoStaticStr,
    EnumString,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    /// The guard holds actions until a person approves.
    Held,
    /// A person has to confirm the database.
    Unconfirmed,
    /// A mail was refused for good.
    Refused,
    /// This machine's clock and a provider's differ.
    Clock,
    /// The copy of the database on another machine does not keep up.
    Replica,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// The finding of this kind; none for held actions, which are no finding.
    fn finding(self) -> Option<&'static str> {
        match self {
            Self::Held => None,
            Self::Unconfirmed => Some("database.unconfirmed"),
            Self::Refused => Some("mail.refused"),
            Self::Clock => Some("clock.doubtful"),
            Self::Replica => Some("replica.behind"),
        }
    }
}

/// The body of the webhook's POST: `docs/schema/webhook.json`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct WebhookBody {
    alarm: Kind,
    /// The same for people; chats show a key of this name.
    text: String,
    /// The installation: the accounts' names.
    organization: String,
    /// How many actions, accounts or mails it is about.
    count: usize,
    /// At which accounts, such as `sentius:acme`; empty where it is about none.
    accounts: BTreeSet<String>,
    /// The pass after which it began.
    run: String,
    outcome: Verdict,
    since: Timestamp,
}

/// All conditions after this pass.
pub(super) fn now(settings: &Settings, outcome: &PassOutcome) -> BTreeMap<Kind, WebhookBody> {
    let told = |kind| {
        let (count, accounts) = seen(kind, outcome);
        let organization = settings.organization();
        let told = WebhookBody {
            alarm: kind,
            text: text(kind, &organization, count, &accounts, &outcome.run),
            organization,
            count,
            accounts,
            run: outcome.run.clone(),
            outcome: outcome.outcome,
            since: outcome.finished_at,
        };
        (count > 0).then_some((kind, told))
    };
    Kind::VARIANTS.iter().copied().filter_map(told).collect()
}

/// How often it was seen, and at which accounts.
fn seen(kind: Kind, outcome: &PassOutcome) -> (usize, BTreeSet<String>) {
    let Some(finding) = kind.finding() else {
        let held = outcome.actions.iter();
        let held = held.filter(|action| action.state == ActionState::Held);
        let accounts = held.clone().filter_map(|a| account(&a.target.to_string()));
        return (held.clone().count(), accounts.collect());
    };
    let found = outcome.findings.iter();
    let found = found.filter(|f| f.finding.as_str() == finding);
    let accounts = found.clone().filter_map(|f| account(&f.place.to_string()));
    (found.clone().count(), accounts.collect())
}

/// The account in a place as it is written, such as `sapling:acme/Core`; the database has none.
fn account(place: &str) -> Option<String> {
    let account = place.split('/').next()?;
    account.contains(':').then(|| account.to_owned())
}

fn text(
    kind: Kind,
    organization: &str,
    count: usize,
    accounts: &BTreeSet<String>,
    run: &str,
) -> String {
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let accounts = accounts.join(", ");
    let run = short_run(run);
    let what = match kind {
        Kind::Held if count == 1 => {
            format!("1 removal is held until a person decides: lapsed approve {run}")
        }
        Kind::Held => {
            format!("{count} removals are held until a person decides: lapsed approve {run}")
        }
        Kind::Unconfirmed => format!(
            "the database may be an older copy, and nothing is removed until a person confirms it: lapsed approve {run}"
        ),
        Kind::Refused => {
            "a mail was refused for good and is not sent again; lapsed status tells which"
                .to_owned()
        }
        Kind::Clock => format!(
            "this machine's clock and that of {accounts} differ; nothing is removed there until they agree"
        ),
        Kind::Replica => "the copy of the database on another machine does not keep up".to_owned(),
    };
    format!("lapsed ({organization}): {what}")
}
