//! The people of a soak: those whose time is over, and those who must stay.

use std::collections::BTreeSet;

use crate::world::{FUTURE, PAST, World};

/// The teams.
pub(super) const TEAMS: [&str; 3] = ["Core", "Docs", "Field"];

/// Who is due and who stays, by place: the model that the providers are compared with.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Addresses that are to be gone from somewhere. Nobody is due here and stays there.
    pub(super) due: BTreeSet<String>,
    pub(super) staying: BTreeSet<String>,
    numbered: usize,
    left: usize,
}

impl Crowd {
    /// Teams, and people who stay: on the whitelist, as members, as invited; with a grant and
    /// without one.
    pub(super) fn new(world: &World) -> Self {
        let mut crowd = Self::default();
        for n in 0..30 {
            let who = crowd.stays(&format!("white{n}"));
            world.whitelist(&[&who]);
        }
        for team in TEAMS {
            world.team(team, &[]);
            for n in 0..14 {
                let who = crowd.stays(&format!("member{n}-{team}"));
                world.member(team, &who);
            }
            for n in 0..4 {
                let who = crowd.stays(&format!("invited{n}-{team}"));
                world.invite(team, &who);
            }
        }
        crowd
    }

    fn stays(&mut self, name: &str) -> String {
        let who = format!("stay-{name}@example.com").to_lowercase();
        self.staying.insert(who.clone());
        who
    }

    /// So many entries, and in each team so many members and an invite, whose time is over; the
    /// program learns of it last.
    pub(super) async fn arrive(&mut self, world: &World, entries: usize, members: usize) {
        let mut rows = vec!["email,target,end".to_owned()];
        for _ in 0..entries {
            let who = self.due(&mut rows, "sentius:acme");
            world.whitelist(&[&who]);
        }
        for team in TEAMS {
            let target = format!("sapling:acme/{team}");
            for _ in 0..members {
                let who = self.due(&mut rows, &target);
                world.member(team, &who);
            }
            let who = self.due(&mut rows, &target);
            world.invite(team, &who);
        }
        if self.numbered == self.due.len() && rows.len() > entries + 20 {
            // With the first ones, the grants of some who stay.
            for n in 0..30 {
                rows.push(format!("stay-white{n}@example.com,sentius:acme,{FUTURE}"));
            }
            for team in TEAMS {
                let place = team.to_lowercase();
                let row = format!("stay-member0-{place}@example.com,sapling:acme/{team},{FUTURE}");
                rows.push(row);
            }
        }
        world.import(&rows.join("\n")).await;
        self.look(world);
    }

    fn due(&mut self, rows: &mut Vec<String>, target: &str) -> String {
        self.numbered += 1;
        let who = format!("due{}@example.com", self.numbered);
        rows.push(format!("{who},{target},{PAST}"));
        self.due.insert(who.clone());
        who
    }

    /// Counts who is still to go.
    pub(super) fn look(&mut self, world: &World) {
        self.left = present(world)
            .iter()
            .filter(|who| self.due.contains(*who))
            .count();
    }

    /// Whether little work is left.
    pub(super) fn is_small(&self) -> bool {
        self.left < 8
    }
}

/// Everybody who is anywhere.
pub(super) fn present(world: &World) -> Vec<String> {
    let mut people = world.whitelisted();
    for team in TEAMS {
        people.extend(world.members(team));
        people.extend(world.invited(team));
    }
    people
}
