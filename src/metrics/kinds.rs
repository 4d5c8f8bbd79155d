//! As what passes are counted.

/// What a pass was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassKind {
    /// A pass on everything.
    Whole,
    /// On the targets where something ends.
    Ends,
    /// On everything, and a report is mailed.
    Report,
    /// Nothing is changed.
    DryRun,
}

impl PassKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "pass",
            Self::Ends => "ends",
            Self::Report => "report",
            Self::DryRun => "dry_run",
        }
    }
}

/// Why a pass was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotMade {
    /// Another one is running.
    Busy,
    /// Anything else.
    Error,
}

impl NotMade {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Error => "error",
        }
    }
}
