//! The clients of the configured accounts, for reading and for writing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use super::give_way::PATIENCE;
use super::http::Http;
use super::sapling::{self, Reader, Writer};
use super::sentius::Whitelist;
use super::{BuildError, GiveWay, Proof, StillDue};
use crate::breaker::{Rests, Turn};
use crate::clock;
use crate::config::Settings;
use crate::domain::{Email, Provider, Scope, Target, TargetRef};
use crate::metrics::Metrics;

/// Every account of both providers, by name.
#[derive(Debug)]
pub struct Services {
    pub(crate) whitelists: BTreeMap<String, Whitelist>,
    pub(crate) teams: BTreeMap<String, TeamAccount>,
    /// Calls at once, for each account.
    pub(crate) concurrency: usize,
    /// Counts the calls and passes made with them.
    pub(crate) metrics: Metrics,
    /// Asked whether to give way to other accounts; `None` where no lock is held.
    way: Option<GiveWay>,
    /// The accounts whose calls fail.
    pub(crate) rests: Arc<Rests>,
    /// Whether lapsed only observes: nothing that changes a provider is sent any more.
    observes: Arc<AtomicBool>,
}

/// A Sapling account.
#[derive(Debug, Clone)]
pub(crate) struct TeamAccount {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// The key's holder, where configured.
    pub(crate) holder: Option<Email>,
    pub(crate) organization_id: Option<String>,
    /// The most by which its clock may differ from ours.
    max_skew: SignedDuration,
}

impl TeamAccount {
    /// Whether the provider's clock agrees with ours, as far as it is known.
    pub(crate) fn is_clock_trusted(&self) -> bool {
        let within = |skew: SignedDuration| skew.unsigned_abs() <= self.max_skew.unsigned_abs();
        self.reader.skew().is_none_or(within)
    }

    /// The same account, whose readings are sent only while they are still wanted.
    pub(crate) fn while_due(&self, still: StillDue) -> Self {
        Self {
            reader: self.reader.while_due(still),
            ..self.clone()
        }
    }

    fn by(&self, way: impl Fn(&Http) -> Http) -> Self {
        Self {
            reader: self.reader.by(&way),
            writer: self.writer.by(&way),
            ..self.clone()
        }
    }
}

impl Services {
    /// Makes the clients without calling anybody. `metrics` counts their calls, and the passes made
    /// with them.
    ///
    /// # Errors
    /// When a key or a limit cannot be used, or TLS cannot start.
    pub fn connect(settings: &Settings, metrics: &Metrics) -> Result<Self, BuildError> {
        let mut whitelists = BTreeMap::new();
        for account in &settings.sentius {
            let client = Whitelist::new(account, &settings.http, metrics)?;
            whitelists.insert(account.name.clone(), client);
        }
        let mut teams = BTreeMap::new();
        let max_skew = settings.guard.max_clock_skew;
        for account in &settings.sapling {
            let (reader, writer) = sapling::connect(account, &settings.http, metrics)?;
            let account_of = TeamAccount {
                reader,
                writer,
                holder: account.self_email.clone(),
                organization_id: account.organization_id.clone(),
                max_skew,
            };
            teams.insert(account.name.clone(), account_of);
        }
        Ok(Self {
            whitelists,
            teams,
            concurrency: settings.http.concurrency,
            metrics: metrics.clone(),
            way: None,
            rests: Arc::default(),
            observes: Arc::new(AtomicBool::new(settings.guard.observe_only)),
        })
    }

    /// Whether the account of a target is configured.
    pub(crate) fn has(&self, target: &Target) -> bool {
        match target.provider() {
            Provider::Sentius => self.whitelists.contains_key(target.account()),
            Provider::Sapling => self.teams.contains_key(target.account()),
        }
    }

    /// From now on nothing is sent that changes a provider, also by a pass that is under way.
    pub(crate) fn only_observe(&self) {
        self.observes.store(true, Ordering::Relaxed);
    }

    /// Whether lapsed only observes.
    pub(crate) fn observes(&self) -> bool {
        self.observes.load(Ordering::Relaxed)
    }

    /// Asked right before a call that changes something: whether it may be sent.
    pub(crate) fn while_acting(&self) -> StillDue {
        let observes = Arc::clone(&self.observes);
        StillDue::by(move || {
            let acts = !observes.load(Ordering::Relaxed);
            Box::pin(async move { acts })
        })
    }

    /// The same, for calls that do not wait behind all the others.
    pub(crate) fn urgent(&self) -> Self {
        self.by(Http::urgent)
    }

    /// The same, for calls that are given up once access has ended elsewhere.
    pub(crate) fn giving_way(&self, to: &GiveWay) -> Self {
        Self {
            way: Some(to.clone()),
            ..self.by(|http| http.giving_way(to.clone()))
        }
    }

    /// Notes that the lock was given up, and is taken again.
    pub(crate) fn lock_taken(&self) {
        if let Some(way) = &self.way {
            way.again();
        }
    }

    /// Whether nothing more is to be begun at this account, such as `sentius:acme`, since access has
    /// ended at another one.
    pub(crate) async fn gives_way(&self, account: &str) -> bool {
        match &self.way {
            Some(way) => way.is_asked(account).await,
            None => false,
        }
    }

    fn by(&self, way: impl Fn(&Http) -> Http) -> Self {
        let whitelists = self.whitelists.iter();
        let teams = self.teams.iter();
        Self {
            whitelists: whitelists
                .map(|(name, whitelist)| (name.clone(), whitelist.by(&way)))
                .collect(),
            teams: teams
                .map(|(name, team)| (name.clone(), team.by(&way)))
                .collect(),
            concurrency: self.concurrency,
            metrics: self.metrics.clone(),
            way: self.way.clone(),
            rests: Arc::clone(&self.rests),
            observes: Arc::clone(&self.observes),
        }
    }

    /// When it is the turn of these targets among others: see [`Rests::turn`].
    pub(crate) fn turn(&self, scope: &Scope) -> Turn {
        let turns = accounts_of(scope).map(|account| self.rests.turn(&account));
        turns.max().unwrap_or_default()
    }

    /// Notes how long a pass on these targets took.
    pub(crate) fn note_took(&self, scope: &Scope, took: Duration) {
        accounts_of(scope).for_each(|account| self.rests.note_took(&account, took));
    }

    /// Whether each account has ever answered with success.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &Proof> {
        let whitelists = self.whitelists.values().map(Whitelist::proof);
        whitelists.chain(self.teams.values().map(|team| team.reader.proof()))
    }

    /// How far each account's clock is ahead of ours (behind: negative), where known.
    pub(crate) fn skews(&self) -> BTreeMap<String, SignedDuration> {
        let whitelists = self
            .whitelists
            .iter()
            .map(|(name, w)| (format!("sentius:{name}"), w.skew()));
        let teams = self
            .teams
            .iter()
            .map(|(name, t)| (format!("sapling:{name}"), t.reader.skew()));
        whitelists
            .chain(teams)
            .filter_map(|(name, skew)| Some((name, skew?)))
            .collect()
    }

    /// Asks the whitelists in scope for the time, all at once: nothing else is read there that
    /// would tell it. Those that rest are not asked.
    pub(crate) async fn look_at_clocks(&self, scope: &Scope) {
        let asked = self.whitelists.iter().filter(|(name, _)| match scope {
            Scope::Everything => true,
            Scope::Only(targets) => targets
                .values()
                .any(|t| t.provider() == Provider::Sentius && t.account() == name.as_str()),
        });
        let looks = asked.map(|(name, whitelist)| async move {
            let account = format!("{}:{name}", Provider::Sentius);
            if self.rests.is_quiet(&account, clock::now()) {
                return;
            }
            let asked_at = Instant::now();
            if whitelist.look_at_clock().await.is_err() {
                let keeps_waiting = asked_at.elapsed() >= PATIENCE;
                self.rests
                    .gave_no_time(&account, keeps_waiting, clock::now());
            }
        });
        futures_util::future::join_all(looks).await;
    }

    /// Whether a target's account rests, and is not called at present.
    pub(crate) fn is_quiet(&self, target: &TargetRef) -> bool {
        self.rests.is_quiet(&target.account_name(), clock::now())
    }

    /// Forgets the providers' clocks, whose difference may have changed.
    pub(crate) fn forget_clocks(&self) {
        for whitelist in self.whitelists.values() {
            whitelist.forget_clock();
        }
        for team in self.teams.values() {
            team.reader.forget_clock();
        }
    }
}

/// The accounts of the targets, each as often as it has some.
fn accounts_of(scope: &Scope) -> impl Iterator<Item = String> {
    let targets = match scope {
        Scope::Everything => None,
        Scope::Only(targets) => Some(targets.values()),
    };
    targets
        .into_iter()
        .flatten()
        .map(|target| target.account_name())
}
