//! Does the steps of a walk: those of people at the provider here, those of the program in `asking`.

use jiff::{SignedDuration, Timestamp};
use lapsed_sandbox::{Invite, TeamUser};

use super::oracle::{Granted, Oracle};
use super::people;
use super::steps::{At, PEOPLE, Spelling, Step, TEAMS, Trouble};
use crate::world::{FUTURE, PAST, World, time};

/// People of the crowd, who have no grants.
const CROWD: usize = 12;

/// One walk.
pub(super) struct Walk {
    pub(super) world: World,
    pub(super) oracle: Oracle,
    pub(super) troubles: Vec<Trouble>,
    pub(super) dies: Option<&'static str>,
    /// Who bears a later address, by team.
    renamed: Vec<At>,
    /// Whether nothing has changed since a pass that converged.
    pub(super) calm: bool,
    /// The run of the last pass, where it held something.
    pub(super) held: Option<String>,
    /// Who never gets a grant, before the last command.
    pub(super) strangers: Vec<String>,
    /// Makes each end another one.
    ends: i64,
    pub(super) file: String,
    /// What that file asks for, while it could not be recorded.
    pub(super) unrecorded: Option<Granted>,
}

impl Walk {
    /// The world at the start, seen once by the program.
    pub(super) async fn new(shape: u64) -> Self {
        let mut world = World::new().await;
        world.config.policy = "invite_stale_after = \"3000d\"\n".to_owned();
        let limit = if shape.is_multiple_of(4) { 2 } else { 100 };
        world.config.guard = format!(
            "protected = [\"boss@example.com\"]\nmax_removals = {limit}\nmax_removal_percent = 60\n"
        );
        if shape.is_multiple_of(5) {
            world.config.sapling = String::new();
        }
        world.team(
            "Core",
            &[
                "Ann@example.com",
                "bob@example.com",
                "boss@example.com",
                "free@example.com",
            ],
        );
        let crowd: Vec<String> = (0..CROWD)
            .map(|n| format!("crowd{n}@example.com"))
            .collect();
        world.team(
            "Crowd",
            &crowd.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        world.member("Crowd", "bob@example.com");
        if shape % 7 < 3 {
            // Whoever has an account becomes a member at once.
            world.sapling.with(|state| {
                state.superuser = true;
                for name in PEOPLE {
                    state.register(&format!("{name}@example.com"), true);
                    state.register(&format!("{name}.new@example.com"), true);
                }
            });
        }
        let mut walk = Self {
            world,
            oracle: Oracle::default(),
            troubles: Vec::new(),
            dies: None,
            renamed: Vec::new(),
            calm: false,
            held: None,
            strangers: Vec::new(),
            ends: 0,
            file: String::new(),
            unrecorded: None,
        };
        for at in people::there(&walk.world) {
            walk.oracle.joined(at, time("2024-03-01T00:00:00Z"));
        }
        // Some walks begin with teams that nobody has read yet.
        match shape.is_multiple_of(3) {
            true => {
                walk.world
                    .grants(&[&format!("nobody@example.com,sentius:acme,{FUTURE}")])
                    .await;
            }
            false => drop(walk.world.run().await),
        }
        walk.world.whitelist_is_known();
        walk.world.forget_calls();
        walk
    }

    /// Does one step.
    pub(super) async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Record(at, minutes, spelling) => self.record(*at, *minutes, *spelling).await?,
            Step::Give(at, minutes, spelling, import) => {
                self.give(*at, *minutes, *spelling, *import).await?;
            }
            Step::ImportAgain if !self.file.is_empty() => {
                self.import_again().await?;
            }
            Step::Extend(at, minutes) => self.extend(*at, *minutes).await?,
            Step::Revoke(at) => self.revoke(at.who, Some(at.place)).await?,
            Step::RevokeEverywhere(who) => self.revoke(*who, None).await?,
            Step::Trouble(trouble) => self.troubles.push(*trouble),
            Step::Dies(place) => self.dies = Some(place),
            Step::Wait(minutes) => self.world.later(*minutes),
            Step::Pass => {
                self.pass().await?;
            }
            Step::DryRun => self.dry_run().await?,
            Step::Accept(place) => self.accept(*place).await?,
            Step::Approve => self.approve().await?,
            by_hand => self.by_hand(by_hand),
        }
        self.oracle.look(&self.world, false)
    }

    /// What people do at the provider.
    fn by_hand(&mut self, step: &Step) {
        let now = self.world.now();
        let there = people::there(&self.world);
        let calm = std::mem::take(&mut self.calm);
        match step {
            // A membership whose address changed is not mixed up with people who come and go.
            Step::Rename(at) if calm && there.contains(at) && !self.renamed.contains(at) => {
                let (was, is) = (
                    self.address(*at, Spelling::Usual),
                    format!("{}.new@example.com", PEOPLE[at.who]),
                );
                if self.team(*at, |team| team.readdress(&was, &is)) {
                    self.renamed.push(*at);
                }
            }
            Step::AcceptInvite(at) => {
                let email = self.address(*at, Spelling::Usual);
                self.team(*at, |team| team.accept_invite(&email, now));
            }
            Step::Withdraw(at) => {
                let email = self.address(*at, Spelling::Usual);
                self.team(*at, |team| team.remove_invite(&email));
            }
            Step::LetIn(at, spelling) if !there.contains(at) && !self.renamed.contains(at) => {
                let user = TeamUser::new(&self.address(*at, *spelling), now);
                self.team(*at, |team| team.add_member(user));
            }
            Step::LetOut(at) if !self.renamed.contains(at) => {
                let email = self.address(*at, Spelling::Usual);
                self.team(*at, |team| team.remove_member(&email));
            }
            Step::Invite(at, spelling) if !there.contains(at) && !self.renamed.contains(at) => {
                let invite = Invite::new(&self.address(*at, *spelling));
                self.team(*at, |team| team.add_invite(invite));
            }
            Step::Exodus => {
                let team = At { who: 0, place: 2 };
                for n in 0..8 {
                    let email = format!("crowd{n}@example.com");
                    self.team(team, |team| team.remove_member(&email));
                }
            }
            _ => {}
        }
    }

    fn team<T>(&self, at: At, change: impl FnOnce(&mut lapsed_sandbox::Team) -> T) -> T {
        self.world
            .sapling
            .with(|state| change(state.team_mut(TEAMS[at.place]).unwrap()))
    }

    pub(super) fn bears_later_address(&self, at: At) -> bool {
        self.renamed.contains(&at)
    }

    pub(super) fn address(&self, at: At, spelling: Spelling) -> String {
        let later = if self.bears_later_address(at) {
            ".new"
        } else {
            ""
        };
        let usual = format!("{}{later}@example.com", PEOPLE[at.who]);
        match spelling {
            Spelling::Usual => usual,
            Spelling::Capitals => usual.to_uppercase(),
        }
    }

    /// An end that no other grant has.
    pub(super) fn end(&mut self, minutes: i64) -> Timestamp {
        self.ends += 1;
        if minutes == 0 {
            return time(PAST) + SignedDuration::from_secs(self.ends);
        }
        let now = Timestamp::from_second(self.world.now().as_second()).unwrap();
        now + SignedDuration::from_secs(minutes * 60 + self.ends)
    }
}
