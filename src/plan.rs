//! Decides what time has made due: pure, total, and in the same order every time.
//!
//! This is where it is decided who loses access. Each rule has its own file. If several rules apply
//! to a person, the person gets one action of each kind, with the reason of the first rule.

mod grants;
mod invites;
pub(crate) mod provision;
mod returned;
mod team;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{
    Action, Email, Grant, Invite, LeftAlone, Member, Obligation, Plan, Policy, Snapshot,
    SourceHealth, TargetRef, Why,
};

/// The plan for `now`. The rules apply in this order: ended grants and roles, a team that follows a
/// whitelist, a team's `max_age`, suppressed and stale invites, and who came back.
pub(crate) fn plan(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Plan {
    let mut planner = Planner::new(snapshot, policy, now);
    grants::ended(&mut planner);
    team::follow(&mut planner);
    team::max_age(&mut planner);
    invites::suppressed(&mut planner);
    invites::stale(&mut planner);
    returned::again(&mut planner);
    planner.finish()
}

/// Whether the grant's end is to be acted on: that of a revoked grant at once, others after the
/// grace.
fn is_over(grant: &Grant, policy: &Policy, now: Timestamp) -> bool {
    let cutoff = || now.checked_sub(policy.grace).unwrap_or(Timestamp::MIN);
    grant.is_over(if grant.revoked { now } else { cutoff() })
}

/// Whether the grant gives access: it has begun, and its end is not to be acted on yet. An end
/// within the grace still counts.
pub(crate) fn covers(grant: &Grant, policy: &Policy, now: Timestamp) -> bool {
    !grant.closed && grant.start <= now && !is_over(grant, policy, now)
}

/// What the rules share while a plan is made: lookups, and the actions so far.
struct Planner<'a> {
    snapshot: &'a Snapshot,
    policy: &'a Policy,
    now: Timestamp,
    grants: BTreeMap<Who<'a>, Vec<&'a Grant>>,
    /// By target, person and id.
    members: Vec<&'a Member>,
    /// By target, person and age.
    invites: Vec<&'a Invite>,
    actions: BTreeMap<Obligation, Action>,
    left_alone: Vec<LeftAlone>,
}

/// A person on a target.
type Who<'a> = (&'a TargetRef, &'a Email);

impl<'a> Planner<'a> {
    fn new(snapshot: &'a Snapshot, policy: &'a Policy, now: Timestamp) -> Self {
        // Sorted, so that the plan does not depend on the order of the rows.
        let mut in_order: Vec<&Grant> = snapshot.grants.iter().collect();
        in_order.sort_by_key(|g| {
            (
                g.end,
                g.start,
                g.revoked,
                g.role,
                g.closed,
                g.email.written(),
            )
        });
        let mut grants: BTreeMap<Who<'a>, Vec<&'a Grant>> = BTreeMap::new();
        for grant in in_order {
            grants
                .entry((&grant.target, &grant.person))
                .or_default()
                .push(grant);
        }
        let mut members: Vec<&Member> = snapshot.members.iter().collect();
        members.sort_by_key(|m| (&m.target, &m.email, &m.remote_id, m.email.written()));
        let mut invites: Vec<&Invite> = snapshot.invites.iter().collect();
        invites.sort_by_key(|i| (&i.target, &i.email, i.first_seen, i.email.written()));
        Self {
            snapshot,
            policy,
            now,
            grants,
            members,
            invites,
            actions: BTreeMap::new(),
            left_alone: Vec::new(),
        }
    }

    /// The person's memberships: one, but for a team that shows the same address twice.
    fn memberships(&self, who: Who<'_>) -> &[&'a Member] {
        let from = self
            .members
            .partition_point(|m| (&m.target, &m.email) < who);
        let to = self
            .members
            .partition_point(|m| (&m.target, &m.email) <= who);
        &self.members[from..to]
    }

    /// The person's invite, the oldest one.
    fn invite(&self, who: Who<'_>) -> Option<&'a Invite> {
        let at = self
            .invites
            .partition_point(|i| (&i.target, &i.email) < who);
        let invite = self.invites.get(at).copied()?;
        ((&invite.target, &invite.email) == who).then_some(invite)
    }

    /// The same for this plan.
    fn is_over(&self, grant: &Grant) -> bool {
        is_over(grant, self.policy, self.now)
    }

    /// A grant that gives this person access to this target now, the longest one; an end within
    /// the grace still counts.
    fn covering(&self, who: Who<'_>) -> Option<&'a Grant> {
        self.longest(who, |_| true)
    }

    /// Of the grants meant that have begun and whose end is not to be acted on yet, the longest.
    fn longest(&self, who: Who<'_>, meant: impl Fn(&Grant) -> bool) -> Option<&'a Grant> {
        self.grants
            .get(&who)?
            .iter()
            .copied()
            .filter(|g| meant(g) && covers(g, self.policy, self.now))
            .max_by_key(|g| (g.end.is_none(), g.end))
    }

    /// When the person's next grant on this target begins.
    fn next_start(&self, who: Who<'_>) -> Option<Timestamp> {
        let grants = self.grants.get(&who)?;
        // One that was revoked before its start gives nothing.
        let gives = |g: &&&Grant| !g.closed && g.end.is_none_or(|end| end > g.start);
        let starts = grants.iter().filter(gives).map(|g| g.start);
        starts.filter(|start| *start > self.now).min()
    }

    /// Adds an action unless another rule has already asked for the same.
    fn due(&mut self, action: Action) {
        let shares_address = self.memberships((&action.target, &action.email)).len() > 1;
        let action = Action {
            shares_address,
            ..action
        };
        self.actions.entry(action.obligation()).or_insert(action);
    }

    fn leave(&mut self, who: Who<'_>, why: Why) {
        self.left_alone.push(LeftAlone {
            target: who.0.clone(),
            email: who.1.clone(),
            why,
        });
    }

    /// Leaves a covered person alone, and records until when.
    fn leave_covered(&mut self, who: Who<'_>, grant: &Grant) {
        let why = match grant.end {
            Some(end) if end <= self.now => {
                Why::WithinGrace(end.checked_add(self.policy.grace).unwrap_or(Timestamp::MAX))
            }
            end => Why::CoveredUntil(end),
        };
        self.leave(who, why);
    }

    /// Whether the people that this pass's reading shows may be acted on. A doubtful reading is
    /// doubtful only about who is missing.
    fn is_readable(&self, target: &TargetRef) -> bool {
        matches!(
            self.snapshot.sources.get(target),
            Some(SourceHealth::Complete | SourceHealth::Doubtful)
        )
    }

    /// Whether the team has never been read.
    fn is_unknown(&self, target: &TargetRef) -> bool {
        !self.is_readable(target) && !self.snapshot.read_before.contains(target)
    }

    /// Whether the membership is that of the key's holder, to which no rule applies.
    fn is_holder(&self, member: &Member) -> bool {
        let holder = self.snapshot.holders.get(&member.target);
        holder.is_some_and(|holder| holder.is(&member.remote_id, &member.email))
    }

    /// When the person's last access on a target ended, if it did.
    fn last_end(&self, who: Who<'_>) -> Option<Timestamp> {
        let ends = self.grants.get(&who)?.iter().filter_map(|g| g.end);
        ends.filter(|end| *end <= self.now).max()
    }

    fn finish(mut self) -> Plan {
        // Several rules may have looked at the same person.
        self.left_alone
            .sort_by(|a, b| (&a.target, &a.email, a.why).cmp(&(&b.target, &b.email, b.why)));
        self.left_alone.dedup();
        let mut actions: Vec<Action> = self.actions.into_values().collect();
        actions.sort_by(|a, b| {
            (a.due, &a.target, &a.email, a.kind, a.role, &a.person)
                .cmp(&(b.due, &b.target, &b.email, b.kind, b.role, &b.person))
        });
        Plan {
            actions,
            left_alone: self.left_alone,
        }
    }
}

#[cfg(test)]
mod tests;
