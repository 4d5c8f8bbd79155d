//! Grants as they were at an earlier moment: if a row has changed since, its earlier form is
//! rebuilt from the audit trail.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use serde_json::Value;

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
struct Event {
    at: Timestamp,
    kind: String,
    body: Value,
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
            let grants: BTreeSet<i64> = events.iter().filter_map(Event::grant).collect();
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

fn events_of(db: &Connection, email_key: &str) -> Result<Vec<Event>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT e.at, e.kind, p.body FROM event_payload p JOIN event e USING (seq)
         WHERE p.email_key = :email ORDER BY e.seq",
    )?;
    let rows = statement.query_map(named_params! { ":email": email_key }, |row| {
        Ok(Event {
            at: values::read(row.get(0)?),
            kind: row.get(1)?,
            body: serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Event {
    fn grant(&self) -> Option<i64> {
        self.body["grant_id"].as_i64()
    }
}

/// The grant's form at `as_of`, rebuilt from its events. If it was recorded only later, the form in
/// which it was recorded, since its start may be earlier. `None` if no event records it.
fn form_at(events: &[Event], grant: i64, as_of: Timestamp) -> Option<Form> {
    let mut form: Option<Form> = None;
    let mut closed_by = None;
    for event in events {
        let is_own = event.grant() == Some(grant);
        let reopens = event.kind == "action.contradicted"
            && closed_by.is_some()
            && event.body["action_id"].as_i64() == closed_by;
        if !is_own && !reopens {
            continue;
        }
        if form.is_some() && event.at > as_of {
            break;
        }
        let known = form.get_or_insert_default();
        if reopens {
            known.removed_at = None;
            continue;
        }
        let end = known.end;
        known.take(&event.body);
        match event.kind.as_str() {
            "grant.removed" => {
                closed_by = event.body["action_id"].as_i64();
                known.removed_at = Some(event.at);
            }
            "grant.reopened" => known.removed_at = None,
            // A grant that was already over keeps its earlier end.
            "grant.revoked" => known.end = [end, known.end].into_iter().flatten().min(),
            "grant.refused" => known.take_back(&event.body["undone"], event.at),
            _ => {}
        }
    }
    form.filter(|form| form.start.is_some())
}

impl Form {
    /// Undoes what the provider refused.
    fn take_back(&mut self, undone: &Value, at: Timestamp) {
        if undone.get("close").is_some() {
            self.removed_at = Some(at);
        }
        if let Some(end) = undone.pointer("/end/1") {
            self.end = end.as_i64().map(values::read);
        }
        if let Some(words) = undone.pointer("/permissions/1").and_then(Value::as_str) {
            self.permissions = crate::store::queries::list::words(words);
        }
    }

    /// Takes over the fields that an event has, and keeps the others.
    fn take(&mut self, body: &Value) {
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let moment = |key: &str| body[key].as_str().and_then(|at| at.parse().ok());
        let says = |key: &str| body.get(key).is_some();
        if says("name") {
            self.name = text("name");
        }
        if says("permissions") {
            let words = body["permissions"].as_array().into_iter().flatten();
            self.permissions = words
                .filter_map(|w| w.as_str().map(str::to_owned))
                .collect();
        }
        if says("role") {
            self.role = text("role");
        }
        if says("start") {
            self.start = moment("start");
        }
        if says("end") {
            self.end = moment("end");
        }
        if says("owner") {
            self.owner = text("owner");
        }
        if says("reason") {
            self.reason = text("reason");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(day: u8) -> Timestamp {
        format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
    }

    fn event(day: u8, kind: &str, body: Value) -> Event {
        Event {
            at: at(day),
            kind: kind.to_owned(),
            body,
        }
    }

    /// Recorded, amended, extended, ended by a person, closed, and open again.
    fn life() -> Vec<Event> {
        vec![
            event(
                2,
                "grant.recorded",
                json!({ "grant_id": 1, "start": at(1), "end": at(20), "owner": "a", "reason": null, "permissions": ["can_read"], "role": null, "name": null }),
            ),
            event(
                4,
                "grant.amended",
                json!({ "grant_id": 1, "start": at(1), "end": at(20), "owner": "b", "reason": "why", "permissions": [], "role": null, "name": "N" }),
            ),
            event(
                5,
                "grant.amended",
                json!({ "grant_id": 2, "start": at(1), "end": at(3), "owner": "other" }),
            ),
            event(
                6,
                "grant.extended",
                json!({ "grant_id": 1, "was": at(20), "end": null, "by": "x" }),
            ),
            event(
                8,
                "grant.revoked",
                json!({ "grant_id": 1, "was": null, "end": at(8), "by": "x" }),
            ),
            event(9, "grant.removed", json!({ "grant_id": 1, "action_id": 7 })),
            event(10, "action.contradicted", json!({ "action_id": 6 })),
            event(11, "action.contradicted", json!({ "action_id": 7 })),
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
        let recorded = json!({ "grant_id": 1, "start": at(1), "end": at(5), "permissions": ["a"] });
        let then = |undone: Value| {
            let events = [
                event(2, "grant.recorded", recorded.clone()),
                event(3, "grant.extended", json!({ "grant_id": 1, "end": at(9) })),
                event(
                    4,
                    "grant.refused",
                    json!({ "grant_id": 1, "undone": undone }),
                ),
            ];
            form_at(&events, 1, at(4)).unwrap()
        };
        let end = then(json!({ "end": [1, at(5).as_millisecond()] })).end;
        assert_eq!(end, Some(at(5)));
        assert_eq!(then(json!({ "end": [1, null] })).end, None);
        assert_eq!(
            then(json!({ "permissions": [1, "b;c"] })).permissions,
            ["b", "c"]
        );
        assert_eq!(then(json!({ "close": 1 })).removed_at, Some(at(4)));
        let events = [
            event(2, "grant.recorded", recorded),
            event(
                8,
                "grant.revoked",
                json!({ "grant_id": 1, "was": at(5), "end": at(8) }),
            ),
        ];
        assert_eq!(form_at(&events, 1, at(8)).unwrap().end, Some(at(5)));
    }

    #[test]
    fn a_grant_of_whose_recording_no_event_tells_keeps_its_row() {
        let events = [event(
            6,
            "grant.extended",
            json!({ "grant_id": 1, "was": at(20), "end": at(30) }),
        )];
        assert_eq!(form_at(&events, 1, at(7)), None);
    }
}
