//! Reads some teams alone, for a command that is about them.

use super::{Errand, List, Observation, note_problem, state_of, take_list, teams};
use crate::domain::{Place, Provider, SourceHealth, Target, TargetMessage, TargetRef};
use crate::services::Services;
use crate::store::{SourceKind, Store, StoreError, Teams};

/// Reads the teams that `wanted` names, and the lists in which they stand.
pub(crate) async fn some(
    services: &Services,
    store: &Store,
    wanted: &[Target],
    errand: Errand<'_>,
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
        let place = Place::Account(Provider::Sapling, name.clone());
        let answer = account.reader.teams().await;
        if !account.is_clock_trusted() {
            let message = super::team::CLOCK.to_owned();
            seen.errors.push(TargetMessage { place, message });
            continue;
        }
        let listed = match answer {
            Ok(list) => take_list(store, name, list, errand).await?,
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
                let message = format!("the list of teams: {error}");
                seen.errors.push(TargetMessage { place, message });
                continue;
            }
        };
        let listed = match listed {
            List::Believed(listed) => listed,
            List::Doubtful(why) => {
                let message = format!("the list of teams: {why}");
                seen.errors.push(TargetMessage { place, message });
                continue;
            }
        };
        let named = |id: &str, target: &TargetRef| {
            teams
                .iter()
                .any(|team| *team == id || target.team() == Some(*team))
        };
        let known = &store.read(Teams::nothing_new_if).await?;
        let mut asked = Vec::new();
        for (listed, target) in listed {
            seen.team_ids.insert(target.id(), listed.remote_id.clone());
            if named(&listed.remote_id, &target) {
                asked.push((listed.remote_id, target));
            } else {
                seen.sources.insert(target, SourceHealth::Missing);
            }
        }
        teams::read(account, store, asked, known, errand, |(_, target), read| {
            let health = seen.take(&target, read);
            seen.sources.insert(target, health);
        })
        .await?;
    }
    Ok(seen)
}
