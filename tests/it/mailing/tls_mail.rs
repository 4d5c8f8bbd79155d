//! Mail over TLS: delivered where the server proves who it is, and otherwise kept back unsaid.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use lapsed_sandbox::{
    Duplex, MailOptions, MailSink, MailTls, SaplingState, SentiusState, TlsUpgrade,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::desk::{Desk, Providers, Ran};

const PASSWORD: &str = "open sesame";

/// An authority's certificate as PEM, and one that it gave to `name`, with its key.
pub(crate) fn certified(name: &str) -> (String, Certificate, KeyPair) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (pem, certificate, key)
}

/// An authority's certificate as PEM, and a handshake with one that it gave to `name`.
pub(crate) fn tls(name: &str) -> (String, TlsUpgrade) {
    let (pem, certificate, key) = certified(name);
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let upgrade: TlsUpgrade = Arc::new(move |stream| {
        let handshake = acceptor.accept(stream);
        Box::pin(async move { Ok(Box::new(handshake.await?) as Box<dyn Duplex>) })
    });
    (pem, upgrade)
}

/// Passes connections on to a port, and keeps what clients said.
struct Tap {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self {
            port: listener.local_addr().unwrap().port(),
            heard: Arc::default(),
        };
        let heard = Arc::clone(&tap.heard);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    return;
                };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pump(back.0, back.1, &Mutex::default()));
                let heard = Arc::clone(&heard);
                thread::spawn(move || pump(client, server, &heard));
            }
        });
        tap
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, heard: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        heard.lock().unwrap().extend(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

struct Scene {
    _providers: Providers,
    sink: MailSink,
    tap: Tap,
    desk: Desk,
}

impl Scene {
    /// A server that protects itself in one way, and a configuration that expects another.
    fn set(server: MailTls, expected: &str, login: bool) -> Self {
        let sapling = SaplingState::new("robot@acme.example");
        let sentius = SentiusState::new("0123456789abcdef0123456789abcdef");
        let providers = Providers::start(sentius, sapling);
        let options = MailOptions {
            credentials: login.then(|| ("lapsed".to_owned(), PASSWORD.to_owned())),
            tls: server,
            ..MailOptions::default()
        };
        let sink = providers
            .runtime
            .block_on(MailSink::start(options))
            .unwrap();
        let tap = Tap::before(sink.port());
        let login = if login {
            "username = \"lapsed\"\npassword_file = \"smtp.key\"\n"
        } else {
            ""
        };
        let desk = providers.desk(&format!(
            "[mail]\nfrom = \"lapsed@acme.example\"\nto = [\"it@acme.example\"]\n[mail.smtp]\nhost = \"localhost\"\nport = {}\ntls = {expected:?}\n{login}",
            tap.port
        ));
        desk.key("smtp.key", PASSWORD);
        Self {
            _providers: providers,
            sink,
            tap,
            desk,
        }
    }

    /// Runs with this authority, and no other, to be trusted.
    fn run(&self, authority: &str, args: &[&str]) -> Ran {
        self.desk.write("authority.pem", authority);
        let mut command = self.desk.command(args);
        command.env("SSL_CERT_FILE", self.desk.path("authority.pem"));
        command.output().unwrap().into()
    }

    /// Expects that mail goes out, encrypted.
    #[track_caller]
    fn delivers(&self, authority: &str, user: Option<&str>) {
        let check = self.run(authority, &["check"]);
        assert!(
            check.out.contains("ok       mail: localhost:"),
            "{}",
            check.out
        );
        let ran = self.run(authority, &["--run-now", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        let mails = self.sink.mails();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].secure);
        assert_eq!(mails[0].user.as_deref(), user);
        self.said_nothing();
    }

    /// Expects that nothing goes out, and that the reason is told in these words.
    #[track_caller]
    fn keeps(&self, authority: &str, why: &str) {
        let check = self.run(authority, &["check"]);
        assert_eq!(check.code, Some(3), "{}{}", check.out, check.err);
        let line = check
            .out
            .lines()
            .find(|line| line.starts_with("FAILED   mail: "))
            .unwrap();
        assert!(line.contains(why), "{line}");
        let ran = self.run(authority, &["--run-now", "--format", "json"]);
        assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
        let result: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(
            (&result["outcome"], &result["mails"][0]["state"]),
            (&"incomplete".into(), &"failed".into())
        );
        assert!(ran.err.contains(why), "{}", ran.err);
        assert!(self.sink.mails().is_empty());
        self.said_nothing();
    }

    /// Nothing but a greeting went over the wire unencrypted.
    #[track_caller]
    fn said_nothing(&self) {
        let heard = self.tap.heard();
        for word in [
            "AUTH ",
            "MAIL FROM",
            "RCPT TO",
            "acme.example",
            "sesame",
            "b3BlbiBzZXNhbWU",
        ] {
            assert!(!heard.contains(word), "{word}: {heard}");
        }
    }
}

#[test]
fn mail_is_delivered_over_starttls_with_a_login_and_without() {
    for login in [true, false] {
        let (authority, upgrade) = tls("localhost");
        let scene = Scene::set(MailTls::StartTls(upgrade), "starttls", login);
        scene.delivers(&authority, login.then_some("lapsed"));
        assert!(scene.tap.heard().contains("STARTTLS\r\n"));
    }
}

#[test]
fn mail_is_delivered_over_implicit_tls_with_a_login_and_without() {
    for login in [true, false] {
        let (authority, upgrade) = tls("localhost");
        let scene = Scene::set(MailTls::Implicit(upgrade), "implicit", login);
        scene.delivers(&authority, login.then_some("lapsed"));
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_taken() {
    let (other, _) = tls("localhost");
    let (_, upgrade) = tls("localhost");
    Scene::set(MailTls::StartTls(upgrade), "starttls", true).keeps(&other, "certificate");
    let (_, upgrade) = tls("localhost");
    Scene::set(MailTls::Implicit(upgrade), "implicit", true).keeps(&other, "certificate");
}

#[test]
fn without_any_authority_to_trust_the_mail_waits_and_the_pass_is_told_as_ever() {
    let why = "TLS for the mail server cannot be set up";
    let (_, upgrade) = tls("localhost");
    Scene::set(MailTls::StartTls(upgrade), "starttls", true).keeps("", why);
    let (_, upgrade) = tls("localhost");
    Scene::set(MailTls::Implicit(upgrade), "implicit", true).keeps("", why);
}

#[test]
fn a_certificate_of_another_name_is_not_taken() {
    let (authority, upgrade) = tls("mail.example.org");
    let scene = Scene::set(MailTls::StartTls(upgrade), "starttls", true);
    scene.keeps(&authority, "certificate not valid for name \"localhost\"");
    let (authority, upgrade) = tls("mail.example.org");
    let scene = Scene::set(MailTls::Implicit(upgrade), "implicit", true);
    scene.keeps(&authority, "certificate not valid for name \"localhost\"");
}

#[test]
fn a_server_that_does_not_encrypt_hears_nothing() {
    let (authority, _) = tls("localhost");
    let scene = Scene::set(MailTls::None, "starttls", true);
    scene.keeps(&authority, "STARTTLS");
    let scene = Scene::set(MailTls::None, "implicit", true);
    scene.keeps(&authority, "no connection");
}
