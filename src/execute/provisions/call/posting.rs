//! Posts a person's entries on a whitelist: one for each spelling of the address that does not have
//! what the grants come to.

use super::{done, failed};
use crate::clock;
use crate::domain::{
    AcceptedEntry, Answered, Email, Entry, Provided, ProvisionKind, ProvisionState,
};
use crate::execute::provisions::Give;
use crate::failpoint;
use crate::providers::sentius::{self, Whitelist};
use crate::store::tables::entry::{self, OnRecord};
use crate::store::{Posting, Provision, Provisions, StoreError};

/// What is to be posted for one person.
struct Post<'a> {
    give: &'a Give<'a>,
    whitelist: &'a Whitelist,
    provision: &'a Provision,
    name: Option<&'a str>,
    entry: &'a Entry,
}

/// Posts the entry in each spelling, until one fails: the others are tried again with it.
pub(super) async fn post(
    give: &Give<'_>,
    whitelist: &Whitelist,
    provision: &Provision,
    posting: &Posting,
) -> Result<Answered, StoreError> {
    let post = Post {
        give,
        whitelist,
        provision,
        name: posting.name.as_deref(),
        entry: &posting.entry,
    };
    let mut accepted = Vec::new();
    let mut first: Option<Answered> = None;
    for email in &posting.emails {
        let mut answered = post.one(email).await?;
        if answered.state != ProvisionState::Done {
            let detail = match posting.emails.len() {
                1 => answered.detail,
                _ => answered.detail.map(|why| format!("{email}: {why}")),
            };
            accepted.append(&mut answered.accepted);
            return Ok(Answered {
                detail,
                accepted,
                ..answered
            });
        }
        accepted.push(AcceptedEntry {
            email: email.clone(),
            entry: posting.entry.clone(),
            result: answered.result.unwrap_or(Provided::Posted),
        });
        first.get_or_insert(answered);
    }
    Ok(Answered {
        accepted,
        ..first.unwrap_or_else(|| done(Provided::Posted))
    })
}

impl Post<'_> {
    /// Posts the entry in one spelling. If one exists and the provider does not accept another, the
    /// old one is removed first; that is recorded on disk before, so that it can be repaired whatever
    /// happens.
    async fn one(&self, email: &Email) -> Result<Answered, StoreError> {
        let (whitelist, provision) = (self.whitelist, self.provision);
        let entry = wire(self.name, email, self.entry);
        // What was taken off is posted again in any case: only what begins something can be withheld.
        let begin = whitelist.while_due(self.give.services.while_acting());
        match begin.add(&entry).await {
            Ok(()) => return Ok(done(Provided::Posted)),
            // An entry is on record: what may mean that it is in the way is reason enough to replace it.
            Err(error) if self.replaces() && error.may_mean_that_it_exists() => {}
            Err(error) if !error.says_that_it_exists() => return Ok(failed(&error)),
            Err(_) if !self.replaces() => {
                let ours = provision.unanswered;
                return Ok(Answered {
                    detail: (!ours).then(|| {
                        "is on the whitelist already; what that entry allows, and until when, is not known; lapsed extend posts it again"
                            .to_owned()
                    }),
                    ..done(if ours { Provided::Posted } else { Provided::AlreadyExists })
                });
            }
            Err(_) => {}
        }
        let old = self.on_record(email).await?;
        let is_right = old.as_ref().is_some_and(|old| old.is(self.entry));
        if provision.asked.is_renewal() && is_right {
            // Nobody asked for another one, and taking it off would risk what is there.
            return Ok(done(Provided::AlreadyExists));
        }
        let row = provision.clone();
        let is_risky = move |db: &_| Provisions::is_replacing_another(db, &row);
        if !provision.gap && self.give.store.read(is_risky).await? {
            return Ok(Answered {
                detail: Some(
                    "the entry stays as it is: another one there was taken off, and could not be posted again yet"
                        .to_owned(),
                ),
                is_outage: true,
                kept: true,
                ..Answered::new(ProvisionState::Failed)
            });
        }
        let (row, spelling, at) = (provision.clone(), email.clone(), clock::now());
        self.give
            .store
            .write_before_call(move |db| Provisions::replacing(db, &row, &spelling, at))
            .await?;
        failpoint::reach("give-before-replace");
        // Given up, the old entry could still go later, and with it the person's access.
        let removed = begin.patient().remove(email).await;
        let late = match removed {
            Err(error) if error.is_unknown_outcome() => Some(error),
            Err(error) => {
                return Ok(Answered {
                    state: ProvisionState::Failed,
                    // One that was begun earlier may have got further.
                    kept: !provision.gap,
                    ..failed(&error)
                });
            }
            Ok(_) => None,
        };
        failpoint::reach("give-after-replace");
        let added = whitelist.in_any_case().add(&entry).await;
        if let Err(error) = &added
            && error.status().is_some_and(|status| status < 500)
        {
            return Ok(self.put_back(old, failed(error)).await);
        }
        Ok(match added {
            // A removal without an answer may still be carried out, and would remove the new entry.
            Ok(()) if late.is_some() => Answered {
                detail: late.map(|error| {
                    format!(
                        "posted, and posted again by the next pass: taking off the old entry {error}"
                    )
                }),
                ..Answered::new(ProvisionState::Unknown)
            },
            Ok(()) => done(Provided::Posted),
            Err(error) if error.says_that_it_exists() => Answered {
                state: ProvisionState::Failed,
                ..failed(&error)
            },
            Err(error) => failed(&error),
        })
    }

    /// Whether an entry that exists is to give way: one is on record, or lapsed has taken it off
    /// itself, and then nothing else that exists is what the grants come to.
    fn replaces(&self) -> bool {
        self.provision.kind != ProvisionKind::WhitelistAdd
            || self.provision.gap
            || self.provision.asked.is_after_removal()
    }

    async fn on_record(&self, email: &Email) -> Result<Option<OnRecord>, StoreError> {
        let (target, person) = (self.provision.target.id(), email.key().to_owned());
        let all = move |db: &_| entry::of(db, target, &person);
        let all = self.give.store.read(all).await?;
        let mut known = all.into_iter().filter(OnRecord::is_known);
        Ok(known.find(|on| on.email.is_spelled_as(email)))
    }

    /// Posts the old entry again at once: it was removed for a new one that was refused.
    async fn put_back(&self, old: Option<OnRecord>, refused: Answered) -> Answered {
        let now = clock::now();
        let runs = |on: &OnRecord| on.entry.end.is_none_or(|end| end > now);
        let Some(old) = old.filter(runs) else {
            return refused;
        };
        let entry = wire(old.name.as_deref(), &old.email, &old.entry);
        let why = refused.detail.clone().unwrap_or_default();
        match self.whitelist.in_any_case().add(&entry).await {
            Ok(()) => Answered {
                detail: Some(format!(
                    "{why}; the entry that was there before is there again"
                )),
                kept: true,
                accepted: vec![AcceptedEntry {
                    email: old.email,
                    entry: old.entry,
                    result: Provided::Posted,
                }],
                ..refused
            },
            Err(_) => refused,
        }
    }
}

/// The entry as it is sent. The provider requires a name; without one, the address is sent.
fn wire(name: Option<&str>, email: &Email, entry: &Entry) -> sentius::Entry {
    sentius::Entry {
        name: name.unwrap_or(email.written()).to_owned(),
        email: email.clone(),
        permissions: entry
            .permissions
            .iter()
            .map(|p| p.as_str().to_owned())
            .collect(),
        start: entry.start,
        end: entry.end,
    }
}
