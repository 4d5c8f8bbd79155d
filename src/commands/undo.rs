//! Gives back what a run removed, and says what cannot be given back as it was.

use jiff::Timestamp;
use serde::Serialize;

use super::requests::{GiveError, Given, Request, Requests};
use crate::clock;
use crate::domain::{Flags, Provided, Provider, Reason, Target, When};
use crate::store::{Kept, Ledger, Lock, Lost, NewGrant, Same};
use crate::text::{minute, short_run};

/// Why nothing is given back to an address that somebody else has.
const TAKEN_OVER: &str =
    "the address is another member's now; grant gives access to an address of their own";

/// So many people are named who need an end.
const NAMED: usize = 20;

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Undone {
    /// What was given back.
    pub results: Vec<Given>,
    /// What was not.
    pub not_given: Vec<NotGiven>,
}

/// Something that cannot be given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NotGiven {
    pub email: String,
    pub target: Target,
    pub why: String,
}

/// What would be given back.
#[derive(Debug)]
pub(crate) struct WouldGive {
    pub grants: Vec<GivenBack>,
    pub not_given: Vec<NotGiven>,
}

/// A grant that would be given back.
#[derive(Debug)]
pub(crate) struct GivenBack {
    pub grant: NewGrant,
    /// Why the access was removed.
    pub removed_for: Reason,
}

/// What giving back comes to.
#[derive(Debug, Default)]
struct Plan {
    requests: Vec<Request>,
    /// What is known beside each request.
    beside: Vec<Beside>,
    /// Who has no end of their own that lies ahead, as `EMAIL on TARGET`.
    endless: Vec<String>,
    not_given: Vec<NotGiven>,
}

/// What is known of who gets something back.
#[derive(Debug, Clone, Copy)]
struct Beside {
    was_member: bool,
    removed_for: Reason,
}

impl Plan {
    fn leave_out_taken_over(&mut self, lost: &[Lost]) {
        let is_taken_over = |request: &Request| {
            let grant = &request.grant;
            let same = |lost: &&Lost| lost.email == grant.email && *lost.target == grant.target;
            lost.iter().filter(same).any(|lost| lost.taken_over)
        };
        let requests = self.requests.iter().enumerate();
        let taken_over = requests.filter(|(_, request)| is_taken_over(request));
        let taken_over = taken_over.map(|(place, _)| (place, TAKEN_OVER.to_owned()));
        self.leave_out(taken_over.collect());
    }

    /// Takes out what cannot be given, as in a team that is not there any more: the rest can.
    fn leave_out(&mut self, faults: Vec<(usize, String)>) {
        for (place, why) in faults.into_iter().rev() {
            self.beside.remove(place);
            let Request { grant, .. } = self.requests.remove(place);
            self.not_given.push(NotGiven {
                email: grant.email.written().to_owned(),
                target: grant.target,
                why,
            });
        }
    }
}

impl Requests<'_> {
    /// Gives back what a run removed, with the same permissions, flags and ends. `end` is for those
    /// whose end has passed, or who never had one.
    ///
    /// # Errors
    /// When there is no such run, or an end is needed and none is given.
    pub(crate) async fn undo(
        &self,
        lock: Lock,
        run: String,
        end: Option<When>,
    ) -> Result<Undone, GiveError> {
        let at = clock::now();
        let mut plan = self.plan_undo(&run, end, at).await?;
        let (seen, faults) = self.check(&plan.requests, Same::Running).await?;
        plan.leave_out(faults);
        // The look at the teams may have shown that by now.
        let lost = self.store.read(move |db| Ledger::lost(db, &run, at));
        plan.leave_out_taken_over(&lost.await?.unwrap_or_default());
        let mut results = self
            .give_checked(lock, plan.requests, Same::Running, &seen)
            .await?;
        for (given, beside) in results.iter_mut().zip(plan.beside) {
            if beside.was_member && given.result == Some(Provided::Invited) {
                let flags = given.detail.take();
                let flags = flags.map(|d| format!("; {}", d.trim_start_matches("invited; ")));
                let flags = flags.unwrap_or_default();
                given.detail = Some(format!("was a member, and is invited now{flags}"));
            }
        }
        Ok(Undone {
            results,
            not_given: plan.not_given,
        })
    }

    /// What `undo` would give back by the records: calls nobody, and waits for nobody.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn foresee_undo(
        &self,
        run: &str,
        end: Option<When>,
    ) -> Result<WouldGive, GiveError> {
        let plan = self.plan_undo(run, end, clock::now()).await?;
        let grants = plan.requests.into_iter().zip(plan.beside);
        let grants = grants.map(|(request, beside)| GivenBack {
            grant: request.grant,
            removed_for: beside.removed_for,
        });
        Ok(WouldGive {
            grants: grants.collect(),
            not_given: plan.not_given,
        })
    }

    async fn plan_undo(
        &self,
        run: &str,
        end: Option<When>,
        at: Timestamp,
    ) -> Result<Plan, GiveError> {
        let fault = |why: String| GiveError::Faults(vec![(0, why)]);
        let wanted = run.to_owned();
        if let Some(past) = end.and_then(When::at).filter(|end| *end <= at) {
            let past = minute(past, &self.settings.timezone);
            return Err(fault(format!("end: {past} is past")));
        }
        let lost = self
            .store
            .read(move |db| Ledger::lost(db, &wanted, at))
            .await?
            .ok_or_else(|| fault(format!("run: there is no run {run:?} in the database")))?;
        if lost.is_empty() {
            return Err(fault(format!(
                "run: nothing was removed in {}",
                short_run(run)
            )));
        }
        let plan = plan(lost, run, end);
        if !plan.endless.is_empty() {
            let more = plan.endless.len().saturating_sub(NAMED);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            return Err(fault(format!(
                "end: these have no end in the future; say when access ends with --end WHEN (or --end never): {}{more}",
                plan.endless[..plan.endless.len().min(NAMED)].join(", ")
            )));
        }
        Ok(plan)
    }
}

fn plan(lost: Vec<Lost>, run: &str, end: Option<When>) -> Plan {
    let mut plan = Plan::default();
    for lost in lost {
        if lost.taken_over {
            plan.not_given.push(NotGiven {
                email: lost.email.written().to_owned(),
                target: (*lost.target).clone(),
                why: TAKEN_OVER.to_owned(),
            });
            continue;
        }
        let place = format!("{} on {}", lost.email, lost.target);
        let mut grants: Vec<NewGrant> = Vec::new();
        let mut needs_end = false;
        if lost.access {
            match access(&lost, run, end) {
                UndoneAccess::Grants(access) => grants.extend(access),
                UndoneAccess::NeedsEnd => needs_end = true,
                UndoneAccess::Unknown(why) => plan.not_given.push(NotGiven {
                    email: lost.email.written().to_owned(),
                    target: (*lost.target).clone(),
                    why,
                }),
            }
        }
        let roles = lost.closed.iter().filter(|kept| kept.grant.role.is_some());
        for kept in roles {
            let is_due = kept
                .grant
                .role
                .is_some_and(|role| lost.roles.contains(&role));
            match (running(&lost, kept), kept.end, end) {
                (Some(running), ..) => grants.push(running),
                (None, Some(own), _) => grants.push(until(kept, own)),
                (None, None, Some(given)) if is_due => grants.push(until(kept, given)),
                // A role that was over by itself before the membership went stays over.
                (None, None, _) => needs_end |= is_due,
            }
        }
        if needs_end {
            plan.endless.push(place);
        }
        for grant in grants {
            plan.beside.push(Beside {
                was_member: lost.was_member && grant.role.is_none(),
                removed_for: lost.reason,
            });
            plan.requests.push(Request {
                flags: if grant.role.is_none() {
                    lost.flags
                } else {
                    Flags::default()
                },
                grant,
            });
        }
    }
    plan
}

/// What becomes of access as a whole.
enum UndoneAccess {
    Grants(Vec<NewGrant>),
    NeedsEnd,
    Unknown(String),
}

fn access(lost: &Lost, run: &str, end: Option<When>) -> UndoneAccess {
    if let Some(running) = lost.running.iter().find(|grant| grant.role.is_none()) {
        return UndoneAccess::Grants(vec![running.clone()]);
    }
    let closed: Vec<&Kept> = lost
        .closed
        .iter()
        .filter(|kept| kept.grant.role.is_none())
        .collect();
    let ahead: Vec<NewGrant> = closed
        .iter()
        .filter_map(|kept| Some(until(kept, kept.end?)))
        .collect();
    if !ahead.is_empty() {
        return UndoneAccess::Grants(ahead);
    }
    if closed.is_empty() && lost.target.provider() == Provider::Sentius {
        // A yes to a removal does not say that an entry was there.
        return UndoneAccess::Unknown(
            "no grant is on record for it, so nobody knows what the entry allowed, or whether there was one"
                .to_owned(),
        );
    }
    let Some(end) = end else {
        return UndoneAccess::NeedsEnd;
    };
    let last = closed.into_iter().max_by_key(|kept| kept.grant.end);
    UndoneAccess::Grants(vec![match last {
        Some(kept) => until(kept, end),
        None => NewGrant {
            email: lost.email.clone(),
            target: (*lost.target).clone(),
            name: None,
            permissions: Vec::new(),
            role: None,
            start: None,
            end: end.at(),
            owner: None,
            reason: Some(format!("undo of {run} ({})", lost.reason.as_str())),
            as_written: format!("undo {run}"),
            source: None,
        },
    }])
}

fn running(lost: &Lost, kept: &Kept) -> Option<NewGrant> {
    let same = |grant: &&NewGrant| grant.role == kept.grant.role;
    lost.running.iter().find(same).cloned()
}

/// The same grant anew, until then.
fn until(kept: &Kept, end: When) -> NewGrant {
    NewGrant {
        end: end.at(),
        ..kept.grant.clone()
    }
}
