//! The vocabulary: no I/O, no async, no clock.

mod change;
mod email;
mod ending;
mod entry;
pub(crate) mod event;
mod grant;
mod obligation;
mod outcome;
mod pattern;
mod plan;
mod plausible;
mod policy;
pub(crate) mod presence;
mod provision;
mod reading;
mod scope;
mod snapshot;
mod source_name;
mod span;
mod target;
mod when;
mod word;

pub use change::{Changes, FlagChange, KnownMember, believed_date};
pub use email::{Email, EmailError};
pub(crate) use email::{canonical, canonical_domain};
pub use ending::AccessEnd;
pub use entry::{Entry, Span};
pub(crate) use event::Event;
pub use grant::{Grant, GrantState, Permission, Role};
pub use obligation::{Obligation, Observed, Owed, What};
pub use outcome::{
    ActionResult, ActionState, Counts, Evidence, Finding, FindingKind, MailResult, PassOutcome,
    Place, TargetMessage, Verdict,
};
pub use pattern::Pattern;
pub(crate) use plan::UNREADABLE;
pub use plan::{Action, ActionKind, LeftAlone, Means, Plan, Reason, Why};
pub use plausible::{Missed, Signs};
pub use policy::{GuardPolicy, Policy, ReviewPolicy, TeamPolicy};
pub use presence::{Gone, GoneBy, Shown};
pub(crate) use provision::TakeBack;
pub(crate) use provision::{AcceptedEntry, Answered, Standing};
pub use provision::{Provided, ProvisionKind, ProvisionState};
pub use reading::{Digest, Flags, ReadInvite, ReadMember, TeamReading};
pub use scope::Scope;
pub use snapshot::{Holder, Invite, Member, Snapshot, SourceHealth};
pub use source_name::{SourceName, SourceNameError};
pub use span::{SpanError, parse_span};
pub use target::{Provider, Target, TargetError, TargetId, TargetRef};
pub use when::{Edge, When, WhenError};
