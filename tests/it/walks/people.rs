//! Who is really there, and who a call is about.

use super::steps::{At, PEOPLE, TEAMS};
use crate::world::World;

/// Who an address belongs to: spellings differ in case, and a membership may bear a later one.
pub(super) fn person(email: &str) -> Option<usize> {
    let email = email.to_lowercase().replace(".new@", "@");
    let is = |name: &&str| email == format!("{}@example.com", name.to_lowercase());
    PEOPLE.iter().position(is)
}

/// Everybody with a name who is really there.
pub(super) fn there(world: &World) -> Vec<At> {
    let mut found = Vec::new();
    let mut add = |place, emails: Vec<String>| {
        let people = emails.iter().filter_map(|email| person(email));
        found.extend(people.map(|who| At { who, place }));
    };
    add(0, world.whitelisted());
    for place in [1, 2] {
        add(place, world.members(TEAMS[place]));
        add(place, world.invited(TEAMS[place]));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The target that a call is about: a team's number stands in its id and in those of its members.
pub(super) fn place(path: &str) -> usize {
    let of = |number: usize| {
        path.contains(&format!("8000-{number:012x}")) && !path.contains("-5ea7-")
            || path.contains(&format!("/{number:08x}-5ea7-"))
    };
    [1, 2].into_iter().find(|number| of(*number)).unwrap_or(0)
}
