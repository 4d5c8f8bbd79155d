//! Random worlds: three people, two whitelists and two teams, times on a small grid.

use super::*;
use crate::domain::TeamPolicy;

const PEOPLE: [&str; 3] = ["ann@x.example", "bob@x.example", "cyd@x.example"];

/// A person by number, and whether the address is in capitals.
type Person = (usize, bool);

/// A grant before its numbers are times: target, person, role, start, end, revoked.
type RawGrant = (usize, Person, Option<Role>, i64, Option<i64>, bool);

/// A team's rules: whether read, whether completely, `max_age`, the followed whitelist.
type RawTeam = (Option<SourceHealth>, Option<i64>, Option<usize>);

/// A world of numbers.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    grants: Vec<RawGrant>,
    /// Team, person, admin, manager, since.
    members: Vec<(usize, Person, bool, bool, i64)>,
    /// Team, person, first seen.
    invites: Vec<(usize, Person, i64)>,
    /// By person.
    suppressed: Vec<(usize, i64)>,
    /// Whitelist, person, since.
    whitelist_over: Vec<(usize, usize, i64)>,
    teams: [RawTeam; 2],
    /// Grace, age of invites, whether bouncing ones go.
    policy: (i64, i64, bool),
}

pub(super) fn raw() -> impl Strategy<Value = Raw> {
    use proptest::collection::vec;
    use proptest::option::of;
    let person = || (0..PEOPLE.len(), any::<bool>());
    let role = || of((0..Role::ALL.len()).prop_map(|n| Role::ALL[n]));
    let grant = (
        0_usize..4,
        person(),
        role(),
        0_i64..6,
        of(0_i64..10),
        prop::bool::weighted(0.2),
    );
    let health = prop_oneof![
        4 => Just(Some(SourceHealth::Complete)),
        1 => Just(Some(SourceHealth::Missing)),
        1 => Just(None),
    ];
    let team = (health, of(0_i64..8), of(0_usize..2));
    let member = (
        2_usize..4,
        person(),
        any::<bool>(),
        any::<bool>(),
        0_i64..10,
    );
    (
        vec(grant, 0..9),
        vec(member, 0..6),
        vec((2_usize..4, person(), 0_i64..10), 0..5),
        vec((0..PEOPLE.len(), 0_i64..12), 0..3),
        vec((0_usize..2, 0..PEOPLE.len(), 0_i64..12), 0..4),
        [team.clone(), team],
        (0_i64..4, 1_i64..8, any::<bool>()),
    )
        .prop_map(
            |(grants, members, invites, suppressed, whitelist_over, teams, policy)| Raw {
                grants,
                members,
                invites,
                suppressed,
                whitelist_over,
                teams,
                policy,
            },
        )
}

/// Two whitelists, then two teams.
fn place(number: usize) -> TargetRef {
    let names = [
        "sentius:acme",
        "sentius:beta",
        "sapling:acme/Core",
        "sapling:acme/Ops",
    ];
    target(i64::try_from(number).unwrap(), names[number])
}

fn person((number, capitals): Person) -> Email {
    let written = PEOPLE[number];
    if capitals {
        address(&written.to_uppercase())
    } else {
        address(written)
    }
}

impl Raw {
    /// The world with its numbers as times and spans.
    pub(super) fn world(
        &self,
        time: fn(i64) -> Timestamp,
        span: fn(i64) -> SignedDuration,
    ) -> World {
        let mut world = World::new([]);
        let snapshot = &mut world.snapshot;
        let grant = |&(at, who, role, start, end, revoked): &RawGrant| Grant {
            target: place(at),
            email: person(who),
            person: person(who),
            role: role.filter(|_| at >= 2),
            // Half of the memberships come with a flag.
            flags: match role {
                None if at >= 2 && start % 2 == 0 => Flags::only(Role::Edit),
                _ => Flags::default(),
            },
            start: time(start),
            end: end.map(time),
            revoked: revoked && end.is_some(),
            closed: false,
            reopened: false,
        };
        snapshot.grants = self.grants.iter().map(grant).collect();
        for grant in snapshot.grants.iter().filter(|g| g.target.team().is_none()) {
            let key = (grant.target.clone(), grant.person.clone());
            snapshot.entries.insert(key, vec![grant.email.clone()]);
        }
        let members = self.members.iter().enumerate();
        snapshot.members = members
            .map(|(row, &(at, who, is_admin, is_manager, since))| Member {
                target: place(at),
                remote_id: format!("m-{row}"),
                email: person(who),
                flags: Flags {
                    is_admin,
                    is_manager,
                    edit_permission: is_manager,
                    inspect_permission: is_admin,
                },
                created_at: Some(time(since)),
                first_seen: time(since),
                there_since: Some(time(since)),
                continues: false,
                returned_at: None,
                removed_at: None,
            })
            .collect();
        let invite = |&(at, who, first_seen): &(usize, Person, i64)| Invite {
            target: place(at),
            email: person(who),
            spellings: vec![person(who)],
            first_seen: time(first_seen),
            there_since: Some(time(first_seen)),
            returned_at: None,
            removed_at: None,
        };
        snapshot.invites = self.invites.iter().map(invite).collect();
        for &(who, since) in &self.suppressed {
            let key = ("acme".to_owned(), person((who, false)));
            snapshot.suppressed.insert(key, time(since));
        }
        for &(at, who, since) in &self.whitelist_over {
            let key = (place(at), person((who, true)));
            snapshot.whitelist_over.insert(key, time(since));
        }
        snapshot.sources.clear();
        snapshot.read_before.clear();
        for (number, (health, max_age, follow)) in self.teams.iter().enumerate() {
            let team = place(2 + number);
            if let Some(health) = health {
                snapshot.sources.insert(team.clone(), *health);
            }
            let rule = TeamPolicy {
                max_age: max_age.map(span),
                follow: follow.map(place),
            };
            snapshot.rules.insert(team, rule);
        }
        let (grace, stale, revoke_suppressed_invites) = self.policy;
        world.policy = Policy {
            grace: span(grace),
            invite_stale_after: span(stale),
            revoke_suppressed_invites,
            remove_returned: false,
        };
        world
    }
}

/// The ends of time, and what is next to them.
pub(super) fn extreme_time(number: i64) -> Timestamp {
    let times = [
        Timestamp::MIN,
        Timestamp::MIN + MS,
        Timestamp::UNIX_EPOCH,
        at(0),
        Timestamp::MAX - MS,
        Timestamp::MAX,
    ];
    times[usize::try_from(number).unwrap() % times.len()]
}

/// The longest spans, no span, and spans that no configuration lets through.
pub(super) fn extreme_span(number: i64) -> SignedDuration {
    let spans = [
        SignedDuration::ZERO,
        SignedDuration::MAX,
        MS,
        hours(36_500 * 24),
        SignedDuration::MIN,
        -MS,
    ];
    spans[usize::try_from(number).unwrap() % spans.len()]
}
