//! Sapling's JSON: strict about the keys it documents, tolerant of all else.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lenient;

/// A team that the key holder is a member of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Team {
    /// Opaque, "used for team management".
    pub id: String,
    /// The team's name; nothing says that it is unique.
    pub name: String,
}

/// A member of a team. A flag that is missing or null is no.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TeamUser {
    /// Opaque; "each user has a unique id per team".
    pub id: String,
    /// The address as the provider has it.
    pub login_email: String,
    /// Admin of the team.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_admin: bool,
    /// Manager of the team.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_manager: bool,
    /// Dictionary, custom errors, snippets.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub edit_permission: bool,
    /// Can view reporting.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub inspect_permission: bool,
    /// When the membership began; `None` when absent, unreadable or not to be believed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub created_at: Option<Timestamp>,
    /// When it last changed; `None` when absent, unreadable or not to be believed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub updated_at: Option<Timestamp>,
}

/// Somebody who was invited and has not joined. There is no id and no date: its age is counted from
/// when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PendingUser {
    /// The address that was invited.
    pub email: String,
    /// The address has an account.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub registered: bool,
    /// The account's address is confirmed.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub confirmed: bool,
    /// What will be granted upon joining: the provider's own words.
    #[serde(default, deserialize_with = "lenient::text")]
    pub permissions: String,
}

/// The four flags of a member in a request; `None` leaves one to the provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Flags {
    /// Admin of the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_admin: Option<bool>,
    /// Manager of the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_manager: Option<bool>,
    /// Dictionary, custom errors, snippets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_permission: Option<bool>,
    /// Can view reporting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspect_permission: Option<bool>,
}

impl Flags {
    /// Sets the flags in `which` to this value, and leaves the others to the provider.
    #[must_use]
    pub(crate) fn set(which: crate::domain::Flags, to: bool) -> Self {
        let set = |is: bool| is.then_some(to);
        Self {
            is_admin: set(which.is_admin),
            is_manager: set(which.is_manager),
            edit_permission: set(which.edit_permission),
            inspect_permission: set(which.inspect_permission),
        }
    }
}

impl From<&TeamUser> for crate::domain::Flags {
    /// All four as this member has them.
    fn from(user: &TeamUser) -> Self {
        Self {
            is_admin: user.is_admin,
            is_manager: user.is_manager,
            edit_permission: user.edit_permission,
            inspect_permission: user.inspect_permission,
        }
    }
}

impl From<&TeamUser> for Flags {
    /// All four as this member has them.
    fn from(user: &TeamUser) -> Self {
        Self {
            is_admin: Some(user.is_admin),
            is_manager: Some(user.is_manager),
            edit_permission: Some(user.edit_permission),
            inspect_permission: Some(user.inspect_permission),
        }
    }
}

/// The result of adding people. An empty answer, which is a success too, gives empty lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// Who is a member now.
    pub added: Vec<AddedUser>,
    /// Who was invited, for want of an account.
    pub invited: Vec<String>,
    /// Who was not added, and why.
    pub errors: Vec<RefusedUser>,
    /// Who was a member before.
    pub already_exists: Vec<String>,
}

/// Somebody who was added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AddedUser {
    /// The address that was sent.
    pub email: String,
    /// The member; `None` when the answer did not describe it as documented.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub team_user: Option<TeamUser>,
}

/// Somebody who could not be added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RefusedUser {
    /// The address that was sent.
    pub email: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub reason: String,
}

/// The result of a bulk removal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct BulkRemoved {
    #[serde(rename = "deleted_users")]
    pub deleted: Vec<DeletedUser>,
    /// Addresses of nobody in the team; not an error.
    #[serde(rename = "not_found_users")]
    pub not_found: Vec<String>,
}

/// Somebody who was removed by a bulk removal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DeletedUser {
    /// The id that the member had.
    pub id: String,
    pub email: String,
}

/// `POST team/{id}/team_user`.
#[derive(Deserialize)]
pub(super) struct AddedAnswer {
    #[serde(default)]
    added: Vec<AddedUser>,
    #[serde(default)]
    invited: Vec<Address>,
    #[serde(default)]
    errors: Vec<RefusedUser>,
    #[serde(default)]
    already_exists: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
}

impl From<AddedAnswer> for Added {
    fn from(answer: AddedAnswer) -> Self {
        let addresses = |list: Vec<Address>| list.into_iter().map(|one| one.email).collect();
        Self {
            added: answer.added,
            invited: addresses(answer.invited),
            errors: answer.errors,
            already_exists: addresses(answer.already_exists),
        }
    }
}

impl AddedAnswer {
    /// Whether it tells of anybody.
    pub(super) fn is_telling(&self) -> bool {
        !(self.added.is_empty()
            && self.invited.is_empty()
            && self.errors.is_empty()
            && self.already_exists.is_empty())
    }
}

impl BulkRemoved {
    /// Whether it tells of anybody.
    pub(super) fn is_telling(&self) -> bool {
        !(self.deleted.is_empty() && self.not_found.is_empty())
    }
}

/// Whether no value is blank and none is repeated.
pub(super) fn check_ids<'a>(
    what: &str,
    ids: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), String> {
    let mut seen = HashSet::with_capacity(ids.len());
    for id in ids {
        if id.trim().is_empty() {
            return Err(format!("an empty {what}"));
        }
        if !seen.insert(id) {
            return Err(format!("the {what} {id:?} twice"));
        }
    }
    Ok(())
}

/// Whether no address is blank.
pub(super) fn check_emails<'a>(
    what: &str,
    emails: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    match emails.into_iter().any(|email| email.trim().is_empty()) {
        true => Err(format!("an empty {what}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
