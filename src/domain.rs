//! The vocabulary: no I/O, no async, no clock.

mod change;
mod email;
mod ending;
mod entry;
mod grant;
mod outcome;
mod plan;
mod plausible;
mod provision;
mod reach;
mod reading;
mod shown;
mod snapshot;
mod span;
mod target;
mod when;

pub use change::{Changes, FlagChange, KnownMember};
pub use email::{Email, EmailError};
pub(crate) use email::{canonical, canonical_domain, composed_lower};
pub use ending::AccessEnd;
pub use entry::{Entry, Span};
pub use grant::{Grant, GrantState, Permission, Role};
pub use outcome::{
    ActionResult, ActionState, Counts, Evidence, Finding, FindingKind, MailResult, PassOutcome,
    Place, TargetMessage, Verdict,
};
pub use plan::{Action, ActionKind, LeftAlone, Means, Plan, Reason, Why};
pub use plausible::Signs;
pub use provision::{Provided, ProvisionKind, ProvisionState};
pub use reach::Reach;
pub use reading::{Digest, Flags, ReadInvite, ReadMember, TeamReading};
pub use snapshot::{Invite, Member, Snapshot, SourceHealth, TeamPolicy};
pub use span::{SpanError, parse_span};
pub use target::{Provider, Target, TargetError, TargetId, TargetRef};
pub use when::{Edge, When, WhenError};
