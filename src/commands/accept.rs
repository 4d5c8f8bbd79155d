//! `accept`: a person confirms that a doubtful reading is right. The people missing from it are
//! gone from now on. An impossible reading cannot be accepted.

use serde::Serialize;
use thiserror::Error;

use crate::clock;
use crate::domain::Target;
use crate::store::{Doubt, Sources, Store, StoreError, Targets, Teams};

/// What was believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Accepted {
    /// Which target.
    pub target: String,
    /// Why its reading was in doubt.
    pub doubt: String,
    /// Who is believed to be gone: members and invitees, as written.
    pub gone: Vec<String>,
}

/// Why nothing was accepted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum AcceptError {
    /// Nothing is in doubt there, or nobody can accept it.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Believes what the last reading of a target shows, once. `target` is a team, or an account whose
/// list of teams is in doubt, as `sapling:ACCOUNT`.
///
/// # Errors
/// When nothing is in doubt there, or the reading is impossible.
pub(crate) async fn accept(store: &Store, target: &str, by: &str) -> Result<Accepted, AcceptError> {
    let (named, by) = (target, by.to_owned());
    let target = named.to_owned();
    let at = clock::now();
    let restored = store.looks_restored().await?;
    let accepted = store
        .write(move |db| {
            if let Some(account) = list_of(&target) {
                let accepted = Sources::accept_list(db, account, &by, at)?;
                return Ok(accepted.map(|doubt| Accepted {
                    target: target.clone(),
                    doubt,
                    gone: Vec::new(),
                }));
            }
            let Ok(team) = target.parse::<Target>() else {
                let why = format!("{target:?} is no target such as sapling:acme/Core, nor an account such as sapling:acme");
                return Ok(Err(Doubt::NoTarget(why)));
            };
            let team = match Targets::known(db, &team)? {
                Ok(team) => team,
                Err(why) => return Ok(Err(Doubt::NoTarget(why))),
            };
            let accepted = Teams::accept(db, &team, &by, at)?;
            Ok(accepted.map(|(doubt, gone)| Accepted {
                target: team.written(),
                doubt,
                gone,
            }))
        })
        .await?;
    store.set_mark_unless(restored.as_ref()).await;
    accepted.map_err(|why| {
        AcceptError::Refused(match why {
            Doubt::NoTarget(why) => format!("TARGET: {why}"),
            why => format!("{named}: {why}"),
        })
    })
}

/// The account whose list of teams is meant, where no team is named.
fn list_of(target: &str) -> Option<&str> {
    let account = target.strip_prefix("sapling:")?;
    (!account.is_empty() && !account.contains('/')).then_some(account)
}
