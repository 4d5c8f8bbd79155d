//! The listener beside the loop, and its move to another address after a reload.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::supervisor::{Supervisor, Task};
use crate::config::StatusSettings;
use crate::listener::{ListenError, Listener, View};

/// Open as long as it lives; may be none at all.
#[derive(Debug, Default)]
pub(super) struct Listening {
    address: Option<SocketAddr>,
    _open: Option<DropGuard>,
}

impl Listening {
    /// Listens where the settings say; `None` if this one does so already. A changed token is
    /// noticed without this.
    ///
    /// # Errors
    /// When the address cannot be used; this one stays open.
    pub(super) fn moved(
        &self,
        settings: Option<&StatusSettings>,
        view: View,
        workers: &Handle,
        supervisor: &Supervisor,
    ) -> Result<Option<Self>, ListenError> {
        let address = settings.map(|settings| settings.listen);
        let Some(settings) = settings.filter(|_| address != self.address) else {
            return Ok((address != self.address).then(Self::default));
        };
        let listener = Arc::new(Listener::bind(settings)?);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        supervisor.keep(Task::Listener, workers, move || {
            let (listener, view) = (Arc::clone(&listener), view.clone());
            let stopped = stopped.clone().cancelled_owned();
            async move {
                let served = listener.serve(view, stopped).await;
                served.map_err(|error| error.to_string())
            }
        });
        Ok(Some(Self {
            address,
            _open: Some(stop.drop_guard()),
        }))
    }
}
