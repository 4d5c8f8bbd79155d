//! One conversation with a mail server, command by command (RFC 5321). Commands are never
//! pipelined: each answer is read before the next command goes out, so that it is known which of
//! them was refused.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::content::Content;
use super::failure::{Meaning, SmtpFailure, SmtpStage};
use super::hello;
use super::limits::Limits;
use super::offers::Offers;
use super::reply::Reply;
use super::wire::{Wire, WireError};
use crate::config::SmtpTls;

/// The time limit for QUIT, for NOOP, and for a last answer of a server that breaks off.
const COURTESY: Duration = Duration::from_secs(2);

/// A plain or TLS stream.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

type Stream = Box<dyn Duplex>;

/// How TLS is set up with the server.
pub(super) type Tls = (Arc<ClientConfig>, ServerName<'static>);

/// How to reach a mail server.
pub(super) struct Way {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) mode: SmtpTls,
    pub(super) tls: Option<Tls>,
    pub(super) login: Option<(String, SecretString)>,
    /// The name for EHLO; absent: the address that the connection comes from.
    pub(super) hello: Option<String>,
}

/// A mail's sender and recipient.
pub(super) struct Envelope {
    pub(super) from: Address,
    pub(super) to: Address,
}

impl Envelope {
    fn is_ascii(&self) -> bool {
        AsRef::<str>::as_ref(&self.from).is_ascii() && AsRef::<str>::as_ref(&self.to).is_ascii()
    }
}

pub(super) struct Session {
    wire: Wire<Stream>,
    offers: Offers,
    limits: Limits,
}

impl Session {
    /// Connects, sets up TLS and logs in, as configured.
    pub(super) async fn open(way: &Way, limits: Limits) -> Result<Self, SmtpFailure> {
        let stream = connect(way, limits.connect).await?;
        let hello = match (&way.hello, stream.local_addr()) {
            (Some(hello), _) => hello.clone(),
            (None, Ok(local)) => hello::literal(local.ip()),
            (None, Err(_)) => "[127.0.0.1]".to_owned(),
        };
        let mut stream: Stream = Box::new(stream);
        if way.mode == SmtpTls::Implicit {
            stream = protect(stream, way, limits.answer).await?;
        }
        let mut session = Self {
            wire: Wire::new(stream),
            offers: Offers::default(),
            limits,
        };
        let greeting = session.wire.reply(limits.answer).await;
        expect(SmtpStage::Connect, 220..=220, greeting)?;
        session.hello(&hello).await?;
        if way.mode == SmtpTls::StartTls {
            session = session.start_tls(way).await?;
            session.hello(&hello).await?;
        }
        if let Some((user, password)) = &way.login {
            session.login(user, password).await?;
        }
        Ok(session)
    }

    /// The largest mail that the server says it accepts.
    pub(super) fn size(&self) -> Option<u64> {
        self.offers.size
    }

    /// Sends EHLO, and reads what the server offers.
    async fn hello(&mut self, name: &str) -> Result<(), SmtpFailure> {
        let limit = self.limits.answer;
        let answer = self.wire.ask(&format!("EHLO {name}"), limit).await;
        if let Ok(reply) = &answer
            && matches!(reply.code, 500 | 502 | 504)
        {
            // A server from before 1995 offers nothing.
            self.offers = Offers::default();
            let answer = self.wire.ask(&format!("HELO {name}"), limit).await;
            return expect(SmtpStage::Connect, 250..=250, answer).map(drop);
        }
        let reply = expect(SmtpStage::Connect, 250..=250, answer)?;
        self.offers = Offers::read(&reply);
        Ok(())
    }

    /// Switches to TLS, and forgets what was read before: anybody could have sent it.
    async fn start_tls(mut self, way: &Way) -> Result<Self, SmtpFailure> {
        let limits = self.limits;
        if !self.offers.starttls {
            let text = "the mail server does not offer STARTTLS; nothing was sent in the clear";
            return Err(SmtpFailure::new(SmtpStage::Connect, text));
        }
        let answer = self.wire.ask("STARTTLS", limits.answer).await;
        expect(SmtpStage::Connect, 220..=220, answer)?;
        let stream = self
            .wire
            .into_stream()
            .map_err(|error| SmtpFailure::broken(SmtpStage::Connect, &error))?;
        Ok(Self {
            wire: Wire::new(protect(stream, way, limits.answer).await?),
            offers: Offers::default(),
            limits,
        })
    }

    async fn login(&mut self, user: &str, password: &SecretString) -> Result<(), SmtpFailure> {
        let limit = self.limits.answer;
        let password = password.expose_secret();
        if self.offers.plain {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            let answer = self.wire.ask(&format!("AUTH PLAIN {secret}"), limit).await;
            return expect(SmtpStage::Login, 235..=235, answer).map(drop);
        }
        if !self.offers.login {
            let text = "the mail server offers neither AUTH PLAIN nor AUTH LOGIN";
            return Err(SmtpFailure::new(SmtpStage::Login, text));
        }
        let answer = self.wire.ask("AUTH LOGIN", limit).await;
        expect(SmtpStage::Login, 334..=334, answer)?;
        let answer = self.wire.ask(&STANDARD.encode(user), limit).await;
        expect(SmtpStage::Login, 334..=334, answer)?;
        let answer = self.wire.ask(&STANDARD.encode(password), limit).await;
        expect(SmtpStage::Login, 235..=235, answer).map(drop)
    }

    /// Sends a mail without the dot that ends it: a mail that is aborted here was not accepted.
    pub(super) async fn upload(
        &mut self,
        envelope: &Envelope,
        content: &Content,
    ) -> Result<(), SmtpFailure> {
        let limits = self.limits;
        let mut line = format!("MAIL FROM:<{}>", envelope.from);
        line.push_str(&self.parameters(envelope, content)?);
        let answer = self.wire.ask(&line, limits.answer).await;
        expect(SmtpStage::Sender, 250..=259, answer)?;
        let line = format!("RCPT TO:<{}>", envelope.to);
        let answer = self.wire.ask(&line, limits.answer).await;
        expect(SmtpStage::Recipient, 250..=259, answer)?;
        let answer = self.wire.ask("DATA", limits.go_ahead).await;
        expect(SmtpStage::Content, 354..=354, answer)?;
        let sent = self.wire.send(&content.bytes, limits.piece).await;
        match sent {
            Ok(()) => Ok(()),
            Err(error) => Err(self.cut_short(&error).await),
        }
    }

    /// Ends the mail, and waits for the answer to it.
    pub(super) async fn settle(&mut self) -> Result<(), SmtpFailure> {
        if let Err(error) = self.wire.is_quiet() {
            return Err(self.cut_short(&error).await);
        }
        match self.wire.send(b".\r\n", self.limits.answer).await {
            Ok(()) => {}
            // The connection was closed before the dot: without it no server accepts a mail.
            Err(error @ WireError::Io(_)) => return Err(self.cut_short(&error).await),
            Err(error) => return Err(SmtpFailure::broken(SmtpStage::Answer, &error)),
        }
        let answer = self.wire.reply(self.limits.dot).await;
        expect(SmtpStage::Answer, 250..=259, answer).map(drop)
    }

    /// The server's reason for breaking off a mail, if it gave one. A positive answer before the
    /// end does not count.
    async fn cut_short(&mut self, error: &WireError) -> SmtpFailure {
        match self.wire.reply(COURTESY).await {
            Ok(reply) if reply.code >= 400 => SmtpFailure::answered(SmtpStage::Content, &reply),
            _ => SmtpFailure::broken(SmtpStage::Content, error),
        }
    }

    /// The parameters of MAIL FROM.
    fn parameters(&self, envelope: &Envelope, content: &Content) -> Result<String, SmtpFailure> {
        let lacks = |what: &str| SmtpFailure {
            stage: SmtpStage::Content,
            meaning: Meaning::Refused,
            text: format!("the mail server does not offer {what}, which this mail needs"),
        };
        let mut parameters = String::new();
        if self.offers.takes_size {
            parameters += &format!(" SIZE={}", content.size);
        }
        if content.has_wide_body && !self.offers.eight_bit {
            return Err(lacks("8BITMIME"));
        }
        if !envelope.is_ascii() || content.has_wide_header {
            if !self.offers.utf8 {
                return Err(lacks("SMTPUTF8"));
            }
            parameters += " SMTPUTF8";
        }
        if self.offers.eight_bit && (content.has_wide_body || content.has_wide_header) {
            parameters += " BODY=8BITMIME";
        }
        Ok(parameters)
    }

    /// Whether the conversation can go on with another mail.
    pub(super) async fn reset(&mut self) -> bool {
        matches!(self.wire.ask("RSET", COURTESY).await, Ok(reply) if reply.is_yes())
    }

    /// Whether the server is still there.
    pub(super) async fn is_alive(&mut self) -> bool {
        matches!(self.wire.ask("NOOP", COURTESY).await, Ok(reply) if reply.is_yes())
    }

    /// Sends QUIT, but does not wait long for the answer.
    pub(super) async fn quit(mut self) {
        let _ = self.wire.ask("QUIT", COURTESY).await;
    }
}

/// The answer, if it has one of these codes.
fn expect(
    stage: SmtpStage,
    codes: std::ops::RangeInclusive<u16>,
    answer: Result<Reply, WireError>,
) -> Result<Reply, SmtpFailure> {
    let reply = answer.map_err(|error| SmtpFailure::broken(stage, &error))?;
    match codes.contains(&reply.code) {
        true => Ok(reply),
        false => Err(SmtpFailure::answered(stage, &reply)),
    }
}

/// Connects to the first address of the host that accepts.
async fn connect(way: &Way, limit: Duration) -> Result<TcpStream, SmtpFailure> {
    let failed = |text: &str| SmtpFailure::new(SmtpStage::Connect, text);
    let silent = || failed(&WireError::Silent(limit).to_string());
    let addresses = timeout(limit, lookup_host((way.host.as_str(), way.port)));
    let addresses = addresses.await.map_err(|_| silent())?;
    let addresses: Vec<_> = addresses
        .map_err(|error| failed(&error.to_string()))?
        .collect();
    let mut last = failed("the host has no address");
    // A share for each, so that a dead first address does not use up all the time.
    let part = limit / u32::try_from(addresses.len().clamp(1, 3)).unwrap_or(1);
    for address in addresses {
        match timeout(part, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = failed(&error.to_string()),
            Err(_) => last = failed(&WireError::Silent(part).to_string()),
        }
    }
    Err(last)
}

async fn protect(stream: Stream, way: &Way, limit: Duration) -> Result<Stream, SmtpFailure> {
    let failed = |text: &str| SmtpFailure::new(SmtpStage::Connect, text);
    let Some((config, name)) = &way.tls else {
        return Err(failed("TLS was not set up"));
    };
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream);
    match timeout(limit, handshake).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(failed(&format!("TLS: {error}"))),
        Err(_) => Err(failed(&WireError::Silent(limit).to_string())),
    }
}
