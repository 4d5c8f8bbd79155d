//! As what passes are counted.

use strum::IntoStaticStr;

/// What a pass was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[non_exhaustive]
#[strum(serialize_all = "snake_case")]
pub enum PassKind {
    /// A pass on everything.
    #[strum(serialize = "pass")]
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
        self.into()
    }
}

/// Why a pass was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[non_exhaustive]
#[strum(serialize_all = "snake_case")]
pub enum NotMade {
    /// Another one is running.
    Busy,
    /// Anything else.
    Error,
}

impl NotMade {
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}
