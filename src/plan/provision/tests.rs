//! What is given, for each way in which a person can be there.

use super::*;

const EDIT: Flags = Flags {
    is_admin: false,
    is_manager: false,
    edit_permission: true,
    inspect_permission: false,
};
const NONE: Flags = Flags {
    edit_permission: false,
    ..EDIT
};

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// A member, and whether they are a new one.
fn member(has: Flags, is_new: bool) -> (InTeam, bool) {
    let id = "m-1".to_owned();
    (InTeam::Member { id, has }, is_new)
}

/// A membership with this flag that is asked for.
fn wanted(flags: Flags, (there, is_new): (InTeam, bool)) -> Wanted {
    Wanted {
        kind: ProvisionKind::MemberAdd,
        role: None,
        flags,
        unanswered: false,
        there,
        is_new,
        just_added: None,
    }
}

fn unanswered(wanted: Wanted) -> Wanted {
    Wanted {
        unanswered: true,
        ..wanted
    }
}

/// The flags alone of a membership.
fn flags(there: (InTeam, bool)) -> Wanted {
    Wanted {
        kind: ProvisionKind::MemberPromote,
        ..wanted(EDIT, there)
    }
}

fn role(there: (InTeam, bool)) -> Wanted {
    Wanted {
        role: Some(Role::Edit),
        ..flags(there)
    }
}

fn just_added(wanted: Wanted, with: Flags) -> Wanted {
    Wanted {
        just_added: Some(with),
        ..wanted
    }
}

/// What is left to do, in a word or two.
fn told(wanted: &Wanted) -> String {
    match to_give(wanted, now()) {
        ToGive::Done { result, detail, .. } => {
            let detail = detail.map(|detail| format!(": {detail}"));
            format!("{}{}", result.as_str(), detail.unwrap_or_default())
        }
        ToGive::Add(flags) => format!("add with [{}]", flags.in_words()),
        ToGive::Promote(id, flags) => format!("give {id} [{}]", flags.in_words()),
        ToGive::Wait {
            until, for_invite, ..
        } => {
            let minutes = until.duration_since(now()).as_mins();
            format!("wait {minutes} min, for an invite: {for_invite}")
        }
        ToGive::Fail(why) => format!("fail: {why}"),
    }
}

#[test]
fn what_is_left_to_do_depends_on_how_the_person_is_there() {
    let (invited, absent) = (|| (InTeam::Invited, false), || (InTeam::Absent, false));
    let waits_for_invite = "wait 1440 min, for an invite: true";
    for (case, left) in [
        // A membership.
        (wanted(NONE, absent()), "add with []"),
        (wanted(EDIT, absent()), "add with [edit]"),
        (unanswered(wanted(EDIT, absent())), "add with [edit]"),
        (wanted(NONE, member(NONE, true)), "already_exists"),
        (wanted(EDIT, member(EDIT, true)), "already_exists"),
        (wanted(EDIT, member(NONE, false)), "give m-1 [edit]"),
        (unanswered(wanted(NONE, member(NONE, true))), "added"),
        (unanswered(wanted(EDIT, member(EDIT, false))), "promoted"),
        (wanted(NONE, invited()), "already_invited"),
        (
            wanted(EDIT, invited()),
            "already_invited: invited; edit is set once the invite is accepted",
        ),
        (unanswered(wanted(NONE, invited())), "invited"),
        // Its flags.
        (flags(member(NONE, false)), "give m-1 [edit]"),
        (flags(member(EDIT, false)), "already_exists"),
        (unanswered(flags(member(EDIT, true))), "promoted"),
        (flags(invited()), waits_for_invite),
        (flags(absent()), waits_for_invite),
        (
            just_added(flags(absent()), NONE),
            "wait 0 min, for an invite: false",
        ),
        // A role for a time.
        (role(member(NONE, false)), "give m-1 [edit]"),
        (role(member(EDIT, false)), "already_exists"),
        (unanswered(role(member(EDIT, false))), "promoted"),
        (just_added(role(member(EDIT, true)), EDIT), "promoted"),
        (role(invited()), "wait 15 min, for an invite: true"),
        (just_added(role(absent()), EDIT), "promoted"),
        (
            just_added(role(absent()), NONE),
            "wait 0 min, for an invite: false",
        ),
        (
            role(absent()),
            "fail: is not a member of the team: a role is for members",
        ),
    ] {
        assert_eq!(told(&case), left, "{case:?}");
    }
}

#[test]
fn a_reading_settles_a_call_without_an_answer_only_by_what_it_shows() {
    let settled = |case: Wanted| match shown_by(&unanswered(case), now()) {
        Some(ToGive::Done { result, .. }) => Some(result),
        Some(other) => panic!("{other:?}"),
        None => None,
    };
    for (case, result) in [
        (wanted(EDIT, member(EDIT, true)), Some(Provided::Added)),
        // The flags follow by a call of their own.
        (wanted(EDIT, member(NONE, true)), Some(Provided::Added)),
        (wanted(EDIT, member(NONE, false)), None),
        (
            wanted(EDIT, (InTeam::Invited, false)),
            Some(Provided::Invited),
        ),
        (wanted(EDIT, (InTeam::Absent, false)), None),
        (flags(member(NONE, true)), None),
        (role(member(NONE, true)), None),
        (role(member(EDIT, true)), Some(Provided::Promoted)),
        (role((InTeam::Absent, false)), None),
    ] {
        assert_eq!(settled(case.clone()), result, "{case:?}");
    }
}

#[test]
fn it_is_given_while_a_grant_gives_it() {
    let in_an_hour = now() + SignedDuration::from_hours(1);
    assert_eq!(Turn::of(Some(now()), now()), Turn::Now);
    assert_eq!(Turn::of(Some(in_an_hour), now()), Turn::At(in_an_hour));
    assert_eq!(Turn::of(None, now()), Turn::Over);
}

/// A new request, answered like this.
fn answer(state: ProvisionState) -> (Tried, Answered) {
    let tried = Tried {
        unanswered: false,
        gap: false,
        is_new: true,
    };
    (tried, Answered::new(state))
}

#[test]
fn what_was_done_or_withdrawn_is_settled_and_what_failed_is_tried_again() {
    use ProvisionState::{Done, Failed, Refused, Unknown, Withdrawn};
    for (state, next) in [
        (Done, Try::Never),
        (Withdrawn, Try::Never),
        (Refused, Try::Never),
        (Failed, Try::Backoff),
        (Unknown, Try::Backoff),
    ] {
        let (tried, answered) = answer(state);
        let after = after(tried, &answered);
        assert_eq!((after.state, after.next), (state, next));
    }
}

#[test]
fn a_refusal_is_taken_back_only_where_nothing_can_be_there() {
    let (new, refused) = answer(ProvisionState::Refused);
    let unanswered = Tried {
        unanswered: true,
        ..new
    };
    let maybe = after(unanswered, &refused);
    assert_eq!(
        (maybe.state, maybe.next),
        (ProvisionState::Failed, Try::Backoff)
    );
    let why = maybe.detail.unwrap();
    assert!(why.contains("an earlier try was not answered"), "{why}");

    let owed = Tried {
        is_new: false,
        ..new
    };
    let owed = after(owed, &refused);
    assert_eq!(
        (owed.state, owed.next),
        (ProvisionState::Failed, Try::Rarely)
    );
}

#[test]
fn an_entry_that_was_half_replaced_is_mended_first() {
    let gap = |state| {
        let (tried, answered) = answer(state);
        (Tried { gap: true, ..tried }, answered)
    };
    for (state, next, still) in [
        (ProvisionState::Refused, Try::Mend, true),
        (ProvisionState::Failed, Try::Soon, true),
        (ProvisionState::Unknown, Try::Soon, true),
        (ProvisionState::Done, Try::Never, false),
    ] {
        let (tried, answered) = gap(state);
        let after = after(tried, &answered);
        assert_eq!((after.next, after.gap), (next, still), "{state:?}");
    }
    // The old entry surely exists: nothing is missing.
    let (tried, refused) = gap(ProvisionState::Refused);
    let kept = Answered {
        kept: true,
        ..refused
    };
    let after = after(tried, &kept);
    assert_eq!((after.next, after.gap), (Try::Never, false));
}
