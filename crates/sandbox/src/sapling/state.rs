//! Everything Sapling knows: teams, accounts, and what the key's holder may do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::team::{Team, TeamUser, seat_in};
use crate::reply::Refusal;

/// One key holder's view of Sapling.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SaplingState {
    /// The one key that is taken.
    pub api_key: String,
    /// The key holder's address.
    pub holder: String,
    /// Whether the holder may add people with an account without inviting them.
    pub superuser: bool,
    /// Whether people are added without the flags that were asked for.
    pub ignores_flags: bool,
    /// The holder's organization.
    pub organization_id: String,
    /// Whether the organization was granted access to its suppressed addresses.
    pub suppressed_access: bool,
    /// Addresses that bounce; only those of the holder's own domain are shown.
    pub suppressed: Vec<String>,
    /// Addresses for which a bulk deletion is refused whole.
    pub refuse: BTreeSet<String>,
    /// How many addresses a bulk deletion takes; no limit is documented.
    pub bulk_limit: Option<usize>,
    /// Whether addresses in calls must be written as the member's are (they must, at the start:
    /// nothing is documented, and a client that relies on more would be mistaken).
    pub exact_case: bool,
    /// Accounts by address in lower case, and whether the address is confirmed.
    accounts: BTreeMap<String, bool>,
    teams: Vec<Team>,
}

impl SaplingState {
    /// No teams yet, behind a key that is 32 characters long, as real ones are.
    #[must_use]
    pub fn new(holder: &str) -> Self {
        Self {
            api_key: "SANDBOXSANDBOXSANDBOXSANDBOX0001".to_owned(),
            holder: holder.to_owned(),
            superuser: false,
            ignores_flags: false,
            organization_id: "0a9e0000-0000-4000-8000-000000000001".to_owned(),
            suppressed_access: false,
            suppressed: Vec::new(),
            refuse: BTreeSet::new(),
            bulk_limit: None,
            exact_case: true,
            accounts: BTreeMap::new(),
            teams: Vec::new(),
        }
    }

    /// Adds a team with the holder as its admin, joined long ago.
    pub fn add_team(&mut self, name: &str) -> &mut Team {
        let number = u32::try_from(self.teams.len()).unwrap_or(u32::MAX);
        let mut team = Team::new(number.saturating_add(1), name);
        let long_ago = Timestamp::from_second(1_577_836_800).unwrap_or_default();
        team.add_member(TeamUser::new(&self.holder, long_ago).admin());
        let place = self.teams.len();
        self.teams.push(team);
        &mut self.teams[place]
    }

    /// Takes the holder's admin flag in a team (it stays listed, but is not readable any more)
    /// or gives it back.
    pub fn set_forbidden(&mut self, team: &str, forbidden: bool) {
        let holder = self.holder.clone();
        if let Some(team) = self.team_mut(team) {
            team.change_member(&holder, |user| user.is_admin = !forbidden);
        }
    }

    /// The teams, in the order in which they were added.
    #[must_use]
    pub fn teams(&self) -> &[Team] {
        &self.teams
    }

    /// The team with this name or id.
    #[must_use]
    pub fn team(&self, name_or_id: &str) -> Option<&Team> {
        let mut teams = self.teams.iter();
        teams.find(|team| team.name() == name_or_id || team.id() == name_or_id)
    }

    /// The team with this name or id, to be changed.
    pub fn team_mut(&mut self, name_or_id: &str) -> Option<&mut Team> {
        let mut teams = self.teams.iter_mut();
        teams.find(|team| team.name() == name_or_id || team.id() == name_or_id)
    }

    /// Gives an address an account.
    pub fn register(&mut self, email: &str, confirmed: bool) {
        self.accounts.insert(email.to_lowercase(), confirmed);
    }

    /// Whether an address has an account, and if so, whether it is confirmed.
    #[must_use]
    pub fn account(&self, email: &str) -> Option<bool> {
        self.accounts.get(&email.to_lowercase()).copied()
    }

    /// Whether this is the holder's own address.
    pub(super) fn is_holder(&self, email: &str) -> bool {
        self.holder.to_lowercase() == email.to_lowercase()
    }

    /// Whether an address in a call means this one.
    pub(super) fn same(&self, asked: &str, held: &str) -> bool {
        asked == held || !self.exact_case && asked.to_lowercase() == held.to_lowercase()
    }

    /// A team the holder may work on: its place, or why not.
    pub(super) fn managed(&self, id: &str) -> Result<usize, Refusal> {
        let canonical = Uuid::parse_str(id).map(|id| id.to_string());
        let place = self
            .teams
            .iter()
            .position(|team| Ok(team.id()) == canonical.as_deref());
        let place = place.ok_or_else(|| Refusal::not_found("no such team"))?;
        let admin = self.teams[place]
            .member(&self.holder)
            .is_some_and(|me| me.is_admin);
        if admin {
            Ok(place)
        } else {
            Err(Refusal::forbidden(
                "the key's holder is not an admin of the team",
            ))
        }
    }

    /// The member an id stands for, if the holder may work on the team: team and seat.
    pub(super) fn seat_of(&self, id: &str) -> Result<(usize, u32), Refusal> {
        let unknown = || Refusal::not_found("no such team user");
        let (number, seat) = seat_in(id).ok_or_else(unknown)?;
        let place = usize::try_from(number)
            .ok()
            .and_then(|n| n.checked_sub(1))
            .ok_or_else(unknown)?;
        let team = self.teams.get(place).ok_or_else(unknown)?;
        team.seat(seat).ok_or_else(unknown)?;
        self.managed(team.id())?;
        Ok((place, seat))
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Team {
        &mut self.teams[place]
    }
}
