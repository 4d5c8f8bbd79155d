//! One conversation: greeting, login, envelopes, mails.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::auth::{self, ASK_PASSWORD, ASK_USER};
use super::body::Body;
use super::command::Command;
use super::fault::{MailFault, MailStage};
use super::wire::{Line, Wire};
use super::{MailTls, Received, Shared};

/// The longest command line: 512 by RFC 5321, and more for logins and long addresses.
const COMMAND_LINE: usize = 2048;
/// Recipients of one mail (RFC 5321, 4.5.3.1.8).
const RECIPIENTS: usize = 100;

/// How a conversation ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Over,
    StartTls,
}

/// Talks to a client until either side has enough.
pub(super) async fn run(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let MailTls::Implicit(upgrade) = &shared.options.tls {
        let mut stream = upgrade(stream).await?;
        Session::new(&mut stream, shared, true).talk(true).await?;
        return Ok(());
    }
    let end = Session::new(&mut stream, shared, false).talk(true).await?;
    if let (End::StartTls, MailTls::StartTls(upgrade)) = (end, &shared.options.tls) {
        // What the client sent before the handshake went with the session: it is not to be
        // taken for something said under protection.
        let mut stream = upgrade(stream).await?;
        Session::new(&mut stream, shared, true).talk(false).await?;
    }
    Ok(())
}

struct Session<'a, S> {
    wire: Wire<&'a mut S>,
    shared: &'a Shared,
    secure: bool,
    /// What the client called itself; `None` before it has.
    hello: Option<String>,
    user: Option<String>,
    from: Option<String>,
    parameters: String,
    to: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(stream: &'a mut S, shared: &'a Shared, secure: bool) -> Self {
        Self {
            wire: Wire::new(stream),
            shared,
            secure,
            hello: None,
            user: None,
            from: None,
            parameters: String::new(),
            to: Vec::new(),
        }
    }

    async fn talk(mut self, greet: bool) -> io::Result<End> {
        if greet && !self.greet().await? {
            return Ok(End::Over);
        }
        loop {
            let command = match self.wire.line(COMMAND_LINE).await? {
                Line::Whole(line) => Command::read(&line),
                Line::Bare => Command::Wrong("500 5.5.2 lines end with CR LF"),
                Line::TooLong => Command::Wrong("500 5.5.2 the line is too long"),
                Line::Closed => return Ok(End::Over),
            };
            match command {
                Command::Hello { extended, name } => self.hello(extended, name).await?,
                Command::Mail {
                    from,
                    size,
                    parameters,
                } => self.mail(from, size, parameters).await?,
                Command::Rcpt { to } => self.rcpt(to).await?,
                Command::Data => {
                    if self.data().await? == Some(End::Over) {
                        return Ok(End::Over);
                    }
                }
                Command::Reset => {
                    self.reset();
                    self.wire.say("250 2.0.0 forgotten").await?;
                }
                Command::Noop => self.wire.say("250 2.0.0 still here").await?,
                Command::Quit => {
                    self.wire.say("221 2.0.0 bye").await?;
                    return Ok(End::Over);
                }
                Command::StartTls if self.offers_tls() => {
                    self.wire.say("220 2.0.0 go ahead").await?;
                    return Ok(End::StartTls);
                }
                Command::Auth { mechanism, initial } => self.auth(&mechanism, initial).await?,
                Command::Wrong(answer) => self.wire.say(answer).await?,
                Command::StartTls | Command::Unknown => {
                    self.wire.say("502 5.5.1 that is not known here").await?;
                }
            }
        }
    }

    async fn greet(&mut self) -> io::Result<bool> {
        self.shared.hang(MailStage::Greeting).await;
        let refused = self.shared.meets(|fault| match fault {
            MailFault::RefuseConnection(code) => Some(*code),
            _ => None,
        });
        match refused {
            Some(code) => self.wire.say(&format!("{code} scripted")).await?,
            None => {
                let words = self.shared.words(MailStage::Greeting, "220 sandbox ESMTP");
                self.wire.say_bytes(&words).await?;
            }
        }
        Ok(refused.is_none())
    }

    fn offers_tls(&self) -> bool {
        !self.secure && matches!(self.shared.options.tls, MailTls::StartTls(_))
    }

    fn offers_login(&self) -> bool {
        self.shared.options.credentials.is_some() && !self.offers_tls()
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn hello(&mut self, extended: bool, name: String) -> io::Result<()> {
        self.hello = Some(name);
        self.reset();
        if !extended {
            return self.wire.say("250 sandbox").await;
        }
        let size = self.shared.options.max_size;
        let mut answer = format!("250-sandbox\r\n250-PIPELINING\r\n250-SIZE {size}\r\n");
        if self.offers_tls() {
            answer.push_str("250-STARTTLS\r\n");
        }
        if self.offers_login() {
            answer.push_str("250-AUTH PLAIN LOGIN\r\n");
        }
        answer.push_str("250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8");
        let words = self.shared.words(MailStage::Hello, &answer);
        self.wire.say_bytes(&words).await
    }

    async fn auth(&mut self, mechanism: &str, initial: Option<String>) -> io::Result<()> {
        if self.hello.is_none() || !self.offers_login() || self.user.is_some() {
            return self.wire.say("503 5.5.1 no login now").await;
        }
        let login = match mechanism {
            "PLAIN" => {
                let message = self.answer_to("334 ", initial).await?;
                message.as_deref().and_then(auth::plain)
            }
            "LOGIN" => {
                let user = self.answer_to(ASK_USER, initial).await?;
                let user = user.as_deref().and_then(auth::decode);
                let password = self.answer_to(ASK_PASSWORD, None).await?;
                user.zip(password.as_deref().and_then(auth::decode))
            }
            _ => return self.wire.say("504 5.5.4 that login is not known").await,
        };
        let refused = self.shared.meets(|fault| match fault {
            MailFault::RefuseLogin(code) => Some(*code),
            _ => None,
        });
        if let Some(code) = refused {
            return self.wire.say(&format!("{code} scripted")).await;
        }
        if login.is_some() && login == self.shared.options.credentials {
            self.user = login.map(|(user, _)| user);
            return self.wire.say("235 2.7.0 welcome").await;
        }
        self.wire.say("535 5.7.8 that login is wrong").await
    }

    /// What the client has sent already, or else says when asked.
    async fn answer_to(&mut self, ask: &str, sent: Option<String>) -> io::Result<Option<String>> {
        if sent.is_some() {
            return Ok(sent);
        }
        self.wire.say(ask).await?;
        match self.wire.line(COMMAND_LINE).await? {
            Line::Whole(line) => Ok(String::from_utf8(line).ok()),
            Line::Closed => Err(io::ErrorKind::UnexpectedEof.into()),
            Line::Bare | Line::TooLong => Ok(None),
        }
    }

    async fn mail(
        &mut self,
        from: String,
        size: Option<usize>,
        parameters: String,
    ) -> io::Result<()> {
        if self.offers_tls() {
            return self.wire.say("530 5.7.0 STARTTLS first").await;
        }
        if self.shared.options.credentials.is_some() && self.user.is_none() {
            return self.wire.say("530 5.7.0 log in first").await;
        }
        if self.hello.is_none() || self.from.is_some() {
            return self.wire.say("503 5.5.1 not now").await;
        }
        self.shared.hang(MailStage::Mail).await;
        let refused = self.shared.meets(|fault| match fault {
            MailFault::RefuseSender(code) => Some(*code),
            _ => None,
        });
        if let Some(code) = refused {
            return self.wire.say(&format!("{code} scripted")).await;
        }
        if size.is_some_and(|size| size > self.shared.options.max_size) {
            return self.wire.say("552 5.3.4 the mail is too large").await;
        }
        self.from = Some(from);
        self.parameters = parameters;
        let words = self.shared.words(MailStage::Mail, "250 2.1.0 from there");
        self.wire.say_bytes(&words).await
    }

    async fn rcpt(&mut self, to: String) -> io::Result<()> {
        if self.from.is_none() {
            return self.wire.say("503 5.5.1 not now").await;
        }
        if self.to.len() == RECIPIENTS {
            return self.wire.say("452 4.5.3 too many recipients").await;
        }
        self.shared.hang(MailStage::Recipient).await;
        let refused = self.shared.meets(|fault| match fault {
            MailFault::RefuseRecipient { address, code }
                if address.to_lowercase() == to.to_lowercase() =>
            {
                Some(*code)
            }
            _ => None,
        });
        if let Some(code) = refused {
            return self.wire.say(&format!("{code} scripted")).await;
        }
        self.to.push(to);
        let words = self.shared.words(MailStage::Recipient, "250 2.1.5 to them");
        self.wire.say_bytes(&words).await
    }

    /// Takes a mail; tells when the connection is to be closed.
    async fn data(&mut self) -> io::Result<Option<End>> {
        if self.to.is_empty() {
            self.wire.say("503 5.5.1 nobody to send it to").await?;
            return Ok(None);
        }
        self.wire.say("354 go ahead").await?;
        let body = match self.wire.body(self.shared.options.max_size).await? {
            Body::Mail(body) => body,
            Body::Refused(answer) => {
                self.reset();
                self.wire.say(answer).await?;
                return Ok(None);
            }
            Body::Closed => return Ok(Some(End::Over)),
        };
        self.shared.hang(MailStage::Data).await;
        let fault = self.shared.meets(|fault| match fault {
            MailFault::RefuseData(_) | MailFault::CloseAfterData | MailFault::CloseUnanswered => {
                Some(fault.clone())
            }
            _ => None,
        });
        match fault {
            Some(MailFault::RefuseData(code)) => {
                self.reset();
                self.wire.say(&format!("{code} scripted")).await?;
                return Ok(None);
            }
            Some(MailFault::CloseAfterData) => return Ok(Some(End::Over)),
            _ => {}
        }
        self.shared.keep(Received {
            at: crate::clock::now(),
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data: body,
            secure: self.secure,
            user: self.user.clone(),
            hello: self.hello.clone().unwrap_or_default(),
            parameters: std::mem::take(&mut self.parameters),
        });
        if fault.is_some() {
            return Ok(Some(End::Over));
        }
        let words = self.shared.words(MailStage::Data, "250 2.0.0 kept");
        self.wire.say_bytes(&words).await?;
        Ok(None)
    }
}
