//! Revokes access at once: ends the grants on record first, so that any next pass removes the
//! access; then runs a pass, since only passes remove anything.

mod foresee;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::requests::{GiveError, Requests};
use crate::clock;
use crate::config::SentiusAccount;
use crate::domain::{
    ActionResult, ActionState, Counts, Email, PassOutcome, Provider, Scope, Target, TargetMessage,
    TargetRef, Verdict,
};
use crate::observe::{self, Observation, ReadOptions};
use crate::pass::{self, Options};
use crate::store::queries::person::nearly_the_same;
use crate::store::{Db, Grants, Ledger, Lock, StoreError, Targets, Word};
pub(crate) use foresee::{Foreseen, WouldEnd};

/// Whose access ends, and where.
#[derive(Debug, Clone)]
pub(crate) struct Revocation {
    pub email: Email,
    /// Only there; absent: everywhere.
    pub target: Option<Target>,
    /// Whether the whitelists are called even if nothing is known about the person.
    pub unlisted: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Revoked {
    pub email: String,
    /// Where access was ended.
    pub targets: Vec<TargetRef>,
    /// Those whitelists among them where nothing was on record: they cannot be read, and were called
    /// all the same.
    #[serde(skip)]
    pub unseen: Vec<TargetRef>,
    /// The run that removed it; absent while another process is running one.
    pub run: Option<String>,
    /// How it ended for this person.
    pub outcome: Verdict,
    /// What was done to this person.
    pub actions: Vec<ActionResult>,
    /// What could not be looked at.
    pub errors: Vec<TargetMessage>,
}

impl Requests<'_> {
    /// Ends a person's access on a target, or everywhere, and removes it. `tell` hears of a wait
    /// for another process; when that is not done in time, the next pass removes it.
    ///
    /// # Errors
    /// When nobody knows the person or the target, or the database or the pass could not be used.
    /// What could not be removed is in the result.
    pub(crate) async fn revoke(
        &self,
        what: Revocation,
        tell: impl FnOnce(Duration),
    ) -> Result<Revoked, GiveError> {
        let Revocation { email, target, .. } = &what;
        let restored = self.store.looks_restored().await?;
        let observes = self.settings.guard.observe_only;
        // It is one request, however often it is recorded.
        let since = clock::now();
        let unseen = self.unseen(email).await?;
        let known = what.unlisted || self.is_listed(email).await?;
        let mut targets = match known {
            true => self.end(email, target.as_ref(), self.word(since)).await?,
            false => Vec::new(),
        };
        self.store.set_mark_unless(restored.as_ref()).await;
        let lock = match self.lock(tell).await {
            Err(GiveError::Busy(_)) if !targets.is_empty() => {
                if let Some(done) = self
                    .ended_meanwhile(email, &targets, &unseen, since)
                    .await?
                {
                    return Ok(done);
                }
                return Ok(Revoked {
                    email: email.written().to_owned(),
                    unseen: among(&targets, &unseen),
                    targets,
                    run: None,
                    outcome: Verdict::Incomplete,
                    actions: Vec::new(),
                    errors: Vec::new(),
                });
            }
            lock => lock?,
        };
        // Everywhere may be more than what is on record.
        if target.is_some()
            && let Some(done) = self
                .ended_meanwhile(email, &targets, &unseen, since)
                .await?
        {
            return Ok(done);
        }
        let seen = self.survey(&what, known).await?;
        // A person that was just found is included.
        let word = self.word(since);
        targets.extend(self.end(email, target.as_ref(), word.clone()).await?);
        targets.extend(self.end_unseen(email, target.as_ref(), &seen, word).await?);
        targets.sort();
        targets.dedup();
        if targets.is_empty() {
            if let Some(target) = target {
                self.must_be_listed(target, &seen).await?;
            }
            return Ok(Revoked {
                email: email.written().to_owned(),
                unseen: Vec::new(),
                targets,
                run: None,
                outcome: verdict(&[], &seen.errors, observes),
                actions: Vec::new(),
                errors: seen.errors,
            });
        }
        let (of_person, places) = (email.clone(), targets.clone());
        let addresses = self
            .store
            .read(move |db| Grants::borne_by(db, &of_person, &places))
            .await?;
        let outcome = self.remove(lock, &targets).await?;
        let actions: Vec<ActionResult> = outcome
            .actions
            .into_iter()
            .filter(|action| addresses.contains(action.email.key()))
            .filter(|action| target.is_none() || targets.contains(&action.target))
            .collect();
        Ok(Revoked {
            email: email.written().to_owned(),
            unseen: among(&targets, &unseen),
            targets,
            run: Some(outcome.run),
            outcome: verdict(&actions, &seen.errors, observes),
            actions,
            errors: seen.errors,
        })
    }

    /// What came of it, if whoever had the right to call has removed the access in all of these places
    /// while this command waited.
    async fn ended_meanwhile(
        &self,
        email: &Email,
        targets: &[TargetRef],
        unseen: &[Target],
        since: Timestamp,
    ) -> Result<Option<Revoked>, StoreError> {
        let (of_person, places) = (email.clone(), targets.to_vec());
        let settled = self
            .store
            .read(move |db| {
                let people = Grants::borne_by(db, &of_person, &places)?;
                let settled = places.iter();
                let settled = settled.map(|t| Ledger::settled_since(db, t, &people, since));
                settled.collect::<Result<Option<Vec<_>>, _>>()
            })
            .await?;
        let Some(settled) = settled.filter(|settled| !settled.is_empty()) else {
            return Ok(None);
        };
        let run = settled.last().map(|(run, _)| run.clone());
        let actions: Vec<ActionResult> = settled.into_iter().flat_map(|(_, a)| a).collect();
        Ok(Some(Revoked {
            email: email.written().to_owned(),
            unseen: among(targets, unseen),
            targets: targets.to_vec(),
            run,
            outcome: verdict(&actions, &[], self.settings.guard.observe_only),
            actions,
            errors: Vec::new(),
        }))
    }

    /// Whether anything is on record about a person, or was ever read.
    async fn is_listed(&self, email: &Email) -> Result<bool, StoreError> {
        let email = email.clone();
        self.store
            .read(move |db| Grants::is_listed(db, &email))
            .await
    }

    /// That nobody knows this person, and who may be meant.
    async fn not_listed(&self, email: &Email, seen: &Observation) -> Result<GiveError, StoreError> {
        let wanted = email.clone();
        let near = move |db: &_| nearly_the_same(db, &wanted);
        let near = self.store.read(near).await?;
        let mut why = format!("email: {email} is on no record and in no reading{near}");
        let unread: Vec<String> = seen.errors.iter().map(|e| e.place.to_string()).collect();
        if !unread.is_empty() {
            why.push_str("; could not be read now: ");
            why.push_str(&unread.join(", "));
        }
        why.push_str("; with --unlisted the whitelists are called all the same");
        Ok(GiveError::Faults(vec![(0, why)]))
    }

    /// A word said at `since`, as it counts now.
    fn word(&self, since: Timestamp) -> Word {
        Word {
            asked: self.asked.clone(),
            since,
            at: clock::now().max(since),
        }
    }

    /// The whitelists of the configuration.
    fn whitelists(&self) -> Vec<Target> {
        let whitelist = |account: &SentiusAccount| Target::Sentius {
            account: account.name.clone(),
        };
        self.settings.sentius.iter().map(whitelist).collect()
    }

    /// The whitelists where nothing is on record of a person.
    async fn unseen(&self, email: &Email) -> Result<Vec<Target>, StoreError> {
        let (email, mut unseen) = (email.clone(), self.whitelists());
        self.store
            .read(move |db| {
                let seen = Grants::whitelisted(db, &email)?;
                unseen.retain(|whitelist| !seen.iter().any(|seen| **seen == *whitelist));
                Ok(unseen)
            })
            .await
    }

    /// Ends what is on record, or last read, and says where.
    async fn end(
        &self,
        email: &Email,
        target: Option<&Target>,
        word: Word,
    ) -> Result<Vec<TargetRef>, StoreError> {
        let (email, target) = (email.clone(), target.cloned());
        let whitelists = self.whitelists();
        self.store
            .write(move |db| end(db, &email, target.as_ref(), &whitelists, &word))
            .await
    }

    /// Ends access also in the teams that could not be read now: the person may have come there since
    /// the last reading, and a pass that reads them settles it either way. Where the key is not let in
    /// nothing ever could.
    async fn end_unseen(
        &self,
        email: &Email,
        target: Option<&Target>,
        seen: &Observation,
        word: Word,
    ) -> Result<Vec<TargetRef>, StoreError> {
        let read = seen.complete();
        let accounts: Vec<String> = self.services.teams.keys().cloned().collect();
        let (email, target) = (email.clone(), target.cloned());
        self.store
            .write(move |db| {
                let mut unseen = Targets::readable(db, &accounts)?;
                unseen.retain(|team| !read.contains(&team.id()));
                if let Some(target) = &target {
                    let wanted = Targets::find(db, target)?;
                    unseen.retain(|team| wanted.as_ref() == Some(team));
                }
                for team in &unseen {
                    Grants::revoke(db, &email, team, target.is_none(), &word)?;
                }
                Ok(unseen)
            })
            .await
    }

    /// Looks where the person may be: at one team, or at all. A person nothing is known about is
    /// looked for everywhere, and must be found.
    async fn survey(&self, what: &Revocation, known: bool) -> Result<Observation, GiveError> {
        let seen = match &what.target {
            Some(target) if known => self.look_at(std::slice::from_ref(target)).await?,
            _ => {
                let options = ReadOptions::aside("", clock::now());
                observe::all(self.services, self.store, options).await?
            }
        };
        if !known && !self.is_listed(&what.email).await? {
            return Err(self.not_listed(&what.email, &seen).await?);
        }
        Ok(seen)
    }

    /// A team that nobody knows is a typing error.
    async fn must_be_listed(&self, target: &Target, seen: &Observation) -> Result<(), GiveError> {
        let wanted = target.clone();
        let (found, namesakes) = self
            .store
            .read(move |db| {
                Ok((
                    Targets::on_record(db, &wanted)?,
                    Targets::namesakes(db, &wanted)?,
                ))
            })
            .await?;
        let is_there = found.is_some_and(|t| seen.team_ids.contains_key(&t.id()));
        if is_there || target.provider() == Provider::Sentius || !seen.errors.is_empty() {
            return Ok(());
        }
        let unknown = || {
            format!(
                "{target} is not on record, and no team of the key's holder has this name or id"
            )
        };
        let why = namesakes.unwrap_or_else(unknown);
        Err(GiveError::Faults(vec![(0, format!("target: {why}"))]))
    }

    /// Makes the pass that removes, and delivers its mail once others may call the providers again.
    pub(super) async fn remove(
        &self,
        lock: Lock,
        targets: &[TargetRef],
    ) -> Result<PassOutcome, GiveError> {
        let options = Options {
            scope: Scope::only(targets.iter().cloned()),
            stop: self.stop.clone(),
            progress: self.progress.clone(),
            ..Options::default()
        };
        let (settings, services, store) = (self.settings, self.services, self.store);
        let outcome = pass::under(&lock, settings, services, store, &options).await?;
        drop(lock);
        Ok(pass::deliver(settings, services, store, &options, outcome).await?)
    }
}

fn end(
    db: &Db,
    email: &Email,
    target: Option<&Target>,
    whitelists: &[Target],
    word: &Word,
) -> Result<Vec<TargetRef>, StoreError> {
    for whitelist in whitelists {
        Targets::ensure(db, whitelist)?;
    }
    let mut places: Vec<TargetRef> = Grants::held(db, email, whitelists)?.into_keys().collect();
    if let Some(target) = target {
        let wanted = match target.provider() {
            // Nothing shows who is on a whitelist: the removal goes out whatever is on record.
            Provider::Sentius => Some(Targets::ensure(db, target)?),
            _ => Targets::on_record(db, target)?,
        };
        places.retain(|place| Some(place.id()) == wanted.as_ref().map(TargetRef::id));
        if let Some(wanted) = wanted.filter(|w| w.provider() == Provider::Sentius)
            && places.is_empty()
        {
            places.push(wanted);
        }
    }
    for place in &places {
        Grants::revoke(db, email, place, target.is_none(), word)?;
    }
    Ok(places)
}

fn among(targets: &[TargetRef], wanted: &[Target]) -> Vec<TargetRef> {
    let among = targets.iter().filter(|target| wanted.contains(target));
    among.cloned().collect()
}

/// How it ended for one person: what is protected was not done either.
/// How it ended; where lapsed only observes, all that can be done is to plan it.
fn verdict(actions: &[ActionResult], errors: &[TargetMessage], observes: bool) -> Verdict {
    let counts = Counts::of(actions);
    let is_settled = |action: &ActionResult| match action.state {
        ActionState::Done | ActionState::Absent => true,
        ActionState::Planned | ActionState::Unknown => observes,
        _ => false,
    };
    if counts.held > 0 {
        Verdict::Held
    } else if actions.iter().all(is_settled) && errors.is_empty() {
        Verdict::Converged
    } else {
        Verdict::Incomplete
    }
}
