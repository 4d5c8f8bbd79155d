//! Reads an account's list of teams.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{ReadOptions, note_problem, state_of};
use crate::domain::{Digest, Signs, TargetRef};
use crate::providers::accounts::TeamAccount;
use crate::providers::sapling::Team;
use crate::store::{Db, ListedTeam, SourceKind, SourceState, Sources, Store, StoreError, Targets};

/// What came of reading the list.
pub(super) enum List {
    /// The teams that it shows.
    Believed(Vec<(ListedTeam, TargetRef)>),
    /// It lacks too many teams; with the reason for the doubt.
    Doubtful(String),
    /// There is none, and why.
    Failed(SourceState, String),
    /// Nothing is derived from it while clocks differ.
    ClockDoubtful,
}

/// What became of a list that was read.
enum ListOutcome {
    Believed(Vec<(ListedTeam, TargetRef)>),
    Doubtful(String),
    /// Another process has read it since it was asked for.
    Overtaken,
}

/// Reads the list, and stores it or why there is none.
pub(super) async fn list(
    store: &Store,
    name: &str,
    account: &TeamAccount,
    options: ReadOptions<'_>,
) -> Result<List, StoreError> {
    let kind = SourceKind::Teams;
    loop {
        let of_account = name.to_owned();
        let version = store
            .read(move |db| Sources::version(db, &of_account, kind))
            .await?;
        let answer = account.reader.teams().await;
        if !account.is_clock_trusted() {
            return Ok(List::ClockDoubtful);
        }
        let teams = match answer {
            Ok(teams) => teams,
            Err(error) => {
                let (state, why) = (state_of(&error), error.to_string());
                note_problem(store, name, kind, state, &why, options.at).await?;
                return Ok(List::Failed(state, why));
            }
        };
        let (of_account, at, counts) = (name.to_owned(), options.at, options.counts);
        let taken = store
            .write(move |db| {
                if Sources::version(db, &of_account, kind)? != version {
                    return Ok(ListOutcome::Overtaken);
                }
                take(db, &of_account, teams, counts, at)
            })
            .await?;
        match taken {
            ListOutcome::Believed(listed) => return Ok(List::Believed(listed)),
            ListOutcome::Doubtful(why) => return Ok(List::Doubtful(why)),
            ListOutcome::Overtaken => {}
        }
    }
}

/// Stores the list of teams, unless it has lost too many.
fn take(
    db: &Db,
    account: &str,
    teams: Vec<Team>,
    counts: bool,
    at: Timestamp,
) -> Result<ListOutcome, StoreError> {
    let listed: Vec<ListedTeam> = teams
        .into_iter()
        .map(|team| ListedTeam {
            remote_id: team.id,
            name: team.name,
        })
        .collect();
    let (known, still_there) = Targets::still_listed(db, account, &listed)?;
    let signs = Signs {
        known,
        still_there,
        read: listed.len(),
    };
    let lacking = digest_of(&Targets::unlisted(db, account, &listed)?);
    if let Some(doubt) = Sources::doubt(db, account, &signs, &lacking, counts, at)? {
        if counts {
            let (kind, state) = (SourceKind::Teams, SourceState::Doubtful);
            Sources::problem(db, account, kind, state, &doubt, Some(&lacking), at)?;
        }
        return Ok(ListOutcome::Doubtful(doubt));
    }
    let digest = digest(&listed);
    let listed = Targets::take_list(db, account, &listed, at)?;
    Sources::listed(db, account, &digest, at)?;
    Ok(ListOutcome::Believed(listed))
}

fn digest(teams: &[ListedTeam]) -> Digest {
    let mut ids: Vec<String> = teams.iter().map(|t| t.remote_id.clone()).collect();
    ids.sort_unstable();
    digest_of(&ids)
}

/// The digest of ids in order.
fn digest_of(ids: &[String]) -> Digest {
    let mut hasher = Sha256::new();
    for id in ids {
        hasher.update((id.len() as u64).to_be_bytes());
        hasher.update(id.as_bytes());
    }
    hasher.finalize().into()
}
