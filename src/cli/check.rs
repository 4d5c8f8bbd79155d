//! `lapsed check`: a line for everything that a pass needs.

use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;

use super::Common;
use super::exit::{Exit, Failure, told};
use super::giving::Form;
use super::output::{self, Tone};
use crate::config::{Keys, Settings};
use crate::domain::{Email, Scope};
use crate::guard::OBSERVES;
use crate::guard::clocks::Clocks;
use crate::mail::Courier;
use crate::metrics::Metrics;
use crate::providers::accounts::{Services, TeamAccount};
use crate::providers::reach;
use crate::providers::sapling::{Team, TeamReading, TeamUser};
use crate::store::{Store, StoreError, Targets, trail};
use crate::text::count;

/// How many teams are asked at most for one that the key's holder may read.
const TEAMS_ASKED: usize = 5;

/// How it is told.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lapsed check")]
pub(super) struct CheckArgs {
    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
}

/// Whether a line tells of something good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    /// Could not be checked without changing something.
    Unknown,
    Failed,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
struct Checked {
    subject: String,
    state: Health,
    detail: String,
}

/// The lines so far: printed at once for people, all at the end for scripts.
pub(super) struct Findings {
    form: Form,
    all: Vec<Checked>,
}

impl Findings {
    /// For people, as they are found.
    pub(super) fn for_people() -> Self {
        Self {
            form: Form::Text,
            all: Vec::new(),
        }
    }
}

pub(super) async fn run(common: &Common, args: CheckArgs) -> Result<Exit, Failure> {
    let mut found = Findings {
        form: args.format,
        all: Vec::new(),
    };
    let exit = everything(common, &mut found).await?;
    if found.form == Form::Json {
        output::if_read(output::json(&found.all))?;
    }
    Ok(exit)
}

pub(super) async fn everything(common: &Common, found: &mut Findings) -> Result<Exit, Failure> {
    let settings = common.settings(Keys::Read)?;
    let file = common.config.display();
    let configuration = match settings.guard.observe_only {
        true => format!("{file}; {OBSERVES}"),
        false => file.to_string(),
    };
    found.line(Health::Ok, "configuration", &configuration)?;
    let unconfirmed = match Store::open_to_read(&settings.database) {
        Ok(store) => database(&settings, &store, found).await?,
        Err(error @ StoreError::Missing(_)) => {
            let what = format!("{error}; the first of them makes it");
            found.line(Health::Unknown, "database", &what)?;
            None
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            found.line(Health::Failed, "database", &told(&error))?;
            return Ok(Exit::CouldNotRun);
        }
    };
    let services = Services::connect(&settings, &Metrics::default())?;
    if let Ok(store) = Store::open_to_read(&settings.database) {
        elsewhere(&settings, &store, found).await?;
    }
    let mut all_well = providers(&settings, &services, found).await?;
    all_well &= mail(&settings, found).await?;
    all_well &= alarm(&settings, found).await?;
    Ok(match (unconfirmed.is_some(), all_well) {
        (true, _) => Exit::Held,
        (false, true) => Exit::Done,
        (false, false) => Exit::Incomplete,
    })
}

/// Returns why the database is not known to be the one that acts here, if it is not.
async fn database(
    settings: &Settings,
    store: &Store,
    found: &mut Findings,
) -> Result<Option<String>, Failure> {
    let head = store.read(trail::head).await?;
    let database = format!("{}, {} audit events", settings.database.display(), head.seq);
    let unconfirmed = store.looks_restored().await?;
    match &unconfirmed {
        None => found.line(Health::Ok, "database", &database)?,
        Some(why) => {
            let why =
                format!("{why}; a person has to confirm it: lapsed approve RUN, as a pass tells");
            found.line(Health::Failed, "database", &why)?;
        }
    }
    Ok(unconfirmed)
}

/// Tells of access on record at accounts that are not configured.
async fn elsewhere(
    settings: &Settings,
    store: &Store,
    found: &mut Findings,
) -> Result<(), Failure> {
    let accounts = settings.accounts();
    let elsewhere = store.read(move |db| Targets::accounts_elsewhere(db, &accounts));
    for (account, open) in elsewhere.await? {
        let open = count(open, "grant is", "grants are");
        let what =
            format!("{open} open there, and it is not configured: nothing can be ended there");
        found.line(Health::Unknown, &account, &what)?;
    }
    Ok(())
}

async fn providers(
    settings: &Settings,
    services: &Services,
    found: &mut Findings,
) -> Result<bool, Failure> {
    let mut all_well = true;
    if services.whitelists.is_empty() && services.teams.is_empty() {
        all_well = false;
        found.line(
            Health::Failed,
            "accounts",
            "no [[sentius]] and no [[sapling]] is configured",
        )?;
    }
    services.look_at_clocks(&Scope::Everything).await;
    for account in &settings.sentius {
        let what = format!(
            "key present for {}; the provider offers nothing to read, so the first removal will tell whether it is right",
            account.base_url.host_str().unwrap_or_default()
        );
        found.line(Health::Unknown, &format!("sentius:{}", account.name), &what)?;
    }
    for (name, account) in &services.teams {
        let name = format!("sapling:{name}");
        match account.reader.teams().await {
            Ok(teams) => {
                let mut what = format!("key accepted, {}", output::count(teams.len(), "team"));
                if account.holder.is_none() {
                    what.push_str("; without self_email no rule of a team removes an admin");
                }
                match stranger(account, &teams).await {
                    None => found.line(Health::Ok, &name, &what)?,
                    Some(why) => {
                        all_well = false;
                        found.line(Health::Failed, &name, &format!("{what}; {why}"))?;
                    }
                }
            }
            Err(error) => {
                all_well = false;
                found.line(Health::Failed, &name, &error.to_string())?;
            }
        }
    }
    let clocks = Clocks {
        accounts: services.skews(),
        jumped: SignedDuration::ZERO,
        most: settings.guard.max_clock_skew,
    };
    for (account, why) in clocks.differing() {
        all_well = false;
        found.line(Health::Failed, account, &why)?;
    }
    Ok(all_well)
}

/// Why `self_email` is not the address of the key's holder, if so: only an admin reads a team ("API key
/// holder must be an admin for the team"), so that the holder stands in each team that can be read.
async fn stranger(account: &TeamAccount, teams: &[Team]) -> Option<String> {
    let holder = account.holder.as_ref()?;
    for team in teams.iter().take(TEAMS_ASKED) {
        let users = match account.reader.team_users(&team.id, None).await {
            Ok(TeamReading::Read { users, .. }) => users,
            Ok(TeamReading::Unchanged) => continue,
            Err(error) if error.is_forbidden() => continue,
            Err(error) => return Some(format!("{} could not be read: {error}", team.name)),
        };
        let is_holder = |user: &&TeamUser| Email::observed(&user.login_email) == *holder;
        let found: Vec<&TeamUser> = users.iter().filter(is_holder).collect();
        let what = match found.iter().any(|user| user.is_admin) {
            true => return None,
            false if found.is_empty() => "not a member",
            false => "no admin",
        };
        return Some(format!(
            "{holder} (self_email) is {what} of {}, which the key's holder can read: self_email has to be the address that the holder has now",
            team.name
        ));
    }
    None
}

async fn mail(settings: &Settings, found: &mut Findings) -> Result<bool, Failure> {
    let Some(mail) = &settings.mail else {
        found.line(
            Health::Unknown,
            "mail",
            "not configured: no report is mailed",
        )?;
        return Ok(true);
    };
    let checked = match Courier::new(&mail.route) {
        Ok(courier) => courier.check().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match &checked {
        Ok(what) => found.line(Health::Ok, "mail", what)?,
        Err(why) => found.line(Health::Failed, "mail", why)?,
    }
    Ok(checked.is_ok())
}

/// Checks that the hosts of `[alarm]` accept connections. Nothing is sent: a heartbeat would hide
/// that the daemon's own is missing, and an alarm would be a false one.
async fn alarm(settings: &Settings, found: &mut Findings) -> Result<bool, Failure> {
    let Some(alarm) = &settings.alarm else {
        return Ok(true);
    };
    let mut all_well = true;
    for (what, url) in [("heartbeat", &alarm.heartbeat), ("webhook", &alarm.webhook)] {
        let Some(url) = url else { continue };
        let place = url.place();
        match reach(url).await {
            Ok(()) => {
                let what_is = format!(
                    "{place} takes connections; nothing was sent, so whether the URL is right is not known"
                );
                found.line(Health::Ok, what, &what_is)?;
            }
            Err(why) => {
                all_well = false;
                found.line(Health::Failed, what, &format!("{place}: {why}"))?;
            }
        }
    }
    Ok(all_well)
}

impl Findings {
    fn line(&mut self, state: Health, subject: &str, detail: &str) -> Result<(), Failure> {
        let (mark, tone) = match state {
            Health::Ok => ("ok     ", Tone::Good),
            Health::Unknown => ("unknown", Tone::Waiting),
            Health::Failed => ("FAILED ", Tone::Bad),
        };
        if self.form == Form::Text {
            let text = format!("{subject}: {}", crate::text::one_line(detail));
            output::if_read(output::marked(mark, tone, &text))?;
        }
        self.all.push(Checked {
            subject: subject.to_owned(),
            state,
            detail: detail.to_owned(),
        });
        Ok(())
    }
}
