//! What is over is taken away, once and where it is: entries, memberships, roles and invites.

mod addresses;
mod bearer;
mod catching_up;
mod entries;
mod invites;
mod obligations;
mod overlaps;
pub(crate) mod persons;
mod replacing;
mod returned;
mod silence;
mod team_ends;
mod team_rules;
mod whitelist_ends;
