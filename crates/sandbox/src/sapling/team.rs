//! One team: its members and invites, found by seat or address, and its listing kept ready.

use std::collections::{BTreeMap, HashMap};

use axum::body::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::fault_injection::http_date;

/// A member of a team, as the API shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TeamUser {
    /// One person in one team; given out when the member is added.
    pub id: String,
    /// The address, as the person wrote it.
    pub login_email: String,
    /// May manage the team's people.
    pub is_admin: bool,
    /// Manages the team's work.
    pub is_manager: bool,
    /// May edit dictionary, custom errors and snippets.
    pub edit_permission: bool,
    /// May look at reports.
    pub inspect_permission: bool,
    /// When the person joined.
    #[serde(serialize_with = "date")]
    pub created_at: Timestamp,
    /// When a flag last changed.
    #[serde(serialize_with = "date")]
    pub updated_at: Timestamp,
}

fn date<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&http_date(*at))
}

impl TeamUser {
    /// A member without any flag.
    #[must_use]
    pub fn new(email: &str, since: Timestamp) -> Self {
        Self {
            id: String::new(),
            login_email: email.to_owned(),
            is_admin: false,
            is_manager: false,
            edit_permission: false,
            inspect_permission: false,
            created_at: since,
            updated_at: since,
        }
    }

    /// The same person as an admin.
    #[must_use]
    pub fn admin(mut self) -> Self {
        self.is_admin = true;
        self
    }

    /// The same person as a manager.
    #[must_use]
    pub fn manager(mut self) -> Self {
        self.is_manager = true;
        self
    }
}

/// An invite that nobody has accepted yet, as the API shows one: without id and date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invite {
    /// Who is invited.
    pub email: String,
    /// The team; set when the invite is added.
    pub team_id: String,
    /// Whether the address has an account.
    pub registered: bool,
    /// Whether that account's address is confirmed.
    pub confirmed: bool,
    /// What joining will give: a text, in contrast to a member's flags.
    pub permissions: String,
}

impl Invite {
    /// An invite to somebody who has no account.
    #[must_use]
    pub fn new(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            team_id: String::new(),
            registered: false,
            confirmed: false,
            permissions: "member".to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Listing<'a> {
    users: Vec<&'a TeamUser>,
    pending_users: Vec<&'a Invite>,
}

/// A team with its people, in the order in which they came.
#[derive(Debug, Clone)]
pub struct Team {
    number: u32,
    id: String,
    name: String,
    seats: BTreeMap<u32, TeamUser>,
    by_email: HashMap<String, u32>,
    invites: BTreeMap<String, Invite>,
    next_seat: u32,
    listing: Option<Bytes>,
}

impl Team {
    pub(super) fn new(number: u32, name: &str) -> Self {
        Self {
            number,
            id: format!("7ea30000-0000-4000-8000-{number:012x}"),
            name: name.to_owned(),
            seats: BTreeMap::new(),
            by_email: HashMap::new(),
            invites: BTreeMap::new(),
            next_seat: 1,
            listing: None,
        }
    }

    /// The team's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The team's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Renames the team; its id stays.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// The members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &TeamUser> {
        self.seats.values()
    }

    /// The member with this address, without case.
    #[must_use]
    pub fn member(&self, email: &str) -> Option<&TeamUser> {
        self.seats.get(self.by_email.get(&email.to_lowercase())?)
    }

    /// Adds a member, in the place of one with the same address, and returns the new id.
    pub fn add_member(&mut self, mut user: TeamUser) -> String {
        self.remove_member(&user.login_email);
        let seat = self.next_seat;
        self.next_seat += 1;
        user.id = format!("{:08x}-5ea7-4000-8000-{seat:012x}", self.number);
        let id = user.id.clone();
        self.by_email.insert(user.login_email.to_lowercase(), seat);
        self.seats.insert(seat, user);
        self.listing = None;
        id
    }

    /// Takes a member out; invites stay.
    pub fn remove_member(&mut self, email: &str) -> Option<TeamUser> {
        let seat = self.by_email.get(&email.to_lowercase()).copied()?;
        self.remove_seat(seat)
    }

    /// Changes a member's flags or dates; false when there is none with this address. The id and
    /// the address are not to be changed.
    pub fn change_member(&mut self, email: &str, change: impl FnOnce(&mut TeamUser)) -> bool {
        let seat = self.by_email.get(&email.to_lowercase());
        let user = seat.and_then(|seat| self.seats.get_mut(seat));
        self.listing = None;
        user.map(change).is_some()
    }

    /// Gives a member another address, also one that another member has; the id stays. False when
    /// there is none with this address.
    pub fn readdress(&mut self, email: &str, to: &str) -> bool {
        self.listing = None;
        let Some(seat) = self.by_email.remove(&email.to_lowercase()) else {
            return false;
        };
        self.by_email.entry(to.to_lowercase()).or_insert(seat);
        let user = self.seats.get_mut(&seat);
        user.map(|user| to.clone_into(&mut user.login_email))
            .is_some()
    }

    /// Takes out the member in this seat; invites stay.
    pub(super) fn remove_seat(&mut self, seat: u32) -> Option<TeamUser> {
        self.listing = None;
        let user = self.seats.remove(&seat)?;
        let email = user.login_email.to_lowercase();
        if self.by_email.get(&email) == Some(&seat) {
            self.by_email.remove(&email);
            let twin = |(_, other): &(&u32, &TeamUser)| other.login_email.to_lowercase() == email;
            if let Some((twin, _)) = self.seats.iter().find(twin) {
                self.by_email.insert(email, *twin);
            }
        }
        Some(user)
    }

    /// The invites, by address.
    pub fn invites(&self) -> impl ExactSizeIterator<Item = &Invite> {
        self.invites.values()
    }

    /// The invite to this address, without case.
    #[must_use]
    pub fn invite(&self, email: &str) -> Option<&Invite> {
        self.invites.get(&email.to_lowercase())
    }

    /// Adds an invite, in the place of one to the same address.
    pub fn add_invite(&mut self, mut invite: Invite) {
        invite.team_id.clone_from(&self.id);
        self.invites.insert(invite.email.to_lowercase(), invite);
        self.listing = None;
    }

    /// Takes an invite back.
    pub fn remove_invite(&mut self, email: &str) -> Option<Invite> {
        self.listing = None;
        self.invites.remove(&email.to_lowercase())
    }

    /// Makes an invited person a member; false when nobody with this address is invited.
    pub fn accept_invite(&mut self, email: &str, at: Timestamp) -> bool {
        match self.remove_invite(email) {
            Some(invite) => {
                self.add_member(TeamUser::new(&invite.email, at));
                true
            }
            None => false,
        }
    }

    pub(super) fn seat(&self, seat: u32) -> Option<&TeamUser> {
        self.seats.get(&seat)
    }

    /// What a GET of the team's people answers, made once between two changes.
    pub(super) fn listing(&mut self) -> Bytes {
        let listing = self.listing.take().unwrap_or_else(|| {
            let listing = Listing {
                users: self.seats.values().collect(),
                pending_users: self.invites.values().collect(),
            };
            serde_json::to_vec(&listing).unwrap_or_default().into()
        });
        self.listing.insert(listing).clone()
    }
}

/// The team number and seat that the id of a member stands for, if it has the form of one.
pub(super) fn seat_in(id: &str) -> Option<(u32, u32)> {
    let (high, low) = Uuid::parse_str(id).ok()?.as_u64_pair();
    let number = u32::try_from(high >> 32).ok()?;
    let seat = u32::try_from(low & 0xffff_ffff).ok()?;
    let form = high & 0xffff_ffff == 0x5ea7_4000 && low >> 32 == 0x8000_0000;
    form.then_some((number, seat))
}
