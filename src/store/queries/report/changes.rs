//! The report's changes since the last one, read from the audit trail.

use jiff::Timestamp;
use rusqlite::named_params;
use serde_json::Value;

use super::Reader;
use crate::report::{Change, Summary};
use crate::store::{StoreError, db::values};
/// Makes a change from an event's payload, in the words given.
type Tell = fn(&str, Timestamp, Option<String>, &Value) -> Change;

pub(super) fn fill(read: &Reader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT e.at, e.kind, p.target, p.body FROM event e JOIN event_payload p USING (seq)
         WHERE e.at > :since AND e.at <= :now
           AND e.kind IN ('team.observed', 'grant.recorded', 'grant.amended', 'grant.extended',
                          'grant.revoked', 'provision.result', 'review.kept', 'mail.refused')
         ORDER BY e.seq",
    )?;
    let mut rows = statement.query(named_params! { ":since": read.since(), ":now": read.now() })?;
    while let Some(row) = rows.next()? {
        let at = values::read(row.get(0)?);
        let target: Option<i64> = row.get(2)?;
        let target = target.map(|id| read.target(id));
        let Ok(body) = serde_json::from_str::<Value>(row.get_ref(3)?.as_str()?) else {
            continue;
        };
        match row.get_ref(1)?.as_str()? {
            "team.observed" => observed(at, target.as_deref(), &body, &mut summary.changes),
            "provision.result" => summary.changes.extend(provision(at, target, &body)),
            "mail.refused" => summary.changes.push(refused_mail(at, &body)),
            kind => {
                let (words, tell): (&str, Tell) = match kind {
                    "grant.recorded" => ("grant recorded", grant),
                    "grant.extended" => ("end moved", grant),
                    "grant.revoked" => ("grant revoked", answer),
                    "review.kept" => ("kept in review", answer),
                    _ => ("grant amended", grant),
                };
                summary.changes.push(tell(words, at, target, &body));
            }
        }
    }
    not_given(read, summary)
}

/// What is owed to somebody and could not be given yet.
fn not_given(read: &Reader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT tried_at, target, email, detail FROM provision
         WHERE settled_at IS NULL AND tried_at IS NOT NULL ORDER BY tried_at, id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Change {
            at: values::read(row.get(0)?),
            kind: "access not given yet".to_owned(),
            target: Some(read.target(row.get(1)?)),
            email: row.get(2)?,
            detail: row.get(3)?,
        })
    })?;
    for change in rows {
        summary.changes.push(change?);
    }
    Ok(())
}

/// Who came, left and changed; the first reading of a team is no change.
fn observed(at: Timestamp, target: Option<&str>, body: &Value, changes: &mut Vec<Change>) {
    if body.get("first").is_some() {
        return;
    }
    let change = |kind: &str, email: Option<&str>, detail: Option<&str>| Change {
        at,
        kind: kind.to_owned(),
        target: target.map(str::to_owned),
        email: email.map(str::to_owned),
        detail: detail.map(str::to_owned),
    };
    let list = |name: &str| {
        body.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for (name, kind) in [
        ("appeared", "appeared"),
        ("left", "left"),
        ("invited", "invited"),
    ] {
        changes.extend(list(name).map(|email| change(kind, email.as_str(), None)));
    }
    changes.extend(list("changed").map(|entry| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        change("changed", text("email"), text("what"))
    }));
}

/// What was given or refused. Access that existed before is no change.
fn provision(at: Timestamp, target: Option<String>, body: &Value) -> Option<Change> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let (kind, detail) = match (text("state")?, text("result")) {
        ("done", Some("already_exists" | "already_invited")) => return None,
        ("done", result) => ("access given", result),
        ("refused", _) => ("access refused", text("detail")),
        _ => return None,
    };
    Some(Change {
        at,
        kind: kind.to_owned(),
        target,
        email: text("email").map(str::to_owned),
        detail: detail.map(str::to_owned),
    })
}

/// A mail that was refused, and what the mail server said.
fn refused_mail(at: Timestamp, body: &Value) -> Change {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let what = text("mail").unwrap_or("mail");
    let why = text("why").unwrap_or_default();
    Change {
        at,
        kind: "mail refused".to_owned(),
        target: None,
        email: text("to").map(str::to_owned),
        detail: Some(format!("{what}: {why}")),
    }
}

fn grant(kind: &str, at: Timestamp, target: Option<String>, body: &Value) -> Change {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let until =
        text("end").map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
    Change {
        at,
        kind: kind.to_owned(),
        target,
        email: text("email").map(str::to_owned),
        detail: Some(until),
    }
}

/// What a person decided, and who it was.
fn answer(kind: &str, at: Timestamp, target: Option<String>, body: &Value) -> Change {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let by = text("by").map(|by| format!("by {by}"));
    let why = text("why").map(str::to_owned);
    let detail: Vec<String> = by.into_iter().chain(why).collect();
    Change {
        at,
        kind: kind.to_owned(),
        target,
        email: text("email").map(str::to_owned),
        detail: (!detail.is_empty()).then(|| detail.join(", ")),
    }
}
