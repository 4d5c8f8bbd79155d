//! Compares the SQL fragments with the rules they repeat, on random databases.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::{Connection, Row, ToSql, named_params};

use super::sql;
use crate::domain::{
    ActionState, Email, Flags, Grant, Policy, Role, Scope, Snapshot, SourceHealth, TargetId,
};
use crate::plan::plan;
use crate::store::{db::open, db::values, queries::plan_input, tables::targets};

const PEOPLE: [&str; 3] = ["ann@example.com", "bob@example.com", "cyd@example.com"];
const FLAGS: [&str; 4] = ["admin", "manager", "edit", "inspect"];
/// A whitelist, a team that was read, and a team that could never be read.
const TARGETS: i64 = 3;

#[derive(Debug, Clone)]
struct RawGrant {
    target: i64,
    person: usize,
    /// In a team: a flag for a time.
    role: Option<usize>,
    /// In a team: the flag that the membership is given with.
    permission: Option<usize>,
    start: i64,
    end: Option<i64>,
    revoked: bool,
    /// Closed although it runs; it covers nothing.
    closed: bool,
}

/// Its flags, when it was made, whether it was an invite, and when it came back.
type RawMember = ([bool; 4], i64, bool, Option<i64>);

#[derive(Debug, Clone)]
struct Raw {
    grants: Vec<RawGrant>,
    /// Each person's membership of the team that was read.
    members: [Option<RawMember>; 3],
    /// Each person's invite to it: when it came again.
    invites: [Option<Option<i64>>; 3],
    /// Who has an entry on the whitelist.
    entries: [bool; 3],
    grace: i64,
    now: i64,
}

fn grant() -> impl Strategy<Value = RawGrant> {
    (
        (1..=TARGETS, 0..PEOPLE.len()),
        (
            prop::option::weighted(0.4, 0..FLAGS.len()),
            prop::option::of(2..FLAGS.len()),
        ),
        (0_i64..10, prop::option::weighted(0.8, 0_i64..12)),
        (any::<bool>(), prop::bool::weighted(0.2)),
    )
        .prop_map(
            |((target, person), (role, permission), (start, end), (revoked, closed))| {
                let role = role.filter(|_| target > 1);
                RawGrant {
                    target,
                    person,
                    role,
                    permission: permission.filter(|_| target > 1 && role.is_none()),
                    start,
                    end: end.map(|end| end.max(start)),
                    revoked: revoked && end.is_some(),
                    closed,
                }
            },
        )
}

fn raw() -> impl Strategy<Value = Raw> {
    let again = || prop::option::weighted(0.3, 0_i64..12);
    let member = (any::<[bool; 4]>(), 0_i64..12, any::<bool>(), again());
    let members = prop::option::of(member);
    let invites = prop::option::weighted(0.3, again());
    (
        vec(grant(), 1..9),
        [members.clone(), members.clone(), members],
        [invites.clone(), invites.clone(), invites],
        any::<[bool; 3]>(),
        (0_i64..4, 0_i64..14),
    )
        .prop_map(|(grants, members, invites, entries, (grace, now))| Raw {
            grants,
            members,
            invites,
            entries,
            grace,
            now,
        })
}

/// The hour of a random world.
fn at(hour: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 + hour)
}

impl Raw {
    fn store(&self, db: &Connection) -> rusqlite::Result<()> {
        db.execute_batch(
            "INSERT INTO target (id, provider, account, name) VALUES (1, 'sentius', 'acme', '');
             INSERT INTO target (id, provider, account, name, remote_id, listed) VALUES (2, 'sapling', 'acme', 'Core', 'core', 1);
             INSERT INTO target (id, provider, account, name, remote_id, listed) VALUES (3, 'sapling', 'acme', 'Ops', 'ops', 1);
             INSERT INTO source (kind, account, target, state, since, complete_at) VALUES ('team', 'acme', 2, 'complete', 0, 0);",
        )?;
        for grant in &self.grants {
            db.execute(
                "INSERT INTO grants (target, email, email_key, person, role, permissions, starts_at, ends_at, revoked,
                                     recorded_at, removed_at)
                 VALUES (:target, :email, :email, :email, :role, :permissions, :start, :end, :revoked, 0, :removed)",
                named_params! {
                    ":target": grant.target, ":email": PEOPLE[grant.person],
                    ":role": grant.role.map(|role| FLAGS[role]),
                    ":permissions": grant.permission.map_or("", |flag| FLAGS[flag]),
                    ":start": values::stored(at(grant.start)),
                    ":end": grant.end.map(|end| values::stored(at(end))), ":revoked": grant.revoked,
                    ":removed": self.is_closed(grant).then_some(0),
                },
            )?;
        }
        for (who, email) in PEOPLE.iter().enumerate() {
            if let Some((flags, created, was_invite, returned)) = self.members[who] {
                db.execute(
                    "INSERT INTO member (target, remote_id, email, email_key, is_admin, is_manager, edit_permission,
                                         inspect_permission, created_at, first_seen, valid_from, was_invite, returned_at)
                     VALUES (2, :email, :email, :email, :admin, :manager, :edit, :inspect, :created, 0, 0, :invite, :returned)",
                    named_params! {
                        ":email": email, ":admin": flags[0], ":manager": flags[1], ":edit": flags[2],
                        ":inspect": flags[3], ":created": values::stored(at(created)), ":invite": was_invite,
                        ":returned": returned.map(|hour| values::stored(at(hour))),
                    },
                )?;
            }
            if let Some(returned) = self.invites[who] {
                db.execute(
                    "INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen, returned_at)
                     VALUES (2, :email, :email, 1, 1, '', :seen, :returned)",
                    named_params! {
                        ":email": email, ":seen": values::stored(at(0)),
                        ":returned": returned.map(|hour| values::stored(at(hour))),
                    },
                )?;
            }
            if self.entries[who] {
                db.execute(
                    "INSERT INTO entry (target, person, email, how, starts_at, taken_at) VALUES (1, :email, :email, 'posted', 0, 0)",
                    named_params! { ":email": email },
                )?;
            }
        }
        Ok(())
    }

    /// A grant that is over is closed only beside an open one, by which the plan finds the person.
    fn is_closed(&self, grant: &RawGrant) -> bool {
        let person = |other: &RawGrant| (other.target, other.person);
        let keeps = |other: &RawGrant| {
            person(other) == person(grant)
                && !other.closed
                && other.role.is_none()
                && other.end.is_some_and(|end| end <= self.now)
        };
        let is_over = grant.end.is_some_and(|end| end <= self.now);
        grant.closed && (!is_over || self.grants.iter().any(keeps))
    }

    fn policy(&self) -> Policy {
        Policy {
            grace: SignedDuration::from_hours(self.grace),
            invite_stale_after: SignedDuration::from_hours(10_000),
            revoke_suppressed_invites: false,
            remove_returned: false,
        }
    }

    fn load(&self, db: &Connection) -> Snapshot {
        // The other team cannot be read.
        let teams = targets::names(db).unwrap().into_values();
        let read = teams.filter(|target| target.id() == TargetId(2));
        let wanted = plan_input::Wanted {
            now: at(self.now),
            policy: self.policy(),
            rules: BTreeMap::new(),
            sources: read.map(|team| (team, SourceHealth::Complete)).collect(),
            scope: Scope::Everything,
            holders: BTreeMap::new(),
        };
        plan_input::load(db, wanted).unwrap()
    }

    fn now(&self) -> i64 {
        values::stored(at(self.now))
    }

    fn cutoff(&self) -> i64 {
        values::stored(at(self.now - self.grace))
    }
}

/// The grants as the plan sees them, by their numbers in the database.
fn grants(db: &Connection, raw: &Raw) -> Vec<Grant> {
    let names = targets::names(db).unwrap();
    let grant = |grant: &RawGrant| Grant {
        target: names[&TargetId(grant.target)].clone(),
        email: Email::observed(PEOPLE[grant.person]),
        person: Email::observed(PEOPLE[grant.person]),
        role: grant.role.map(|role| Role::ALL[role]),
        flags: grant
            .permission
            .map_or_else(Flags::default, |flag| Flags::only(Role::ALL[flag])),
        start: at(grant.start),
        end: grant.end.map(at),
        revoked: grant.revoked,
        closed: raw.is_closed(grant),
        reopened: false,
    };
    raw.grants.iter().map(grant).collect()
}

/// Whether `other` gives what `grant` gave, to the same person.
fn gives(other: &Grant, grant: &Grant) -> bool {
    (&other.target, &other.person) == (&grant.target, &grant.person)
        && !other.closed
        && grant.role.is_none_or(|role| other.gives(role))
}

/// The numbers of the grants for which `sql` holds.
fn said(db: &Connection, raw: &Raw, sql: &str) -> BTreeSet<i64> {
    let sql = format!("SELECT g.id FROM grants g WHERE g.removed_at IS NULL AND {sql}");
    asked(db, raw, &sql, |row| row.get(0))
}

fn asked<T: Ord>(
    db: &Connection,
    raw: &Raw,
    sql: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> BTreeSet<T> {
    let mut statement = db.prepare(sql).unwrap();
    let (now, cutoff) = (raw.now(), raw.cutoff());
    let params: [(&str, &dyn ToSql); 2] = [(":now", &now), (":cutoff", &cutoff)];
    let params: Vec<_> = params
        .into_iter()
        .filter(|(name, _)| sql.contains(name))
        .collect();
    let rows = statement
        .query_map(params.as_slice(), |row| read(row))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Checks random databases, each in a transaction that is rolled back.
fn always(ask: impl Fn(&Connection, &Raw) -> Result<(), TestCaseError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lapsed.db");
    let (db, _files) = open::writable(&path, open::IfMissing::Make).unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    };
    let tried = TestRunner::new(config).run(&raw(), |raw| {
        let transaction = db.unchecked_transaction().unwrap();
        raw.store(&transaction).unwrap();
        ask(&transaction, &raw)
    });
    if let Err(failed) = tried {
        panic!("{failed}");
    }
}

#[test]
fn a_grant_is_covered_in_sql_where_one_covers_in_the_plan() {
    always(|db, raw| {
        let grants = grants(db, raw);
        let policy = raw.policy();
        let covered = |grant: &Grant| {
            let covers = |other: &&Grant| crate::plan::covers(other, &policy, at(raw.now));
            grants
                .iter()
                .filter(|other| gives(other, grant))
                .any(|other| covers(&other))
        };
        let uncovered: BTreeSet<i64> = numbered(&grants)
            .filter(|(_, grant)| !grant.closed && !covered(grant))
            .map(|(number, _)| number)
            .collect();
        prop_assert_eq!(said(db, raw, &sql::uncovered()), uncovered);
        Ok(())
    });
}

#[test]
fn a_member_is_covered_in_sql_where_a_grant_covers_in_the_plan() {
    always(|db, raw| {
        let grants = grants(db, raw);
        let policy = raw.policy();
        let sql = format!(
            "SELECT m.email FROM member m WHERE {}",
            sql::member_covered("o.removed_at IS NULL")
        );
        let covered: BTreeSet<String> = (0..PEOPLE.len())
            .filter(|who| raw.members[*who].is_some())
            .map(|who| PEOPLE[who].to_owned())
            .filter(|email| {
                let of = |grant: &&Grant| {
                    grant.target.id() == TargetId(2) && grant.person.key() == email
                };
                grants
                    .iter()
                    .filter(of)
                    .any(|g| crate::plan::covers(g, &policy, at(raw.now)))
            })
            .collect();
        prop_assert_eq!(asked(db, raw, &sql, |row| row.get::<_, String>(0)), covered);
        Ok(())
    });
}

#[test]
fn an_end_is_the_end_of_the_access_in_sql_where_no_other_grant_gives_it_beyond() {
    always(|db, raw| {
        let grants = grants(db, raw);
        let beyond = |other: &Grant, end: Timestamp| {
            other.start <= end && other.end.is_none_or(|until| until > end)
        };
        let ending: BTreeSet<i64> = numbered(&grants)
            .filter(|(_, grant)| !grant.closed)
            .filter(|(_, grant)| {
                let Some(end) = grant.end else { return false };
                !grants
                    .iter()
                    .any(|other| gives(other, grant) && beyond(other, end))
            })
            .map(|(number, _)| number)
            .collect();
        let fragment = format!("g.ends_at IS NOT NULL AND {}", sql::not_outlasted());
        prop_assert_eq!(&said(db, raw, &fragment), &ending);
        let view = asked(db, raw, "SELECT id FROM ending", |row| row.get(0));
        prop_assert_eq!(view, ending);
        Ok(())
    });
}

#[test]
fn what_sql_finds_untouched_is_what_the_plan_finds_due() {
    always(|db, raw| {
        let plan = plan(&raw.load(db), &raw.policy(), at(raw.now));
        let due: BTreeSet<(i64, String)> = plan
            .actions
            .iter()
            .map(|action| (action.target.id().0, action.email.key().to_owned()))
            .collect();
        let untouched = asked(db, raw, &sql::untouched(), |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        });
        prop_assert_eq!(untouched, due);
        Ok(())
    });
}

fn numbered(grants: &[Grant]) -> impl Iterator<Item = (i64, &Grant)> {
    (1..).zip(grants)
}

#[test]
fn what_is_let_go_ahead_is_held_no_more_and_what_is_being_sent_is_not_answered() {
    let db = Connection::open_in_memory().unwrap();
    let words = [
        "planned",
        "intent",
        "held",
        "protected",
        "failed",
        "unknown",
        "done",
        "absent",
    ];
    for word in words {
        for approved in [None, Some(1)] {
            let stands = match ActionState::from_word(word) {
                ActionState::Held if approved.is_some() => ActionState::Planned,
                state => state,
            };
            let sql = format!(
                "SELECT {} FROM (SELECT :state AS state, :at AS approved_at)",
                sql::STANDS
            );
            let params = named_params! { ":state": word, ":at": approved };
            let said: String = db.query_row(&sql, params, |row| row.get(0)).unwrap();
            assert_eq!(said, stands.as_str(), "{word} {approved:?}");
        }
    }
}
