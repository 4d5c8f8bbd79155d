//! The demo's organization: forty people, a whitelist, five teams, and a little of everything
//! that time makes due, all relative to one moment.
//!
//! What it cannot show at once is a stale invite: providers give invites no date, so their age
//! counts from the first reading, which the demo's own database would have to be told.

mod people;
mod seats;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use self::people::{LISTED, Listed, PEOPLE};
use self::seats::{INVITED, Invited, SEATS, Seat, TEAMS};
use super::sapling::{Invite, SaplingState, TeamUser};
use super::sentius::{Entry, SentiusState};

/// The address of the key's holder.
const SELF: &str = "robot@acme.example";

/// Both providers' state, and the grants that belong to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Sample {
    /// The account `acme` at Sentius.
    pub sentius: SentiusState,
    /// The account `acme` at Sapling.
    pub sapling: SaplingState,
    /// All grants in the form of `lapsed import`; to be imported with `--record-only`, since the
    /// access is there already.
    pub grants_csv: String,
    /// The organization whose suppressed addresses are readable.
    pub organization_id: String,
    /// The holder of the Sapling key, an admin of each team but Board.
    pub self_email: String,
    /// For `guard.protected`: one of them is overdue.
    pub protected: Vec<String>,
    /// For `[[sapling.team]]`.
    pub team_rules: Vec<SampleTeamRule>,
}

/// A rule for one team.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleTeamRule {
    /// The team's name.
    pub team: String,
    /// Its `max_age`.
    pub max_age: Option<String>,
    /// Its `follow`.
    pub follow: Option<String>,
}

impl Sample {
    /// The organization as it stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let mut grants = Grants::new(now);
        let mut sentius = SentiusState::new("sandbox-sentius-key");
        for listed in LISTED {
            list(&mut sentius, listed, now);
            grants.listed(listed);
        }
        let mut sapling = sapling(now);
        for seat in SEATS {
            sit(&mut sapling, seat, now);
            grants.seat(seat);
        }
        for invited in INVITED {
            invite(&mut sapling, invited);
            grants.invited(invited);
        }
        let rule = |team: &str| SampleTeamRule {
            team: team.to_owned(),
            max_age: None,
            follow: None,
        };
        Self {
            organization_id: sapling.organization_id.clone(),
            sentius,
            sapling,
            grants_csv: grants.csv(),
            self_email: SELF.to_owned(),
            protected: vec![
                "grace.whitfield@acme.example".to_owned(),
                "*@board.acme.example".to_owned(),
            ],
            team_rules: vec![
                SampleTeamRule {
                    max_age: Some("90d".to_owned()),
                    ..rule("Contractors")
                },
                SampleTeamRule {
                    follow: Some("sentius:acme".to_owned()),
                    ..rule("Support")
                },
            ],
        }
    }
}

/// A moment so many hours from another, to the second.
fn hours_from(now: Timestamp, hours: i64) -> Timestamp {
    let at = now
        .checked_add(SignedDuration::from_hours(hours))
        .unwrap_or(now);
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn name_of(email: &str) -> &'static str {
    let person = PEOPLE.iter().find(|(_, address)| *address == email);
    person.map_or("", |(name, _)| *name)
}

/// The last line of somebody wins, as the last POST does.
fn list(sentius: &mut SentiusState, listed: &Listed, now: Timestamp) {
    let permissions = listed.permissions.split(';').map(str::to_owned).collect();
    sentius.add(Entry {
        name: name_of(listed.email).to_owned(),
        email: listed.email.to_owned(),
        permissions,
        start_date: hours_from(now, listed.start),
        end_date: listed.end.map(|hours| hours_from(now, hours)),
    });
}

fn sapling(now: Timestamp) -> SaplingState {
    let mut sapling = SaplingState::new(SELF);
    sapling.superuser = true;
    sapling.suppressed_access = true;
    for team in TEAMS {
        sapling.add_team(team);
    }
    for (_, email) in PEOPLE {
        sapling.register(email, true);
    }
    // Two of the own domain, which are shown, and one of another, which is not.
    sapling.suppressed = [
        "thandiwe.ndlovu@acme.example",
        "leilani.kealoha@acme.example",
        "lars.ostergard@example.org",
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(board) = sapling.team_mut("Board") {
        for email in [
            "victor.hale@board.acme.example",
            "grace.whitfield@acme.example",
        ] {
            board.add_member(TeamUser::new(email, hours_from(now, -24 * 800)).admin());
        }
    }
    sapling.set_forbidden("Board", true);
    sapling
}

fn sit(sapling: &mut SaplingState, seat: &Seat, now: Timestamp) {
    let Some(team) = sapling.team_mut(seat.team) else {
        return;
    };
    let since = hours_from(now, seat.since);
    if team.member(seat.email).is_none() {
        let mut user = TeamUser::new(seat.email, since);
        user.inspect_permission = true;
        team.add_member(user);
    }
    team.change_member(seat.email, |user| match seat.role {
        "admin" => user.is_admin = true,
        "manager" => {
            user.is_manager = true;
            user.edit_permission = true;
        }
        _ => {}
    });
}

fn invite(sapling: &mut SaplingState, invited: &Invited) {
    if let Some(team) = sapling.team_mut(invited.team) {
        team.add_invite(Invite {
            registered: invited.registered,
            confirmed: false,
            ..Invite::new(invited.email)
        });
    }
}

/// The grants, as rows of a CSV file.
struct Grants {
    now: Timestamp,
    rows: Vec<[String; 9]>,
}

const COLUMNS: [&str; 9] = [
    "email",
    "target",
    "name",
    "permissions",
    "role",
    "start",
    "end",
    "owner",
    "reason",
];

impl Grants {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            rows: Vec::new(),
        }
    }

    fn listed(&mut self, listed: &Listed) {
        let span = (listed.start, listed.end);
        let row = [
            listed.email,
            "sentius:acme",
            listed.permissions,
            "",
            listed.owner,
            listed.reason,
        ];
        self.row(row, span);
    }

    fn seat(&mut self, seat: &Seat) {
        if let Some(end) = seat.grant {
            let target = format!("sapling:acme/{}", seat.team);
            let row = [seat.email, &target, "", seat.role, seat.owner, seat.reason];
            self.row(row, (seat.since, end));
        }
    }

    fn invited(&mut self, invited: &Invited) {
        if let Some(end) = invited.grant {
            let target = format!("sapling:acme/{}", invited.team);
            let row = [
                invited.email,
                &target,
                "",
                "",
                invited.owner,
                invited.reason,
            ];
            self.row(row, (-24 * 20, end));
        }
    }

    fn row(&mut self, row: [&str; 6], (start, end): (i64, Option<i64>)) {
        let [email, target, permissions, role, owner, reason] = row;
        let start = hours_from(self.now, start).to_string();
        let end = end.map(|hours| hours_from(self.now, hours).to_string());
        let end = end.unwrap_or_default();
        let name = name_of(email);
        let row = [
            email,
            target,
            name,
            permissions,
            role,
            &start,
            &end,
            owner,
            reason,
        ];
        self.rows.push(row.map(str::to_owned));
    }

    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing to memory cannot fail.
        let _ = writer.write_record(COLUMNS);
        for row in &self.rows {
            let _ = writer.write_record(row);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}
