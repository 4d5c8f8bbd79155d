//! Grants as they were at an earlier moment: if a row has changed since, its earlier form is
//! rebuilt from the audit trail.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::domain::event::GrantForm;
use crate::domain::{Event, TakeBack};
use crate::store::{StoreError, db::values};

/// The earlier forms of the grants whose rows have changed since.
#[derive(Debug, Default)]
pub(in crate::store) struct Then {
    forms: HashMap<i64, Form>,
    /// The people whose grants these are, by canonical address.
    people: BTreeSet<String>,
}

/// A grant as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Form {
    pub(in crate::store) name: Option<String>,
    pub(in crate::store) permissions: Vec<String>,
    pub(in crate::store) role: Option<String>,
    pub(in crate::store) start: Option<Timestamp>,
    pub(in crate::store) end: Option<Timestamp>,
    pub(in crate::store) owner: Option<String>,
    pub(in crate::store) reason: Option<String>,
    pub(in crate::store) removed_at: Option<Timestamp>,
}

/// An event about a grant, or about the action that closed it.
struct Happened {
    at: Timestamp,
    event: Event,
}

impl Then {
    /// What has changed since `as_of`.
    pub(in crate::store) fn load(db: &Connection, as_of: Timestamp) -> Result<Self, StoreError> {
        let mut then = Self {
            people: changed_since(db, as_of)?,
            ..Self::default()
        };
        for person in &then.people {
            let events = events_of(db, person)?;
            let grants: BTreeSet<i64> = events.iter().filter_map(|e| e.event.grant_id()).collect();
            for grant in grants {
                if let Some(form) = form_at(&events, grant, as_of) {
                    then.forms.insert(grant, form);
                }
            }
        }
        Ok(then)
    }

    /// The earlier form, if the row has changed since or may have.
    pub(in crate::store) fn form(&self, grant: i64) -> Option<&Form> {
        self.forms.get(&grant)
    }

    /// Whether a grant of this person has changed.
    pub(in crate::store) fn concerns(&self, email_key: &str) -> bool {
        self.people.contains(email_key)
    }
}

/// The people whose grants changed after `as_of` in a way that the rows do not show: a row has its
/// dates of recording and removal, and otherwise only its latest form. All events are searched,
/// since their times are not always in order.
fn changed_since(db: &Connection, as_of: Timestamp) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT p.email_key FROM event e CROSS JOIN event_payload p USING (seq)
         WHERE e.at > :as_of AND p.email_key IS NOT NULL
           AND (e.kind = 'action.contradicted'
                OR (e.kind >= 'grant.' AND e.kind < 'grant/' AND e.kind NOT IN ('grant.recorded', 'grant.removed', 'grant.noticed')))",
    )?;
    let rows = statement.query_map(named_params! { ":as_of": values::stored(as_of) }, |row| {
        row.get(0)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn events_of(db: &Connection, email_key: &str) -> Result<Vec<Happened>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT e.at, e.kind, p.body FROM event_payload p JOIN event e USING (seq)
         WHERE p.email_key = :email ORDER BY e.seq",
    )?;
    let mut rows = statement.query(named_params! { ":email": email_key })?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = Event::read(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
        let at = values::read(row.get(0)?);
        events.extend(event.map(|event| Happened { at, event }));
    }
    Ok(events)
}

/// The grant's form at `as_of`, rebuilt from its events. If it was recorded only later, the form in
/// which it was recorded, since its start may be earlier. `None` if no event records it.
fn form_at(events: &[Happened], grant: i64, as_of: Timestamp) -> Option<Form> {
    let mut form: Option<Form> = None;
    let mut closed_by = None;
    for Happened { at, event } in events {
        let reopens = match event {
            Event::ActionContradicted(action) => closed_by == Some(action.action_id),
            _ => false,
        };
        if event.grant_id() != Some(grant) && !reopens {
            continue;
        }
        if form.is_some() && *at > as_of {
            break;
        }
        let known = form.get_or_insert_default();
        match event {
            Event::GrantRecorded(is) | Event::GrantAmended(is) => known.take(is),
            Event::GrantExtended(moved) => known.end = moved.end,
            // A grant that was already over keeps its earlier end.
            Event::GrantRevoked(moved) => {
                known.end = [known.end, moved.end].into_iter().flatten().min();
            }
            Event::GrantNoticed(noticed) => known.end = Some(noticed.end),
            Event::GrantRefused(refused) => known.take_back(&refused.undone, *at),
            Event::GrantRemoved(closed) => {
                closed_by = Some(closed.action_id);
                known.removed_at = Some(*at);
            }
            Event::GrantReopened(_) | Event::ActionContradicted(_) => known.removed_at = None,
            _ => {}
        }
    }
    form.filter(|form| form.start.is_some())
}

impl Form {
    /// Undoes what the provider refused.
    fn take_back(&mut self, undone: &TakeBack, at: Timestamp) {
        match undone {
            TakeBack::Close(_) => self.removed_at = Some(at),
            TakeBack::End(_, end) => self.end = values::read_if_any(*end),
            TakeBack::Permissions(_, words) => {
                self.permissions = crate::store::queries::list::words(words);
            }
        }
    }

    /// Takes over what was recorded.
    fn take(&mut self, is: &GrantForm) {
        let permissions = is.permissions.iter().map(|p| p.as_str().to_owned());
        *self = Self {
            name: is.name.clone(),
            permissions: permissions.collect(),
            role: is.role.map(|role| role.as_str().to_owned()),
            start: Some(is.start),
            end: is.end,
            owner: is.owner.as_ref().map(|owner| owner.written().to_owned()),
            reason: is.reason.clone(),
            removed_at: self.removed_at,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{ActionOnly, Closed, Moved, RefusedGrant};
    use crate::domain::{Email, Permission, Target};

    fn at(day: u8) -> Timestamp {
        format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
    }

    fn on(day: u8, event: Event) -> Happened {
        Happened { at: at(day), event }
    }

    fn form(grant_id: i64, end: u8, owner: &str) -> GrantForm {
        GrantForm {
            by: None,
            email: Email::observed("jane@example.com"),
            end: Some(at(end)),
            grant_id,
            name: None,
            owner: Some(Email::observed(owner)),
            permissions: vec![Permission::CanRead],
            reason: None,
            role: None,
            source: None,
            start: at(1),
            target: target(),
        }
    }

    fn moved(was: Option<u8>, end: Option<u8>) -> Moved {
        Moved {
            by: "x".to_owned(),
            email: Email::observed("jane@example.com"),
            end: end.map(at),
            grant_id: 1,
            role: None,
            source: None,
            target: target(),
            was: was.map(at),
            why: None,
        }
    }

    fn target() -> Target {
        "sentius:acme".parse().unwrap()
    }

    /// Recorded, amended, extended, ended by a person, closed, and open again.
    fn life() -> Vec<Happened> {
        let amended = GrantForm {
            name: Some("N".to_owned()),
            permissions: Vec::new(),
            reason: Some("why".to_owned()),
            ..form(1, 20, "b")
        };
        let contradicted = |action_id| Event::ActionContradicted(ActionOnly { action_id });
        vec![
            on(2, Event::GrantRecorded(form(1, 20, "a"))),
            on(4, Event::GrantAmended(amended)),
            on(5, Event::GrantAmended(form(2, 3, "other"))),
            on(6, Event::GrantExtended(moved(Some(20), None))),
            on(8, Event::GrantRevoked(moved(None, Some(8)))),
            on(
                9,
                Event::GrantRemoved(Closed {
                    action_id: 7,
                    grant_id: 1,
                }),
            ),
            on(10, contradicted(6)),
            on(11, contradicted(7)),
        ]
    }

    #[test]
    fn a_grant_has_the_form_that_it_had_at_each_moment() {
        for (day, owner, end, removed) in [
            (1, "a", Some(20), None),
            (2, "a", Some(20), None),
            (3, "a", Some(20), None),
            (4, "b", Some(20), None),
            (6, "b", None, None),
            (8, "b", Some(8), None),
            (9, "b", Some(8), Some(9)),
            (10, "b", Some(8), Some(9)),
            (11, "b", Some(8), None),
        ] {
            let form = form_at(&life(), 1, at(day)).unwrap();
            assert_eq!(form.owner.as_deref(), Some(owner), "day {day}");
            assert_eq!(
                (form.end, form.removed_at),
                (end.map(at), removed.map(at)),
                "day {day}"
            );
            assert_eq!(form.start, Some(at(1)));
        }
        let first = form_at(&life(), 1, at(3)).unwrap();
        assert_eq!((first.name, first.reason), (None, None));
        assert_eq!(first.permissions, ["can_read"]);
    }

    #[test]
    fn what_the_provider_refused_is_undone_and_what_was_over_is_not_prolonged() {
        let then = |undone: TakeBack| {
            let refused = RefusedGrant {
                grant_id: 1,
                provision_id: 1,
                undone,
            };
            let events = [
                on(2, Event::GrantRecorded(form(1, 5, "a"))),
                on(3, Event::GrantExtended(moved(Some(5), Some(9)))),
                on(4, Event::GrantRefused(refused)),
            ];
            form_at(&events, 1, at(4)).unwrap()
        };
        let end = then(TakeBack::End(1, Some(at(5).as_millisecond()))).end;
        assert_eq!(end, Some(at(5)));
        assert_eq!(then(TakeBack::End(1, None)).end, None);
        assert_eq!(
            then(TakeBack::Permissions(1, "b;c".to_owned())).permissions,
            ["b", "c"]
        );
        assert_eq!(then(TakeBack::Close(1)).removed_at, Some(at(4)));
        let events = [
            on(2, Event::GrantRecorded(form(1, 5, "a"))),
            on(8, Event::GrantRevoked(moved(Some(5), Some(8)))),
        ];
        assert_eq!(form_at(&events, 1, at(8)).unwrap().end, Some(at(5)));
    }

    #[test]
    fn a_grant_of_whose_recording_no_event_tells_keeps_its_row() {
        let events = [on(6, Event::GrantExtended(moved(Some(20), Some(30))))];
        assert_eq!(form_at(&events, 1, at(7)), None);
    }
}
