//! Delivery against a mail server on good and on bad days.

mod answers;

use super::script::{Act, Server, serve};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::*;

const MAIL: &[u8] = b"Subject: x\r\n\r\nHello.\r\n.dot\r\n";

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port,
        tls: SmtpTls::None,
        credentials: None,
        hello: Some("lapsed.acme.example".into()),
    }
}

fn smtp(settings: &SmtpSettings, limit: Duration) -> Smtp {
    Smtp::new(settings, Limits::all(limit), Stop::default()).unwrap()
}

fn to(server: &Server) -> Smtp {
    smtp(&settings(server.port), Duration::from_secs(5))
}

fn parcel<'a>(to: &'a str, forms: &'a [Vec<u8>]) -> Parcel<'a> {
    Parcel {
        from: "lapsed <lapsed@acme.example>",
        to,
        message_id: "<a@acme.example>",
        forms,
    }
}

async fn send(smtp: &Smtp) -> Result<(), DeliveryError> {
    let forms = [MAIL.to_vec()];
    let sent = smtp.deliver(&parcel("it@acme.example", &forms)).await;
    sent.map(|form| assert_eq!(form, 0))
}

/// Sends one mail by a script and tells how it ended.
async fn sent_by(script: fn(usize, &str) -> Option<Act>) -> Result<(), DeliveryError> {
    let server = serve(script).await;
    send(&to(&server)).await
}

#[track_caller]
fn transient(outcome: Result<(), DeliveryError>, part: &str) {
    match outcome {
        Err(DeliveryError::Transient(text)) => assert!(text.contains(part), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unanswered(outcome: Result<(), DeliveryError>, part: &str) {
    match outcome {
        Err(DeliveryError::Unanswered(text)) => assert!(text.contains(part), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(outcome: Result<(), DeliveryError>, expected: &str) {
    match outcome {
        Err(DeliveryError::Refused(text)) => assert_eq!(text, expected),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_server_takes_is_delivered() {
    let server = serve(|_, _| None).await;
    send(&to(&server)).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        seen.commands[1..],
        [
            "MAIL FROM:<lapsed@acme.example>",
            "RCPT TO:<it@acme.example>",
            "DATA"
        ]
    );
    assert_eq!(seen.mails[0], "Subject: x\r\n\r\nHello.\r\n..dot\r\n.\r\n");
}

#[tokio::test]
async fn a_refused_recipient_is_refused_for_good() {
    let outcome =
        sent_by(|_, step| (step == "RCPT").then_some(Act::Say("550 5.1.1 no such user"))).await;
    refused(outcome, "the recipient was refused: 550 5.1.1 no such user");
}

#[tokio::test]
async fn a_refused_message_is_refused_for_good() {
    let outcome =
        sent_by(|_, step| (step == "CONTENT").then_some(Act::Say("554 looks like spam"))).await;
    refused(outcome, "the message was refused: 554 looks like spam");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_for_good() {
    let server = serve(|_, _| None).await;
    let forms = [MAIL.to_vec()];
    let smtp = to(&server);
    let injected = parcel("jane\r\nRCPT TO:<x@y>", &forms);
    let outcome = smtp.deliver(&injected).await;
    assert!(
        matches!(outcome, Err(DeliveryError::Refused(_))),
        "{outcome:?}"
    );
    assert_eq!(server.seen.lock().unwrap().connections, 0);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let outcome = sent_by(|_, step| (step == "RCPT").then_some(Act::Say("451 greylisted"))).await;
    transient(outcome, "the recipient was refused: 451 greylisted");
    let outcome = sent_by(|_, step| (step == "CONTENT").then_some(Act::Say("452 disk full"))).await;
    transient(outcome, "452 disk full");
    let outcome =
        sent_by(|_, step| (step == "GREET").then_some(Act::SayAndClose("421 too busy"))).await;
    transient(outcome, "no connection: 421 too busy");
}

#[tokio::test]
async fn what_is_wrong_with_the_set_up_says_nothing_against_the_mail() {
    let outcome = sent_by(|_, step| (step == "GREET").then_some(Act::SayAndClose("554 no"))).await;
    transient(outcome, "no connection: 554");
    let outcome = sent_by(|_, step| (step == "EHLO").then_some(Act::Say("550 not you"))).await;
    transient(outcome, "no connection: 550");
    for (step, answer) in [("MAIL", "530 log in first"), ("RCPT", "503 not now")] {
        let outcome = match step {
            "MAIL" => sent_by(|_, step| (step == "MAIL").then_some(Act::Say("530 log in first"))),
            _ => sent_by(|_, step| (step == "RCPT").then_some(Act::Say("503 not now"))),
        };
        transient(outcome.await, answer);
    }
}

#[tokio::test]
async fn a_refused_sender_is_refused_for_good() {
    let outcome =
        sent_by(|_, step| (step == "MAIL").then_some(Act::Say("553 not your address"))).await;
    refused(outcome, "the sender was refused: 553 not your address");
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_dot_is_tried_again() {
    for (step, part) in [
        ("DATA", "broke at the message"),
        ("RCPT", "broke at the recipient"),
        ("GREET", "no connection"),
    ] {
        let outcome = match step {
            "DATA" => sent_by(|_, step| (step == "DATA").then_some(Act::Close)),
            "RCPT" => sent_by(|_, step| (step == "RCPT").then_some(Act::Close)),
            _ => sent_by(|_, step| (step == "GREET").then_some(Act::Close)),
        };
        transient(outcome.await, part);
    }
    transient(
        sent_by(|_, step| (step == "EHLO").then_some(Act::Say("hello there"))).await,
        "no answer of a mail server: hello there",
    );
}

#[tokio::test]
async fn a_mail_that_was_sent_whole_and_not_answered_may_have_arrived() {
    unanswered(
        sent_by(|_, step| (step == "CONTENT").then_some(Act::Close)).await,
        "sent whole and not answered",
    );
    unanswered(
        sent_by(|_, step| (step == "CONTENT").then_some(Act::Say("what?"))).await,
        "no answer of a mail server: what?",
    );
    unanswered(
        sent_by(|_, step| (step == "CONTENT").then_some(Act::Say("354 go"))).await,
        "unexpected",
    );
}

#[tokio::test]
async fn nothing_that_waits_behind_the_yes_to_starttls_is_taken_for_said_under_it() {
    let server = serve(|_, step| match step {
        "EHLO" => Some(Act::Say("250-mail.example\r\n250 STARTTLS")),
        "STARTTLS" => Some(Act::Say("220 go\r\n250-mail.example\r\n250 AUTH PLAIN")),
        _ => None,
    })
    .await;
    let mut settings = settings(server.port);
    settings.tls = SmtpTls::StartTls;
    let smtp = smtp(&settings, Duration::from_secs(5));
    transient(send(&smtp).await, "before it was asked");
    assert_eq!(
        server.seen.lock().unwrap().commands,
        ["EHLO lapsed.acme.example", "STARTTLS"]
    );
}

#[tokio::test]
async fn a_yes_that_came_before_the_mail_was_whole_is_none() {
    let outcome =
        sent_by(|_, step| (step == "DATA").then_some(Act::Say("354 go\r\n250 thanks"))).await;
    transient(outcome, "before it was asked");
}

#[tokio::test]
async fn a_stop_leaves_a_silent_server_soon_before_the_dot_and_after_it() {
    for (step, after_dot) in [("RCPT", false), ("CONTENT", true)] {
        let server = match step {
            "RCPT" => serve(|_, step| (step == "RCPT").then_some(Act::Hang)).await,
            _ => serve(|_, step| (step == "CONTENT").then_some(Act::Hang)).await,
        };
        let stop = Stop::default();
        let limits = Limits {
            leaving: Duration::from_millis(50),
            ..Limits::all(Duration::from_secs(60))
        };
        let smtp = Smtp::new(&settings(server.port), limits, stop.clone()).unwrap();
        tokio::spawn(async move {
            sleep(Duration::from_millis(200)).await;
            stop.set();
        });
        match after_dot {
            true => unanswered(send(&smtp).await, "told to stop"),
            false => transient(send(&smtp).await, "told to stop"),
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_it_is_tried_again() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let smtp = smtp(&settings(port), Duration::from_secs(5));
    transient(send(&smtp).await, "no connection");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    for step in ["GREET", "RCPT", "CONTENT"] {
        let server = match step {
            "GREET" => serve(|_, step| (step == "GREET").then_some(Act::Hang)).await,
            "RCPT" => serve(|_, step| (step == "RCPT").then_some(Act::Hang)).await,
            _ => serve(|_, step| (step == "CONTENT").then_some(Act::Hang)).await,
        };
        let smtp = smtp(&settings(server.port), Duration::from_millis(200));
        match step {
            "CONTENT" => unanswered(send(&smtp).await, "no answer within 0.2 seconds"),
            _ => transient(send(&smtp).await, "no answer within 0.2 seconds"),
        }
    }
}

#[tokio::test]
async fn a_conversation_broken_off_is_not_continued_with_the_next_mail() {
    // Were the connection used again, the late yes to the first mail would be read as an answer
    // to the second one's commands, and each later answer would be one too early.
    let server =
        serve(|connection, step| (connection == 1 && step == "CONTENT").then_some(Act::Hang)).await;
    let smtp = smtp(&settings(server.port), Duration::from_millis(300));
    unanswered(send(&smtp).await, "no answer");
    send(&smtp).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!((seen.connections, seen.mails.len()), (2, 2));
}

#[tokio::test]
async fn a_yes_to_something_else_is_not_taken_for_a_yes_to_the_mail() {
    transient(
        sent_by(|_, step| (step == "DATA").then_some(Act::Say("250 ok"))).await,
        "unexpected",
    );
}

#[tokio::test]
async fn mails_in_a_row_share_a_connection() {
    let server = serve(|_, _| None).await;
    let smtp = to(&server);
    for _ in 0..3 {
        send(&smtp).await.unwrap();
    }
    smtp.rest().await;
    send(&smtp).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!((seen.connections, seen.mails.len()), (2, 4));
}

#[tokio::test]
async fn an_idle_connection_that_broke_loses_no_mail() {
    let closed =
        serve(|connection, step| (connection == 1 && step == "NOOP").then_some(Act::Close));
    let ended = serve(|connection, step| {
        (connection == 1 && step == "NOOP").then_some(Act::SayAndClose("421 idle for too long"))
    });
    // Alive when asked, gone when needed.
    let gone = serve(|connection, step| {
        (connection == 1 && step == "NOOP").then_some(Act::SayAndClose("250 ok"))
    });
    for server in [closed.await, ended.await, gone.await] {
        let smtp = to(&server);
        send(&smtp).await.unwrap();
        send(&smtp).await.unwrap();
        let seen = server.seen.lock().unwrap();
        assert_eq!((seen.connections, seen.mails.len()), (2, 2));
    }
}

#[tokio::test]
async fn a_login_is_made_and_checked() {
    let server = serve(|_, _| None).await;
    let mut settings = settings(server.port);
    settings.credentials = Some(("lapsed".into(), SecretString::from("hunter2")));
    let smtp = smtp(&settings, Duration::from_secs(5));
    assert_eq!(
        smtp.check().await.unwrap(),
        format!(
            "127.0.0.1:{} answers, not encrypted, logged in as lapsed",
            server.port
        )
    );
    let seen = server.seen.lock().unwrap();
    assert_eq!(
        seen.commands[1..],
        ["AUTH PLAIN AGxhcHNlZABodW50ZXIy", "QUIT"]
    );
}

#[tokio::test]
async fn a_refused_login_can_be_mended_and_shows_no_password() {
    let server = serve(|_, step| {
        (step == "AUTH").then_some(Act::Say(
            "535 5.7.8 hunter2 (AGxhcHNlZABodW50ZXIy) is not the password\u{7}",
        ))
    })
    .await;
    let mut settings = settings(server.port);
    settings.credentials = Some(("lapsed".into(), SecretString::from("hunter2")));
    let smtp = smtp(&settings, Duration::from_secs(5));
    for outcome in [send(&smtp).await, smtp.check().await.map(drop)] {
        let text = outcome.as_ref().unwrap_err().to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("AGxhc"),
            "{text}"
        );
        assert!(!text.chars().any(char::is_control), "{text}");
        transient(outcome, "the login failed: 535 5.7.8 [key] ([key]) is not");
    }
    assert!(!format!("{smtp:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_without_starttls_is_told_nothing() {
    let server = serve(|_, _| None).await;
    let mut settings = settings(server.port);
    settings.tls = SmtpTls::StartTls;
    settings.credentials = Some(("lapsed".into(), SecretString::from("hunter2")));
    let smtp = smtp(&settings, Duration::from_secs(5));
    transient(send(&smtp).await, "STARTTLS");
    let seen = server.seen.lock().unwrap();
    assert!(
        seen.commands
            .iter()
            .all(|command| command.starts_with("EHLO") || command == "QUIT")
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap().port());
    settings.host = "localhost".into();
    settings.tls = SmtpTls::Implicit;
    let shaken = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config))
            .accept(stream)
            .await
            .is_ok()
    });
    let smtp = smtp(&settings, Duration::from_secs(5));
    transient(send(&smtp).await, "certificate");
    assert!(!shaken.await.unwrap());
}
