//! Groups what is to be given into calls: people who are added to one team with equal flags go
//! together, everything else alone.

use std::collections::{HashMap, VecDeque};

use crate::domain::{Flags, TargetId, TargetRef};
use crate::execute::attempt::Account;
use crate::store::{Outlook, Provision};

/// How many addresses one call carries. The provider's limit is not documented; a hundred is well
/// within any request size.
const TOGETHER: usize = 100;

/// What one call gives.
#[derive(Debug)]
pub(crate) struct Work {
    /// People of one team who are added with the same flags; or one row of any kind.
    pub(crate) rows: Vec<Provision>,
    /// Whether a call will probably be needed.
    calls: bool,
}

impl Work {
    /// A row that is given alone.
    pub(crate) fn alone(row: Provision) -> Self {
        Self {
            rows: vec![row],
            calls: true,
        }
    }

    /// The same call for those who are left of it.
    pub(crate) fn with(self, rows: Vec<Provision>) -> Self {
        Self { rows, ..self }
    }

    /// Whether it needs a membership that may come with another work.
    pub(crate) fn follows(&self) -> bool {
        self.rows.iter().any(|row| row.role.is_some())
    }

    /// Where it is done.
    pub(super) fn target(&self) -> Option<&TargetRef> {
        Some(&self.rows.first()?.target)
    }
}

/// The calls for these rows, in their order; roles come after the memberships that they need.
pub(crate) fn group(rows: Vec<(Provision, Outlook)>) -> VecDeque<Work> {
    let mut works: Vec<Work> = Vec::new();
    // The call for each team and set of flags that still has room.
    let mut open: HashMap<(TargetId, Flags), usize> = HashMap::new();
    for (row, outlook) in rows {
        // What a call for many did not settle is tried alone: one of them may have been the reason.
        if let Outlook::Add(flags) = outlook
            && !row.tried
        {
            let place = *open
                .entry((row.target.id(), flags))
                .and_modify(|place| {
                    if works[*place].rows.len() >= TOGETHER {
                        *place = works.len();
                    }
                })
                .or_insert(works.len());
            match works.get_mut(place) {
                Some(work) => work.rows.push(row),
                None => works.push(Work::alone(row)),
            }
            continue;
        }
        works.push(Work {
            calls: outlook != Outlook::Nothing,
            ..Work::alone(row)
        });
    }
    works.sort_by_key(Work::follows);
    works.into()
}

/// Takes the next works off, until some account would get more than `most` calls.
pub(crate) fn next(works: &mut VecDeque<Work>, most: usize) -> Vec<Work> {
    let mut calls: HashMap<Account, usize> = HashMap::new();
    let mut batch = Vec::new();
    while let Some(work) = works.pop_front() {
        if let Some(target) = work.target().filter(|_| work.calls) {
            let calls = calls.entry(target.account_name()).or_default();
            if *calls >= most {
                works.push_front(work);
                break;
            }
            *calls += 1;
        }
        batch.push(work);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Email, ProvisionKind, Role};
    use crate::store::Asked;

    fn row(number: i64, team: i64, role: Option<Role>) -> Provision {
        let target = format!("sapling:acme/Team {team}");
        Provision {
            row: number,
            kind: ProvisionKind::MemberAdd,
            target: TargetRef::new(TargetId(team), target.parse().unwrap()),
            email: Email::observed(&format!("p{number}@example.com")),
            role,
            flags: Flags::default(),
            due: jiff::Timestamp::UNIX_EPOCH,
            tried: false,
            unanswered: false,
            gap: false,
            asked: Asked {
                command: "import".to_owned(),
                by: "anna".to_owned(),
            },
        }
    }

    fn sizes(works: &VecDeque<Work>) -> Vec<usize> {
        works.iter().map(|work| work.rows.len()).collect()
    }

    #[test]
    fn equal_flags_in_one_team_go_together_up_to_a_hundred() {
        let edit = Flags::only(Role::Edit);
        let flags = |n: i64| match n {
            0..120 => edit,
            120..220 => Flags::default(),
            _ => Flags::only(Role::Inspect),
        };
        let rows = (0..250).map(|n| (row(n, 1, None), Outlook::Add(flags(n))));
        assert_eq!(sizes(&group(rows.collect())), [100, 20, 100, 30]);
        let teams = (0..4).map(|n| (row(n, n % 2, None), Outlook::Add(edit)));
        assert_eq!(sizes(&group(teams.collect())), [2, 2]);
    }

    #[test]
    fn what_was_tried_goes_alone_and_roles_go_last() {
        let tried = Provision {
            tried: true,
            ..row(2, 1, None)
        };
        let add = Outlook::Add(Flags::default());
        let works = group(vec![
            (row(0, 1, Some(Role::Edit)), Outlook::Call),
            (row(1, 1, None), add),
            (tried, add),
            (row(3, 1, None), add),
        ]);
        let rows: Vec<Vec<i64>> = works
            .iter()
            .map(|work| work.rows.iter().map(|row| row.row).collect())
            .collect();
        assert_eq!(rows, [vec![1, 3], vec![2], vec![0]]);
    }

    #[test]
    fn a_batch_ends_with_its_calls_and_what_needs_none_costs_nothing() {
        let rows = (0..9).map(|n| {
            let outlook = if n < 5 {
                Outlook::Nothing
            } else {
                Outlook::Call
            };
            (row(n, 1, None), outlook)
        });
        let mut works = group(rows.collect());
        assert_eq!(next(&mut works, 2).len(), 7);
        assert_eq!(next(&mut works, 2).len(), 2);
        assert!(next(&mut works, 2).is_empty() && works.is_empty());
    }
}
