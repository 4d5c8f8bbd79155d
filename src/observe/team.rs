//! Reads one team, and stores what it says or why it says nothing.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Errand, note_problem, state_of, teams};
use crate::breaker::Breaker;
use crate::clock;
use crate::domain::{
    Email, Finding, Flags, ReadInvite, ReadMember, TargetId, TargetRef, TeamReading as Reading,
};
use crate::providers::CallError;
use crate::providers::sapling::{Digest, PendingUser, TeamReading, TeamUser};
use crate::services::TeamAccount;
use crate::store::{Look, SourceKind, SourceState, Sources, Store, StoreError, Taken, Teams};

/// What came of reading a team.
#[derive(Debug)]
pub(crate) enum Read {
    /// Complete and believed; with what changed.
    Complete(Vec<Finding>),
    /// Complete, and the same as the last believed one, which may be newer; not noted yet.
    Unchanged,
    /// The key may not read it.
    Forbidden(String),
    /// Complete, and in doubt about who is missing; with why and what changed.
    Doubted(String, Vec<Finding>),
    /// Answered, and no reading at all.
    Doubtful(String),
    /// Not answered, or refused.
    Failed(String),
}

/// Why a reading is not taken over while clocks differ.
pub(super) const CLOCK: &str =
    "not read: this machine's clock and the provider's differ by more than guard.max_clock_skew";

pub(super) async fn read(
    account: &TeamAccount,
    store: &Store,
    remote_id: &str,
    team: &TargetRef,
    nothing_new_if: &HashMap<TargetId, [u8; 32]>,
    errand: Errand<'_>,
    breaker: &Breaker,
) -> Result<Read, StoreError> {
    let counts = errand.counts;
    let kind = SourceKind::Team(team.id());
    let known = nothing_new_if.get(&team.id()).copied();
    let known = known.map(Digest::from_bytes);
    let (answer, at) = loop {
        let times = errand.times_overtaken(team.id());
        if times > 0 && is_read_since(store, team, errand.at).await? {
            return Ok(Read::Unchanged);
        }
        let answer = account.reader.team_users(remote_id, known.as_ref()).await;
        teams::note(breaker, &answer);
        if errand.times_overtaken(team.id()) == times {
            let at = if times > 0 { clock::now() } else { errand.at };
            break (answer, at);
        }
    };
    if !account.is_clock_trusted() {
        // Neither an age nor an absence can be derived by a clock that is in doubt.
        return Ok(Read::Failed(CLOCK.to_owned()));
    }
    let reading = match answer {
        Ok(reading) => reading,
        Err(CallError::Withheld) => {
            return teams::not_asked(store, team, breaker, errand).await;
        }
        Err(error) => {
            let state = state_of(&error);
            let why = error.to_string();
            note_problem(store, team.account(), kind, state, &why, at).await?;
            return Ok(match state {
                SourceState::Forbidden => Read::Forbidden(why),
                SourceState::Doubtful => Read::Doubtful(why),
                _ => Read::Failed(why),
            });
        }
    };
    let target = team.clone();
    let TeamReading::Read {
        users,
        pending,
        digest,
        room,
    } = reading
    else {
        return Ok(Read::Unchanged);
    };
    let reading = Reading {
        members: users.into_iter().map(member).collect(),
        invites: pending.into_iter().map(invite).collect(),
        digest: *digest.as_bytes(),
    };
    let holder = account.holder.clone();
    let run = errand.run.to_owned();
    let taken = store
        .write_patiently(move |db| {
            let look = Look {
                run: &run,
                at,
                counts,
            };
            Teams::take(db, &target, &reading, holder.as_ref(), look)
        })
        .await?;
    // Others may be read now in its place.
    drop(room);
    Ok(match taken {
        Taken::Believed(findings) => Read::Complete(findings),
        Taken::Doubted(why, findings) => Read::Doubted(why, findings),
        Taken::Impossible(why) => Read::Doubtful(why),
    })
}

/// Whether another pass has read it completely since `at`.
async fn is_read_since(store: &Store, team: &TargetRef, at: Timestamp) -> Result<bool, StoreError> {
    let (account, kind) = (team.account().to_owned(), SourceKind::Team(team.id()));
    store
        .read(move |db| Sources::is_complete_since(db, &account, kind, at))
        .await
}

fn member(user: TeamUser) -> ReadMember {
    ReadMember {
        email: Email::from(user.login_email),
        remote_id: user.id,
        flags: Flags {
            is_admin: user.is_admin,
            is_manager: user.is_manager,
            edit_permission: user.edit_permission,
            inspect_permission: user.inspect_permission,
        },
        created_at: user.created_at,
        updated_at: user.updated_at,
    }
}

fn invite(pending: PendingUser) -> ReadInvite {
    ReadInvite {
        email: Email::from(pending.email),
        registered: pending.registered,
        confirmed: pending.confirmed,
        permissions: pending.permissions,
    }
}
