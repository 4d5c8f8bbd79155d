//! Reads back what was given: what was not answered may be there, and flags may not have come with
//! the membership.

use std::collections::{BTreeSet, HashSet};

use super::{Gave, Give};
use crate::clock;
use crate::domain::{
    Email, Finding, Provided, Provider, ProvisionKind, ProvisionState, Standing, TargetRef,
};
use crate::observe::{self, ReadOptions};
use crate::store::{Provision, Provisions, StoreError};

impl Give<'_> {
    /// Looks again at the teams that were changed: what was not answered may be there.
    pub(super) async fn read_back(&self, gave: &mut Gave) -> Result<(), StoreError> {
        let is_changed = |(provision, standing): &&(Provision, Standing)| {
            provision.target.provider() == Provider::Sapling
                && matches!(
                    standing.state,
                    ProvisionState::Done | ProvisionState::Unknown
                )
                && self.read.contains(&provision.target.id())
        };
        let changed = gave.given.values().filter(is_changed);
        let changed: BTreeSet<TargetRef> = changed.map(|(p, _)| p.target.clone()).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let teams = changed.into_iter().filter_map(|team| {
            let id = self.team_ids.get(&team.id())?.clone();
            Some((team, id))
        });
        let options = ReadOptions::aside(self.run, clock::now());
        let found = observe::read_back(self.services, self.store, teams.collect(), options).await?;
        let people: HashSet<&Email> = gave.given.values().map(|(p, _)| &p.email).collect();
        let is_news =
            |finding: &Finding| finding.email.as_ref().is_none_or(|e| !people.contains(e));
        let news: Vec<Finding> = found.into_iter().filter(is_news).collect();
        gave.findings.extend(news);
        for (provision, standing) in gave.given.values_mut() {
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
        Ok(())
    }

    /// The flags that did not come with memberships that were just given, and are to be set now; each
    /// with the row of its membership.
    pub(super) async fn lacking(&self, gave: &Gave) -> Result<Vec<(Provision, i64)>, StoreError> {
        let is_given = |(row, standing): &&(Provision, Standing)| {
            row.kind == ProvisionKind::MemberAdd
                && standing.state == ProvisionState::Done
                && matches!(
                    standing.result,
                    Some(Provided::Added | Provided::AlreadyExists)
                )
        };
        let given = gave.given.values().filter(is_given);
        let given: Vec<Provision> = given.map(|(row, _)| row.clone()).collect();
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let now = clock::now();
        self.store
            .read(move |db| {
                let mut lacking = Vec::new();
                for row in given {
                    let open = Provisions::open(db, row.target.id(), &row.email, None)?;
                    let is_due = |open: &Provision| {
                        open.kind == ProvisionKind::MemberPromote && open.due <= now
                    };
                    lacking.extend(open.filter(is_due).map(|open| (open, row.row)));
                }
                Ok(lacking)
            })
            .await
    }
}

/// What became of the flags is told with the membership.
pub(super) fn join(membership: &mut Standing, flags: Standing) {
    let said = match flags.state {
        ProvisionState::Done => "the flags were set by a call of their own".to_owned(),
        state => {
            if state.is_amiss() {
                membership.state = state;
            }
            let why = flags.detail.unwrap_or_else(|| "not tried yet".to_owned());
            format!("the flags are not set yet: {why}")
        }
    };
    membership.detail = Some(match membership.detail.take() {
        Some(detail) => format!("{detail}; {said}"),
        None => said,
    });
}
