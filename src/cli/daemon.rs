//! `lapsed` alone: the daemon, in the foreground.

use super::Common;
use super::exit::{Exit, Failure};
use crate::daemon;
use crate::services::Services;

pub(super) async fn run(common: &Common) -> Result<Exit, Failure> {
    let (settings, store) = common.open()?;
    // A key that cannot be used is told now, not by the first pass.
    let services = Services::connect(&settings)?;
    let Some(_presence) = store.claim_daemon()? else {
        return Err(Failure::could_not_run(anyhow::anyhow!(
            "another daemon is running on {}",
            store.path().display()
        )));
    };
    daemon::run(&settings, &services, &store).await?;
    Ok(Exit::Done)
}
