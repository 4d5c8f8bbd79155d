//! `lapsed check`: a line for everything that a pass needs.

use super::exit::{Exit, Failure, told};
use super::{Common, output};
use crate::config::{Keys, Settings};
use crate::mail::Courier;
use crate::metrics::Metrics;
use crate::services::Services;
use crate::store::Store;
use crate::store::trail;

/// Whether a line tells of something good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Ok,
    /// Could not be told without changing something.
    Unknown,
    Bad,
}

pub(super) async fn run(common: &Common) -> Result<Exit, Failure> {
    let settings = common.settings(Keys::Read)?;
    line(
        Health::Ok,
        "configuration",
        &common.config.display().to_string(),
    )?;
    let store = match Store::open(&settings.database) {
        Ok(store) => store,
        Err(error) => {
            let error = anyhow::Error::from(error);
            line(Health::Bad, "database", &told(&error))?;
            return Ok(Exit::CouldNotRun);
        }
    };
    let head = store.read(trail::head).await?;
    let database = format!("{}, {} audit events", settings.database.display(), head.seq);
    line(Health::Ok, "database", &database)?;
    let services = Services::connect(&settings, &Metrics::default())?;
    let mut all_well = providers(&settings, &services).await?;
    all_well &= mail(&settings).await?;
    Ok(if all_well {
        Exit::Done
    } else {
        Exit::Incomplete
    })
}

async fn providers(settings: &Settings, services: &Services) -> Result<bool, Failure> {
    let mut all_well = true;
    if services.whitelists.is_empty() && services.teams.is_empty() {
        all_well = false;
        line(
            Health::Bad,
            "accounts",
            "no [[sentius]] and no [[sapling]] is configured",
        )?;
    }
    for account in &settings.sentius {
        let what = format!(
            "key present for {}; the provider offers nothing to read, so the first removal will tell whether it is right",
            account.base_url.host_str().unwrap_or_default()
        );
        line(Health::Unknown, &format!("sentius:{}", account.name), &what)?;
    }
    for (name, account) in &services.teams {
        let name = format!("sapling:{name}");
        match account.reader.teams().await {
            Ok(teams) => {
                let what = format!("key accepted, {}", output::count(teams.len(), "team"));
                line(Health::Ok, &name, &what)?;
            }
            Err(error) => {
                all_well = false;
                line(Health::Bad, &name, &error.to_string())?;
            }
        }
    }
    Ok(all_well)
}

async fn mail(settings: &Settings) -> Result<bool, Failure> {
    let Some(mail) = &settings.mail else {
        line(
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
        Ok(what) => line(Health::Ok, "mail", what)?,
        Err(why) => line(Health::Bad, "mail", why)?,
    }
    Ok(checked.is_ok())
}

fn line(health: Health, what: &str, detail: &str) -> Result<(), Failure> {
    let mark = match health {
        Health::Ok => "ok     ",
        Health::Unknown => "unknown",
        Health::Bad => "FAILED ",
    };
    let line = format!("{mark}  {what}: {}", crate::report::one_line(detail));
    output::if_read(output::line(&line))?;
    Ok(())
}
