//! The members that no grant covers, as a file that `import --record-only` takes.

use std::path::Path;

use super::super::exit::Failure;
use super::super::{Common, members, output};
use crate::clock;
use crate::config::Keys;
use crate::metrics::Metrics;
use crate::observe::{self, ReadOptions};
use crate::providers::accounts::Services;
use crate::store::{Store, StoreError};
use crate::text::one_line;

/// What was found.
#[derive(Debug)]
pub(super) struct Offer {
    /// Members in the file; there is none without any.
    pub(super) count: usize,
    /// Whether all teams could be read.
    pub(super) is_whole: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            count: 0,
            is_whole: true,
        }
    }
}

/// Reads all teams and writes the file. The database is left as it is: readings go into a copy, which is
/// empty where there is no database yet.
pub(super) async fn offer(common: &Common, file: &Path) -> Result<Offer, Failure> {
    let settings = common.settings(Keys::Read)?;
    let services = Services::connect(&settings, &Metrics::default())?;
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("lapsed.db");
    match Store::open_to_read(&settings.database) {
        Ok(store) => store.backup(&copy).await?,
        Err(StoreError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let store = Store::open(&copy)?;
    let seen = observe::all(&services, &store, ReadOptions::aside("", clock::now())).await?;
    let mut is_whole = seen.errors.is_empty();
    output::line("")?;
    for error in &seen.errors {
        let text = format!("not read: {}: {}", error.place, error.message);
        output::line(&one_line(&text))?;
    }
    for (name, account) in &services.teams {
        if !account.is_clock_trusted() {
            is_whole = false;
            output::line(&format!(
                "not read: sapling:{name}: its clock and this one's differ"
            ))?;
        }
    }
    let (rows, left) = members::uncovered(&store, &settings).await?;
    for email in left {
        output::line(&one_line(&format!(
            "left out: {email} is no address that import takes"
        )))?;
    }
    let count = rows.len();
    if count > 0 {
        let text = members::import_file(rows)?;
        super::put(file, &text, 0o600).map_err(|error| super::unwritten(file, error))?;
        let what = output::count(count, "member");
        output::line(&format!(
            "written  {}: {what} that no grant covers",
            file.display()
        ))?;
    } else if is_whole {
        output::line("every member of every team has a grant: there is nothing to import")?;
    }
    Ok(Offer { count, is_whole })
}
