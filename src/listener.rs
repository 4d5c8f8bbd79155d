//! The listener for monitoring and for people: whether the daemon is alive and ready, numbers for
//! Prometheus, and read-only pages. It starts nothing; all that it changes is what an owner answers by
//! the link in a mail.

mod answer;
mod auth;
mod cache;
mod connections;
mod gauges;
mod page;
mod people;
mod routes;
mod rows;
mod seats;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;

use crate::config::{Settings, StatusSettings};
use crate::metrics::Metrics;
use crate::store::Store;
use auth::Auth;

/// An address that is listened at.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    auth: Auth,
}

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct View {
    pub store: Store,
    /// The settings now: the daemon may read them anew.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Whether the daemon's loop makes progress and all its tasks run; if not, why.
    pub alive: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// What the process counts.
    pub metrics: Metrics,
    pub started_at: Timestamp,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ListenError {
    /// Another program has the port; it may give it up.
    #[error(
        "status.listen: {0} is in use by another program; stop that one, or write another port"
    )]
    InUse(SocketAddr),
    /// The port is reserved.
    #[error("status.listen: this user may not listen at {0}; write a port from 1024 on")]
    Forbidden(SocketAddr),
    /// The address belongs to another machine, or to none.
    #[error(
        "status.listen: {0} is no address of this machine; write one that is, such as 127.0.0.1:9187"
    )]
    Elsewhere(SocketAddr),
    #[error("status.listen: cannot listen at {address}")]
    Other {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

impl Listener {
    /// Takes the address; nothing is answered before [`Listener::serve`].
    ///
    /// # Errors
    /// Names the key, the address and what to do.
    pub(crate) fn bind(settings: &StatusSettings) -> Result<Self, ListenError> {
        let address = settings.listen;
        let socket = TcpListener::bind(address).and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let socket = socket.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            io::ErrorKind::PermissionDenied => ListenError::Forbidden(address),
            io::ErrorKind::AddrNotAvailable => ListenError::Elsewhere(address),
            _ => ListenError::Other { address, source },
        })?;
        Ok(Self {
            socket,
            auth: Auth::new(settings.token.as_ref()),
        })
    }

    /// Answers until `shutdown`; then whatever is being answered is dropped. The address stays ours:
    /// this can be called again.
    ///
    /// # Errors
    /// When the socket cannot be used. A connection that fails affects no other.
    pub(crate) async fn serve(
        &self,
        view: View,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let socket = tokio::net::TcpListener::from_std(self.socket.try_clone()?)?;
        tracing::info!(address = %socket.local_addr()?, "listening");
        connections::serve(&socket, routes::router(view, self.auth.clone()), shutdown).await;
        Ok(())
    }
}
