//! `lapsed` alone: the daemon, in the foreground.

use super::Common;
use super::exit::{Exit, Failure};
use crate::config::Keys;
use crate::daemon;
use crate::services::Services;

pub(super) async fn run(common: &Common) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Read)?;
    // A key that cannot be used is told now, not by the first pass.
    let services = Services::connect(&settings)?;
    daemon::run(&settings, &services, &store).await?;
    Ok(Exit::Done)
}
