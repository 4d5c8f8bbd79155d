//! The sink as a mail client sees it, over raw TCP, lettre and TLS.

use std::time::{Duration, Instant};

use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

const MAIL: &str = "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n";

struct Client<S> {
    stream: BufReader<S>,
}

async fn connect(sink: &MailSink) -> Client<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, sink.port()))
        .await
        .unwrap();
    Client {
        stream: BufReader::new(stream),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, text: &str) {
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .unwrap();
    }

    /// The codes of so many answers, without the lines that announce another.
    async fn codes(&mut self, count: usize) -> Vec<u16> {
        let mut codes = Vec::new();
        while codes.len() < count {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                codes.push(line.get(..3).unwrap_or("0").parse().unwrap());
            }
        }
        codes
    }

    async fn says(&mut self, text: &str) -> u16 {
        self.send(&format!("{text}\r\n")).await;
        self.codes(1).await[0]
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
        rest.is_empty()
    }
}

/// A sink and a client that has said EHLO.
async fn greeted(options: MailOptions) -> (MailSink, Client<TcpStream>) {
    let sink = MailSink::start(options).await.unwrap();
    let mut client = connect(&sink).await;
    assert_eq!(client.codes(1).await, [220]);
    assert_eq!(client.says("EHLO me").await, 250);
    (sink, client)
}

fn locked() -> MailOptions {
    MailOptions {
        credentials: Some(("lapsed".to_owned(), "pa ss".to_owned())),
        ..MailOptions::default()
    }
}

#[tokio::test]
async fn a_mail_is_kept_with_its_envelope_and_unstuffed() {
    let (sink, mut client) = greeted(MailOptions::default()).await;
    assert_eq!(client.says("MAIL FROM:<A@x.example> SIZE=30").await, 250);
    assert_eq!(client.says("RCPT TO:<b+c@x.example>").await, 250);
    assert_eq!(client.says("RCPT TO:<d@x.example>").await, 250);
    assert_eq!(client.says("DATA").await, 354);
    assert_eq!(client.says("Subject: x\r\n\r\n..hidden\r\n.").await, 250);
    let mails = sink.wait_for(1, Duration::from_secs(5)).await;
    assert_eq!(mails[0].from, "A@x.example");
    assert_eq!(mails[0].to, ["b+c@x.example", "d@x.example"]);
    assert_eq!(mails[0].text(), "Subject: x\r\n\r\n.hidden\r\n");
    assert!(!mails[0].secure && mails[0].user.is_none());
    assert_eq!(client.says("QUIT").await, 221);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn commands_in_one_packet_are_answered_one_by_one() {
    let (sink, mut client) = greeted(MailOptions::default()).await;
    client
        .send(&format!(
            "{MAIL}one\r\n.\r\nNOOP\r\n{MAIL}two\r\n.\r\nQUIT\r\n"
        ))
        .await;
    let codes = client.codes(10).await;
    assert_eq!(codes, [250, 250, 354, 250, 250, 250, 250, 354, 250, 221]);
    assert_eq!(sink.mails().len(), 2);
    sink.clear();
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let sink = MailSink::start(MailOptions::default()).await.unwrap();
    let mut client = connect(&sink).await;
    client.codes(1).await;
    assert_eq!(client.says("MAIL FROM:<a@x.example>").await, 503);
    assert_eq!(client.says("HELO me").await, 250);
    assert_eq!(client.says("RCPT TO:<b@x.example>").await, 503);
    assert_eq!(client.says("MAIL FROM:<>").await, 250);
    assert_eq!(client.says("MAIL FROM:<>").await, 503);
    assert_eq!(client.says("DATA").await, 503);
    assert_eq!(client.says("RSET").await, 250);
    assert_eq!(client.says("RCPT TO:<b@x.example>").await, 503);
    assert_eq!(client.says("STARTTLS").await, 502);
    assert_eq!(client.says("AUTH PLAIN AGEAYg==").await, 503);
}

#[tokio::test]
async fn lines_and_mails_are_bounded() {
    let options = MailOptions {
        max_size: 3000,
        ..MailOptions::default()
    };
    let (sink, mut client) = greeted(options).await;
    assert_eq!(client.says(&"x".repeat(100_000)).await, 500);
    client.send("NOOP\n").await;
    assert_eq!(client.codes(1).await, [500]);
    assert_eq!(client.says("MAIL FROM:<a@x.example> SIZE=3001").await, 552);
    let wide = "x".repeat(999);
    let tall = "x\r\n".repeat(2000);
    for (body, code) in [
        (wide.as_str(), 554),
        (tall.as_str(), 552),
        ("a\n.\nb", 554),
        ("ok", 250),
    ] {
        client.send(&format!("{MAIL}{body}\r\n.\r\n")).await;
        assert_eq!(client.codes(4).await, [250, 250, 354, code]);
    }
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn a_login_is_wanted_where_there_is_one() {
    let (sink, mut client) = greeted(locked()).await;
    assert_eq!(client.says("MAIL FROM:<a@x.example>").await, 530);
    assert_eq!(client.says("AUTH CRAM-MD5").await, 504);
    assert_eq!(client.says("AUTH PLAIN AGxhcHNlZABubw==").await, 535);
    assert_eq!(client.says("AUTH LOGIN").await, 334);
    assert_eq!(client.says("bGFwc2Vk").await, 334);
    assert_eq!(client.says("cGEgc3M=").await, 235);
    client.send(&format!("{MAIL}x\r\n.\r\n")).await;
    assert_eq!(client.codes(4).await, [250, 250, 354, 250]);
    assert_eq!(sink.mails()[0].user.as_deref(), Some("lapsed"));
}

#[tokio::test]
async fn faults_are_met_where_they_were_scripted() {
    let (sink, mut client) = greeted(MailOptions::default()).await;
    sink.add_fault(Times::Count(1), MailFault::RefuseSender(451));
    assert_eq!(client.says("MAIL FROM:<a@x.example>").await, 451);
    let address = "Gone@x.example".to_owned();
    sink.add_fault(
        Times::Always,
        MailFault::RefuseRecipient { address, code: 550 },
    );
    sink.add_fault(Times::Count(1), MailFault::RefuseData(452));
    for code in [452, 250] {
        assert_eq!(client.says("MAIL FROM:<a@x.example>").await, 250);
        assert_eq!(client.says("RCPT TO:<gone@x.example>").await, 550);
        assert_eq!(client.says("RCPT TO:<b@x.example>").await, 250);
        assert_eq!(client.says("DATA").await, 354);
        assert_eq!(client.says("x\r\n.").await, code);
    }
    assert_eq!(sink.mails()[0].to, ["b@x.example"]);
    sink.clear_faults();
    sink.add_fault(Times::Always, MailFault::RefuseConnection(421));
    let mut refused = connect(&sink).await;
    assert_eq!(refused.codes(1).await, [421]);
    assert!(refused.is_closed().await);
}

#[tokio::test]
async fn a_connection_closes_before_or_after_the_mail_is_kept() {
    for (fault, kept) in [
        (MailFault::CloseAfterData, 0),
        (MailFault::CloseUnanswered, 1),
    ] {
        let (sink, mut client) = greeted(MailOptions::default()).await;
        sink.add_fault(Times::Count(1), fault);
        client.send(MAIL).await;
        client.codes(3).await;
        client.send("x\r\n.\r\n").await;
        assert!(client.is_closed().await);
        assert_eq!(sink.mails().len(), kept);
    }
}

#[tokio::test]
async fn the_sink_can_fall_silent_and_a_dropped_one_is_gone() {
    let (sink, mut client) = greeted(MailOptions::default()).await;
    let time = Duration::from_millis(30);
    sink.add_fault(
        Times::Count(1),
        MailFault::Hang {
            stage: MailStage::Mail,
            time,
        },
    );
    let started = Instant::now();
    assert_eq!(client.says("MAIL FROM:<a@x.example>").await, 250);
    assert!(started.elapsed() >= time);
    drop(sink);
    assert!(client.is_closed().await);
}

fn message() -> Message {
    Message::builder()
        .from("lapsed <lapsed@acme.example>".parse().unwrap())
        .to("it@acme.example".parse().unwrap())
        .subject("Zugänge")
        .body(".\r\ndots\r\n..".to_owned())
        .unwrap()
}

#[tokio::test]
async fn a_real_client_logs_in_and_delivers() {
    let sink = MailSink::start(locked()).await.unwrap();
    let login = Credentials::new("lapsed".to_owned(), "pa ss".to_owned());
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(sink.port())
        .credentials(login)
        .build();
    transport.send(message()).await.unwrap();
    transport.send(message()).await.unwrap();
    let mails = sink.mails();
    assert_eq!(mails.len(), 2);
    assert!(
        mails[0].text().ends_with("\r\n.\r\ndots\r\n..\r\n"),
        "{}",
        mails[0].text()
    );
}

/// A handshake with a certificate of its own, and a client that trusts it.
fn tls() -> (TlsUpgrade, TlsConnector) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let upgrade: TlsUpgrade = Arc::new(move |stream| {
        let handshake = acceptor.accept(stream);
        Box::pin(async move { Ok(Box::new(handshake.await?) as Box<dyn Duplex>) })
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots);
    (
        upgrade,
        TlsConnector::from(Arc::new(client.with_no_client_auth())),
    )
}

async fn deliver_securely<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    sink: &MailSink,
) {
    assert_eq!(client.says("EHLO me").await, 250);
    assert_eq!(client.says("STARTTLS").await, 502, "once is enough");
    assert_eq!(client.says("AUTH PLAIN AGxhcHNlZABwYSBzcw==").await, 235);
    client.send(&format!("{MAIL}x\r\n.\r\n")).await;
    assert_eq!(client.codes(4).await, [250, 250, 354, 250]);
    assert!(sink.mails()[0].secure);
}

#[tokio::test]
async fn mail_waits_for_starttls_and_what_was_said_before_it_is_forgotten() {
    let (upgrade, connector) = tls();
    let options = MailOptions {
        tls: MailTls::StartTls(upgrade),
        ..locked()
    };
    let (sink, mut client) = greeted(options).await;
    assert_eq!(client.says("MAIL FROM:<a@x.example>").await, 530);
    assert_eq!(client.says("AUTH PLAIN AGxhcHNlZABwYSBzcw==").await, 503);
    assert_eq!(client.says("STARTTLS").await, 220);
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector
        .connect(name, client.stream.into_inner())
        .await
        .unwrap();
    let mut client = Client {
        stream: BufReader::new(stream),
    };
    assert_eq!(
        client.says("MAIL FROM:<a@x.example>").await,
        530,
        "a new session"
    );
    deliver_securely(&mut client, &sink).await;
}

#[tokio::test]
async fn tls_can_begin_with_the_first_byte() {
    let (upgrade, connector) = tls();
    let options = MailOptions {
        tls: MailTls::Implicit(upgrade),
        ..locked()
    };
    let sink = MailSink::start(options).await.unwrap();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, sink.port()))
        .await
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    let mut client = Client {
        stream: BufReader::new(stream),
    };
    assert_eq!(client.codes(1).await, [220]);
    deliver_securely(&mut client, &sink).await;
}
