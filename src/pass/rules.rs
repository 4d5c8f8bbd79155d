//! The configured rules of teams, by the teams they apply to.

use std::collections::BTreeMap;

use super::Pass;
use crate::config::TeamRule;
use crate::domain::{Finding, FindingKind, Place, Scope, TargetId, TargetRef, TeamPolicy};
use crate::observe::Observation;
use crate::store::{StoreError, Targets};
use crate::text::count;

/// A rule with what it means in the database; nothing where it means nothing there.
struct Ruled<'a> {
    rule: &'a TeamRule,
    found: Option<TargetRef>,
    follows: Option<TargetRef>,
    namesakes: Option<String>,
}

impl Pass<'_> {
    /// What the pass is about, with the teams that follow a whitelist within it.
    pub(super) async fn scope(&self) -> Result<Scope, StoreError> {
        let Scope::Only(targets) = &self.options.scope else {
            return Ok(Scope::Everything);
        };
        let mut targets = targets.clone();
        for ruled in self.ruled().await? {
            if let (Some(team), Some(followed)) = (ruled.found, ruled.follows)
                && targets.contains_key(&followed.id())
            {
                targets.insert(team.id(), team);
            }
        }
        Ok(Scope::Only(targets))
    }

    /// The rules of the teams that were listed; one that means none is a finding.
    pub(super) async fn team_rules(
        &self,
        seen: &mut Observation,
    ) -> Result<BTreeMap<TargetRef, TeamPolicy>, StoreError> {
        let mut rules = BTreeMap::new();
        for ruled in self.ruled().await? {
            let listed = |t: &TargetRef| seen.team_ids.contains_key(&t.id());
            if let Some(found) = ruled.found.filter(listed) {
                let policy = TeamPolicy {
                    max_age: ruled.rule.max_age,
                    follow: ruled.follows,
                };
                rules.insert(found, policy);
                continue;
            }
            let account = ruled.rule.team.account();
            let is_listed = seen.sources.keys().any(|t| t.account() == account);
            if is_listed && self.scope.is_everything() {
                let detail = match ruled.namesakes {
                    Some(namesakes) => format!("a [[sapling.team]] names it, and {namesakes}"),
                    None => {
                        "a [[sapling.team]] names it, and no team has this name or id".to_owned()
                    }
                };
                seen.findings.push(Finding {
                    finding: FindingKind::TargetUnknown,
                    place: Place::Target(TargetRef::new(TargetId(0), ruled.rule.team.clone())),
                    email: None,
                    detail: Some(detail),
                });
            }
        }
        Ok(rules)
    }

    /// Access on record at accounts that are not configured: nobody can end it there.
    pub(super) async fn elsewhere(&self) -> Result<Vec<Finding>, StoreError> {
        let accounts = self.settings.accounts();
        let elsewhere = self.store.read(move |db| Targets::elsewhere(db, &accounts));
        let finding = |(target, open): (TargetRef, u64)| {
            let open = count(open, "open grant is", "open grants are");
            Finding {
                finding: FindingKind::TargetUnknown,
                email: None,
                detail: Some(format!("{open} there, and {}", target.not_configured())),
                place: Place::Target(target),
            }
        };
        Ok(elsewhere.await?.into_iter().map(finding).collect())
    }

    async fn ruled(&self) -> Result<Vec<Ruled<'_>>, StoreError> {
        let mut all = Vec::new();
        for rule in self.settings.team_rules() {
            let (wanted, followed) = (rule.team.clone(), rule.follow.clone());
            let (found, follows, namesakes) = self
                .store
                .read(move |db| {
                    let followed = followed.as_ref().map(|t| Targets::find(db, t));
                    let namesakes = Targets::namesakes(db, &wanted)?;
                    let found = Targets::find(db, &wanted)?;
                    Ok((found, followed.transpose()?.flatten(), namesakes))
                })
                .await?;
            all.push(Ruled {
                rule,
                found,
                follows,
                namesakes,
            });
        }
        Ok(all)
    }
}
