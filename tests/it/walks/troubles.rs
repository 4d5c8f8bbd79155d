//! What goes wrong once at the provider.

use lapsed_sandbox::{Answer, Fault, Faults, Rule, When};
use serde_json::{Value, json};

use super::oracle::Oracle;
use super::people;
use super::steps::{At, How, TEAMS, Trouble};
use crate::world::{HOLDER, World};

/// Has the next call that matches run into it.
pub(super) fn install(world: &World, trouble: Trouble, oracle: &mut Oracle) {
    let faults = |whitelist| match whitelist {
        true => world.sentius.faults(),
        false => world.sapling.faults(),
    };
    let sapling = world.sapling.faults();
    let list = |team: usize| {
        let id = world
            .sapling
            .with(|state| state.team(TEAMS[team]).unwrap().id().to_owned());
        When::method("GET").path(&id)
    };
    match trouble {
        Trouble::NoTeams => sapling.once(When::method("GET"), Fault::EmptyLists),
        Trouble::Empty(team) => {
            hide(world, team, oracle, |_, _| true);
            sapling.once(list(team), Fault::EmptyLists);
        }
        Trouble::Without(team, who) => {
            let without = hide(world, team, oracle, |n, email| {
                who >> (n % 64) & 1 == 1 && email != HOLDER
            });
            sapling.once(list(team), without);
        }
        Trouble::NoHolder(team) => {
            let without = hide(world, team, oracle, |_, email| email == HOLDER);
            sapling.once(list(team), without);
        }
        Trouble::Reading(team, how) => sapling.once(list(team), fault(how)),
        Trouble::Write(whitelist, how) => write(world, faults(whitelist), whitelist, how),
        Trouble::Skew(whitelist, seconds) => {
            faults(whitelist).add(Rule::new(When::any(), Fault::DateSkew(seconds)).times(3));
        }
    }
}

fn fault(how: How) -> Fault {
    match how {
        How::Fails => Fault::status(500),
        How::FailsThoughDone => Fault::Status(Answer::new(500).applied()),
        How::LostBefore => Fault::DropBefore,
        How::LostAfter => Fault::DropAfter,
        How::Html => Fault::Html,
        How::Refused => Fault::status(403),
    }
}

fn write(world: &World, faults: &Faults, whitelist: bool, how: How) {
    for method in ["POST", "DELETE"] {
        match how {
            How::Refused if whitelist && method == "POST" => {
                // Only about an entry that is there.
                let body = r#"{"detail": "User already exists in whitelist"}"#;
                for email in world.whitelisted() {
                    let exists = Fault::Status(Answer::new(400).body("application/json", body));
                    faults.once(When::method(method).email(&email), exists);
                }
            }
            How::Refused if method == "POST" => {}
            _ => faults.once(When::method(method), fault(how)),
        }
    }
}

/// The team's list as it is now, but for those who are meant.
fn hide(
    world: &World,
    place: usize,
    oracle: &mut Oracle,
    is_meant: impl Fn(usize, &str) -> bool,
) -> Fault {
    let body = world.sapling.with(|state| {
        let team = state.team(TEAMS[place]).unwrap();
        let mut number = 0;
        let mut stays = |email: &str| {
            number += 1;
            !is_meant(number, email)
        };
        let users: Vec<Value> = team
            .members()
            .filter(|user| stays(&user.login_email))
            .map(|user| json!(user))
            .collect();
        let mut pending: Vec<Value> = Vec::new();
        for invite in team.invites() {
            if stays(&invite.email) {
                pending.push(json!(invite));
            } else if let Some(who) = people::person(&invite.email) {
                oracle.hidden.push(At { who, place });
            }
        }
        json!({ "users": users, "pending_users": pending }).to_string()
    });
    Fault::Status(Answer::new(200).body("application/json", &body))
}
