//! Reads one team, and stores what it says or why it says nothing.

use jiff::Timestamp;

use super::{ReadOptions, state_of, teams};
use crate::breaker::Breaker;
use crate::clock;
use crate::domain::{
    Email, Finding, Flags, ReadInvite, ReadMember, TargetRef, TeamReading as Reading,
};
use crate::providers::CallError;
use crate::providers::accounts::TeamAccount;
use crate::providers::sapling::{Digest, PendingUser, TeamReading, TeamUser};
use crate::store::{
    Belief, Db, KnownTeam, Look, SourceKind, SourceState, Sources, Store, StoreError, Teams,
    Version,
};

/// What came of reading a team.
#[derive(Debug)]
pub(crate) enum Read {
    /// Complete and believed; with what changed.
    Complete(Vec<Finding>),
    /// Complete, and the same as the last believed one, which was of this version; not noted yet.
    Unchanged(Version),
    /// Read completely by another process while this one read it.
    Known,
    /// Changed by another process while it was read, so that nothing is known by this reading.
    Overtaken,
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

/// Reads a team and stores the result if it is newer than what is stored. Unless this process works
/// alone, another one may overtake it, with a reading or with calls that change the team.
pub(super) async fn read(
    account: &TeamAccount,
    store: &Store,
    remote_id: &str,
    team: &TargetRef,
    mut known: KnownTeam,
    options: ReadOptions<'_>,
    breaker: &Breaker,
) -> Result<Read, StoreError> {
    let mut at = options.at;
    loop {
        let nothing_new_if = known.nothing_new_if.map(Digest::from_bytes);
        let answer = account
            .reader
            .team_users(remote_id, nothing_new_if.as_ref())
            .await;
        teams::note(breaker, &answer);
        if !account.is_clock_trusted() {
            // Neither an age nor an absence can be derived by a clock that is in doubt.
            return Ok(Read::Failed(CLOCK.to_owned()));
        }
        let since = Since {
            at,
            version: known.version,
        };
        let stored = match answer {
            Ok(TeamReading::Unchanged) => return Ok(Read::Unchanged(known.version)),
            Ok(TeamReading::Read {
                users,
                pending,
                digest,
                room,
            }) => {
                let reading = Reading {
                    members: users.into_iter().map(member).collect(),
                    invites: pending.into_iter().map(invite).collect(),
                    digest: *digest.as_bytes(),
                };
                let stored =
                    take(store, team, reading, account.holder.clone(), options, since).await?;
                // Others may be read now in its place.
                drop(room);
                stored
            }
            Err(CallError::Withheld) => return not_asked(store, team, breaker, since).await,
            Err(error) => fail(store, team, state_of(&error), error.to_string(), since).await?,
        };
        match stored {
            Stored::Read(read) => return Ok(read),
            Stored::Overtaken(now) if options.alone => {
                // By a reading that was begun before this one had the right to change anything.
                known = KnownTeam {
                    nothing_new_if: None,
                    version: now,
                };
                at = clock::now();
            }
            Stored::Overtaken(now) if now.readings == since.version.readings => {
                return Ok(Read::Overtaken);
            }
            Stored::Overtaken(_) => return stands(store, team).await,
        }
    }
}

/// When a team was asked for, and how far what is known of it had come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    pub(super) at: Timestamp,
    pub(super) version: Version,
}

/// What came of storing an answer.
enum Stored {
    Read(Read),
    /// What is stored is newer; this is its version.
    Overtaken(Version),
}

/// Stores what `job` writes, unless what is known of the team is newer.
fn unless_overtaken(
    db: &Db,
    team: &TargetRef,
    since: Since,
    job: impl FnOnce() -> Result<Read, StoreError>,
) -> Result<Stored, StoreError> {
    let now = Sources::version(db, team.account(), SourceKind::Team(team.id()))?;
    if now != since.version {
        return Ok(Stored::Overtaken(now));
    }
    job().map(Stored::Read)
}

async fn take(
    store: &Store,
    team: &TargetRef,
    reading: Reading,
    holder: Option<Email>,
    options: ReadOptions<'_>,
    since: Since,
) -> Result<Stored, StoreError> {
    let (team, run, counts) = (team.clone(), options.run.to_owned(), options.counts);
    store
        .write_patiently(move |db| {
            unless_overtaken(db, &team, since, || {
                let look = Look {
                    run: &run,
                    at: since.at,
                    counts,
                };
                Ok(
                    match Teams::take(db, &team, &reading, holder.as_ref(), look)? {
                        Belief::Believed(findings) => Read::Complete(findings),
                        Belief::Doubted(why, findings) => Read::Doubted(why, findings),
                        Belief::Impossible(why) => Read::Doubtful(why),
                    },
                )
            })
        })
        .await
}

/// Stores why a team could not be read.
async fn fail(
    store: &Store,
    team: &TargetRef,
    state: SourceState,
    why: String,
    since: Since,
) -> Result<Stored, StoreError> {
    let team = team.clone();
    store
        .write(move |db| {
            unless_overtaken(db, &team, since, || {
                let kind = SourceKind::Team(team.id());
                super::problems::put_problem(db, team.account(), kind, state, &why, since.at)?;
                Ok(match state {
                    SourceState::Forbidden => Read::Forbidden(why),
                    SourceState::Doubtful => Read::Doubtful(why),
                    _ => Read::Failed(why),
                })
            })
        })
        .await
}

/// A team that is not asked, since the account seems to be down.
pub(super) async fn not_asked(
    store: &Store,
    team: &TargetRef,
    breaker: &Breaker,
    since: Since,
) -> Result<Read, StoreError> {
    let why = breaker.stopped().unwrap_or_default();
    let put = team.clone();
    let stored = store.write(move |db| {
        unless_overtaken(db, &put, since, || {
            Sources::not_asked(db, put.account(), put.id(), &why, since.at)?;
            Ok(Read::Failed(why))
        })
    });
    match stored.await? {
        Stored::Read(read) => Ok(read),
        Stored::Overtaken(_) => stands(store, team).await,
    }
}

/// What another process found by the reading that stands.
async fn stands(store: &Store, team: &TargetRef) -> Result<Read, StoreError> {
    let (account, kind) = (team.account().to_owned(), SourceKind::Team(team.id()));
    let stands = store
        .read(move |db| Sources::stands(db, &account, kind))
        .await?;
    Ok(match stands {
        None => Read::Overtaken,
        Some(stands) => match stands.state {
            SourceState::Complete => Read::Known,
            SourceState::Forbidden => Read::Forbidden(stands.detail),
            SourceState::Doubtful if !stands.impossible => Read::Doubted(stands.detail, Vec::new()),
            SourceState::Doubtful => Read::Doubtful(stands.detail),
            SourceState::Unreadable => Read::Failed(stands.detail),
        },
    })
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
