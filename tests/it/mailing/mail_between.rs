//! A man in the middle without any key: what he puts before TLS is not taken for said under it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lapsed_sandbox::{MailOptions, MailSink, MailTls, SaplingState, SentiusState};

use crate::desk::{Desk, Providers, Ran};
use crate::mailing::tls_mail::tls;

/// Sits before a mail server: passes the talk before STARTTLS on, adds lines behind its yes, lets the
/// genuine handshake through and then keeps what the client says for himself.
struct Middle {
    port: u16,
    handshakes: Arc<AtomicUsize>,
}

impl Middle {
    fn before(server: u16, lines: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let middle = Self {
            port: listener.local_addr().unwrap().port(),
            handshakes: Arc::default(),
        };
        let handshakes = Arc::clone(&middle.handshakes);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", server)))
                else {
                    return;
                };
                let handshakes = Arc::clone(&handshakes);
                thread::spawn(move || between(client, server, lines, &handshakes));
            }
        });
        middle
    }
}

/// One connection; ends when either side has enough.
fn between(
    client: TcpStream,
    server: TcpStream,
    lines: &[u8],
    handshakes: &AtomicUsize,
) -> Option<()> {
    let mut to_client = client.try_clone().ok()?;
    let mut to_server = server.try_clone().ok()?;
    let mut client = BufReader::new(client);
    let mut server = BufReader::new(server);
    let mut line = Vec::new();
    // The greeting, and what is said in the clear.
    loop {
        loop {
            line.clear();
            server
                .read_until(b'\n', &mut line)
                .ok()
                .filter(|n| *n > 0)?;
            let is_yes = line.starts_with(b"220 2.0.0");
            if is_yes {
                line.extend_from_slice(lines);
            }
            to_client.write_all(&line).ok()?;
            if is_yes {
                return after_yes(client, server, to_client, to_server, handshakes);
            }
            if line.get(3) != Some(&b'-') {
                break;
            }
        }
        line.clear();
        client
            .read_until(b'\n', &mut line)
            .ok()
            .filter(|n| *n > 0)?;
        to_server.write_all(&line).ok()?;
    }
}

/// Lets the first flights of the handshake through, and drops all that the client says then.
fn after_yes(
    mut client: BufReader<TcpStream>,
    mut server: BufReader<TcpStream>,
    mut to_client: TcpStream,
    mut to_server: TcpStream,
    handshakes: &AtomicUsize,
) -> Option<()> {
    thread::spawn(move || std::io::copy(&mut server, &mut to_client));
    let mut buffer = [0; 16 * 1024];
    // The client's hello, and its finished.
    for _ in 0..2 {
        let length = client.read(&mut buffer).ok().filter(|n| *n > 0)?;
        handshakes.fetch_add(1, Ordering::SeqCst);
        to_server.write_all(buffer.get(..length)?).ok()?;
    }
    while client.read(&mut buffer).ok()? > 0 {}
    Some(())
}

struct Scene {
    _providers: Providers,
    sink: MailSink,
    middle: Middle,
    desk: Desk,
}

impl Scene {
    fn set(lines: &'static [u8]) -> Self {
        let sapling = SaplingState::new("robot@acme.example");
        let sentius = SentiusState::new("0123456789abcdef0123456789abcdef");
        let providers = Providers::start(sentius, sapling);
        let (authority, upgrade) = tls("localhost");
        let options = MailOptions {
            tls: MailTls::StartTls(upgrade),
            ..MailOptions::default()
        };
        let sink = providers
            .runtime
            .block_on(MailSink::start(options))
            .unwrap();
        let middle = Middle::before(sink.port(), lines);
        let desk = providers.desk(&format!(
            "[mail]\nfrom = \"lapsed@acme.example\"\nto = [\"it@acme.example\"]\n[mail.smtp]\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\n",
            middle.port
        ));
        desk.write("authority.pem", &authority);
        Self {
            _providers: providers,
            sink,
            middle,
            desk,
        }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.desk.command(args);
        command
            .env("SSL_CERT_FILE", self.desk.path("authority.pem"))
            // Half a minute is a second and a half here.
            .env("LAPSED_HURRY", "1");
        command.output().unwrap().into()
    }
}

/// All that the client waits for: the answers to EHLO, MAIL, RCPT, DATA and the mail.
const ANSWERS: &[u8] = b"250-mail.example\r\n250 SIZE 100000000\r\n250 ok\r\n250 ok\r\n\
                         354 go\r\n250 kept\r\n221 bye\r\n";

#[test]
fn answers_put_behind_the_yes_to_starttls_end_the_conversation_before_the_handshake() {
    for lines in [ANSWERS, b"250 ok\r\n", b"\r\n", b"x"] {
        let scene = Scene::set(lines);
        let check = scene.run(&["check"]);
        assert_eq!(check.code, Some(3), "{}{}", check.out, check.err);
        assert!(
            check.out.contains("FAILED   mail: ") && check.out.contains("before it was asked"),
            "{}",
            check.out
        );
        let ran = scene.run(&["--run-now", "--format", "json"]);
        assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
        let result: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(result["mails"][0]["state"], "failed");
        assert!(scene.sink.mails().is_empty());
        assert_eq!(scene.middle.handshakes.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_man_in_the_middle_who_drops_what_is_said_under_tls_keeps_the_mail_waiting() {
    let scene = Scene::set(b"");
    let ran = scene.run(&["--run-now", "--format", "json"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    let result: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(result["mails"][0]["state"], "failed");
    assert!(scene.sink.mails().is_empty());
    assert!(scene.middle.handshakes.load(Ordering::SeqCst) > 0);
}
