//! The rules once more, naively: who is covered, and what is due, one person at a time.

use super::*;

/// A world at a moment.
pub(super) struct Oracle<'a> {
    world: &'a World,
    now: Timestamp,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(world: &'a World, now: Timestamp) -> Self {
        Self { world, now }
    }

    /// Whether the grant's end has come, and its grace has passed unless it was revoked.
    fn is_over(&self, grant: &Grant) -> bool {
        let grace = match grant.revoked {
            true => SignedDuration::ZERO,
            false => self.world.policy.grace,
        };
        grant.end.is_some_and(|end| end + grace <= self.now)
    }

    fn grants(&self, target: &TargetRef, email: &Email) -> Vec<&'a Grant> {
        let key = email.written().to_lowercase();
        let grants = self.world.snapshot.grants.iter();
        grants
            .filter(|g| g.target == *target && g.email.written().to_lowercase() == key)
            .collect()
    }

    /// Whether a grant gives the person access to the target; or, with a role, that role.
    pub(super) fn covered(&self, target: &TargetRef, email: &Email, role: Option<Role>) -> bool {
        let grants = self.grants(target, email);
        grants
            .iter()
            .any(|g| role.is_none_or(|r| g.gives(r)) && g.start <= self.now && !self.is_over(g))
    }

    /// All that is due, by target, person and kind.
    pub(super) fn due(&self) -> BTreeSet<(TargetRef, Email, ActionKind)> {
        let snapshot = &self.world.snapshot;
        let granted = snapshot.grants.iter().map(|g| (&g.target, &g.email));
        let members = snapshot.members.iter().map(|m| (&m.target, &m.email));
        let invited = snapshot.invites.iter().map(|i| (&i.target, &i.email));
        let people: BTreeSet<_> = granted.chain(members).chain(invited).collect();
        let mut due = BTreeSet::new();
        for (target, email) in people {
            for kind in self.kinds(target, email) {
                due.insert((target.clone(), email.clone(), kind));
            }
        }
        due
    }

    /// What is due for one person on one target.
    fn kinds(&self, target: &TargetRef, email: &Email) -> BTreeSet<ActionKind> {
        let grants = self.grants(target, email);
        let over: Vec<_> = grants.into_iter().filter(|g| self.is_over(g)).collect();
        let covered = self.covered(target, email, None);
        let access_over = !covered && over.iter().any(|g| g.role.is_none());
        let mut kinds = BTreeSet::new();
        if target.team().is_none() {
            kinds.extend(access_over.then_some(ActionKind::WhitelistRemove));
            return kinds;
        }
        let lost = |role| {
            over.iter().any(|g| g.role == Some(role)) && !self.covered(target, email, Some(role))
        };
        let snapshot = &self.world.snapshot;
        let is = |t: &TargetRef, e: &Email| (t, e) == (target, email);
        let members: Vec<_> = snapshot
            .members
            .iter()
            .filter(|m| is(&m.target, &m.email))
            .collect();
        let invites: Vec<_> = snapshot
            .invites
            .iter()
            .filter(|i| is(&i.target, &i.email))
            .collect();
        let readable = snapshot.sources.get(target) == Some(&SourceHealth::Complete);
        let unknown = !readable && members.is_empty() && invites.is_empty();
        let held = |role| {
            lost(role) && (members.iter().any(|m| m.has(role)) || !readable && members.is_empty())
        };
        if !access_over && Role::ALL.into_iter().any(held) {
            kinds.insert(ActionKind::MemberDemote);
        }
        // Who joined only after the end is another matter.
        let end = over.iter().filter_map(|g| g.end).max();
        let ended = |m: &&&Member| {
            access_over && end.is_some_and(|end| m.since() <= end + SignedDuration::from_mins(10))
        };
        if access_over {
            let member = members.iter().any(|m| ended(&m));
            kinds.extend((member || unknown).then_some(ActionKind::MemberRemove));
            kinds.extend((!invites.is_empty()).then_some(ActionKind::InviteRevoke));
        }
        if !readable {
            return kinds;
        }
        let rule = &snapshot.rules[target];
        let old = |m: &Member| rule.max_age.is_some_and(|age| m.since() + age <= self.now);
        let left_behind = |since: Timestamp| {
            snapshot
                .whitelist_over
                .iter()
                .any(|((whitelist, who), over)| {
                    rule.follow.as_ref() == Some(whitelist)
                        && who == email
                        && *over <= self.now
                        && since <= *over
                })
        };
        let goes = |m: &Member| !covered && (old(m) || left_behind(m.since()));
        if members.iter().any(|m| goes(m)) {
            kinds.insert(ActionKind::MemberRemove);
        }
        let with_member = members.iter().any(|m| goes(m));
        let stale = self.world.policy.invite_stale_after;
        let bounces = snapshot.suppressed.iter().any(|((account, who), since)| {
            account == target.account() && who == email && *since <= self.now
        }) && self.world.policy.revoke_suppressed_invites;
        let taken_back = |i: &&Invite| {
            with_member
                || (!covered && left_behind(i.first_seen))
                || i.first_seen + stale <= self.now
                || (bounces && i.first_seen <= self.now)
        };
        if invites.iter().copied().any(|i| taken_back(&i)) {
            kinds.insert(ActionKind::InviteRevoke);
        }
        kinds
    }
}
