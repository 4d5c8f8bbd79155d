//! Ctrl-C and SIGTERM during long work: the first begins nothing new and lets the calls under way end,
//! the second ends at once.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Exit, Failure};
use super::output;
use crate::progress::Stop;

/// Does the work, and tells `stop` of the first signal.
pub(super) async fn stoppable<T>(stop: &Stop, work: impl Future<Output = T>) -> Result<T, Failure> {
    let mut signals = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    ];
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return Ok(done),
        () = any(&mut signals) => stop.set(),
    }
    output::complain(
        "interrupted: the calls under way are brought to their end; a second Ctrl-C ends at once",
    );
    tokio::select! {
        done = work => Ok(done),
        () = any(&mut signals) => Err(Failure::of(
            Exit::Incomplete,
            anyhow::anyhow!("interrupted twice: the next pass settles the calls that were under way"),
        )),
    }
}

async fn any([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
