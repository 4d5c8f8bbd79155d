//! One mail server: connects, logs in, sends, and keeps a connection for the next mail.
//!
//! The commands are sent one by one and not by the library's transport, for two reasons. Only so
//! it is known which of them was refused, and a refused login says nothing against the mail. And
//! the library's pool takes a connection back when the wait for the server's yes is cut off by a
//! timeout: from then on each answer belongs to the command before, and the next mail counts as
//! accepted whatever the server says to it.

mod failure;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout};

use failure::{Failure, Stage};

use super::deliver::{BuildError, DeliveryError};
use super::words::{forms, safe};
use crate::config::{SmtpSettings, SmtpTls};

/// Idle connections kept; more are closed after use.
const MOST_IDLE: usize = 2;

/// How long a connection is kept idle; servers close theirs after minutes.
const LONGEST_IDLE: Duration = Duration::from_secs(20);

/// How long a goodbye or a sign of life may take.
const COURTESY: Duration = Duration::from_secs(2);

/// A mail server and the way to it.
pub(super) struct Smtp {
    host: String,
    port: u16,
    mode: SmtpTls,
    tls: Option<TlsParameters>,
    login: Option<(String, SecretString)>,
    hello: ClientId,
    limit: Duration,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Smtp {
    pub(super) fn new(settings: &SmtpSettings, limit: Duration) -> Result<Self, BuildError> {
        let tls = match settings.tls {
            SmtpTls::None => None,
            SmtpTls::StartTls | SmtpTls::Implicit => Some(trust(&settings.host)?),
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            mode: settings.tls,
            tls,
            login: settings.credentials.clone(),
            hello: ClientId::default(),
            limit,
            idle: Mutex::default(),
        })
    }

    /// Sends one mail to one recipient.
    pub(super) async fn deliver(
        &self,
        from: &str,
        to: &str,
        bytes: &[u8],
    ) -> Result<(), DeliveryError> {
        let Some(from) = address(from) else {
            return Err(self.transient(&format!("the sender {from:?} is not an address")));
        };
        let Some(to) = address(to) else {
            let text = format!("the recipient {to:?} is not an address");
            return Err(DeliveryError::Permanent(self.safe(&text)));
        };
        // What is decided is decided: leaving has a limit of its own, outside of this one.
        match timeout(self.limit, self.send(&from, &to, bytes)).await {
            Ok((Ok(()), connection)) => {
                self.keep(connection).await;
                Ok(())
            }
            Ok((Err(failure), connection)) => {
                goodbye(connection).await;
                Err(self.error(&failure))
            }
            Err(_) => Err(self.timed_out()),
        }
    }

    /// Connects, logs in and leaves.
    pub(super) async fn check(&self) -> Result<String, DeliveryError> {
        match timeout(self.limit, self.connect()).await {
            Ok(Ok(connection)) => {
                goodbye(Some(connection)).await;
                let Self { host, port, .. } = self;
                let tls = match self.mode {
                    SmtpTls::StartTls => "encrypted by STARTTLS",
                    SmtpTls::Implicit => "encrypted",
                    SmtpTls::None => "not encrypted",
                };
                let login = match &self.login {
                    Some((user, _)) => format!("logged in as {user}"),
                    None => "no login".to_owned(),
                };
                Ok(self.safe(&format!("{host}:{port} answers, {tls}, {login}")))
            }
            Ok(Err(failure)) => Err(self.error(&failure)),
            Err(_) => Err(self.timed_out()),
        }
    }

    /// Leaves the server until the next mail.
    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for (connection, _) in idle {
            goodbye(Some(connection)).await;
        }
    }

    /// The outcome, and the connection it came by.
    async fn send(
        &self,
        from: &Address,
        to: &Address,
        bytes: &[u8],
    ) -> (Result<(), Failure>, Option<AsyncSmtpConnection>) {
        if let Some(mut kept) = self.kept().await {
            let outcome = converse(&mut kept, from, to, bytes).await;
            // A server may end a connection after so many mails: a new one may do.
            if !matches!(&outcome, Err(failure) if failure.stage == Stage::Sender) {
                return (outcome, Some(kept));
            }
        }
        match self.connect().await {
            Ok(mut fresh) => (converse(&mut fresh, from, to, bytes).await, Some(fresh)),
            Err(failure) => (Err(failure), None),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let at = |stage| move |error| Failure::of(stage, &error);
        let implicit = match self.mode {
            SmtpTls::Implicit => self.tls.clone(),
            SmtpTls::StartTls | SmtpTls::None => None,
        };
        // A third for each address of the host, so that a dead first one does not use up all.
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(self.limit / 3),
            &self.hello,
            implicit,
            None,
        )
        .await
        .map_err(at(Stage::Connect))?;
        if let (SmtpTls::StartTls, Some(tls)) = (self.mode, &self.tls) {
            connection
                .starttls(tls.clone(), &self.hello)
                .await
                .map_err(at(Stage::Connect))?;
        }
        if let Some((user, password)) = &self.login {
            let login = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection
                .auth(DEFAULT_MECHANISMS, &login)
                .await
                .map_err(at(Stage::Login))?;
        }
        Ok(connection)
    }

    /// An idle connection that still lives. It leaves the list before it is used: when sending is
    /// broken off, the connection is dropped and not used again.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut connection, since) = self.idle().pop()?;
            if since.elapsed() < LONGEST_IDLE
                && let Ok(Ok(_)) = timeout(COURTESY, connection.command(Noop)).await
            {
                return Some(connection);
            }
        }
    }

    async fn keep(&self, connection: Option<AsyncSmtpConnection>) {
        let mut spare = connection;
        {
            let mut idle = self.idle();
            if idle.len() < MOST_IDLE
                && let Some(connection) = spare.take()
            {
                idle.push((connection, Instant::now()));
            }
        }
        goodbye(spare).await;
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, failure: &Failure) -> DeliveryError {
        if failure.permanent {
            DeliveryError::Permanent(self.safe(&failure.text))
        } else {
            self.transient(&format!("{}:{}: {}", self.host, self.port, failure.text))
        }
    }

    fn timed_out(&self) -> DeliveryError {
        let seconds = self.limit.as_secs_f32();
        let Self { host, port, .. } = self;
        self.transient(&format!(
            "{host}:{port}: no answer within {seconds} seconds"
        ))
    }

    fn transient(&self, text: &str) -> DeliveryError {
        DeliveryError::Transient(self.safe(text))
    }

    fn safe(&self, text: &str) -> String {
        safe(text, &forms(self.login.as_ref()))
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.mode)
            .field("login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

/// Certificates are checked against the system's, always, and against the server's name.
fn trust(host: &str) -> Result<TlsParameters, BuildError> {
    // Whoever came first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    TlsParameters::builder(host.to_owned())
        .build_rustls()
        .map_err(|error| BuildError::Tls(safe(&error.to_string(), &[])))
}

/// An address, bare or with a name.
fn address(text: &str) -> Option<Address> {
    let bare = text.parse::<Address>().ok();
    bare.or_else(|| text.parse::<Mailbox>().ok().map(|mailbox| mailbox.email))
}

/// One mail on an open connection, up to the server's yes.
async fn converse(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    bytes: &[u8],
) -> Result<(), Failure> {
    let at = |stage| move |error| Failure::of(stage, &error);
    let options = options(connection, from, to, bytes)?;
    connection
        .command(Mail::new(Some(from.clone()), options))
        .await
        .map_err(at(Stage::Sender))?;
    connection
        .command(Rcpt::new(to.clone(), Vec::new()))
        .await
        .map_err(at(Stage::Recipient))?;
    let go_ahead = connection.command(Data).await.map_err(at(Stage::Content))?;
    expect(&go_ahead, Severity::PositiveIntermediate)?;
    let answer = connection
        .message(bytes)
        .await
        .map_err(at(Stage::Content))?;
    expect(&answer, Severity::PositiveCompletion)
}

/// A positive answer of the wrong kind is one to another question: the mail is not accepted.
fn expect(answer: &Response, severity: Severity) -> Result<(), Failure> {
    if answer.code().severity == severity {
        return Ok(());
    }
    Err(Failure {
        stage: Stage::Content,
        permanent: false,
        text: format!("an unexpected answer to the message: {}", answer.code()),
    })
}

/// What the sender's command must ask for, where addresses or the message are not plain ASCII.
fn options(
    connection: &AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    bytes: &[u8],
) -> Result<Vec<MailParameter>, Failure> {
    let server = connection.server_info();
    let lacks = |what| Failure {
        stage: Stage::Content,
        permanent: false,
        text: format!("the mail server does not offer {what}, which this mail needs"),
    };
    let mut options = Vec::new();
    if !(AsRef::<str>::as_ref(from).is_ascii() && AsRef::<str>::as_ref(to).is_ascii()) {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(lacks("SMTPUTF8"));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if !bytes.is_ascii() {
        if !server.supports_feature(Extension::EightBitMime) {
            return Err(lacks("8BITMIME"));
        }
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(options)
}

/// Leaves politely, but does not wait for it.
async fn goodbye(connection: Option<AsyncSmtpConnection>) {
    if let Some(mut connection) = connection {
        let _ = timeout(COURTESY, connection.abort()).await;
    }
}
