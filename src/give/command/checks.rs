//! All checks before the first call: is the target there, may it be managed, is there something to
//! give.

use jiff::Timestamp;

use super::{GiveError, Request, readable};
use crate::clock;
use crate::domain::{FindingKind, Place, Provider, Target, TargetRef};
use crate::observe::Observation;
use crate::store::{Db, Grants, Presence, Provisions, Same, Store, StoreError, Targets};

/// Checks every request against what was read and recorded.
pub(super) async fn all(
    store: &Store,
    seen: &Observation,
    requests: &[Request],
    same: Same,
) -> Result<(), GiveError> {
    forbidden(seen)?;
    let now = clock::now();
    let read = readable(seen);
    let listed: Vec<TargetRef> = seen.sources.keys().cloned().collect();
    let unlisted: Vec<(String, String)> = seen
        .errors
        .iter()
        .filter(|error| matches!(error.place, Place::Account(..)))
        .map(|error| (error.place.account().to_owned(), error.message.clone()))
        .collect();
    let requests = requests.to_vec();
    let faults = store
        .read(move |db| {
            let mut faults = Vec::new();
            for (place, request) in requests.iter().enumerate() {
                let target = &request.grant.target;
                let team = match team(db, target, &listed, &unlisted)? {
                    Ok(team) => team,
                    Err(Lack::Unknown(why)) => {
                        faults.push((place, why));
                        continue;
                    }
                    Err(Lack::Unreadable(why)) => return Ok(Err(why)),
                };
                let comes = |other: &Request| {
                    let (one, other) = (&request.grant, &other.grant);
                    other.role.is_none() && other.email == one.email && other.target == one.target
                };
                let team = team.filter(|team| read.contains(team));
                // The membership may come with the same file.
                let fault = match team.filter(|_| !requests.iter().any(comes)) {
                    Some(team) => role(db, request, &team, now)?,
                    None => None,
                };
                let fault = match fault {
                    None => past(db, request, same, now)?,
                    fault => fault,
                };
                faults.extend(fault.map(|fault| (place, fault)));
            }
            Ok(Ok(faults))
        })
        .await?
        .map_err(GiveError::Unreadable)?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(GiveError::Faults(faults))
    }
}

/// A team that the key may not manage takes nobody in, today and tomorrow.
fn forbidden(seen: &Observation) -> Result<(), GiveError> {
    let mut findings = seen.findings.iter();
    match findings.find(|f| f.finding == FindingKind::TeamForbidden) {
        None => Ok(()),
        Some(finding) => Err(GiveError::Unreadable(format!(
            "{}: the key's holder must be an admin of the team: {}",
            finding.place,
            finding.detail.as_deref().unwrap_or("forbidden")
        ))),
    }
}

/// Why a team cannot be used.
enum Lack {
    Unknown(String),
    Unreadable(String),
}

/// The team that a target means; `None` for a whitelist.
fn team(
    db: &Db,
    target: &Target,
    listed: &[TargetRef],
    unlisted: &[(String, String)],
) -> Result<Result<Option<TargetRef>, Lack>, StoreError> {
    if target.provider() == Provider::Sentius {
        return Ok(Ok(None));
    }
    let found = Targets::find(db, target)?;
    let failed = unlisted
        .iter()
        .find(|(account, _)| account == target.account());
    if let Some((_, why)) = failed {
        // A team that was there before is still owed what was asked for.
        return Ok(match found {
            Some(found) if Targets::is_listed(db, found.id())? => Ok(Some(found)),
            _ => Err(Lack::Unreadable(why.clone())),
        });
    }
    if let Some(team) = found.and_then(|found| listed.iter().find(|l| l.id() == found.id())) {
        return Ok(Ok(Some(team.clone())));
    }
    let mut names: Vec<String> = listed
        .iter()
        .filter(|team| team.account() == target.account())
        .filter_map(|team| team.team().map(str::to_owned))
        .collect();
    let wanted = target.team().unwrap_or_default().to_lowercase();
    names.sort_by_key(|name| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted));
    names.truncate(3);
    let nearest = match names.as_slice() {
        [] => "it has no teams".to_owned(),
        names => format!("the nearest are {}", names.join(", ")),
    };
    Ok(Err(Lack::Unknown(format!(
        "target: no single team of the key's holder has the name or id {:?}; {nearest}",
        target.team().unwrap_or_default()
    ))))
}

/// A role is for somebody who is a member: it ends without ending the membership.
fn role(
    db: &Db,
    request: &Request,
    team: &TargetRef,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let grant = &request.grant;
    if grant.role.is_none() || grant.start.is_some_and(|start| start > now) {
        return Ok(None);
    }
    Ok(match Provisions::presence(db, team.id(), &grant.email)? {
        Presence::Member => None,
        Presence::Invited => Some(format!(
            "role: {} was invited to {team} and has not joined; a role is for members",
            grant.email
        )),
        Presence::Absent => Some(format!(
            "role: {} is not a member of {team}; give the membership first, without a role",
            grant.email
        )),
    })
}

/// An end that has passed gives nothing; a file that was imported before may hold some.
fn past(
    db: &Db,
    request: &Request,
    same: Same,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let grant = &request.grant;
    let Some(end) = grant.end.filter(|end| *end <= now) else {
        return Ok(None);
    };
    if same == Same::Ever && Grants::is_on_record(db, grant, now)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "end: {end} is past, so there is nothing to give; --record-only records access that is there"
    )))
}
