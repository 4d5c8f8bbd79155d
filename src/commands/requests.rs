//! What the commands that give access share: the lock, a look at the teams concerned, all checks
//! before the first call, the records, and what came of it.

mod checks;
pub(super) mod clocks;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use super::note;
use crate::clock;
use crate::config::Settings;
use crate::domain::{
    Flags, Provided, ProvisionKind, ProvisionState, Role, SourceHealth, Standing, Target, TargetRef,
};
use crate::guard::OBSERVES;
use crate::observe::{self, Observation, ReadOptions};
use crate::pass::PassError;
use crate::progress::{Progress, Stop};
use crate::providers::accounts::Services;
use crate::store::{
    Asked, Db, Grants, Imported, Intent, Lock, NewGrant, Provision, Provisions, Recorded, Same,
    Store, StoreError,
};

/// How often the lock is asked for while another process has it.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Why access could not be given at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum GiveError {
    /// A pass, or another command that calls the providers, is running.
    #[error("another pass is running on {0}")]
    Busy(PathBuf),
    /// What was asked for cannot be given: each with its place among the requests.
    #[error("{}", .0.iter().map(|(_, fault)| fault.as_str()).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<(usize, String)>),
    /// A team could not be looked at before.
    #[error("{0}; nothing was recorded")]
    Unreadable(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An end cannot be counted from now, since nobody knows when that is.
    #[error(
        "{0}, so that a span from now may end at a wrong moment; nothing was recorded or sent. Set the \
         clock right (a pass compares them again), or give a date"
    )]
    Clock(String),
    /// The pass that was to remove.
    #[error(transparent)]
    Pass(#[from] PassError),
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The grant.
    pub grant: NewGrant,
    /// Of a member who is given back.
    pub flags: Flags,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Given {
    /// Who, as it is sent.
    pub email: String,
    pub target: Target,
    /// A role for a time.
    pub role: Option<Role>,
    /// From when on.
    pub start: Timestamp,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// What was called for, or is to be; absent: nothing.
    pub provision: Option<ProvisionKind>,
    /// How it stands.
    pub state: ProvisionState,
    /// What the provider made of it.
    pub result: Option<Provided>,
    /// More, for people.
    pub detail: Option<String>,
    /// What became of the grant on record.
    #[serde(skip)]
    pub imported: Imported,
    /// Why its moments may be wrong: the clocks differ.
    #[serde(skip)]
    pub clock: Option<String>,
}

/// Where a person asks for access to be given, moved or taken.
#[derive(Debug)]
pub(crate) struct Requests<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// The connected accounts.
    pub services: &'a Services,
    /// The records.
    pub store: &'a Store,
    /// Who asks, with which command.
    pub asked: Asked,
    /// Set when nothing new may be started.
    pub stop: Stop,
    /// Who hears of the progress.
    pub progress: Progress,
}

impl Requests<'_> {
    /// Takes the right to call the providers. While another process has it, waits as long as one
    /// call may take; `tell` hears of the wait when it begins.
    ///
    /// # Errors
    /// When the other process is not done in time.
    pub(crate) async fn lock(&self, tell: impl FnOnce(Duration)) -> Result<Lock, GiveError> {
        if let Some(lock) = self.try_lock()? {
            return Ok(lock);
        }
        let patience = self.settings.http.timeout;
        tell(patience);
        let until = tokio::time::Instant::now() + patience;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(ASK_AGAIN).await;
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
        }
        Err(GiveError::Busy(self.store.path().to_owned()))
    }

    fn try_lock(&self) -> Result<Option<Lock>, StoreError> {
        let lock = self.store.lock()?;
        if lock.is_some() {
            self.services.lock_taken();
        }
        Ok(lock)
    }

    /// Gives access and records it, after all checks. Returns what came of each request, in order.
    ///
    /// # Errors
    /// When something asked for cannot be given, or nothing could be checked: then nothing is
    /// recorded and nobody was called. What a provider refused is in the result.
    pub(crate) async fn give(
        &self,
        lock: Lock,
        requests: Vec<Request>,
        same: Same,
    ) -> Result<Vec<Given>, GiveError> {
        let seen = self.look(&requests).await?;
        let targets = targets(&requests);
        let doubts = self.doubts(&targets).await?;
        clocks::refuse_spans(requests.iter().map(|r| &r.grant), &doubts)?;
        checks::all(self.store, &seen, &requests, same, &self.settings.timezone).await?;
        self.give_checked(lock, requests, same, &seen).await
    }

    /// What is wrong with these requests, each with its place; and what was seen for that.
    pub(super) async fn check(
        &self,
        requests: &[Request],
        same: Same,
    ) -> Result<(Observation, Vec<(usize, String)>), GiveError> {
        let seen = self.look(requests).await?;
        match checks::all(self.store, &seen, requests, same, &self.settings.timezone).await {
            Ok(()) => Ok((seen, Vec::new())),
            Err(GiveError::Faults(faults)) => Ok((seen, faults)),
            Err(error) => Err(error),
        }
    }

    /// Records and gives requests that were checked.
    pub(super) async fn give_checked(
        &self,
        lock: Lock,
        requests: Vec<Request>,
        same: Same,
        seen: &Observation,
    ) -> Result<Vec<Given>, GiveError> {
        let restored = self.store.looks_restored().await?;
        let targets = targets(&requests);
        let at = clock::now();
        let asked = self.asked.clone();
        let record = move |db: &Db, some: &[Request]| record(db, some, same, &asked, at);
        let recorded = note::all(self.store, &requests, record).await?;
        let mut lock = Some(lock);
        let mut given = self.settle(&mut lock, recorded, seen).await?;
        clocks::mark(&mut given, &self.doubts(&targets).await?);
        self.store.set_mark_unless(restored.as_ref()).await;
        Ok(given)
    }

    /// What `give` would do: reads, and changes neither provider nor records.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn rehearse(
        &self,
        _lock: &Lock,
        requests: Vec<Request>,
        same: Same,
    ) -> Result<Vec<Given>, GiveError> {
        let seen = self.look(&requests).await?;
        checks::all(self.store, &seen, &requests, same, &self.settings.timezone).await?;
        let (asked, at) = (self.asked.clone(), clock::now());
        let read = readable(&seen);
        Ok(self
            .store
            .rehearse(move |db| {
                let mut given = Vec::new();
                for recorded in record(db, &requests, same, &asked, at)? {
                    let open = recorded.open.clone().filter(|p| p.due <= at);
                    let standing = match open {
                        Some(p) if p.target.team().is_some() && !read.contains(&p.target) => None,
                        Some(p) => match Provisions::intend(db, &p, at)? {
                            Intent::Nothing(standing) => Some(standing),
                            _ => None,
                        },
                        None => None,
                    };
                    given.push(told(recorded, standing, at));
                }
                Ok(given)
            })
            .await?)
    }

    /// What is on record and was not tried.
    pub(super) fn untried(&self, recorded: Vec<Recorded>) -> Vec<Given> {
        let now = clock::now();
        recorded.into_iter().map(|r| told(r, None, now)).collect()
    }

    /// Looks at the teams that the requests name.
    async fn look(&self, requests: &[Request]) -> Result<Observation, GiveError> {
        self.look_at(&targets(requests)).await
    }

    pub(super) async fn look_at(&self, targets: &[Target]) -> Result<Observation, GiveError> {
        let at = clock::now();
        self.store
            .write(move |db| Provisions::recover(db, at))
            .await?;
        let options = ReadOptions::aside("", at);
        let seen = observe::some(self.services, self.store, targets, options).await?;
        // A reading is stored, so that no pass will notice this again.
        for finding in &seen.findings {
            let email = finding.email.as_ref().map(ToString::to_string);
            tracing::info!(
                target = %finding.place,
                email,
                detail = finding.detail,
                "{}",
                finding.finding.as_str()
            );
        }
        Ok(seen)
    }

    /// Gives what is open for what was recorded.
    pub(super) async fn settle(
        &self,
        lock: &mut Option<Lock>,
        recorded: Vec<Recorded>,
        seen: &Observation,
    ) -> Result<Vec<Given>, GiveError> {
        let now = clock::now();
        let mut open: Vec<Provision> = Vec::new();
        let mut rows = HashSet::new();
        let due = recorded.iter().filter_map(|r| r.open.as_ref());
        for provision in due.filter(|p| p.due <= now || p.tried || p.gap) {
            if rows.insert(provision.row) {
                open.push(provision.clone());
            }
        }
        let standings = match self.settings.guard.observe_only {
            true => observed(&open),
            false => self.give_in_turns(lock, open, seen).await?,
        };
        let given = recorded.into_iter().map(|recorded| {
            let row = recorded.open.as_ref().map(|p| p.row);
            let standing = row.and_then(|row| standings.get(&row).cloned());
            told(recorded, standing, now)
        });
        Ok(given.collect())
    }
}

/// How these stand where lapsed only observes.
fn observed(open: &[Provision]) -> HashMap<i64, Standing> {
    let planned = Standing {
        state: ProvisionState::Planned,
        result: None,
        detail: Some(OBSERVES.to_owned()),
    };
    let rows = open.iter().map(|provision| provision.row);
    rows.map(|row| (row, planned.clone())).collect()
}

fn targets(requests: &[Request]) -> Vec<Target> {
    requests.iter().map(|r| r.grant.target.clone()).collect()
}

/// The teams that were read completely.
fn readable(seen: &Observation) -> Vec<TargetRef> {
    let complete = seen.sources.iter();
    let complete = complete.filter(|(_, health)| **health == SourceHealth::Complete);
    complete.map(|(team, _)| team.clone()).collect()
}

fn record(
    db: &Db,
    requests: &[Request],
    same: Same,
    asked: &Asked,
    at: Timestamp,
) -> Result<Vec<Recorded>, StoreError> {
    requests
        .iter()
        .map(|r| Grants::give(db, &r.grant, r.flags, same, asked, at))
        .collect()
}

pub(super) fn told(recorded: Recorded, standing: Option<Standing>, now: Timestamp) -> Given {
    let waits = |p: &Provision| match p.due > now {
        true => ProvisionState::Scheduled,
        false => ProvisionState::Planned,
    };
    let standing = standing.unwrap_or_else(|| match (&recorded.open, &recorded.imported) {
        (Some(provision), _) => Standing {
            state: waits(provision),
            result: None,
            detail: None,
        },
        (None, Imported::Unchanged) => Standing {
            state: ProvisionState::Unchanged,
            result: None,
            detail: None,
        },
        (None, _) => Standing {
            state: ProvisionState::Recorded,
            result: None,
            detail: Some(recorded.why_nobody.to_owned()),
        },
    });
    Given {
        email: recorded.email.written().to_owned(),
        target: (*recorded.target).clone(),
        role: recorded.role,
        start: recorded.start,
        end: recorded.end,
        provision: recorded.open.map(|p| p.kind),
        state: standing.state,
        result: standing.result,
        detail: standing.detail,
        imported: recorded.imported,
        clock: None,
    }
}
