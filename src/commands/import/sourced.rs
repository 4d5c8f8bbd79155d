//! What ends since its row is missing from a file with a name (`--source … --prune`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::difference::{Change, Compared};
use crate::clock;
use crate::commands::note;
use crate::commands::requests::{GiveError, Requests};
use crate::config::Settings;
use crate::domain::{ActionResult, Email, PassOutcome, TargetMessage, TargetRef, When};
use crate::explain::words::Words;
use crate::pass::{self, Fate};
use crate::store::{Asked, Db, Grants, NewGrant, OfSource, Same, Store, StoreError};

/// Records that the rows of these grants are missing, since when, and by whose import. A pass ends them.
///
/// # Errors
/// Only of the database.
pub(crate) async fn drop_missing(
    store: &Store,
    missing: &[OfSource],
    asked: &Asked,
) -> Result<(), StoreError> {
    let restored = store.looks_restored().await?;
    let (asked, at) = (asked.clone(), clock::now());
    let record = move |db: &Db, some: &[OfSource]| {
        let drop = |grant: &OfSource| Grants::drop_row(db, grant.id, &grant.target, &asked, at);
        some.iter().map(drop).collect::<Result<Vec<()>, _>>()
    };
    note::all(store, missing, record).await?;
    store.set_mark_unless(restored.as_ref()).await;
    Ok(())
}

/// What a pass did about the grants whose rows are missing.
#[derive(Debug, Serialize)]
pub(crate) struct Pruned {
    /// The run.
    pub run: String,
    /// What was done to their people.
    pub actions: Vec<ActionResult>,
    /// What could not be read or done as a whole.
    #[serde(skip)]
    pub errors: Vec<TargetMessage>,
}

impl Requests<'_> {
    /// Makes the pass that ends these grants and removes their access, with the guard's consent.
    ///
    /// # Errors
    /// When another process is not done in time, or the pass could not be made: then the next one does it.
    pub(crate) async fn prune(
        &self,
        missing: &[OfSource],
        tell: impl FnOnce(Duration),
    ) -> Result<Pruned, GiveError> {
        let mut targets: Vec<TargetRef> = missing.iter().map(|g| g.target.clone()).collect();
        targets.sort();
        targets.dedup();
        let lock = self.lock(tell).await?;
        let PassOutcome {
            run,
            actions,
            errors,
            ..
        } = self.remove(lock, &targets).await?;
        let concerned: HashSet<(TargetRef, &str)> = missing
            .iter()
            .flat_map(|g| [g.person.as_str(), g.email.key()].map(|key| (g.target.clone(), key)))
            .collect();
        let is_concerned =
            |a: &ActionResult| concerned.contains(&(a.target.clone(), a.email.key()));
        Ok(Pruned {
            run,
            actions: actions.into_iter().filter(is_concerned).collect(),
            errors,
        })
    }
}

/// What the guard would hold for one reason.
#[derive(Debug, Serialize)]
pub(crate) struct WouldHold {
    pub why: String,
    /// How many ends.
    pub removals: usize,
}

/// Says of each grant whose row is missing what would become of it, and returns what the guard would
/// hold. Changes nothing.
///
/// # Errors
/// Only of the database.
pub(crate) async fn foresee(
    store: &Store,
    settings: &Settings,
    compared: &mut Compared,
    asked: &Asked,
    words: &Words,
) -> Result<Vec<WouldHold>, StoreError> {
    if compared.missing.is_empty() {
        return Ok(Vec::new());
    }
    let restored = store.looks_restored().await?;
    let (missing, asked, at) = (compared.missing.clone(), asked.clone(), clock::now());
    let rows: Vec<NewGrant> = compared.rows.iter().map(|row| row.grant.clone()).collect();
    let settings = settings.clone();
    let fates = store
        .rehearse(move |db| {
            for row in &rows {
                Grants::note(db, row, Same::Ever, &asked, at)?;
            }
            for grant in &missing {
                Grants::drop_row(db, grant.id, &grant.target, &asked, at)?;
            }
            let targets = missing.iter().map(|grant| grant.target.clone());
            let mut judged = HashMap::new();
            for (dropped, fate) in pass::foresee(db, &settings, restored, targets, at)? {
                Grants::end_dropped(db, &dropped, at)?;
                judged.insert(dropped.id, fate);
            }
            let mut fates = Vec::with_capacity(missing.len());
            for grant in &missing {
                let fate = judged.remove(&grant.id).unwrap_or(Fate::Nothing);
                let person = Email::observed(&grant.person);
                let still = Grants::last_end(db, &grant.target, &person, grant.role, at)?;
                fates.push((fate, still));
            }
            Ok(fates)
        })
        .await?;
    let mut held: Vec<WouldHold> = Vec::new();
    let ends = compared.difference.iter_mut();
    let ends = ends.filter(|difference| difference.change == Change::Ends);
    for (difference, (fate, still)) in ends.zip(fates) {
        if let Fate::Held(why) = &fate {
            match held.iter_mut().find(|known| known.why == *why) {
                Some(known) => known.removals += 1,
                None => held.push(WouldHold {
                    why: why.clone(),
                    removals: 1,
                }),
            }
        }
        difference.detail = said(fate, still, words);
    }
    Ok(held)
}

fn said(fate: Fate, still: Option<When>, words: &Words) -> Option<String> {
    Some(match (fate, still) {
        (Fate::Held(_), _) => "the guard would hold it: it ends once that is approved".to_owned(),
        (Fate::Protected(why), _) => format!("the access stays: {why}"),
        (Fate::Unread, _) => "the team could not be read; it ends once it is".to_owned(),
        (Fate::Removed, None) => return None,
        (_, Some(end)) => format!("another grant keeps the access {}", words.until(end.at())),
        (Fate::Nothing, None) => "the person is not there".to_owned(),
    })
}
