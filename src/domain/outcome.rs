//! What a pass did: the JSON of `--run-now`, which scripts read.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{ActionKind, Email, Owed, Provider, Reason, TargetRef};

/// The result of one pass.
#[derive(Debug, Clone, Serialize)]
pub struct PassOutcome {
    /// The run's id.
    pub run: String,
    /// Nothing was changed and nothing mailed.
    pub dry_run: bool,
    /// How it ended as a whole.
    pub outcome: Verdict,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The actions, counted by state.
    pub counts: Counts,
    /// All that is owed after it.
    pub owed: Owed,
    /// Every action that is due, also those that wait for their next try.
    pub actions: Vec<ActionResult>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// What could not be read or done as a whole.
    pub errors: Vec<TargetMessage>,
    /// What was mailed, or could not be.
    pub mails: Vec<MailResult>,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, EnumString)]
#[non_exhaustive]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    /// All that was due is done.
    Converged,
    /// Something could not be read, done or mailed: it will be tried again.
    Incomplete,
    /// The guard holds actions until a person approves.
    Held,
}

impl Verdict {
    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The verdict that has this word.
    #[must_use]
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// Actions by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Only planned: a dry run.
    pub planned: u64,
    /// Done, with evidence.
    pub done: u64,
    /// The provider no longer had it.
    pub absent: u64,
    /// Refused or unreachable: tried again.
    pub failed: u64,
    /// Sent but not answered: settled by a later pass.
    pub unknown: u64,
    /// Held by the guard.
    pub held: u64,
    /// Never done: a protected person, the key's holder, a team's last admin.
    pub protected: u64,
}

impl Counts {
    /// Counts the actions.
    #[must_use]
    pub fn of(actions: &[ActionResult]) -> Self {
        let mut counts = Self::default();
        for action in actions {
            *match action.state {
                ActionState::Planned => &mut counts.planned,
                ActionState::Done => &mut counts.done,
                ActionState::Absent => &mut counts.absent,
                ActionState::Failed => &mut counts.failed,
                ActionState::Unknown => &mut counts.unknown,
                ActionState::Held => &mut counts.held,
                ActionState::Protected => &mut counts.protected,
            } += 1;
        }
        counts
    }
}

/// An action and how it stands.
#[derive(Debug, Clone, Serialize)]
pub struct ActionResult {
    /// What.
    pub action: ActionKind,
    /// Where.
    pub target: TargetRef,
    /// To whom.
    pub email: Email,
    /// Why.
    pub reason: Reason,
    /// How it stands.
    pub state: ActionState,
    /// What is known to prove it.
    pub evidence: Option<Evidence>,
    /// More, for people.
    pub detail: Option<String>,
}

/// How an action stands after a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActionState {
    /// Only planned: a dry run.
    Planned,
    /// Done.
    Done,
    /// The provider no longer had it.
    Absent,
    /// Refused or unreachable: tried again.
    Failed,
    /// Sent but not answered.
    Unknown,
    /// Held by the guard.
    Held,
    /// Never done.
    Protected,
}

impl ActionState {
    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Done => "done",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Protected => "protected",
        }
    }

    /// Reads the ledger's word back; what is neither settled nor tried yet is planned, and an
    /// intent without a result is unknown.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "absent" => Self::Absent,
            "failed" => Self::Failed,
            "intent" | "unknown" => Self::Unknown,
            "held" => Self::Held,
            "protected" => Self::Protected,
            _ => Self::Planned,
        }
    }

    /// Whether nothing more is to be done.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Absent)
    }
}

/// What proves that an action was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, EnumString)]
#[non_exhaustive]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
pub enum Evidence {
    /// The provider said yes.
    Acknowledged,
    /// Read back as gone.
    Verified,
    /// A person gave it up.
    WrittenOff,
}

impl Evidence {
    /// The word in output and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Something noticed that is no action.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What kind.
    pub finding: FindingKind,
    /// Where.
    #[serde(rename = "target")]
    pub place: Place,
    /// Who, where it concerns a person.
    pub email: Option<Email>,
    /// More, for people.
    pub detail: Option<String>,
}

impl Finding {
    /// Sorts findings for output: by kind, place and person.
    pub(crate) fn sort(findings: &mut [Self]) {
        findings
            .sort_by(|a, b| (a.finding, &a.place, &a.email).cmp(&(b.finding, &b.place, &b.email)));
    }
}

/// A target, or an account as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// One target.
    Target(TargetRef),
    /// All of an account, as `sapling:ACCOUNT`.
    Account(Provider, String),
    /// The database itself.
    Database,
    /// The mail server.
    Mail,
}

impl Place {
    /// An account by its whole name, such as `sentius:acme`.
    #[must_use]
    pub fn of_account(name: &str) -> Self {
        match name.split_once(':') {
            Some(("sentius", account)) => Self::Account(Provider::Sentius, account.to_owned()),
            Some((_, account)) => Self::Account(Provider::Sapling, account.to_owned()),
            None => Self::Account(Provider::Sapling, name.to_owned()),
        }
    }

    /// The account's name in the configuration.
    #[must_use]
    pub fn account(&self) -> &str {
        match self {
            Self::Target(target) => target.account(),
            Self::Account(_, account) => account,
            Self::Database | Self::Mail => "",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => target.fmt(f),
            Self::Account(provider, account) => write!(f, "{provider}:{account}"),
            Self::Database => f.write_str("database"),
            Self::Mail => f.write_str("mail"),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Target(target) => target.serialize(serializer),
            Self::Account(..) | Self::Database | Self::Mail => serializer.collect_str(self),
        }
    }
}

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr)]
#[non_exhaustive]
#[serde(into = "&'static str")]
pub enum FindingKind {
    /// No grant covers the member.
    #[strum(serialize = "member.unmanaged")]
    MemberUnmanaged,
    /// A member who was not there before.
    #[strum(serialize = "member.appeared")]
    MemberAppeared,
    /// A member who is gone, and not by lapsed.
    #[strum(serialize = "member.left")]
    MemberLeft,
    /// A flag of a member changed.
    #[strum(serialize = "member.changed")]
    MemberChanged,
    /// A grant without an end.
    #[strum(serialize = "grant.never_ends")]
    GrantNeverEnds,
    /// A grant that ends soon.
    #[strum(serialize = "grant.ending")]
    GrantEnding,
    /// An address that bounces.
    #[strum(serialize = "email.suppressed")]
    EmailSuppressed,
    /// A team that the key may not read.
    #[strum(serialize = "team.forbidden")]
    TeamForbidden,
    /// A grant or rule names a team that is not there.
    #[strum(serialize = "target.unknown")]
    TargetUnknown,
    /// A reading that cannot be believed yet.
    #[strum(serialize = "observation.doubtful")]
    ObservationDoubtful,
    /// Somebody is there again after a proven removal, and no grant covers them.
    #[strum(serialize = "member.returned")]
    MemberReturned,
    /// Somebody has a grant that runs and is not there.
    #[strum(serialize = "grant.not_there")]
    GrantNotThere,
    /// This machine's clock and a provider's differ.
    #[strum(serialize = "clock.doubtful")]
    ClockDoubtful,
    /// The database is older than the last one that acted here, or new beside its mark.
    #[strum(serialize = "database.unconfirmed")]
    DatabaseUnconfirmed,
    /// The mail server refused a mail for good within the last seven days.
    #[strum(serialize = "mail.refused")]
    MailRefused,
}

impl FindingKind {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Something that went wrong with a source or a provider as a whole.
#[derive(Debug, Clone, Serialize)]
pub struct TargetMessage {
    /// Where.
    #[serde(rename = "target")]
    pub place: Place,
    /// What, for people.
    pub message: String,
}

/// A mail and how it stands.
#[derive(Debug, Clone, Serialize)]
pub struct MailResult {
    /// `report`, …
    pub kind: String,
    /// To whom.
    pub to: Vec<String>,
    /// Its final Message-ID, with angle brackets.
    pub message_id: String,
    /// `sent`, `failed` (tried again) or `refused` (for good: told, and not sent again).
    pub state: String,
}
