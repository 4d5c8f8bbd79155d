//! The plan's rules, one module each, and what holds for any plan.

mod builder;
mod grants;
mod invites;
mod precedence;
mod random;
mod roles;
mod team;

use super::*;
use crate::domain::{Flags, Means, Reason, Role, TeamPolicy};
use builder::*;
