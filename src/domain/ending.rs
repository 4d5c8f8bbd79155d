//! Access that ends: the input of notices, findings and reports.

use jiff::Timestamp;

use super::{Email, Role, TargetRef};

/// A grant whose end is the end of the access: no other grant of the person outlasts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEnd {
    /// The grant's number.
    pub grant: i64,
    /// What ends.
    pub target: TargetRef,
    /// For whom.
    pub email: Email,
    /// Absent: the access as a whole; else this role.
    pub role: Option<Role>,
    /// When.
    pub end: Timestamp,
    /// Who answers for it.
    pub owner: Option<Email>,
    /// Why it was given.
    pub reason: Option<String>,
    /// When the grant was recorded.
    pub recorded_at: Timestamp,
}
