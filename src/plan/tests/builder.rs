//! Small snapshots in few words: times are hours on a grid, people have one letter.

use super::*;
use crate::domain::TargetId;

pub(super) const MS: SignedDuration = SignedDuration::from_millis(1);

pub(super) fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + hour * 3600).unwrap()
}

pub(super) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(super) fn target(id: i64, text: &str) -> TargetRef {
    TargetRef::new(TargetId(id), text.parse().unwrap())
}

pub(super) fn whitelist() -> TargetRef {
    target(1, "sentius:acme")
}

pub(super) fn team() -> TargetRef {
    target(2, "sapling:acme/Core")
}

pub(super) fn address(text: &str) -> Email {
    Email::observed(text)
}

pub(super) fn ann() -> Email {
    address("Ann@Example.com")
}

/// A grant from hour 0 on; `None` is for ever.
pub(super) fn grant(target: &TargetRef, end: Option<i64>) -> Grant {
    Grant {
        target: target.clone(),
        email: ann(),
        person: ann(),
        role: None,
        flags: Flags::default(),
        start: at(0),
        end: end.map(at),
        revoked: false,
        closed: false,
        reopened: false,
    }
}

pub(super) fn role(role: Role, end: Option<i64>) -> Grant {
    Grant {
        role: Some(role),
        ..grant(&team(), end)
    }
}

/// A member since hour 0 with all roles.
pub(super) fn member() -> Member {
    Member {
        target: team(),
        remote_id: "m-1".into(),
        email: address("ann@example.com"),
        flags: Flags {
            is_admin: true,
            is_manager: true,
            edit_permission: true,
            inspect_permission: true,
        },
        created_at: Some(at(0)),
        first_seen: at(0),
        there_since: Some(at(0)),
        continues: false,
        returned_at: None,
        removed_at: None,
    }
}

/// An invite first seen at hour 0.
pub(super) fn invite() -> Invite {
    Invite {
        target: team(),
        email: address("ANN@example.com"),
        spellings: vec![address("ANN@example.com")],
        first_seen: at(0),
        there_since: Some(at(0)),
        returned_at: None,
        removed_at: None,
    }
}

/// A team that was read completely, and a policy without grace whose invites never get stale.
pub(super) struct World {
    pub(super) snapshot: Snapshot,
    pub(super) policy: Policy,
}

impl World {
    pub(super) fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        let mut snapshot = Snapshot {
            grants: grants.into_iter().collect(),
            ..Snapshot::default()
        };
        snapshot.sources.insert(team(), SourceHealth::Complete);
        snapshot.read_before.insert(team());
        let spellings = snapshot.grants.iter().filter(|g| g.target == whitelist());
        for grant in spellings.cloned().collect::<Vec<_>>() {
            let key = (whitelist(), grant.person.clone());
            let entries = snapshot.entries.entry(key).or_default();
            if !entries.iter().any(|e| e.written() == grant.email.written()) {
                entries.push(grant.email);
            }
        }
        Self {
            snapshot,
            policy: Policy {
                grace: SignedDuration::ZERO,
                invite_stale_after: hours(1000),
                revoke_suppressed_invites: true,
                remove_returned: false,
            },
        }
    }

    pub(super) fn member(mut self, member: Member) -> Self {
        self.snapshot.members.push(member);
        self
    }

    pub(super) fn invite(mut self, invite: Invite) -> Self {
        self.snapshot.invites.push(invite);
        self
    }

    pub(super) fn grace(mut self, hours_long: i64) -> Self {
        self.policy.grace = hours(hours_long);
        self
    }

    pub(super) fn stale_after(mut self, hours_long: i64) -> Self {
        self.policy.invite_stale_after = hours(hours_long);
        self
    }

    pub(super) fn suppressed(mut self, since: i64) -> Self {
        let address = ("acme".to_owned(), ann());
        self.snapshot.suppressed.insert(address, at(since));
        self
    }

    pub(super) fn unreadable(mut self) -> Self {
        self.snapshot.sources.insert(team(), SourceHealth::Missing);
        self
    }

    pub(super) fn max_age(mut self, hours_long: i64) -> Self {
        let rule = self.snapshot.rules.entry(team()).or_default();
        rule.max_age = Some(hours(hours_long));
        self
    }

    pub(super) fn follow(mut self) -> Self {
        let rule = self.snapshot.rules.entry(team()).or_default();
        rule.follow = Some(whitelist());
        self
    }

    /// Ann's access to the whitelist is over since then.
    pub(super) fn whitelist_over(mut self, since: i64) -> Self {
        let over = &mut self.snapshot.whitelist_over;
        over.insert((whitelist(), ann()), at(since));
        self
    }

    pub(super) fn plan(&self, now: Timestamp) -> Plan {
        plan(&self.snapshot, &self.policy, now)
    }

    /// What is due at that hour: kinds and reasons, in the words of the output.
    pub(super) fn due(&self, hour: i64) -> Vec<String> {
        words(&self.plan(at(hour)))
    }

    /// Why somebody is left alone at that hour.
    pub(super) fn left(&self, hour: i64) -> Vec<Why> {
        let left = self.plan(at(hour)).left_alone;
        left.iter().map(|l| l.why).collect()
    }
}

pub(super) fn words(plan: &Plan) -> Vec<String> {
    let word = |a: &Action| format!("{} {}", a.kind.as_str(), a.reason.as_str());
    plan.actions.iter().map(word).collect()
}

/// The only action of a plan.
pub(super) fn only(plan: &Plan) -> &Action {
    assert_eq!(plan.actions.len(), 1, "{plan:#?}");
    &plan.actions[0]
}

pub(super) fn membership(id: &str) -> Means {
    Means::Membership(id.to_owned())
}
