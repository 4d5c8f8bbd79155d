//! `lapsed` alone: the daemon, in the foreground.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Common;
use super::exit::{Exit, Failure};
use crate::config::Settings;
use crate::daemon;
use crate::listener::{self, ListenError, Listener, View};
use crate::services::Services;
use crate::store::Store;

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
    let (_, current) = watch::channel(Arc::new(settings.clone()));
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    listen(&store, current, stop)?;
    daemon::run(&settings, &services, &store).await?;
    Ok(Exit::Done)
}

/// Answers monitors and people beside the loop, where that is configured.
fn listen(
    store: &Store,
    settings: watch::Receiver<Arc<Settings>>,
    stop: CancellationToken,
) -> Result<(), ListenError> {
    let Some(wanted) = settings.borrow().status.clone() else {
        return Ok(());
    };
    let listener = Listener::bind(&wanted)?;
    let view = View {
        store: store.clone(),
        settings,
        alive: Arc::new(|| Ok(())),
        metrics: Arc::new(listener::gauges),
    };
    tokio::spawn(async move {
        if let Err(error) = listener.serve(view, stop.cancelled_owned()).await {
            tracing::error!(%error, "nothing listens any more");
        }
    });
    Ok(())
}
