//! Reads the providers: each source completely, or reports what is missing. A source that fails
//! yields nothing to act on, and the others continue.

mod list;
mod problems;
mod some;
mod team;
mod teams;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::domain::{
    Email, Finding, FindingKind, Place, Provider, Scope, SourceHealth, TargetId, TargetMessage,
    TargetRef,
};
use crate::providers::accounts::{Services, TeamAccount};
use crate::store::{
    ReadTeam, SourceKind, SourceState, Sources, Store, StoreError, Targets, Teams, Version,
    tables::invites,
};
use list::{List, list};
use problems::{doubtful, note_problem, state_of};

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
    /// Teams that another process was changing while they were read: nothing is known of them yet.
    overtaken: Vec<Listed>,
}

/// For which run the providers are read, and who hears of the progress.
#[derive(Clone, Copy)]
pub(crate) struct ReadOptions<'a> {
    pub(crate) run: &'a str,
    pub(crate) at: Timestamp,
    /// Whether the readings count where several have to agree. Those of a dry run or of a command
    /// do not, nor those right after another.
    pub(crate) counts: bool,
    /// The teams that are read; suppressed emails only where it is everything.
    pub(crate) scope: &'a Scope,
    /// Whether no other process changes anything meanwhile, since this one has the right to.
    pub(crate) alone: bool,
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl<'a> ReadOptions<'a> {
    /// A reading for a command, outside of passes. It does not count where several have to agree.
    pub(crate) fn aside(run: &'a str, at: Timestamp) -> Self {
        Self {
            run,
            at,
            counts: false,
            scope: &Scope::Everything,
            alone: true,
            progress: &|_, _| {},
        }
    }
}

/// Reads all in scope that can be read. Whitelists cannot.
pub(crate) async fn all(
    services: &Services,
    store: &Store,
    options: ReadOptions<'_>,
) -> Result<Observation, StoreError> {
    let mut all = Observation::default();
    for (name, account) in &services.teams {
        if !options.scope.holds_teams_of(name) {
            continue;
        }
        let (teams, suppressed) = tokio::join!(
            account_teams(store, name, account, options),
            suppressed(store, name, account, options),
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
    options: ReadOptions<'_>,
) -> Result<Observation, StoreError> {
    let mut seen = Observation::default();
    let place = Place::Account(Provider::Sapling, name.to_owned());
    let listed = match list(store, name, account, options).await? {
        List::Believed(listed) => listed,
        List::Doubtful(why) => {
            seen.findings
                .push(doubtful(place, format!("the list of teams: {why}")));
            return Ok(seen);
        }
        List::Failed(state, why) => {
            if state == SourceState::Doubtful {
                seen.findings.push(doubtful(place.clone(), why.clone()));
            }
            let message = match state {
                SourceState::Forbidden => format!("the list of teams: {why}; is the key right?"),
                _ => format!("the list of teams: {why}"),
            };
            seen.errors.push(TargetMessage { place, message });
            return Ok(seen);
        }
        // The pass tells of it, once.
        List::ClockDoubtful => return Ok(seen),
    };
    let account_name = name.to_owned();
    let unmatched = store
        .read(move |db| Targets::unmatched(db, &account_name))
        .await?;
    let unmatched = unmatched.into_iter();
    let unmatched = unmatched.filter(|u| options.scope.holds(u.target.id()));
    seen.findings.extend(unmatched.map(|u| Finding {
        finding: FindingKind::TargetUnknown,
        place: Place::Target(u.target),
        email: None,
        detail: Some(u.detail),
    }));

    let mut listed = listed;
    listed.retain(|(_, target)| options.scope.holds(target.id()));
    let total = listed.len() as u64;
    let listed = listed
        .into_iter()
        .map(|(team, target)| (team.remote_id, target));
    let mut done = 0;
    let take = |id, target, read| {
        done += 1;
        (options.progress)(done, total);
        seen.take_team(id, target, read);
    };
    each_team(store, account, listed.collect(), options, take).await?;
    Finding::sort(&mut seen.findings);
    Ok(seen)
}

impl Observation {
    /// Notes a team, and what came of its reading.
    fn take_team(&mut self, id: String, target: TargetRef, read: Read) {
        if matches!(read, Read::Overtaken) {
            self.overtaken.push((id, target));
            return;
        }
        let health = self.take(&target, read);
        self.team_ids.insert(target.id(), id);
        self.sources.insert(target, health);
    }

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
        self.overtaken.extend(other.overtaken);
    }

    /// Notes what came of a team's reading.
    fn take(&mut self, target: &TargetRef, read: Read) -> SourceHealth {
        let place = Place::Target(target.clone());
        match read {
            Read::Complete(findings) => {
                self.findings.extend(findings);
                return SourceHealth::Complete;
            }
            Read::Unchanged(_) | Read::Known => return SourceHealth::Complete,
            Read::Overtaken => {}
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

/// Reads those again that another process was changing, now that none does.
pub(crate) async fn overtaken(
    services: &Services,
    store: &Store,
    seen: &mut Observation,
    options: ReadOptions<'_>,
) -> Result<(), StoreError> {
    let teams = std::mem::take(&mut seen.overtaken);
    for (account, teams) in by_account(services, teams) {
        let take = |id, target, read| seen.take_team(id, target, read);
        each_team(store, account, teams, options, take).await?;
    }
    Finding::sort(&mut seen.findings);
    Ok(())
}

/// Reads the teams again from which something was just removed, to prove that it is gone.
pub(crate) async fn read_back(
    services: &Services,
    store: &Store,
    teams: Vec<(TargetRef, String)>,
    options: ReadOptions<'_>,
) -> Result<Vec<Finding>, StoreError> {
    let teams = teams.into_iter().map(|(target, id)| (id, target));
    let mut findings = Vec::new();
    for (account, teams) in by_account(services, teams.collect()) {
        let take = |_, target: TargetRef, read| match read {
            Read::Complete(found) | Read::Doubted(_, found) => findings.extend(found),
            Read::Unchanged(_) | Read::Known | Read::Overtaken => {}
            Read::Forbidden(why) | Read::Doubtful(why) | Read::Failed(why) => {
                tracing::warn!(%target, why, "removals from {target} could not be read back: {why}; a later pass proves them");
            }
        };
        each_team(store, account, teams, options, take).await?;
    }
    Ok(findings)
}

/// The teams by the account at which they are read.
fn by_account(services: &Services, teams: Vec<Listed>) -> Vec<(&TeamAccount, Vec<Listed>)> {
    let mut accounts: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for (id, target) in teams {
        let of_account = accounts.entry(target.account().to_owned()).or_default();
        of_account.push((id, target));
    }
    let known = accounts.into_iter();
    let known = known.filter_map(|(name, teams)| Some((services.teams.get(&name)?, teams)));
    known.collect()
}

/// Reads each team, hands over what came of it, and notes those that are as they were.
async fn each_team(
    store: &Store,
    account: &TeamAccount,
    teams: Vec<Listed>,
    options: ReadOptions<'_>,
    mut take: impl FnMut(String, TargetRef, Read),
) -> Result<(), StoreError> {
    let known = &store.read(Teams::known).await?;
    let mut unchanged = Vec::new();
    teams::read(
        account,
        store,
        teams,
        known,
        options,
        |(id, target), read| {
            if let Read::Unchanged(version) = read {
                unchanged.push((target.clone(), version));
            }
            take(id, target, read);
        },
    )
    .await?;
    note_unchanged(store, unchanged, options).await
}

/// Records the readings that showed nothing new, all at once, since most do not. One that was
/// overtaken by another process is dropped.
async fn note_unchanged(
    store: &Store,
    teams: Vec<(TargetRef, Version)>,
    options: ReadOptions<'_>,
) -> Result<(), StoreError> {
    let (at, counts) = (options.at, options.counts);
    if teams.is_empty() {
        return Ok(());
    }
    store
        .write(move |db| {
            for (team, version) in &teams {
                let (account, kind) = (team.account(), SourceKind::Team(team.id()));
                if Sources::version(db, account, kind)? == *version {
                    Sources::unchanged(db, account, kind, counts, at)?;
                }
            }
            Ok(())
        })
        .await
}

/// An organization's suppressed emails. Not being allowed to read them is a fact, not a failure:
/// access to them is granted by the provider on request.
async fn suppressed(
    store: &Store,
    name: &str,
    account: &TeamAccount,
    options: ReadOptions<'_>,
) -> Result<Observation, StoreError> {
    let at = options.at;
    let mut seen = Observation::default();
    let wanted = account.organization_id.as_ref();
    let Some(organization) = wanted.filter(|_| options.scope.is_everything()) else {
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
