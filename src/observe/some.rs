//! Reads some teams alone, for a command that is about them.

use super::list::{List, list};
use super::{Observation, ReadOptions, teams};
use crate::domain::{Place, Provider, SourceHealth, Target, TargetMessage, TargetRef};
use crate::providers::accounts::Services;
use crate::store::{Store, StoreError, Teams};

/// Reads the teams that `wanted` names, and the lists in which they stand.
pub(crate) async fn some(
    services: &Services,
    store: &Store,
    wanted: &[Target],
    options: ReadOptions<'_>,
) -> Result<Observation, StoreError> {
    let mut seen = Observation::default();
    for (name, account) in &services.teams {
        let of_account = |t: &&Target| t.provider() == Provider::Sapling && t.account() == name;
        let teams: Vec<&str> = wanted
            .iter()
            .filter(of_account)
            .filter_map(Target::team)
            .collect();
        if teams.is_empty() {
            continue;
        }
        let listed = match list(store, name, account, options).await? {
            List::Believed(listed) => Ok(listed),
            List::Doubtful(why) | List::Failed(_, why) => Err(format!("the list of teams: {why}")),
            List::ClockDoubtful => Err(super::team::CLOCK.to_owned()),
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(message) => {
                let place = Place::Account(Provider::Sapling, name.clone());
                seen.errors.push(TargetMessage { place, message });
                continue;
            }
        };
        let named = |id: &str, target: &TargetRef| {
            teams
                .iter()
                .any(|team| *team == id || target.team() == Some(*team))
        };
        let known = &store.read(Teams::known).await?;
        let mut asked = Vec::new();
        for (listed, target) in listed {
            seen.team_ids.insert(target.id(), listed.remote_id.clone());
            if named(&listed.remote_id, &target) {
                asked.push((listed.remote_id, target));
            } else {
                seen.sources.insert(target, SourceHealth::Missing);
            }
        }
        teams::read(
            account,
            store,
            asked,
            known,
            options,
            |(_, target), read| {
                let health = seen.take(&target, read);
                seen.sources.insert(target, health);
            },
        )
        .await?;
    }
    Ok(seen)
}
