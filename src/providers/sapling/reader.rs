//! What can be read of Sapling: teams, members and invites, suppressed addresses.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;

use super::wire::{Members, Suppressed, Teams, check_emails, check_ids};
use super::{Access, Digest, PendingUser, Team, TeamUser, segment};
use crate::providers::CallError;
use crate::providers::answer::Answer;

/// Reads one account. It can change nothing.
#[derive(Debug, Clone)]
pub struct Reader {
    access: Arc<Access>,
}

/// One reading of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamReading {
    /// The answer was, byte for byte, the one whose digest was given.
    Unchanged,
    /// All members and all invites.
    Read {
        /// Who has joined. No two have the same id.
        users: Vec<TeamUser>,
        /// Who is invited.
        pending: Vec<PendingUser>,
        /// What to give at the next reading, once this one is believed.
        digest: Digest,
    },
}

impl Reader {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access }
    }

    /// The same reader, for calls that do not wait behind all the others.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self::new(self.access.by(self.access.http.urgent()))
    }

    /// The teams that the key holder is a member of: `GET team`.
    ///
    /// # Errors
    /// See [`CallError`]; a repeated id is implausible.
    pub async fn teams(&self) -> Result<Vec<Team>, CallError> {
        let answer = self.get("/team").await?;
        let Teams { teams } = self.parse(&answer)?;
        self.plausible(check_ids(
            "team id",
            teams.iter().map(|team| team.id.as_str()),
        ))?;
        Ok(teams)
    }

    /// Members and invites of a team: `GET team/{team_id}/team_user`. "API key holder must be
    /// an admin for the team", otherwise [`CallError::is_forbidden`].
    ///
    /// With `unless`, the digest of a reading that was believed, an answer with the same body
    /// is not even parsed.
    ///
    /// # Errors
    /// See [`CallError`]. A list or a flag that is missing, an id that is repeated and an
    /// address that is empty are implausible: no part of such a reading is returned.
    pub async fn team_users(
        &self,
        team_id: &str,
        unless: Option<&Digest>,
    ) -> Result<TeamReading, CallError> {
        let path = format!("/team/{}/team_user", segment(team_id)?);
        let answer = self.get(&path).await?;
        let digest = Digest::of(&answer.body);
        if unless == Some(&digest) {
            return Ok(TeamReading::Unchanged);
        }
        let Members {
            users,
            pending_users: pending,
        } = self.parse(&answer)?;
        self.plausible(check_ids(
            "user id",
            users.iter().map(|user| user.id.as_str()),
        ))?;
        self.plausible(check_emails(
            "login_email",
            users.iter().map(|user| user.login_email.as_str()),
        ))?;
        self.plausible(check_emails(
            "email",
            pending.iter().map(|user| user.email.as_str()),
        ))?;
        Ok(TeamReading::Read {
            users,
            pending,
            digest,
        })
    }

    /// Addresses that were invited and cannot be reached, of the key holder's own domain only:
    /// `GET organization/{organization_id}/suppressed_emails`. Access has to be requested:
    /// [`CallError::is_forbidden`] is a fact to report, not a failure.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn suppressed_emails(&self, organization_id: &str) -> Result<Vec<String>, CallError> {
        let path = format!(
            "/organization/{}/suppressed_emails",
            segment(organization_id)?
        );
        let answer = self.get(&path).await?;
        let Suppressed { suppressed_emails } = self.parse(&answer)?;
        self.plausible(check_emails(
            "address",
            suppressed_emails.iter().map(String::as_str),
        ))?;
        Ok(suppressed_emails)
    }

    /// How far the provider's clock is ahead of ours (behind: negative), by the `Date` of the
    /// last answer to this account's reader or writer; `None` before the first.
    #[must_use]
    pub fn skew(&self) -> Option<SignedDuration> {
        self.access.http.skew()
    }

    /// Forgets what its clock said, as before the first answer.
    pub(crate) fn forget_clock(&self) {
        self.access.http.forget_clock();
    }

    async fn get(&self, path: &str) -> Result<Answer, CallError> {
        let answer = self.access.http.read(self.access.get(path)).await?;
        self.access.http.judge(false).expect_json(&answer)?;
        Ok(answer)
    }

    fn parse<'de, T: Deserialize<'de>>(&self, answer: &'de Answer) -> Result<T, CallError> {
        self.access.http.judge(false).json(answer)
    }

    fn plausible(&self, check: Result<(), String>) -> Result<(), CallError> {
        check.map_err(|reason| self.access.http.judge(false).implausible(&reason))
    }
}
