//! Reads what there is: each source completely, or it says what is missing. A source that fails
//! yields nothing to act on, and the others go on.

mod overtaken;
mod some;
mod team;
mod teams;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::{
    Digest, Email, Finding, FindingKind, Place, Provider, Reach, Signs, SourceHealth, TargetId,
    TargetMessage, TargetRef,
};
use crate::providers::CallError;
use crate::providers::sapling::Team;
use crate::services::{Services, TeamAccount};
use crate::store::{
    ListedTeam, ReadTeam, SourceKind, SourceState, Sources, Store, StoreError, Targets, Teams,
    invites,
};

pub(crate) use overtaken::Overtaken;
pub(crate) use some::some;
use team::Read;
use teams::Listed;

/// What a pass found, beyond what it stored.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    /// The teams that were listed, with how their readings fared.
    pub(crate) sources: BTreeMap<TargetRef, SourceHealth>,
    /// The provider's ids of the listed teams.
    pub(crate) team_ids: HashMap<TargetId, String>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) errors: Vec<TargetMessage>,
}

/// For which run is read, and what is told about the progress.
#[derive(Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub(crate) run: &'a str,
    pub(crate) at: Timestamp,
    /// Whether the readings count where several must agree: not those of a look, and not those
    /// right after another.
    pub(crate) counts: bool,
    /// The teams that are read; suppressed emails only where it is everything.
    pub(crate) reach: &'a Reach,
    /// What was read and acted on since it began, where that can be.
    pub(crate) overtaken: Option<&'a Overtaken>,
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl<'a> Errand<'a> {
    /// A reading of what a command needs to know, beside the passes: it counts for nothing.
    pub(crate) fn aside(run: &'a str, at: Timestamp) -> Self {
        Self {
            run,
            at,
            counts: false,
            reach: &Reach::Everything,
            overtaken: None,
            progress: &|_, _| {},
        }
    }

    /// How often a pass on some targets alone has read this one since the errand began.
    fn times_overtaken(&self, target: TargetId) -> u32 {
        self.overtaken
            .map_or(0, |overtaken| overtaken.times(target))
    }
}

/// Reads all within reach that can be read. Whitelists cannot.
pub(crate) async fn all(
    services: &Services,
    store: &Store,
    errand: Errand<'_>,
) -> Result<Observation, StoreError> {
    let mut all = Observation::default();
    for (name, account) in &services.teams {
        if !errand.reach.holds_teams_of(name) {
            continue;
        }
        let (teams, suppressed) = tokio::join!(
            account_teams(store, name, account, errand),
            suppressed(store, name, account, errand),
        );
        all.extend(teams?);
        all.extend(suppressed?);
    }
    Ok(all)
}

/// An account's list of teams, then each team.
async fn account_teams(
    store: &Store,
    name: &str,
    account: &TeamAccount,
    errand: Errand<'_>,
) -> Result<Observation, StoreError> {
    let mut seen = Observation::default();
    let place = Place::Account(Provider::Sapling, name.to_owned());
    let answer = account.reader.teams().await;
    if !account.is_clock_trusted() {
        // The pass tells of it, once.
        return Ok(seen);
    }
    let listed = match answer {
        Ok(teams) => take_list(store, name, teams, errand).await?,
        Err(error) => {
            let state = state_of(&error);
            note_problem(
                store,
                name,
                SourceKind::Teams,
                state,
                &error.to_string(),
                errand.at,
            )
            .await?;
            if state == SourceState::Doubtful {
                seen.findings
                    .push(doubtful(place.clone(), error.to_string()));
            }
            let message = match state {
                SourceState::Forbidden => format!("the list of teams: {error}; is the key right?"),
                _ => format!("the list of teams: {error}"),
            };
            seen.errors.push(TargetMessage { place, message });
            return Ok(seen);
        }
    };
    let listed = match listed {
        List::Believed(listed) => listed,
        List::Doubtful(why) => {
            seen.findings
                .push(doubtful(place, format!("the list of teams: {why}")));
            return Ok(seen);
        }
    };
    let account_name = name.to_owned();
    let unmatched = store
        .read(move |db| Targets::unmatched(db, &account_name))
        .await?;
    let unmatched = unmatched.into_iter();
    let unmatched = unmatched.filter(|u| errand.reach.holds(u.target.id()));
    seen.findings.extend(unmatched.map(|u| Finding {
        finding: FindingKind::TargetUnknown,
        place: Place::Target(u.target),
        email: None,
        detail: Some(u.detail),
    }));

    let mut listed = listed;
    listed.retain(|(_, target)| errand.reach.holds(target.id()));
    let total = listed.len() as u64;
    let known = &store.read(Teams::nothing_new_if).await?;
    let listed = listed
        .into_iter()
        .map(|(team, target)| (team.remote_id, target));
    let mut done = 0;
    let mut unchanged = Vec::new();
    teams::read(
        account,
        store,
        listed.collect(),
        known,
        errand,
        |(id, target), read| {
            if matches!(read, Read::Unchanged) {
                unchanged.push(target.clone());
            }
            let health = seen.take(&target, read);
            seen.team_ids.insert(target.id(), id);
            seen.sources.insert(target, health);
            done += 1;
            (errand.progress)(done, total);
        },
    )
    .await?;
    unchanged.retain(|team: &TargetRef| errand.times_overtaken(team.id()) == 0);
    note_unchanged(store, unchanged, errand).await?;
    Finding::sort(&mut seen.findings);
    Ok(seen)
}

impl Observation {
    /// The teams whose readings are complete.
    pub(crate) fn complete(&self) -> HashSet<TargetId> {
        let complete = |(team, health): (&TargetRef, &SourceHealth)| {
            (*health == SourceHealth::Complete).then(|| team.id())
        };
        self.sources.iter().filter_map(complete).collect()
    }

    /// The teams that were read, in doubt or not.
    pub(crate) fn read_teams(&self) -> impl Iterator<Item = ReadTeam> {
        let read = self.sources.iter();
        let read = read.filter(|(_, health)| **health != SourceHealth::Missing);
        read.map(|(team, health)| ReadTeam {
            team: team.id(),
            doubtful: *health == SourceHealth::Doubtful,
        })
    }

    /// The numbers of the teams that were read, in doubt or not.
    pub(crate) fn readable(&self) -> HashSet<TargetId> {
        self.read_teams().map(|read| read.team).collect()
    }

    fn extend(&mut self, other: Self) {
        self.sources.extend(other.sources);
        self.team_ids.extend(other.team_ids);
        self.findings.extend(other.findings);
        self.errors.extend(other.errors);
    }

    /// Notes what came of a team's reading.
    fn take(&mut self, target: &TargetRef, read: Read) -> SourceHealth {
        let place = Place::Target(target.clone());
        match read {
            Read::Complete(findings) => {
                self.findings.extend(findings);
                return SourceHealth::Complete;
            }
            Read::Unchanged => return SourceHealth::Complete,
            Read::Forbidden(detail) => self.findings.push(Finding {
                finding: FindingKind::TeamForbidden,
                place,
                email: None,
                detail: Some(detail),
            }),
            Read::Doubted(why, findings) => {
                self.findings.push(doubtful(place, why));
                self.findings.extend(findings);
                return SourceHealth::Doubtful;
            }
            Read::Doubtful(why) => self.findings.push(doubtful(place, why)),
            Read::Failed(message) => self.errors.push(TargetMessage { place, message }),
        }
        SourceHealth::Missing
    }
}

/// Looks again at teams from which something was just removed, to prove that it is gone.
pub(crate) async fn read_back(
    services: &Services,
    store: &Store,
    teams: Vec<(TargetRef, String)>,
    errand: Errand<'_>,
) -> Result<Vec<Finding>, StoreError> {
    let known = &store.read(Teams::nothing_new_if).await?;
    let mut accounts: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for (target, id) in teams {
        let of_account = accounts.entry(target.account().to_owned()).or_default();
        of_account.push((id, target));
    }
    let mut findings = Vec::new();
    let mut unchanged = Vec::new();
    for (name, teams) in accounts {
        let Some(account) = services.teams.get(&name) else {
            continue;
        };
        teams::read(account, store, teams, known, errand, |(_, target), read| match read {
            Read::Complete(found) => findings.extend(found),
            Read::Unchanged => unchanged.push(target),
            Read::Doubted(_, found) => findings.extend(found),
            Read::Forbidden(why) | Read::Doubtful(why) | Read::Failed(why) => {
                tracing::warn!(%target, why, "removals from {target} could not be read back: {why}; a later pass proves them");
            }
        })
        .await?;
    }
    note_unchanged(store, unchanged, errand).await?;
    Ok(findings)
}

/// Notes readings that taught nothing, all at once: most readings are of this kind.
async fn note_unchanged(
    store: &Store,
    teams: Vec<TargetRef>,
    errand: Errand<'_>,
) -> Result<(), StoreError> {
    let (at, counts) = (errand.at, errand.counts);
    if teams.is_empty() {
        return Ok(());
    }
    store
        .write(move |db| {
            for team in &teams {
                let kind = SourceKind::Team(team.id());
                Sources::unchanged(db, team.account(), kind, counts, at)?;
            }
            Ok(())
        })
        .await
}

enum List {
    Believed(Vec<(ListedTeam, TargetRef)>),
    Doubtful(String),
}

/// Stores the list of teams, unless it has lost too many.
async fn take_list(
    store: &Store,
    account: &str,
    teams: Vec<Team>,
    errand: Errand<'_>,
) -> Result<List, StoreError> {
    let (at, counts) = (errand.at, errand.counts);
    let account = account.to_owned();
    let listed: Vec<ListedTeam> = teams
        .into_iter()
        .map(|team| ListedTeam {
            remote_id: team.id,
            name: team.name,
        })
        .collect();
    let digest = list_digest(&listed);
    store
        .write(move |db| {
            let (known, still_there) = Targets::still_listed(db, &account, &listed)?;
            let signs = Signs {
                known,
                still_there,
                read: listed.len(),
            };
            let kind = SourceKind::Teams;
            let lacking = digest_of(&Targets::unlisted(db, &account, &listed)?);
            if let Some(doubt) = Sources::doubt(db, &account, &signs, &lacking, counts, at)? {
                if counts {
                    let state = SourceState::Doubtful;
                    Sources::problem(db, &account, kind, state, &doubt, Some(&lacking), at)?;
                }
                return Ok(List::Doubtful(doubt));
            }
            let listed = Targets::take_list(db, &account, &listed, at)?;
            Sources::listed(db, &account, &digest, at)?;
            Ok(List::Believed(listed))
        })
        .await
}

fn list_digest(teams: &[ListedTeam]) -> Digest {
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

/// An organization's suppressed emails. Not being allowed to read them is a fact, not a failure:
/// access to them is granted by the provider on request.
async fn suppressed(
    store: &Store,
    name: &str,
    account: &TeamAccount,
    errand: Errand<'_>,
) -> Result<Observation, StoreError> {
    let at = errand.at;
    let mut seen = Observation::default();
    let wanted = account.organization_id.as_ref();
    let Some(organization) = wanted.filter(|_| errand.reach.is_everything()) else {
        return Ok(seen);
    };
    let error = match account.reader.suppressed_emails(organization).await {
        Ok(emails) => {
            let name = name.to_owned();
            let emails: Vec<Email> = emails.into_iter().map(Email::from).collect();
            let take = move |db: &_| invites::take_suppressed(db, &name, &emails, at);
            store.write(take).await?;
            return Ok(seen);
        }
        Err(error) => error,
    };
    let state = state_of(&error);
    note_problem(
        store,
        name,
        SourceKind::Suppressed,
        state,
        &error.to_string(),
        at,
    )
    .await?;
    let place = Place::Account(Provider::Sapling, name.to_owned());
    let message = format!("suppressed emails: {error}");
    match state {
        SourceState::Forbidden => {
            tracing::info!(account = name, %error, "suppressed emails of {name} may not be read: {error}");
        }
        SourceState::Doubtful => seen.findings.push(doubtful(place, message)),
        _ => seen.errors.push(TargetMessage { place, message }),
    }
    Ok(seen)
}

fn state_of(error: &CallError) -> SourceState {
    match error {
        error if error.is_forbidden() => SourceState::Forbidden,
        CallError::Implausible { .. } => SourceState::Doubtful,
        _ => SourceState::Unreadable,
    }
}

async fn note_problem(
    store: &Store,
    account: &str,
    kind: SourceKind,
    state: SourceState,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (account, detail) = (account.to_owned(), why.to_owned());
    store
        .write(move |db| match state {
            // A page of a longer list, or something else than documented: no reading at all.
            SourceState::Doubtful => Sources::impossible(db, &account, kind, &detail, at),
            _ => Sources::problem(db, &account, kind, state, &detail, None, at),
        })
        .await
}

fn doubtful(place: Place, detail: String) -> Finding {
    Finding {
        finding: FindingKind::ObservationDoubtful,
        place,
        email: None,
        detail: Some(detail),
    }
}
