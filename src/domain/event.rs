//! What the trail tells: every kind of event, with its payload, for those who write and who read it.
//!
//! The trail's hash covers the payload's bytes. So the fields of a payload stand in the order in which
//! they are written, which is by name, but for `team.observed`. `rows` stands beside them all; see
//! `store/trail`. A field that came later, or that only some writers have, is absent where it was not
//! written; every other one is there, and null where there is nothing.

mod actions;
mod grants;
mod observed;
mod others;
mod provisions;

use serde::{Serialize, Serializer};

pub(crate) use actions::{ActionOnly, Attempted, NotTried, Tried, Withdrawn, WrittenOff};
pub(crate) use grants::{
    Closed, GrantForm, Moved, Noticed, RefusedGrant, Reopened, Reviewed, RowOf,
};
pub(crate) use observed::{
    Accepted, FlagsChanged, SourceChanged, SuppressedObserved, TeamNamed, TeamObserved,
};
pub(crate) use others::{
    DatabaseConfirmed, DatabaseDoubted, HoldApproved, HoldTakenBack, Mailed, RowChange, Rows,
    RunFinished,
};
pub(crate) use provisions::{
    Answered, NotGiven, Planned, ProvisionOnly, Sends, SendsEntry, SendsFlags, SendsPromotion, Sent,
};

macro_rules! events {
    ($($kind:literal => $variant:ident($payload:ty),)*) => {
        /// Something that happened: its kind, and what is told of it.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Event {
            $($variant($payload),)*
        }

        impl Event {
            /// Every kind.
            #[cfg(test)]
            pub(crate) const KINDS: &[&str] = &[$($kind),*];

            /// The kind, as the trail has it.
            pub(crate) fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// Reads an event of the trail. `None` for a kind or a form that this version does not know.
            pub(crate) fn read(kind: &str, payload: &str) -> Option<Self> {
                match kind {
                    $($kind => serde_json::from_str(payload).ok().map(Self::$variant),)*
                    _ => None,
                }
            }
        }

        /// The payload; the kind stands beside it.
        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => payload.serialize(serializer),)*
                }
            }
        }
    };
}

events! {
    "grant.recorded" => GrantRecorded(GrantForm),
    "grant.amended" => GrantAmended(GrantForm),
    "grant.extended" => GrantExtended(Moved),
    "grant.revoked" => GrantRevoked(Moved),
    "grant.noticed" => GrantNoticed(Noticed),
    "grant.refused" => GrantRefused(RefusedGrant),
    "grant.removed" => GrantRemoved(Closed),
    "grant.reopened" => GrantReopened(Reopened),
    "grant.dropped" => GrantDropped(RowOf),
    "grant.listed" => GrantListed(RowOf),
    "review.kept" => ReviewKept(Reviewed),
    "review.ended" => ReviewEnded(Reviewed),
    "action.intent" => ActionIntent(Attempted),
    "action.result" => ActionResult(Tried),
    "action.interrupted" => ActionInterrupted(ActionOnly),
    "action.verified" => ActionVerified(ActionOnly),
    "action.not_done" => ActionNotDone(ActionOnly),
    "action.contradicted" => ActionContradicted(ActionOnly),
    "action.withdrawn" => ActionWithdrawn(Withdrawn),
    "action.held" => ActionHeld(NotTried),
    "action.protected" => ActionProtected(NotTried),
    "action.not_tried" => ActionNotTried(NotTried),
    "action.written_off" => ActionWrittenOff(WrittenOff),
    "provision.planned" => ProvisionPlanned(Planned),
    "provision.intent" => ProvisionIntent(Sent),
    "provision.replacing" => ProvisionReplacing(ProvisionOnly),
    "provision.interrupted" => ProvisionInterrupted(ProvisionOnly),
    "provision.result" => ProvisionResult(Answered),
    "provision.withdrawn" => ProvisionWithdrawn(Answered),
    "provision.not_tried" => ProvisionNotTried(NotGiven),
    "team.matched" => TeamMatched(TeamNamed),
    "team.renamed" => TeamRenamed(TeamNamed),
    "team.observed" => TeamObserved(TeamObserved),
    "suppressed.observed" => SuppressedObserved(SuppressedObserved),
    "source.state" => SourceState(SourceChanged),
    "observation.accepted" => ObservationAccepted(Accepted),
    "hold.approved" => HoldApproved(HoldApproved),
    "hold.taken_back" => HoldTakenBack(HoldTakenBack),
    "database.doubted" => DatabaseDoubted(DatabaseDoubted),
    "database.confirmed" => DatabaseConfirmed(DatabaseConfirmed),
    "mail.queued" => MailQueued(Mailed),
    "mail.suppressed" => MailSuppressed(Mailed),
    "mail.sent" => MailSent(Mailed),
    "mail.failed" => MailFailed(Mailed),
    "mail.refused" => MailRefused(Mailed),
    "run.finished" => RunFinished(RunFinished),
    "rows.changed" => RowsChanged(Rows),
    "rows.taken_over" => RowsTakenOver(Rows),
}

/// What an event is about, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Grant(i64),
    Action(i64),
    Provision(i64),
}

impl Event {
    /// What it is about, if that has a row of its own. An event that names a grant and the action or
    /// provision behind it is about the grant.
    pub(crate) fn about(&self) -> Option<About> {
        Some(match self {
            Self::GrantRecorded(form) | Self::GrantAmended(form) => About::Grant(form.grant_id),
            Self::GrantExtended(is) | Self::GrantRevoked(is) => About::Grant(is.grant_id),
            Self::GrantNoticed(is) => About::Grant(is.grant_id),
            Self::GrantRefused(is) => About::Grant(is.grant_id),
            Self::GrantRemoved(is) => About::Grant(is.grant_id),
            Self::GrantReopened(is) => About::Grant(is.grant_id),
            Self::GrantDropped(is) | Self::GrantListed(is) => About::Grant(is.grant_id),
            Self::ReviewKept(is) | Self::ReviewEnded(is) => About::Grant(is.grant_id),
            Self::ActionIntent(is) => About::Action(is.action_id),
            Self::ActionResult(is) => About::Action(is.action_id),
            Self::ActionInterrupted(is)
            | Self::ActionVerified(is)
            | Self::ActionNotDone(is)
            | Self::ActionContradicted(is) => About::Action(is.action_id),
            Self::ActionWithdrawn(is) => About::Action(is.action_id),
            Self::ActionHeld(is) | Self::ActionProtected(is) | Self::ActionNotTried(is) => {
                About::Action(is.action_id)
            }
            Self::ActionWrittenOff(is) => About::Action(is.action_id),
            Self::HoldTakenBack(is) => About::Action(is.action_id),
            Self::ProvisionPlanned(is) => About::Provision(is.provision_id),
            Self::ProvisionIntent(is) => About::Provision(is.provision_id),
            Self::ProvisionReplacing(is) | Self::ProvisionInterrupted(is) => {
                About::Provision(is.provision_id)
            }
            Self::ProvisionResult(is) | Self::ProvisionWithdrawn(is) => {
                About::Provision(is.provision_id)
            }
            Self::ProvisionNotTried(is) => About::Provision(is.provision_id),
            Self::TeamMatched(_)
            | Self::TeamRenamed(_)
            | Self::TeamObserved(_)
            | Self::SuppressedObserved(_)
            | Self::SourceState(_)
            | Self::ObservationAccepted(_)
            | Self::HoldApproved(_)
            | Self::DatabaseDoubted(_)
            | Self::DatabaseConfirmed(_)
            | Self::MailQueued(_)
            | Self::MailSuppressed(_)
            | Self::MailSent(_)
            | Self::MailFailed(_)
            | Self::MailRefused(_)
            | Self::RunFinished(_)
            | Self::RowsChanged(_)
            | Self::RowsTakenOver(_) => return None,
        })
    }

    /// The grant that it is about.
    pub(crate) fn grant_id(&self) -> Option<i64> {
        match self.about() {
            Some(About::Grant(grant)) => Some(grant),
            _ => None,
        }
    }

    /// Who did it: the name that a person stated, or the user's.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Self::GrantRecorded(form) | Self::GrantAmended(form) => form.by.as_deref(),
            Self::GrantExtended(moved) | Self::GrantRevoked(moved) => Some(&moved.by),
            Self::GrantDropped(row) | Self::GrantListed(row) => Some(&row.by),
            Self::ReviewKept(reviewed) | Self::ReviewEnded(reviewed) => Some(&reviewed.by),
            Self::ActionWrittenOff(written_off) => Some(&written_off.by),
            Self::ProvisionPlanned(planned) => Some(&planned.by),
            Self::ProvisionIntent(sent) => Some(&sent.by),
            Self::ObservationAccepted(accepted) => Some(&accepted.by),
            Self::HoldApproved(approved) => Some(&approved.by),
            Self::DatabaseConfirmed(confirmed) => Some(&confirmed.by),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
