//! A mail server in memory: takes mail over real SMTP on loopback, and keeps it for reading.

mod auth;
mod body;
mod command;
mod fault;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use fault::{MailFault, MailStage};

use super::faults::Times;

/// A stream to talk over, protected or not.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A TLS handshake under way.
pub type Upgrading = Pin<Box<dyn Future<Output = io::Result<Box<dyn Duplex>>> + Send>>;

/// Makes a TLS handshake as the server. The sandbox knows no TLS itself: who wants it brings it.
pub type TlsUpgrade = Arc<dyn Fn(TcpStream) -> Upgrading + Send + Sync>;

/// How the sink protects its connections.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum MailTls {
    /// Not at all.
    #[default]
    None,
    /// Plain until the client asks; mail is refused before.
    StartTls(TlsUpgrade),
    /// From the first byte.
    Implicit(TlsUpgrade),
}

impl fmt::Debug for MailTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::StartTls(_) => "StartTls",
            Self::Implicit(_) => "Implicit",
        })
    }
}

/// How a sink behaves.
#[derive(Debug, Clone)]
pub struct MailOptions {
    /// User and password; when set, mail is refused without them.
    pub credentials: Option<(String, String)>,
    /// The largest mail taken, in bytes.
    pub max_size: usize,
    /// How connections are protected.
    pub tls: MailTls,
}

impl Default for MailOptions {
    fn default() -> Self {
        Self {
            credentials: None,
            // What common servers take.
            max_size: 10 << 20,
            tls: MailTls::None,
        }
    }
}

/// A mail that the sink has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// When it was complete.
    pub at: Timestamp,
    /// The envelope's sender; empty for a bounce.
    pub from: String,
    /// The envelope's recipients, those refused left out.
    pub to: Vec<String>,
    /// The mail as it was sent, with headers.
    pub data: Vec<u8>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// Who had logged in.
    pub user: Option<String>,
    /// What the client called itself.
    pub hello: String,
    /// What MAIL said beside the sender.
    pub parameters: String,
}

impl Received {
    /// The mail as text, headers and all, not decoded.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.data)
    }
}

/// A running mail server; it stops when dropped.
#[derive(Debug)]
pub struct MailSink {
    port: u16,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What the sessions of a sink share.
#[derive(Debug)]
struct Shared {
    options: MailOptions,
    mails: Mutex<Vec<Received>>,
    faults: Mutex<Vec<(Times, MailFault)>>,
    arrived: Notify,
}

impl MailSink {
    /// Starts it on a free port of loopback, within the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(options: MailOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            options,
            mails: Mutex::default(),
            faults: Mutex::default(),
            arrived: Notify::new(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self {
            port,
            shared,
            _stop: stop.drop_guard(),
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The mails so far, in the order in which they were complete.
    #[must_use]
    pub fn mails(&self) -> Vec<Received> {
        self.shared.mails().clone()
    }

    /// Waits until there are so many mails, or so long, and returns what is there then.
    pub async fn wait_for(&self, count: usize, at_most: Duration) -> Vec<Received> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified();
                if self.shared.mails().len() >= count {
                    return;
                }
                arrived.await;
            }
        };
        let _ = tokio::time::timeout(at_most, enough).await;
        self.mails()
    }

    /// Forgets the mails so far.
    pub fn clear(&self) {
        self.shared.mails().clear();
    }

    /// Scripts something that goes wrong.
    pub fn add_fault(&self, times: Times, fault: MailFault) {
        self.shared.faults().push((times, fault));
    }

    /// Forgets all faults: everything works again.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }
}

impl Shared {
    fn mails(&self) -> MutexGuard<'_, Vec<Received>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Vec<(Times, MailFault)>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, mail: Received) {
        self.mails().push(mail);
        self.arrived.notify_waiters();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, say: the next attempt is not to spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move {
            // A client that vanishes is no concern of a sink.
            let _ = stop
                .run_until_cancelled(session::run(stream, &shared))
                .await;
        });
    }
}
