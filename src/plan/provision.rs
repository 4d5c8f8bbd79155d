//! Who is to be given what: what is left to do, by the grants and by a team's last reading, and how a
//! provision stands once it was tried.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Answered, Flags, Provided, ProvisionKind, ProvisionState, Role};

/// How long a role waits for an invited person to join, if no pass sees it sooner.
const ROLE_WAITS: SignedDuration = SignedDuration::from_mins(15);
/// The same for the flags of a membership: every pass that reads the team sees who has joined, and
/// an invite may be pending for weeks.
pub(crate) const FLAGS_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Whether a person is in a team, as last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InTeam {
    Member { id: String, has: Flags },
    Invited,
    Absent,
}

/// What decides about something that is to be given in a team.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) kind: ProvisionKind,
    /// A role for a time; otherwise a membership, or its flags.
    pub(crate) role: Option<Role>,
    /// All flags that the membership is to have.
    pub(crate) flags: Flags,
    /// Whether an attempt got no answer: it may have been done.
    pub(crate) unanswered: bool,
    pub(crate) there: InTeam,
    /// Whether they were first seen as a member after this was planned. Only asked if unanswered.
    pub(crate) is_new: bool,
    /// The flags with which the person was added since this was planned, for roles and flags.
    pub(crate) just_added: Option<Flags>,
}

/// What is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToGive {
    /// Nothing: it is there.
    Done {
        result: Provided,
        detail: Option<String>,
        has: Flags,
    },
    /// Add the person with these flags.
    Add(Flags),
    /// Give this membership these flags.
    Promote(String, Flags),
    Wait {
        until: Timestamp,
        why: String,
        for_invite: bool,
    },
    /// It cannot be given at present.
    Fail(&'static str),
}

/// When the grants give it: `begins` is the earliest start of those that do and are not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    At(Timestamp),
    /// No grant gives it any more: what may exist is left to a removal.
    Over,
}

impl Turn {
    pub(crate) fn of(begins: Option<Timestamp>, now: Timestamp) -> Self {
        match begins {
            None => Self::Over,
            Some(begins) if begins > now => Self::At(begins),
            Some(_) => Self::Now,
        }
    }
}

/// What is left to do by the last reading.
pub(crate) fn to_give(wanted: &Wanted, now: Timestamp) -> ToGive {
    match wanted.role {
        Some(role) => role_to_give(wanted, role, now),
        None => membership_to_give(wanted, now),
    }
}

/// What a reading shows of a call without an answer; `None` if it may still be under way.
pub(crate) fn shown_by(wanted: &Wanted, now: Timestamp) -> Option<ToGive> {
    match to_give(wanted, now) {
        done @ ToGive::Done { .. } => Some(done),
        // The person was added and lacks only flags, which follow separately.
        ToGive::Promote(..) => match wanted.there {
            InTeam::Member { has, .. } if wanted.is_new && is_addition(wanted) => {
                Some(ToGive::Done {
                    result: Provided::Added,
                    detail: None,
                    has,
                })
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_addition(wanted: &Wanted) -> bool {
    wanted.kind == ProvisionKind::MemberAdd && wanted.role.is_none()
}

fn membership_to_give(wanted: &Wanted, now: Timestamp) -> ToGive {
    let only_flags = wanted.kind == ProvisionKind::MemberPromote;
    let after = |wait: SignedDuration| now.checked_add(wait).unwrap_or(now);
    match &wanted.there {
        InTeam::Member { id, has } => {
            let lacks = wanted.flags.without(*has);
            if !lacks.is_empty() {
                return ToGive::Promote(id.clone(), lacks);
            }
            ToGive::Done {
                result: match wanted.unanswered {
                    true if !only_flags && wanted.is_new => Provided::Added,
                    true => Provided::Promoted,
                    false => Provided::AlreadyExists,
                },
                detail: None,
                has: *has,
            }
        }
        InTeam::Invited => match not_with_an_invite(wanted.flags) {
            Some(why) if only_flags => ToGive::Wait {
                until: after(FLAGS_WAIT),
                why,
                for_invite: true,
            },
            detail => ToGive::Done {
                result: match wanted.unanswered {
                    true => Provided::Invited,
                    false => Provided::AlreadyInvited,
                },
                detail,
                has: Flags::default(),
            },
        },
        InTeam::Absent if !only_flags => ToGive::Add(wanted.flags),
        InTeam::Absent if wanted.just_added.is_some() => ToGive::Wait {
            until: now,
            why: format!(
                "was added just now; {} once a reading shows that",
                follow(wanted.flags)
            ),
            for_invite: false,
        },
        // A person who was removed, or whose invite was, is not added again for the sake of a flag.
        InTeam::Absent => ToGive::Wait {
            until: after(FLAGS_WAIT),
            why: format!(
                "is not in the team; {} once a reading shows them",
                follow(wanted.flags)
            ),
            for_invite: true,
        },
    }
}

fn role_to_give(wanted: &Wanted, role: Role, now: Timestamp) -> ToGive {
    let came_along = wanted.just_added.is_some_and(|flags| flags.has(role));
    let there = |has| ToGive::Done {
        result: match wanted.unanswered || came_along {
            true => Provided::Promoted,
            false => Provided::AlreadyExists,
        },
        detail: None,
        has,
    };
    match &wanted.there {
        InTeam::Member { has, .. } if has.has(role) => there(*has),
        InTeam::Member { id, .. } => ToGive::Promote(id.clone(), Flags::only(role)),
        InTeam::Invited => ToGive::Wait {
            until: now.checked_add(ROLE_WAITS).unwrap_or(now),
            why: "was invited and has not joined; the role follows then".to_owned(),
            for_invite: true,
        },
        InTeam::Absent if came_along => there(Flags::only(role)),
        InTeam::Absent if wanted.just_added.is_some() => ToGive::Wait {
            until: now,
            why: "was added just now; the role follows once a reading shows that".to_owned(),
            for_invite: false,
        },
        InTeam::Absent => ToGive::Fail("is not a member of the team: a role is for members"),
    }
}

/// What to say about flags for an invited person, if any were wanted.
pub(crate) fn not_with_an_invite(flags: Flags) -> Option<String> {
    (!flags.is_empty()).then(|| format!("invited; {} once the invite is accepted", follow(flags)))
}

/// `edit is set`, `edit and inspect are set`.
fn follow(flags: Flags) -> String {
    let one = Role::ALL.into_iter().filter(|r| flags.has(*r)).count() == 1;
    let verb = if one { "is set" } else { "are set" };
    format!("{} {verb}", flags.in_words())
}

/// What was known of a provision before an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    /// Whether an attempt got no answer: it may have been done.
    pub(crate) unanswered: bool,
    /// Whether an entry was removed to be replaced, and no other is known to be there.
    pub(crate) gap: bool,
    /// Whether it is a new request, which a refusal takes back.
    pub(crate) is_new: bool,
}

/// How a provision stands after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) state: ProvisionState,
    pub(crate) detail: Option<String>,
    /// Whether the person may be without the entry that was to be replaced.
    pub(crate) gap: bool,
    pub(crate) next: Try,
}

/// When it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    /// Not again: it is settled.
    Never,
    /// At once, with what was there before: that was removed for a new entry that was refused.
    Mend,
    /// Soon: a person may be without access.
    Soon,
    /// After the usual wait.
    Backoff,
    /// After the longest wait: a permanent refusal will hardly change soon.
    Rarely,
}

/// How a provision stands after the provider's answer.
pub(crate) fn after(tried: Tried, answered: &Answered) -> After {
    let gap = tried.gap && !answered.kept;
    let (mut state, mut detail) = (answered.state, answered.detail.clone());
    if state == ProvisionState::Refused && tried.unanswered && !gap {
        // It may exist all the same: the grant stays, so that its end is acted on.
        state = ProvisionState::Failed;
        let why = detail.unwrap_or_default();
        detail = Some(format!(
            "{why}; an earlier try was not answered, so it may be there"
        ));
    }
    // Without a new request to undo, this access was given before, and is still owed.
    let is_owed = state == ProvisionState::Refused && !tried.is_new;
    if is_owed {
        state = ProvisionState::Failed;
    }
    let next = match state {
        ProvisionState::Refused if gap => Try::Mend,
        ProvisionState::Done | ProvisionState::Refused | ProvisionState::Withdrawn => Try::Never,
        _ if gap => Try::Soon,
        _ if is_owed => Try::Rarely,
        _ => Try::Backoff,
    };
    After {
        state,
        detail,
        gap: gap && state != ProvisionState::Done,
        next,
    }
}

#[cfg(test)]
mod tests;
