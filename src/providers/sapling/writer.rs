//! Changes teams and members at Sapling. Each call is sent once.

use std::sync::Arc;

use reqwest::Method;
use serde::Serialize;

use super::wire::AddedAnswer;
use super::{Added, BulkRemoved, Flags, Nothing, SaplingAccess, segment};
use crate::domain::Email;
use crate::providers::http::Http;
use crate::providers::{CallError, Gone, StillDue};

/// Writes one account. "API key holder must be an admin for the team", for every call.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    access: Arc<SaplingAccess>,
}

#[derive(Serialize)]
struct One<'a> {
    email: &'a str,
}

#[derive(Serialize)]
struct Many<'a> {
    emails: Vec<&'a str>,
}

#[derive(Serialize)]
struct WithFlags<T> {
    #[serde(flatten)]
    whom: T,
    #[serde(flatten)]
    flags: Flags,
}

impl Writer {
    pub(super) fn new(access: Arc<SaplingAccess>) -> Self {
        Self { access }
    }

    /// Adds or invites a person: `POST team/{team_id}/team_user`. Flags are ignored for an
    /// invite, and "only available if adding to teams without invites is allowed".
    ///
    /// # Errors
    /// See [`CallError`]. Success does not mean that the person was added: see
    /// [`Added::errors`].
    pub(crate) async fn add(
        &self,
        team_id: &str,
        email: &Email,
        flags: Flags,
    ) -> Result<Added, CallError> {
        let whom = One {
            email: email.written(),
        };
        let path = format!("/team/{}/team_user", segment(team_id)?);
        self.post(&path, &WithFlags { whom, flags }).await
    }

    /// Adds or invites several people with the same flags: `POST team/{team_id}/team_user2`,
    /// which is the path that takes `emails`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn add_many(
        &self,
        team_id: &str,
        emails: &[Email],
        flags: Flags,
    ) -> Result<Added, CallError> {
        let whom = Many {
            emails: emails.iter().map(Email::written).collect(),
        };
        let path = format!("/team/{}/team_user2", segment(team_id)?);
        self.post(&path, &WithFlags { whom, flags }).await
    }

    /// The same writer, for calls that are to be made only while they are still due.
    #[must_use]
    pub(crate) fn while_due(&self, still: StillDue) -> Self {
        self.by(|http| http.while_due(still))
    }

    /// The same writer, which calls in another way.
    pub(in crate::providers) fn by(&self, way: impl FnOnce(&Http) -> Http) -> Self {
        Self::new(self.access.by(way(&self.access.http)))
    }

    /// Removes a member and that person's invites to the team: `DELETE team_user/{user_id}`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn remove(&self, user_id: &str) -> Result<Gone, CallError> {
        let path = format!("/team_user/{}", segment(user_id)?);
        let call = self.access.send(Method::DELETE, &path, &Nothing {})?;
        self.access.http.remove(call).await
    }

    /// Removes members by address: `DELETE team/{team_id}/team_users/bulk_delete`.
    ///
    /// # Errors
    /// See [`CallError`]. One malformed address, or the key holder's own, has the whole list
    /// refused with 400. How many addresses are taken at once is not documented. An answer
    /// without both lists is implausible, its outcome unknown.
    pub(crate) async fn remove_many(
        &self,
        team_id: &str,
        emails: &[&Email],
    ) -> Result<BulkRemoved, CallError> {
        let path = format!("/team/{}/team_users/bulk_delete", segment(team_id)?);
        let said = Many {
            emails: emails.iter().map(|email| email.written()).collect(),
        };
        let call = self.access.send(Method::DELETE, &path, &said)?;
        let answer = self.access.http.write(call).await?;
        let judge = self.access.http.judge(true);
        judge.told(&answer, BulkRemoved::is_telling)
    }

    /// Changes those flags of a member that are given: `PATCH team_user/{user_id}`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn change(&self, user_id: &str, flags: Flags) -> Result<(), CallError> {
        let path = format!("/team_user/{}", segment(user_id)?);
        let call = self.access.send(Method::PATCH, &path, &flags)?;
        let answer = self.access.http.write(call).await?;
        self.access.http.judge(true).acknowledgement(&answer)
    }

    /// Removes flags of a member by the same call. Somebody who is no longer a member has none.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn take_flags(&self, user_id: &str, flags: Flags) -> Result<Gone, CallError> {
        let path = format!("/team_user/{}", segment(user_id)?);
        let call = self.access.send(Method::PATCH, &path, &flags)?;
        self.access.http.remove(call).await
    }

    /// Revokes the invites of somebody who never joined: `DELETE team_user_invite/{team_id}`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn revoke_invite(
        &self,
        team_id: &str,
        email: &Email,
    ) -> Result<Gone, CallError> {
        let path = format!("/team_user_invite/{}", segment(team_id)?);
        let said = One {
            email: email.written(),
        };
        let call = self.access.send(Method::DELETE, &path, &said)?;
        self.access.http.remove(call).await
    }

    async fn post(&self, path: &str, said: &impl Serialize) -> Result<Added, CallError> {
        let call = self.access.send(Method::POST, path, said)?;
        let answer = self.access.http.write(call).await?;
        let judge = self.access.http.judge(true);
        if answer.body.trim_ascii().is_empty() {
            judge.acknowledgement(&answer)?;
            return Ok(Added::default());
        }
        let mut added = Added::from(judge.told(&answer, AddedAnswer::is_telling)?);
        for refused in &mut added.errors {
            refused.reason = judge.redactor.clean(&refused.reason);
        }
        Ok(added)
    }
}
