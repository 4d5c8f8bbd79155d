//! What a reading changed: an event for the trail, and findings for people.

use jiff::Timestamp;
use rusqlite::Connection;

use crate::domain::event::{FlagsChanged, TeamObserved};
use crate::domain::{
    Changes, Email, Event, Finding, FindingKind, FlagChange, KnownMember, Place, TargetRef,
};
use crate::store::ledger::UnderWay;
use crate::store::tables::members::Absent;
use crate::store::{StoreError, tables::invites, trail};

/// One event for one reading that changed anything: who appeared, left, changed.
#[expect(clippy::too_many_arguments, reason = "one event, told in one place")]
pub(super) fn note(
    db: &Connection,
    team: &TargetRef,
    changes: &Changes<'_>,
    absent: &Absent<'_>,
    invites: &invites::Changed,
    ours: &UnderWay,
    first: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    let names = |members: &[&'_ KnownMember], by_us: bool| -> Vec<String> {
        let of = |m: &&&KnownMember| ours.contains_key(&m.remote_id) == by_us;
        let members = members.iter().filter(of);
        members.map(|m| m.email.written().to_owned()).collect()
    };
    // A person who was already missing before is no news.
    let missing = absent.awaited.iter().filter(|m| m.missed.is_none());
    let what = |c: &FlagChange<'_>| FlagsChanged {
        email: c.is.email.written().to_owned(),
        what: c.describe(),
    };
    let appeared = changes.appeared.iter();
    let observed = TeamObserved {
        appeared: appeared.map(|m| m.email.written().to_owned()).collect(),
        missing: missing.map(|m| m.email.written().to_owned()).collect(),
        left: names(&absent.left, false),
        removed: names(&absent.left, true),
        changed: changes.changed.iter().map(what).collect(),
        invited: invites.appeared.clone(),
        invites_missing: invites.missing.clone(),
        invites_gone: invites.gone.clone(),
        invites_changed: invites.changed.clone(),
        first: first.then_some(true),
    };
    if observed.shows_nothing() {
        return Ok(());
    }
    let event = Event::TeamObserved(observed);
    trail::append_event(db, at, Some(team.id()), None, &event)
}

/// What a person should be told: everything but what lapsed itself did.
pub(super) fn findings(
    team: &TargetRef,
    changes: &Changes<'_>,
    left: &[&KnownMember],
    demoted: &UnderWay,
) -> Vec<Finding> {
    let finding = |finding, email: &Email, detail| Finding {
        finding,
        place: Place::Target(team.clone()),
        email: Some(email.clone()),
        detail,
    };
    let appeared = changes
        .appeared
        .iter()
        .map(|m| finding(FindingKind::MemberAppeared, &m.email, None));
    let left = left
        .iter()
        .map(|m| finding(FindingKind::MemberLeft, &m.email, None));
    let changed = changes
        .changed
        .iter()
        .filter(|c| !demoted.contains_key(&c.is.remote_id))
        .map(|c| finding(FindingKind::MemberChanged, &c.is.email, Some(c.describe())));
    appeared.chain(left).chain(changed).collect()
}
