//! What one line of a list tells, whichever list it is.

use jiff::Timestamp;

/// An entry of a list. Targets, actions, reasons, states and evidence are the words of the command
/// line's JSON; an absent text is `None`, never the empty string.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportLine {
    /// When it happened, since when it is so, or when it ends.
    pub(crate) at: Timestamp,
    /// Such as `member.remove`, or what kind of change it was.
    pub(crate) action: Option<String>,
    /// Such as `sapling:acme/Core`.
    pub(crate) target: Option<String>,
    pub(crate) email: Option<String>,
    /// Such as `grant.ended`.
    pub(crate) reason: Option<String>,
    /// How it stands, such as `failed`; of an invite, how far the person came.
    pub(crate) state: Option<String>,
    /// `acknowledged` or `verified`.
    pub(crate) evidence: Option<String>,
    /// Who answers for it.
    pub(crate) owner: Option<String>,
    /// Who did it, or who answers for it, in words: lines are summed up by it.
    pub(crate) credit: Option<String>,
    /// More, in words: why it is held, what the provider said last, what is wrong.
    pub(crate) detail: Option<String>,
    /// How often it was tried.
    pub(crate) attempts: Option<u32>,
    /// When it is tried again.
    pub(crate) next_try: Option<Timestamp>,
    /// The run whose plan is held: what `lapsed approve` takes.
    pub(crate) run: Option<String>,
    /// Whether they administer the team.
    pub(crate) is_admin: Option<bool>,
    /// When the owner was last reminded.
    pub(crate) reminded_at: Option<Timestamp>,
    /// Where that matters, such as `pending in sapling:acme/Core`.
    pub(crate) places: Vec<String>,
}
