//! Gives access: for each provision what is to be sent goes to disk, then the call, then its
//! result goes to disk. What lies between is settled by the next pass, half-replaced entries first.

mod call;
mod command;
mod exists;
mod extend;
mod note;
mod revoke;
mod undo;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::clock;
use crate::domain::{Email, Finding, Provider, ProvisionState, TargetId, TargetRef};
use crate::failpoint;
use crate::observe::{self, Errand};
use crate::pass::{Progress, Stage, Stop};
use crate::services::Services;
use crate::store::{Intent, Next, Provision, Provisions, Standing, Store, StoreError};

pub use command::{Desk, GiveError, Given, Request};
pub use note::{note, rehearse_note};
pub use revoke::{Foreseen, Revocation, Revoked, WouldEnd};
pub use undo::{NotGiven, Undone};

/// Why something in a team that was not read waits.
const UNREADABLE: &str = "the team could not be read, or is not among those of the key's holder";
/// After a refusal what was there before is posted again, and no more than that.
const MOST_TRIES: usize = 2;

/// What giving needs.
pub(crate) struct Give<'a> {
    pub(crate) services: &'a Services,
    pub(crate) store: &'a Store,
    pub(crate) run: &'a str,
    /// The provider's ids of the teams.
    pub(crate) team_ids: &'a HashMap<TargetId, String>,
    /// The teams that were read right before.
    pub(crate) read: HashSet<TargetId>,
    /// Set when nothing new is to be begun.
    pub(crate) stop: &'a Stop,
    pub(crate) progress: &'a Progress,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Gave {
    /// In no order; what was not begun any more is missing.
    pub(crate) given: Vec<(Provision, Standing)>,
    /// What reading back showed beyond what was given.
    pub(crate) findings: Vec<Finding>,
}

impl Give<'_> {
    /// Tries everything, several people at once, and reads back the teams that were changed.
    ///
    /// # Errors
    /// Only of the database: what cannot be written down is not done.
    pub(crate) async fn all(&self, provisions: Vec<Provision>) -> Result<Gave, StoreError> {
        self.services.recall_proofs(self.store).await?;
        let total = provisions.len() as u64;
        let done = AtomicU64::new(0);
        // A role comes after the membership that it needs.
        let mut people: BTreeMap<(TargetRef, Email), Vec<Provision>> = BTreeMap::new();
        let mut order = Vec::new();
        for provision in provisions {
            let key = (provision.target.clone(), provision.email.clone());
            let of_person = people.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                Vec::new()
            });
            of_person.push(provision);
        }
        let people = order.into_iter().filter_map(|key| people.remove(&key));
        let people: Vec<Vec<Provision>> = people.collect();
        let given: Vec<Vec<(Provision, Standing)>> = stream::iter(people)
            .map(|mut provisions| {
                let done = &done;
                async move {
                    provisions.sort_by_key(|p| p.role);
                    let mut given = Vec::new();
                    for provision in provisions {
                        if self.stop.is_set() {
                            break;
                        }
                        let standing = self.one(&provision).await?;
                        given.push((provision, standing));
                        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                        self.progress.tell(Stage::Give, done, total);
                    }
                    Ok::<_, StoreError>(given)
                }
            })
            .buffer_unordered(self.services.concurrency * 3)
            .try_collect()
            .await?;
        self.read_back(given.into_iter().flatten().collect()).await
    }

    async fn one(&self, provision: &Provision) -> Result<Standing, StoreError> {
        let target = &provision.target;
        if target.provider() == Provider::Sapling && !self.read.contains(&target.id()) {
            let (row, at) = (provision.clone(), clock::now());
            let note = move |db: &_| Provisions::not_tried(db, &row, UNREADABLE, at);
            return self.store.write(note).await;
        }
        let mut refused: Option<Standing> = None;
        for _ in 0..MOST_TRIES {
            let (row, at) = (provision.clone(), clock::now());
            let intent = self
                .store
                .write(move |db| Provisions::intend(db, &row, at))
                .await?;
            if let Intent::Nothing(standing) = intent {
                return Ok(refused.unwrap_or(standing));
            }
            failpoint::reach("give-after-intent");
            let answered = call::send(self, provision, &intent).await?;
            failpoint::reach("give-after-call");
            self.services.keep_proofs(self.store).await?;
            let (row, at) = (provision.clone(), clock::now());
            let next = self
                .store
                .write(move |db| Provisions::settle(db, &row, &answered, at))
                .await?;
            failpoint::reach("give-after-result");
            match (next, refused.take()) {
                (Next::Mend(standing), _) => refused = Some(standing),
                (Next::Rest(mended), Some(mut standing)) => {
                    let words = if mended.state == ProvisionState::Done {
                        "the entry that was there before is there again"
                    } else {
                        "the entry that was there before is not there again yet; the next pass posts it"
                    };
                    let why = standing.detail.unwrap_or_default();
                    standing.detail = Some(format!("{why}; {words}"));
                    return Ok(standing);
                }
                (Next::Rest(standing), None) => return Ok(standing),
            }
        }
        Ok(refused.unwrap_or(Standing {
            state: ProvisionState::Failed,
            result: None,
            detail: None,
        }))
    }

    /// Looks again at the teams that were changed: what was not answered may be there.
    async fn read_back(&self, given: Vec<(Provision, Standing)>) -> Result<Gave, StoreError> {
        let mut gave = Gave {
            given,
            findings: Vec::new(),
        };
        let is_changed = |(provision, standing): &&(Provision, Standing)| {
            provision.target.provider() == Provider::Sapling
                && matches!(
                    standing.state,
                    ProvisionState::Done | ProvisionState::Unknown
                )
                && self.read.contains(&provision.target.id())
        };
        let changed = gave.given.iter().filter(is_changed);
        let changed: BTreeSet<TargetRef> = changed.map(|(p, _)| p.target.clone()).collect();
        if changed.is_empty() {
            return Ok(gave);
        }
        let teams = changed.into_iter().filter_map(|team| {
            let id = self.team_ids.get(&team.id())?.clone();
            Some((team, id))
        });
        let errand = Errand::aside(self.run, clock::now());
        let found = observe::read_back(self.services, self.store, teams.collect(), errand).await?;
        let people: HashSet<&Email> = gave.given.iter().map(|(p, _)| &p.email).collect();
        let is_news =
            |finding: &Finding| finding.email.as_ref().is_none_or(|e| !people.contains(e));
        gave.findings = found.into_iter().filter(is_news).collect();
        for (provision, standing) in &mut gave.given {
            if standing.state == ProvisionState::Unknown
                && provision.target.provider() == Provider::Sapling
            {
                let (row, at) = (provision.clone(), clock::now());
                let look = move |db: &_| Provisions::settle_by_reading(db, &row, at);
                if let Some(there) = self.store.write(look).await? {
                    *standing = there;
                }
            }
        }
        Ok(gave)
    }
}
