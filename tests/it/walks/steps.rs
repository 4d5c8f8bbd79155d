//! The steps of a walk: thrown by dice, told in words, and done by `doing`.

use std::fmt;

use crate::soak::Dice;

/// The people who get grants; the last one is protected.
pub(super) const PEOPLE: [&str; 4] = ["Ann", "bob", "cy", "boss"];
/// The place of the protected person among them.
pub(super) const BOSS: usize = 3;
/// The targets; the first one is the whitelist.
pub(super) const PLACES: [&str; 3] = ["sentius:acme", "sapling:acme/Core", "sapling:acme/Crowd"];
/// The names of the teams by place.
pub(super) const TEAMS: [&str; 3] = ["", "Core", "Crowd"];

/// Where the program can die.
const DEATHS: [&str; 8] = [
    "after-intent",
    "after-call",
    "after-result",
    "give-after-intent",
    "give-after-call",
    "give-before-replace",
    "give-after-replace",
    "give-after-result",
];

/// One person at one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) who: usize,
    pub(super) place: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", PEOPLE[self.who], PLACES[self.place])
    }
}

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Usual,
    Capitals,
}

/// What goes wrong once, with the next command that meets it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// The list of teams is empty.
    NoTeams,
    /// All lists of the team are empty.
    Empty(usize),
    /// Some people are missing from the team's list: those whose bit is set.
    Without(usize, u64),
    /// The holder of the key is missing from it.
    NoHolder(usize),
    /// The team's list is answered so.
    Reading(usize, How),
    /// The next write to the whitelist or to the teams is answered so.
    Write(bool, How),
    /// The provider's clock differs.
    Skew(bool, i64),
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Fails,
    FailsThoughDone,
    LostBefore,
    LostAfter,
    Html,
    /// A removal is refused, and an entry that is there is said to exist.
    Refused,
}

/// A step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Access that exists is recorded; an end of 0 minutes is one that is long past.
    Record(At, i64, Spelling),
    /// Access is given for so many minutes, by `grant` or by `import`.
    Give(At, i64, Spelling, bool),
    /// The same file as the last one.
    ImportAgain,
    Extend(At, i64),
    Revoke(At),
    RevokeEverywhere(usize),
    /// The membership gets another address.
    Rename(At),
    LetIn(At, Spelling),
    LetOut(At),
    Invite(At, Spelling),
    AcceptInvite(At),
    Withdraw(At),
    /// Many people leave the team at once.
    Exodus,
    Trouble(Trouble),
    Dies(&'static str),
    Wait(i64),
    Pass,
    DryRun,
    /// A person believes what a team's doubtful reading shows.
    Accept(usize),
    /// A person lets go ahead what the last pass held.
    Approve,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(at, 0, s) => write!(f, "record {at}, over long ago ({s:?})"),
            Self::Record(at, minutes, s) => write!(f, "record {at} for {minutes} min ({s:?})"),
            Self::Give(at, minutes, s, import) => {
                let by = if *import { "import" } else { "grant" };
                write!(f, "{by} {at} for {minutes} min ({s:?})")
            }
            Self::Extend(at, minutes) => write!(f, "extend {at} to {minutes} min from now"),
            Self::Revoke(at) => write!(f, "revoke {at}"),
            Self::RevokeEverywhere(who) => write!(f, "revoke {} everywhere", PEOPLE[*who]),
            Self::Rename(at) => write!(f, "another address: {at}"),
            Self::LetIn(at, s) => write!(f, "let in by hand: {at} ({s:?})"),
            Self::LetOut(at) => write!(f, "let out by hand: {at}"),
            Self::Invite(at, s) => write!(f, "invited by hand: {at} ({s:?})"),
            Self::AcceptInvite(at) => write!(f, "accepts the invite: {at}"),
            Self::Withdraw(at) => write!(f, "invite withdrawn by hand: {at}"),
            Self::Dies(place) => write!(f, "the next command dies {place}"),
            Self::Wait(minutes) => write!(f, "{minutes} min go by"),
            Self::Accept(place) => write!(f, "accept {}", PLACES[*place]),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Throws the steps of a walk.
pub(super) fn throw(dice: &mut Dice) -> Vec<Step> {
    let many = 10 + dice.below(16);
    // Most steps are about the same person at the same target, so that they meet.
    let focus = member(dice);
    let focus = At {
        place: if dice.one_in(3) { 0 } else { focus.place },
        ..focus
    };
    let mut steps = Vec::new();
    for _ in 0..many {
        let next = step(dice, focus);
        // What waits for the next command often meets a pass.
        let waits = matches!(next, Step::Trouble(_) | Step::Dies(_));
        steps.push(next);
        if waits && dice.one_in(2) {
            steps.push(Step::Pass);
        }
    }
    // Where nobody looks, nothing can go wrong.
    steps.push(Step::Pass);
    steps
}

fn step(dice: &mut Dice, focus: At) -> Step {
    let is_focus = !dice.one_in(3);
    let near = |other: At| if is_focus { focus } else { other };
    match dice.below(100) {
        0..10 => Step::Record(near(anybody(dice)), minutes(dice, true), spelling(dice)),
        10..22 => Step::Give(
            near(at(dice, 3)),
            minutes(dice, false),
            spelling(dice),
            dice.one_in(3),
        ),
        22..24 => Step::ImportAgain,
        24..29 => Step::Extend(near(at(dice, 3)), minutes(dice, false)),
        29..34 => Step::Revoke(near(anybody(dice))),
        34..36 => Step::RevokeEverywhere(near(anybody(dice)).who),
        36..39 => Step::Rename(in_team(near(member(dice)))),
        39..43 => Step::LetIn(in_team(near(member(dice))), spelling(dice)),
        43..46 => Step::LetOut(in_team(near(member(dice)))),
        46..48 => Step::Invite(in_team(near(member(dice))), spelling(dice)),
        48..52 => Step::AcceptInvite(in_team(near(member(dice)))),
        52..54 => Step::Withdraw(in_team(near(member(dice)))),
        54 => Step::Exodus,
        55..67 => Step::Trouble(trouble(dice)),
        67..71 => Step::Dies(DEATHS[pick(dice, DEATHS.len())]),
        71..82 => Step::Wait([1, 11, 11, 31, 31, 25 * 60][pick(dice, 6)]),
        82..95 => Step::Pass,
        95 => Step::DryRun,
        96 => Step::Accept(1 + pick(dice, 2)),
        _ => Step::Approve,
    }
}

/// What people do by hand, they do in teams.
fn in_team(at: At) -> At {
    At {
        place: at.place.max(1),
        ..at
    }
}

fn pick(dice: &mut Dice, limit: usize) -> usize {
    usize::try_from(dice.below(limit as u64)).unwrap()
}

fn at(dice: &mut Dice, people: usize) -> At {
    At {
        who: pick(dice, people),
        place: pick(dice, PLACES.len()),
    }
}

fn anybody(dice: &mut Dice) -> At {
    at(dice, PEOPLE.len())
}

fn member(dice: &mut Dice) -> At {
    At {
        who: pick(dice, BOSS),
        place: 1 + pick(dice, 2),
    }
}

fn spelling(dice: &mut Dice) -> Spelling {
    match dice.one_in(4) {
        true => Spelling::Capitals,
        false => Spelling::Usual,
    }
}

fn minutes(dice: &mut Dice, past: bool) -> i64 {
    let ends = [5, 20, 90, 100_000, 200_000, 0];
    ends[pick(dice, if past { 6 } else { 5 })]
}

fn trouble(dice: &mut Dice) -> Trouble {
    let team = 1 + pick(dice, 2);
    let whitelist = dice.one_in(2);
    match dice.below(16) {
        0 => Trouble::NoTeams,
        1 => Trouble::Empty(team),
        2..5 => Trouble::Without(team, dice.below(u64::MAX)),
        5 => Trouble::NoHolder(team),
        6..9 => Trouble::Reading(team, how(dice, 5)),
        9..15 => Trouble::Write(whitelist, how(dice, 6)),
        _ => Trouble::Skew(whitelist, if dice.one_in(2) { 3600 } else { -3600 }),
    }
}

fn how(dice: &mut Dice, many: usize) -> How {
    [
        How::Fails,
        How::FailsThoughDone,
        How::LostBefore,
        How::LostAfter,
        How::Html,
        How::Refused,
    ][pick(dice, many)]
}
