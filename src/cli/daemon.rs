//! `lapsed` alone: the daemon, in the foreground.

use super::Common;
use super::exit::{Exit, Failure};
use crate::config;
use crate::config::Keys;
use crate::daemon;

pub(super) fn run(common: &Common) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Read)?;
    let path = common.config.clone();
    let load = move || config::load(&path, Keys::Read).map_err(|error| error.to_string());
    daemon::run(settings, &store, Box::new(load))?;
    Ok(Exit::Done)
}
