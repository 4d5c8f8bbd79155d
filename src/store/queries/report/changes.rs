//! The report's changes since the last one, read from the audit trail.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::named_params;

use super::ReportReader;
use crate::domain::event::{Answered, GrantForm, Mailed, TeamObserved};
use crate::domain::{Email, Event, Provided, ProvisionState};
use crate::report::{ReportLine, ReportList, Summary};
use crate::store::{StoreError, db::values};

pub(super) fn fill(read: &ReportReader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT e.at, e.kind, p.target, p.body FROM event e JOIN event_payload p USING (seq)
         WHERE e.at > :since AND e.at <= :now
           AND e.kind IN ('team.observed', 'grant.recorded', 'grant.amended', 'grant.extended',
                          'grant.revoked', 'provision.planned', 'provision.result', 'review.kept',
                          'mail.refused')
         ORDER BY e.seq",
    )?;
    let mut rows = statement.query(named_params! { ":since": read.since(), ":now": read.now() })?;
    let mut asked_by: HashMap<(String, String), String> = HashMap::new();
    while let Some(row) = rows.next()? {
        let at = values::read(row.get(0)?);
        let target: Option<i64> = row.get(2)?;
        let target = target.map(|id| read.target(id));
        let Some(event) = Event::read(row.get_ref(1)?.as_str()?, row.get_ref(3)?.as_str()?) else {
            continue;
        };
        let changes = &mut summary[ReportList::Changes];
        match event {
            Event::TeamObserved(team) => observed(at, target.as_deref(), team, changes),
            Event::ProvisionResult(answer) => changes.extend(provision(at, target, &answer)),
            Event::MailRefused(mail) => changes.push(refused_mail(at, &mail)),
            Event::GrantRecorded(form) => {
                changes.push(recorded("grant recorded", at, target, &form));
            }
            Event::GrantAmended(form) => {
                changes.push(recorded("grant amended", at, target, &form));
            }
            Event::ProvisionPlanned(planned) => {
                let person = planned.email.written().to_owned();
                let place = target.unwrap_or_default();
                asked_by.insert((person, place), format!("by {}", planned.by));
            }
            Event::GrantExtended(moved) => {
                changes.push(grant("end moved", at, target, &moved.email, moved.end));
            }
            Event::GrantRevoked(moved) => {
                let detail = [Some(format!("by {}", moved.by)), moved.why];
                changes.push(answer("grant revoked", at, target, &moved.email, detail));
            }
            Event::ReviewKept(kept) => {
                let detail = [Some(format!("by {}", kept.by)), kept.why];
                changes.push(answer("kept in review", at, target, &kept.email, detail));
            }
            _ => {}
        }
    }
    for line in &mut summary[ReportList::Changes] {
        let (Some(person), Some(target)) = (&line.email, &line.target) else {
            continue;
        };
        if let Some(by) = asked_by.get(&(person.clone(), target.clone())) {
            line.credit = Some(by.clone());
        }
    }
    not_given(read, summary)
}

/// What is owed to somebody and could not be given yet.
fn not_given(read: &ReportReader<'_>, summary: &mut Summary) -> Result<(), StoreError> {
    let mut statement = read.db.prepare_cached(
        "SELECT tried_at, target, email, detail FROM provision
         WHERE settled_at IS NULL AND tried_at IS NOT NULL ORDER BY tried_at, id",
    )?;
    let rows = statement.query_map([], |row| {
        let (at, target) = (values::read(row.get(0)?), read.target(row.get(1)?));
        let kind = "access not given yet";
        Ok(change(at, kind, Some(target), row.get(2)?, row.get(3)?))
    })?;
    for change in rows {
        summary[ReportList::Changes].push(change?);
    }
    Ok(())
}

fn change(
    at: Timestamp,
    kind: &str,
    target: Option<String>,
    email: String,
    detail: Option<String>,
) -> ReportLine {
    ReportLine {
        at,
        action: Some(kind.to_owned()),
        target,
        email: Some(email),
        detail,
        ..ReportLine::default()
    }
}

/// Who came, left and changed; the first reading of a team is no change.
fn observed(
    at: Timestamp,
    target: Option<&str>,
    team: TeamObserved,
    changes: &mut Vec<ReportLine>,
) {
    if team.first.is_some() {
        return;
    }
    let change = |kind, email, detail| change(at, kind, target.map(str::to_owned), email, detail);
    for (kind, emails) in [
        ("appeared", team.appeared),
        ("left", team.left),
        ("invited", team.invited),
    ] {
        changes.extend(emails.into_iter().map(|email| change(kind, email, None)));
    }
    let changed = team.changed.into_iter();
    changes.extend(changed.map(|c| change("changed", c.email, Some(c.what))));
}

/// What was given or refused. Access that existed before is no change.
fn provision(at: Timestamp, target: Option<String>, answer: &Answered) -> Option<ReportLine> {
    let (kind, detail) = match (answer.state, answer.result) {
        (ProvisionState::Done, Some(Provided::AlreadyExists | Provided::AlreadyInvited)) => {
            return None;
        }
        (ProvisionState::Done, result) => {
            let result = result.map(|result| result.as_str().to_owned());
            ("access given", result)
        }
        (ProvisionState::Refused, _) => ("access refused", answer.detail.clone()),
        _ => return None,
    };
    let email = answer.email.written().to_owned();
    Some(change(at, kind, target, email, detail))
}

/// A mail that was refused, and what the mail server said.
fn refused_mail(at: Timestamp, mail: &Mailed) -> ReportLine {
    let why = mail.why.as_deref().unwrap_or_default();
    let detail = Some(format!("{}: {why}", mail.mail));
    let email = mail.to.written().to_owned();
    change(at, "mail refused", None, email, detail)
}

fn grant(
    kind: &str,
    at: Timestamp,
    target: Option<String>,
    email: &Email,
    end: Option<Timestamp>,
) -> ReportLine {
    let until = end.map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
    answer(kind, at, target, email, [Some(until), None])
}

/// A grant as it was recorded. Who did it is on record where access was given with it; else it is
/// told who answers for it.
fn recorded(kind: &str, at: Timestamp, target: Option<String>, form: &GrantForm) -> ReportLine {
    let owner = form.owner.as_ref();
    let credit = owner.map_or("no owner".to_owned(), |owner| format!("owner {owner}"));
    ReportLine {
        credit: Some(credit),
        ..grant(kind, at, target, &form.email, form.end)
    }
}

/// What has become of a person's grant, with what is to be said of it.
fn answer(
    kind: &str,
    at: Timestamp,
    target: Option<String>,
    email: &Email,
    detail: [Option<String>; 2],
) -> ReportLine {
    let detail: Vec<String> = detail.into_iter().flatten().collect();
    let (email, detail) = (email.written().to_owned(), detail.join(", "));
    change(at, kind, target, email, Some(detail))
}
