//! All checks before the first call: is the target there, may it be managed, is there something to
//! give.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{GiveError, Request, readable};
use crate::clock;
use crate::domain::{Email, FindingKind, Place, Provider, Target, TargetRef};
use crate::observe::Observation;
use crate::plan::provision::InTeam;
use crate::store::{Db, Grants, Provisions, Same, Store, StoreError, Targets};
use crate::text::minute;

/// Checks every request against what was read and recorded.
pub(super) async fn all(
    store: &Store,
    seen: &Observation,
    requests: &[Request],
    same: Same,
    zone: &TimeZone,
) -> Result<(), GiveError> {
    let looked = Looked::of(seen);
    let (requests, now, zone) = (requests.to_vec(), clock::now(), zone.clone());
    let faults = store
        .read(move |db| looked.faults(db, &requests, same, now, &zone))
        .await?
        .map_err(GiveError::Unreadable)?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(GiveError::Faults(faults))
    }
}

/// What a look at the teams concerned has shown.
struct Looked {
    listed: Vec<TargetRef>,
    read: Vec<TargetRef>,
    /// Teams that the key may not manage, and what the provider said.
    forbidden: HashMap<TargetRef, String>,
    /// Accounts whose list of teams could not be read, and why.
    unlisted: HashMap<String, String>,
}

type Faults = Vec<(usize, String)>;

impl Looked {
    fn of(seen: &Observation) -> Self {
        let forbidden = seen.findings.iter().filter_map(|finding| {
            let Place::Target(team) = &finding.place else {
                return None;
            };
            let why = finding.detail.clone().unwrap_or_default();
            (finding.finding == FindingKind::TeamForbidden).then(|| (team.clone(), why))
        });
        let of_account = |place: &Place| matches!(place, Place::Account(..));
        let unlisted = seen.errors.iter().filter(|e| of_account(&e.place));
        Self {
            listed: seen.sources.keys().cloned().collect(),
            read: readable(seen),
            forbidden: forbidden.collect(),
            unlisted: unlisted
                .map(|e| (e.place.account().to_owned(), e.message.clone()))
                .collect(),
        }
    }

    /// The faults with their places; or why nothing can be said.
    fn faults(
        &self,
        db: &Db,
        requests: &[Request],
        same: Same,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<Result<Faults, String>, StoreError> {
        // A role's membership may come with the same file.
        let joining = requests.iter().filter(|r| r.grant.role.is_none());
        let joining: HashSet<(&Target, &Email)> =
            joining.map(|r| (&r.grant.target, &r.grant.email)).collect();
        let mut faults = Faults::new();
        for (place, request) in requests.iter().enumerate() {
            let grant = &request.grant;
            let fault = match self.team(db, &grant.target)? {
                Err(Lack::Unreadable(why)) => return Ok(Err(why)),
                Err(Lack::Unusable(why)) => Some(why),
                Ok(Some(team))
                    if self.read.contains(&team)
                        && !joining.contains(&(&grant.target, &grant.email)) =>
                {
                    role(db, request, &team, now)?
                }
                Ok(_) => None,
            };
            let fault = match fault {
                None => past(db, request, same, now, zone)?,
                fault => fault,
            };
            faults.extend(fault.map(|fault| (place, fault)));
        }
        Ok(Ok(faults))
    }

    /// The team that a target means; `None` for a whitelist.
    fn team(
        &self,
        db: &Db,
        target: &Target,
    ) -> Result<Result<Option<TargetRef>, Lack>, StoreError> {
        if target.provider() == Provider::Sentius {
            return Ok(Ok(None));
        }
        let found = Targets::find(db, target)?;
        if let Some(why) = self.unlisted.get(target.account()) {
            // A team that was there before is still owed what was asked for.
            return Ok(match found {
                Some(found) if Targets::is_listed(db, found.id())? => Ok(Some(found)),
                _ => Err(Lack::Unreadable(why.clone())),
            });
        }
        let listed = found.and_then(|found| self.listed.iter().find(|l| l.id() == found.id()));
        let Some(team) = listed else {
            let why = Targets::namesakes(db, target)?;
            let why = why.map(|why| format!("target: {why}"));
            return Ok(Err(Lack::Unusable(
                why.unwrap_or_else(|| self.unknown(target)),
            )));
        };
        Ok(match self.forbidden.get(team) {
            // It takes nobody in, today and tomorrow.
            Some(why) => Err(Lack::Unusable(format!(
                "target: {team}: the key's holder must be an admin of the team: {why}"
            ))),
            None => Ok(Some(team.clone())),
        })
    }

    fn unknown(&self, target: &Target) -> String {
        let teams = self
            .listed
            .iter()
            .filter(|team| team.account() == target.account());
        let mut names: Vec<&str> = teams.filter_map(|team| team.team()).collect();
        let wanted = target.team().unwrap_or_default();
        let far =
            |name: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted.to_lowercase());
        names.sort_by_key(far);
        names.truncate(3);
        let nearest = match names.as_slice() {
            [] => "it has no teams".to_owned(),
            names => format!("the nearest are {}", names.join(", ")),
        };
        format!("target: no team of the key's holder has the name or id {wanted:?}; {nearest}")
    }
}

/// Why a team cannot be used.
enum Lack {
    Unusable(String),
    Unreadable(String),
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
    Ok(match Provisions::in_team(db, team.id(), &grant.email)? {
        InTeam::Member { .. } => None,
        InTeam::Invited => Some(format!(
            "role: {} was invited to {team} and has not joined; a role is for members",
            grant.email
        )),
        InTeam::Absent => Some(format!(
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
    zone: &TimeZone,
) -> Result<Option<String>, StoreError> {
    let grant = &request.grant;
    let Some(end) = grant.end.filter(|end| *end <= now) else {
        return Ok(None);
    };
    if same == Same::Ever && Grants::is_on_record(db, grant, now)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "end: {} is past, so there is nothing to give; --record-only records access that is there",
        minute(end, zone)
    )))
}
