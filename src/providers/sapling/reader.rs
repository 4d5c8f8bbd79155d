//! What can be read of Sapling: teams, members and invites, suppressed addresses.

use std::io::{BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use serde::Deserialize;

use super::digest::Digesting;
use super::page::{Members, Suppressed, Teams};
use super::wire::{check_emails, check_ids};
use super::{Digest, PendingUser, SaplingAccess, Team, TeamUser, segment};
use crate::providers::answer::Answer;
use crate::providers::http::{Call, Http, Large};
use crate::providers::signs::PageSigns;
use crate::providers::{CallError, Proof, Room, StillDue};

/// Reads one account. It can change nothing.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    access: Arc<SaplingAccess>,
}

/// One reading of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TeamReading {
    /// The answer was, byte for byte, the one whose digest was given.
    Unchanged,
    /// All members and all invites.
    Read {
        /// Who has joined. No two have the same id.
        users: Vec<TeamUser>,
        pending: Vec<PendingUser>,
        /// What to pass to the next reading as `unless`, once this one is believed.
        digest: Digest,
        /// The memory that it has reserved, until it is stored.
        room: Room,
    },
}

/// How many bytes of a large answer are parsed at once.
const AT_ONCE: usize = 64 << 10;

/// The result of parsing a team's large answer while it was received.
type Slot = Arc<Mutex<Option<(Members, Digest)>>>;

impl Reader {
    pub(super) fn new(access: Arc<SaplingAccess>) -> Self {
        Self { access }
    }

    /// The same reader, which calls in another way.
    pub(in crate::providers) fn by(&self, way: impl FnOnce(&Http) -> Http) -> Self {
        Self::new(self.access.by(way(&self.access.http)))
    }

    /// The same reader, for calls that are to be made only while they are still wanted.
    #[must_use]
    pub(crate) fn while_due(&self, still: StillDue) -> Self {
        self.by(|http| http.while_due(still))
    }

    /// The teams that the key holder is a member of: `GET team`.
    ///
    /// # Errors
    /// See [`CallError`]; a repeated id is implausible, and so is a part of a longer list.
    pub(crate) async fn teams(&self) -> Result<Vec<Team>, CallError> {
        let answer = self.get("/team").await?;
        let Teams { teams, signs } = self.parse(&answer)?;
        self.is_whole(&answer, &signs, teams.len(), None)?;
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
    /// A body of more than some MiB is parsed while it comes in, and takes all the memory there is
    /// for bodies: others wait until it is stored.
    ///
    /// # Errors
    /// See [`CallError`]. A list that is missing or a part of a longer one, an id that is repeated
    /// and an address that is empty are implausible: no part of such a reading is returned.
    pub(crate) async fn team_users(
        &self,
        team_id: &str,
        unless: Option<&Digest>,
    ) -> Result<TeamReading, CallError> {
        let path = format!("/team/{}/team_user", segment(team_id)?);
        let slot = Slot::default();
        let call = Call {
            large: Some(into(&slot)),
            ..self.access.get(&path)
        };
        let mut answer = self.answer(call).await?;
        let streamed = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let digest = match &streamed {
            Some((_, digest)) => *digest,
            None => Digest::of(&answer.body),
        };
        // The same body can be a page by now, if its headers say so.
        let is_known = unless == Some(&digest);
        if is_known && answer.signs.is_none() {
            return Ok(TeamReading::Unchanged);
        }
        let Members {
            users,
            pending_users: pending,
            signs,
        } = match streamed {
            Some((members, _)) => members,
            None => self.parse(&answer)?,
        };
        self.is_whole(&answer, &signs, users.len(), Some(pending.len()))?;
        if is_known {
            return Ok(TeamReading::Unchanged);
        }
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
            room: std::mem::take(&mut answer.room),
        })
    }

    /// Addresses that were invited and cannot be reached, of the key holder's own domain only:
    /// `GET organization/{organization_id}/suppressed_emails`. Access has to be requested:
    /// [`CallError::is_forbidden`] is a fact to report, not a failure.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn suppressed_emails(
        &self,
        organization_id: &str,
    ) -> Result<Vec<String>, CallError> {
        let path = format!(
            "/organization/{}/suppressed_emails",
            segment(organization_id)?
        );
        let answer = self.get(&path).await?;
        let Suppressed {
            suppressed_emails,
            signs,
        } = self.parse(&answer)?;
        self.is_whole(&answer, &signs, suppressed_emails.len(), None)?;
        self.plausible(check_emails(
            "address",
            suppressed_emails.iter().map(String::as_str),
        ))?;
        Ok(suppressed_emails)
    }

    /// How far the provider's clock is ahead of ours (behind: negative), by the `Date` of the
    /// last answer to this account's reader or writer; `None` before the first.
    #[must_use]
    pub(crate) fn skew(&self) -> Option<SignedDuration> {
        self.access.http.skew()
    }

    /// Forgets what its clock said, as before the first answer.
    pub(crate) fn forget_clock(&self) {
        self.access.http.forget_clock();
    }

    /// Whether the account has ever answered with success.
    pub(crate) fn proof(&self) -> &Proof {
        self.access.http.proof()
    }

    async fn get(&self, path: &str) -> Result<Answer, CallError> {
        self.answer(self.access.get(path)).await
    }

    async fn answer(&self, call: Call) -> Result<Answer, CallError> {
        let answer = self.access.http.read(call).await?;
        self.access.http.judge(false).expect_json(&answer)?;
        Ok(answer)
    }

    fn parse<'de, T: Deserialize<'de>>(&self, answer: &'de Answer) -> Result<T, CallError> {
        self.access.http.judge(false).json(answer)
    }

    /// Accepts a list as the whole one unless something says that it is a page; the account then
    /// counts as proven.
    fn is_whole(
        &self,
        answer: &Answer,
        signs: &PageSigns,
        rows: usize,
        pending: Option<usize>,
    ) -> Result<(), CallError> {
        let doubt = signs.doubt(rows, pending);
        let doubt = doubt.or_else(|| answer.signs.doubt(rows, pending));
        self.plausible(doubt.map_or(Ok(()), Err))?;
        self.proof().give();
        Ok(())
    }

    fn plausible(&self, check: Result<(), String>) -> Result<(), CallError> {
        check.map_err(|reason| self.access.http.judge(false).implausible(&reason))
    }
}

/// Reads a team into the slot while its answer comes in.
fn into(slot: &Slot) -> Large {
    let slot = Arc::clone(slot);
    Arc::new(move |body: &mut dyn Read| {
        // The parser takes one byte at a time.
        let mut body = BufReader::with_capacity(AT_ONCE, Digesting::new(body));
        let members =
            serde_json::from_reader::<_, Members>(&mut body).map_err(|error| error.to_string())?;
        let read = (members, body.into_inner().digest());
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(())
    })
}
