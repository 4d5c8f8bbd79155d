//! Mail servers that are slow, odd or old, and what lapsed says to them.

use std::time::Duration;

use jiff::SignedDuration;
use lapsed_sandbox::{MailFault, MailOptions, MailSink, MailStage, Times};
use mail_parser::MessageParser;
use serde_json::json;

use crate::world::{Daemon, Mail, Outcome, PAST, Printed, World, until};

const IT: &str = "it@acme.example";

async fn world() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world
}

fn says(world: &World, stage: MailStage, words: &[u8]) {
    let words = words.to_vec();
    world
        .mail
        .add_fault(Times::Always, MailFault::Words { stage, words });
}

/// The report goes out, once, and `check` finds the server well.
async fn delivers(world: &World) {
    let check = world.lapsed(&["check"]).await;
    assert!(check.stdout.contains("ok       mail: "), "{}", check.stdout);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?} {}", run.mails(), run.stderr);
    assert_eq!(world.mail.mails().len(), 1);
    world.run().await;
    assert_eq!(world.mail.mails().len(), 2, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_ehlo_may_be_blank_bare_or_in_any_encoding() {
    for words in [
        &b"250-sandbox\r\n250-   \r\n250 SIZE 10000000"[..],
        b"250-sandbox\r\n250-\r\n250-\t\r\n250 ",
        b"250-sandbox\r\n250-SIZE\r\n250",
        b"250",
        b"250-m\xe4il\r\n250-size 10000000\r\n250-8bitmime\r\n250 \xff\xfe",
    ] {
        let world = world().await;
        says(&world, MailStage::Hello, words);
        delivers(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_in_another_encoding_are_understood_and_no_mail_comes_twice() {
    let world = world().await;
    says(&world, MailStage::Greeting, b"220 willkommen bei m\xfcller");
    says(&world, MailStage::Mail, b"250 gew\xfcnscht");
    says(&world, MailStage::Recipient, b"250 \xe9");
    says(&world, MailStage::Data, b"250 f\xfcr immer verwahrt");
    delivers(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_found_in_lower_case_and_in_its_old_spelling() {
    for words in [
        "250-sandbox\r\n250 auth plain login",
        "250-sandbox\r\n250 Auth Login",
        "250-sandbox\r\n250-AUTH=PLAIN LOGIN\r\n250",
        "250-sandbox\r\n250-AUTH=LOGIN\r\n250 SIZE",
    ] {
        let mut world = world().await;
        let options = MailOptions {
            credentials: Some(("lapsed".to_owned(), "open sesame".to_owned())),
            ..MailOptions::default()
        };
        world.mail = MailSink::start(options).await.unwrap();
        world.write("smtp.key", "open sesame");
        let key = world.path("smtp.key");
        world.config.smtp = format!("username = \"lapsed\"\npassword_file = {key:?}\n");
        says(&world, MailStage::Hello, words.as_bytes());
        delivers(&world).await;
        assert_eq!(world.mail.mails()[0].user.as_deref(), Some("lapsed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_its_time_after_the_dot_gets_each_mail_once() {
    let mut world = world().await;
    world.config.to = vec![IT, "boss@acme.example", "audit@acme.example"];
    // Longer than anything else is waited for here.
    let hang = MailFault::Hang {
        stage: MailStage::Data,
        time: Duration::from_secs(2),
    };
    world.mail.add_fault(Times::Always, hang);
    let mut command = world.command(&["--run-now", "--format", "json"]);
    // Half a minute is a second and a half here, and ten minutes half a one.
    command.env("LAPSED_HURRY", "1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.mail.mails().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_a_pass_had_no_time_for_is_owed() {
    let mut world = world().await;
    let to: Vec<String> = (0..12).map(|n| format!("it{n}@acme.example")).collect();
    world.config.to = to.into_iter().map(|to| &*to.leak()).collect();
    let hang = MailFault::Hang {
        stage: MailStage::Data,
        time: Duration::from_secs(1),
    };
    world.mail.add_fault(Times::Always, hang);
    let mut command = world.command(&["--run-now", "--format", "json"]);
    // Two minutes are six seconds here.
    command.env("LAPSED_HURRY", "1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let run = Outcome::of(Printed::of(&output.await.unwrap().unwrap()));
    let unsent = run
        .mails()
        .iter()
        .filter(|m| m.ends_with(" failed"))
        .count();
    assert!(unsent > 0, "{:?}", run.mails());
    assert_eq!((run.code, &run.json["outcome"]), (3, &json!("incomplete")));
    assert_eq!(run.json["owed"]["mail"], json!(unsent));

    let status = world.lapsed(&["status", "--no-daemon"]).await;
    assert_eq!(status.code, 3, "{}", status.stdout);
    let told = format!("failing: {unsent} mails are not sent");
    assert!(status.stdout.contains(&told), "{}", status.stdout);

    world.mail.clear_faults();
    assert_eq!(world.run().await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_told_before_all_other_mail_that_waits_for_a_slow_server() {
    let mut world = world().await;
    "notify_before = [\"14d\"]\nnotify_people = true\n".clone_into(&mut world.config.notices);
    "max_removals = 0\n".clone_into(&mut world.config.guard);
    world.whitelist(&["jane@example.com"]);
    // At night and at weekends notices wait: it is a Wednesday at ten. 1970 began on a Thursday.
    let since_wednesday_at_ten = world.now().as_second() / 60 - (6 * 24 + 10) * 60;
    let week = 7 * 24 * 60;
    world.later(week - since_wednesday_at_ten.rem_euclid(week));
    let end = (world.now() + SignedDuration::from_hours(5 * 24)).strftime("%F");
    let rows: Vec<String> = (0..60)
        .map(|n| format!("person{n:02}@example.com,sentius:acme,{end}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    let hang = MailFault::Hang {
        stage: MailStage::Data,
        time: Duration::from_millis(500),
    };
    world.mail.add_fault(Times::Always, hang);
    // Two minutes are six seconds here.
    let clock = world.path("clock");
    let faster = [
        ("LAPSED_HURRY", "1"),
        ("LAPSED_CLOCK", clock.to_str().unwrap()),
    ];
    let daemon = Daemon::start_with(&world, &faster);
    until("notices go out", || world.mail.mails().len() >= 2).await;

    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;

    let is_told = |mail: &lapsed_sandbox::Received| mail.to == [IT];
    until("the hold is told", || {
        world.mail.mails().iter().any(is_told)
    })
    .await;
    assert!(world.mail.mails().len() < 50, "some notices wait still");
    assert_eq!(daemon.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_may_call_the_providers_while_a_pass_waits_for_the_mail_server() {
    let world = world().await;
    let hang = MailFault::Hang {
        stage: MailStage::Data,
        time: Duration::from_secs(30),
    };
    world.mail.add_fault(Times::Always, hang);
    world.dry_run(None).await;
    let mut waiting = world.start();
    let claimed = "SELECT count(*) FROM outbox WHERE state = 'claimed'";
    until("the mail is under way", || world.number(claimed) == 1).await;
    let look = world.dry_run(None).await;
    assert_eq!(look.code, 0, "{}", look.stderr);
    assert!(waiting.try_wait().unwrap().is_none(), "it waits still");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_a_mail_is_sent_is_a_failed_try_and_the_others_go_out() {
    let mut world = world().await;
    world.config.to = vec![IT, "boss@acme.example"];
    let mut command = world.command(&["--run-now", "--format", "json"]);
    command.env("LAPSED_FAILPOINT", "mail-panic");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["mails"][0]["state"], json!("failed"));
    assert_eq!(outcome["mails"][1]["state"], json!("sent"));
    assert_eq!(world.run().await.code, 0, "and later it goes out");
    assert_eq!(world.mail.mails().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn ehlo_says_what_is_configured_or_else_a_full_name_or_an_address() {
    let mut world = world().await;
    world.run().await;
    let hello = world.mail.mails()[0].hello.clone();
    assert!(hello.contains('.') || hello == "[127.0.0.1]", "{hello}");
    for name in ["lapsed.acme.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
        world.config.smtp = format!("hello = {name:?}\n");
        world.mail.clear();
        world.run().await;
        assert_eq!(world.mail.mails()[0].hello, name);
    }
    for wrong in [
        "lapsed",
        "a b.example",
        "192.0.2.1",
        "[192.0.2]",
        "-a.example",
        "x\\r\\ny.z",
    ] {
        world.config.smtp = format!("hello = \"{wrong}\"\n");
        let ran = world.lapsed(&["check"]).await;
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains("mail.smtp.hello"), "{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_beyond_ascii_is_mailed_where_the_server_takes_them() {
    let mut world = world().await;
    world.config.to = vec!["jörg@bücher.example", "joerg@bücher.example"];
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?} {}", run.mails(), run.stderr);
    let mails = world.mail.mails();
    let mail = |to: &str| mails.iter().find(|mail| mail.to == [to]).unwrap();
    let wide = mail("jörg@xn--bcher-kva.example");
    assert!(wide.parameters.contains("SMTPUTF8"), "{}", wide.parameters);
    let plain = mail("joerg@xn--bcher-kva.example");
    assert!(
        !plain.parameters.contains("SMTPUTF8"),
        "{}",
        plain.parameters
    );
    assert!(plain.data.is_ascii());
    let parser = MessageParser::default();
    for mail in [wide, plain] {
        let message = parser.parse(&mail.data).unwrap();
        let to = message.to().unwrap().first().unwrap();
        assert_eq!(to.address(), Some(mail.to[0].as_str()));
    }

    // Nothing but ASCII goes to a server that takes nothing else.
    says(&world, MailStage::Hello, b"250-sandbox\r\n250 8BITMIME");
    world.mail.clear();
    let run = world.run().await;
    assert_eq!(
        run.mails(),
        [
            "report jörg@bücher.example refused",
            "report joerg@bücher.example sent"
        ]
    );
    assert!(world.mail.mails().iter().all(|mail| mail.data.is_ascii()));
}
