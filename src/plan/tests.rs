//! The plan's rules, one module each, and what holds for any plan.

mod builder;
mod grants;
mod invites;
mod precedence;
mod random;
mod roles;
mod team;

use jiff::SignedDuration;

use super::*;
use crate::domain::{ActionKind, Flags, Holder, Means, Reason, Role, TeamPolicy};
use builder::*;
