//! One mail server: connects, logs in, sends, and keeps a connection for the next mail.
//!
//! The conversation is our own and not a library's. So it is known which command was refused, and
//! what that says of the mail; each step has its own time; nothing that was said before TLS counts
//! as said under it; and an answer may hold whatever bytes it likes.

mod content;
mod failure;
mod hello;
mod limits;
mod offers;
mod reply;
#[cfg(test)]
mod script;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use content::Content;
use failure::{Meaning, SmtpFailure, SmtpStage};
pub(super) use limits::Limits;
use session::{Envelope, Session, Tls, Way};

use super::deliver::{BuildError, DeliveryError, Parcel};
use super::words::{Words, ascii_domain, safe};
use crate::config::{SmtpSettings, SmtpTls};
use crate::progress::Stop;

/// Idle connections kept; more are closed after use.
const MOST_IDLE: usize = 2;

/// How long a connection is kept idle; servers close theirs after minutes.
const LONGEST_IDLE: Duration = Duration::from_secs(20);

/// A mail server and the way to it.
pub(super) struct Smtp {
    way: Way,
    words: Words,
    limits: Limits,
    stop: Stop,
    idle: Mutex<Vec<(Session, Instant)>>,
}

impl Smtp {
    pub(super) fn new(
        settings: &SmtpSettings,
        limits: Limits,
        stop: Stop,
    ) -> Result<Self, BuildError> {
        let tls = match settings.tls {
            SmtpTls::None => None,
            SmtpTls::StartTls | SmtpTls::Implicit => Some(trust(&settings.host)?),
        };
        Ok(Self {
            way: Way {
                host: settings.host.clone(),
                port: settings.port,
                mode: settings.tls,
                tls,
                login: settings.credentials.clone(),
                hello: settings.hello.clone().or_else(hello::full_name),
            },
            words: Words::without(settings.credentials.as_ref()),
            limits,
            stop,
            idle: Mutex::default(),
        })
    }

    /// Sends one mail to one recipient, as large as the server takes it. Returns which of its forms
    /// was taken.
    pub(super) async fn deliver(&self, parcel: &Parcel<'_>) -> Result<usize, DeliveryError> {
        let Some(from) = address(parcel.from) else {
            let text = format!("the sender {:?} is not an address", parcel.from);
            return Err(self.transient(&text));
        };
        let Some(to) = address(parcel.to) else {
            let text = format!("the recipient {:?} is not an address", parcel.to);
            return Err(DeliveryError::Refused(self.safe(&text)));
        };
        let envelope = Envelope { from, to };
        let mut session = None;
        let last = parcel.forms.len().saturating_sub(1);
        for (form, message) in parcel.forms.iter().enumerate() {
            let content = Content::of(message);
            match self
                .send(&mut session, &envelope, &content, form < last)
                .await
            {
                Ok(()) => {
                    self.keep(session).await;
                    return Ok(form);
                }
                Err(failure) if failure.meaning == Meaning::TooLarge && form < last => {
                    tracing::info!(
                        to = parcel.to,
                        "the mail server takes no mail of {} bytes; a smaller one is tried",
                        content.size
                    );
                    if let Some(mut kept) = session.take()
                        && kept.reset().await
                    {
                        session = Some(kept);
                    }
                }
                Err(failure) => {
                    goodbye(session).await;
                    return Err(self.error(&failure));
                }
            }
        }
        Err(self.transient("there is nothing to send"))
    }

    /// Connects, logs in and leaves.
    pub(super) async fn check(&self) -> Result<String, DeliveryError> {
        match self.open().await {
            Ok(session) => {
                session.quit().await;
                let Way { host, port, .. } = &self.way;
                let tls = match self.way.mode {
                    SmtpTls::StartTls => "encrypted by STARTTLS",
                    SmtpTls::Implicit => "encrypted",
                    SmtpTls::None => "not encrypted",
                };
                let login = match &self.way.login {
                    Some((user, _)) => format!("logged in as {user}"),
                    None => "no login".to_owned(),
                };
                Ok(self.safe(&format!("{host}:{port} answers, {tls}, {login}")))
            }
            Err(failure) => Err(self.error(&failure)),
        }
    }

    /// Leaves the server until the next mail.
    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for (session, _) in idle {
            session.quit().await;
        }
    }

    /// Sends one form of a mail, over the session if there is one. The session is left there only
    /// when its conversation can go on: one that was broken off is not used again, since each of
    /// its answers would belong to the command before.
    async fn send(
        &self,
        session: &mut Option<Session>,
        envelope: &Envelope,
        content: &Content,
        has_smaller: bool,
    ) -> Result<(), SmtpFailure> {
        let kept = match session.take() {
            Some(session) => Some(session),
            None => self.kept().await,
        };
        if let Some(mut kept) = kept {
            let outcome = self.converse(&mut kept, envelope, content, has_smaller);
            let outcome = outcome.await;
            // A server may take no more on a connection after so many mails, in whatever words: what
            // it says on a new one is of this mail.
            if !matches!(&outcome, Err(failure) if failure.stage == SmtpStage::Sender
                && failure.meaning != Meaning::TooLarge)
            {
                *session = Some(kept);
                return outcome;
            }
        }
        let mut fresh = self.open().await?;
        let outcome = self
            .converse(&mut fresh, envelope, content, has_smaller)
            .await;
        *session = Some(fresh);
        outcome
    }

    /// One mail on an open connection, up to the server's yes.
    async fn converse(
        &self,
        session: &mut Session,
        envelope: &Envelope,
        content: &Content,
        has_smaller: bool,
    ) -> Result<(), SmtpFailure> {
        if has_smaller && session.size().is_some_and(|most| content.size > most) {
            return Err(SmtpFailure {
                stage: SmtpStage::Sender,
                meaning: Meaning::TooLarge,
                text: "the message is larger than the mail server takes".to_owned(),
            });
        }
        self.in_time(SmtpStage::Content, session.upload(envelope, content))
            .await?;
        tokio::select! {
            biased;
            outcome = session.settle() => outcome,
            () = self.leaves() => {
                let mut failure =
                    SmtpFailure::new(SmtpStage::Answer, "lapsed was told to stop before the answer came");
                failure.meaning = Meaning::Unanswered;
                Err(failure)
            }
        }
    }

    async fn open(&self) -> Result<Session, SmtpFailure> {
        self.in_time(SmtpStage::Connect, Session::open(&self.way, self.limits))
            .await
    }

    /// What can be broken off without harm, within its time, which is short once lapsed is told to
    /// stop.
    async fn in_time<T>(
        &self,
        stage: SmtpStage,
        step: impl Future<Output = Result<T, SmtpFailure>>,
    ) -> Result<T, SmtpFailure> {
        let whole = self.limits.whole;
        tokio::select! {
            biased;
            outcome = timeout(whole, step) => outcome.unwrap_or_else(|_| {
                let seconds = whole.as_secs_f32();
                Err(SmtpFailure::new(stage, &format!("not done within {seconds} seconds")))
            }),
            () = self.leaves() => Err(SmtpFailure::new(stage, "lapsed was told to stop")),
        }
    }

    /// Comes when lapsed was told to stop and has waited long enough.
    async fn leaves(&self) {
        self.stop.told().await;
        sleep(self.limits.leaving).await;
    }

    /// An idle connection that still lives. It leaves the list before it is used.
    async fn kept(&self) -> Option<Session> {
        loop {
            let (mut session, since) = self.idle().pop()?;
            if since.elapsed() < LONGEST_IDLE && session.is_alive().await {
                return Some(session);
            }
        }
    }

    async fn keep(&self, session: Option<Session>) {
        let mut spare = session;
        {
            let mut idle = self.idle();
            if idle.len() < MOST_IDLE
                && let Some(session) = spare.take()
            {
                idle.push((session, Instant::now()));
            }
        }
        goodbye(spare).await;
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Session, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, failure: &SmtpFailure) -> DeliveryError {
        let Way { host, port, .. } = &self.way;
        let placed = || self.safe(&format!("{host}:{port}: {}", failure.text));
        match failure.meaning {
            Meaning::Refused | Meaning::TooLarge => {
                DeliveryError::Refused(self.safe(&failure.text))
            }
            Meaning::Unanswered => DeliveryError::Unanswered(placed()),
            Meaning::Retry => DeliveryError::Transient(placed()),
        }
    }

    fn transient(&self, text: &str) -> DeliveryError {
        DeliveryError::Transient(self.safe(text))
    }

    fn safe(&self, text: &str) -> String {
        self.words.safe(text)
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.way.host)
            .field("port", &self.way.port)
            .field("tls", &self.way.mode)
            .field("login", &self.way.login.is_some())
            .finish_non_exhaustive()
    }
}

/// Certificates are checked against the system's, always, and against the server's name.
fn trust(host: &str) -> Result<Tls, BuildError> {
    let failed = |error: &dyn fmt::Display| BuildError::Tls(safe(&error.to_string()));
    // Whoever came first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ClientConfig::with_platform_verifier().map_err(|error| failed(&error))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    Ok((Arc::new(config), name))
}

/// An address, bare or with a name, its domain as mail servers know it.
fn address(text: &str) -> Option<Address> {
    let bare = text.parse::<Address>().ok();
    let address = bare.or_else(|| text.parse::<Mailbox>().ok().map(|mailbox| mailbox.email));
    address.map(|address| ascii_domain(&address))
}

/// Leaves politely, but does not wait for it.
async fn goodbye(session: Option<Session>) {
    if let Some(session) = session {
        session.quit().await;
    }
}
