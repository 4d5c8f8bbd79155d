//! What servers offer, and how they say it.

use super::*;

#[tokio::test]
async fn answers_may_be_in_any_encoding() {
    let yes = |_: usize, step: &str| match step {
        "GREET" => Some(Act::Bytes(b"220 willkommen auf m\xe4il")),
        "EHLO" => Some(Act::Bytes(b"250-m\xe4il\r\n250-\r\n250-   \r\n250")),
        "CONTENT" => Some(Act::Bytes(b"250 f\xfcr immer")),
        _ => None,
    };
    sent_by(yes).await.unwrap();
    let no = |_: usize, step: &str| {
        (step == "RCPT").then_some(Act::Bytes(b"550 Empf\xe4nger unbekannt"))
    };
    refused(
        sent_by(no).await,
        "the recipient was refused: 550 Empf\u{fffd}nger unbekannt",
    );
}

#[tokio::test]
async fn offers_count_without_case_and_a_login_may_be_the_old_one() {
    for ehlo in [
        "250-x\r\n250 auth login",
        "250-x\r\n250-AUTH=LOGIN\r\n250",
        "250-x\r\n250 Auth XYZ Login",
    ] {
        let script = move |_: usize, step: &str| match step {
            "EHLO" => Some(Act::Say(ehlo)),
            "AUTH" => Some(Act::Say("334 VXNlcm5hbWU6")),
            "bGFwc2Vk" => Some(Act::Say("334 UGFzc3dvcmQ6")),
            "aHVudGVyMg==" => Some(Act::Say("235 welcome")),
            _ => None,
        };
        let server = serve(script).await;
        let mut settings = settings(server.port);
        settings.credentials = Some(("lapsed".into(), SecretString::from("hunter2")));
        send(&smtp(&settings, Duration::from_secs(5)))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_server_that_takes_no_large_mail_gets_a_smaller_one() {
    let forms = [vec![b'x'; 300], vec![b'y'; 200], vec![b'z'; 10]];
    let sent = async |script: fn(usize, &str) -> Option<Act>| {
        let server = serve(script).await;
        let smtp = to(&server);
        let sent = smtp.deliver(&parcel("it@acme.example", &forms)).await;
        let seen = server.seen.lock().unwrap();
        let commands = seen.commands.iter();
        let mails = commands.filter(|line| line.starts_with("MAIL"));
        (sent, mails.cloned().collect::<Vec<_>>(), seen.mails.len())
    };
    // What is known to be too large is not tried.
    let (form, mails, taken) =
        sent(|_, step| (step == "EHLO").then_some(Act::Say("250-x\r\n250 size 250"))).await;
    assert_eq!((form, taken), (Ok(1), 1));
    assert_eq!(mails, ["MAIL FROM:<lapsed@acme.example> SIZE=202"]);
    // What is refused at once, or after it was sent, is tried smaller until it is the smallest.
    for script in [
        (|_, step| (step == "MAIL").then_some(Act::Say("552 too big"))) as fn(usize, &str) -> _,
        |_, step| (step == "RCPT").then_some(Act::Say("523 too big for them")),
        |_, step| (step == "CONTENT").then_some(Act::Say("554 5.3.4 too big")),
        |_, step| (step == "CONTENT").then_some(Act::SayAndClose("552 too big")),
    ] {
        let (refused, mails, _) = sent(script).await;
        assert!(
            matches!(refused, Err(DeliveryError::Refused(_))),
            "{refused:?}"
        );
        assert_eq!(mails.len(), 3, "{mails:?}");
    }
    // The smallest is tried, whatever the server says of its size.
    let (form, mails, _) =
        sent(|_, step| (step == "EHLO").then_some(Act::Say("250-x\r\n250 SIZE 5"))).await;
    assert_eq!((form, mails.len()), (Ok(2), 1));
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_a_server_that_takes_it() {
    let forms = [MAIL.to_vec()];
    let server = serve(|_, step| {
        (step == "EHLO").then_some(Act::Say("250-x\r\n250-smtputf8\r\n250 8BITMIME"))
    })
    .await;
    let smtp = to(&server);
    for recipient in ["jörg@bücher.example", "joerg@bücher.example"] {
        smtp.deliver(&parcel(recipient, &forms)).await.unwrap();
    }
    let seen = server.seen.lock().unwrap().commands.join("\n");
    for line in [
        "MAIL FROM:<lapsed@acme.example> SMTPUTF8\nRCPT TO:<jörg@xn--bcher-kva.example>\n",
        "MAIL FROM:<lapsed@acme.example>\nRCPT TO:<joerg@xn--bcher-kva.example>\n",
    ] {
        assert!(seen.contains(line), "{seen}");
    }
    let server = serve(|_, _| None).await;
    let smtp = to(&server);
    let refused = smtp.deliver(&parcel("jörg@acme.example", &forms)).await;
    let text = refused.unwrap_err();
    assert!(matches!(&text, DeliveryError::Refused(text) if text.contains("SMTPUTF8")));
}
