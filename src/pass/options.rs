//! How a pass is to be run.

use jiff::Timestamp;

use crate::domain::Scope;
use crate::metrics::PassKind;
use crate::progress::{Progress, Stop};

/// How a pass is to be run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only look: no provider is changed, nothing is mailed.
    pub dry_run: bool,
    /// The plan as it would be then; only for a dry run.
    pub at: Option<Timestamp>,
    /// Whether a failed action waits until its next try, and mail to people for the morning;
    /// otherwise all that is due is done now.
    pub respect_backoff: bool,
    /// Whether a report is mailed.
    pub report: bool,
    /// What the pass is about. One that is not about everything tells only of what it did.
    pub scope: Scope,
    /// Whether what comes due while everything is read is acted on at once, by a pass of its own.
    pub exact: bool,
    /// Who delivers the mail.
    pub mail: Delivery,
    /// Ends the pass early: what is under way is completed, nothing new is started.
    pub stop: Stop,
    /// Who hears of the progress.
    pub progress: Progress,
    /// With `exact`: what else is due and waits for this pass; it is acted on meanwhile if the reading
    /// takes long.
    pub waiting: Option<Scope>,
}

impl Options {
    /// The kind under which the pass is counted.
    pub(crate) fn kind(&self) -> PassKind {
        if self.dry_run {
            PassKind::DryRun
        } else if self.report {
            PassKind::Report
        } else if !self.scope.is_everything() {
            PassKind::Ends
        } else {
            PassKind::Whole
        }
    }
}

/// Who delivers the mail that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// The pass, before it ends.
    #[default]
    Here,
    /// Somebody else, so that a mail server that does not answer delays no pass.
    Elsewhere,
}
