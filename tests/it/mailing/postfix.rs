//! Mail through a real postfix: encryption, a login, and a server that takes nothing the first time.
//! Needs postfix, Cyrus SASL's passwords and postgrey, and root's rights to start them.

mod server;

use lapsed_sandbox::{SaplingState, SentiusState};

use crate::desk::{Desk, Providers, Ran};
use server::Postfix;

const PASSWORD: &str = "open sesame";

/// An organization whose mail goes through this server.
struct Scene {
    _providers: Providers,
    desk: Desk,
    postfix: Postfix,
}

impl Scene {
    fn set(postfix: Postfix, tls: &str, login: bool, to: &str) -> Self {
        let sapling = SaplingState::new("robot@acme.example");
        let sentius = SentiusState::new("0123456789abcdef0123456789abcdef");
        let providers = Providers::start(sentius, sapling);
        let port = match tls {
            "implicit" => postfix.implicit,
            _ => postfix.port,
        };
        let login = match login {
            true => "username = \"lapsed@acme.example\"\npassword_file = \"smtp.key\"\n",
            false => "",
        };
        let desk = providers.desk(&format!(
            "[mail]\nfrom = \"lapsed@acme.example\"\nto = [{to}]\n[mail.smtp]\nhost = \"localhost\"\nport = {port}\ntls = {tls:?}\n{login}",
        ));
        desk.key("smtp.key", PASSWORD);
        desk.write("authority.pem", &postfix.authority);
        Self {
            _providers: providers,
            desk,
            postfix,
        }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.desk.command(args);
        command.env("SSL_CERT_FILE", self.desk.path("authority.pem"));
        command.output().unwrap().into()
    }

    /// A pass, and how each of its mails fared.
    fn pass(&self) -> (Option<i32>, Vec<String>) {
        let ran = self.run(&["--run-now", "--format", "json"]);
        let said: serde_json::Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
        let mails = said["mails"].as_array().unwrap().iter();
        let states = mails.map(|mail| mail["state"].as_str().unwrap().to_owned());
        (ran.code, states.collect())
    }
}

const IT: &str = "\"it@acme.example\"";

#[test]
fn a_report_arrives_whole_with_a_login_over_starttls_and_over_implicit_tls() {
    for tls in ["starttls", "implicit"] {
        let only_known = "smtpd_client_restrictions = permit_sasl_authenticated, reject\n";
        let Some(postfix) = Postfix::start(only_known, PASSWORD) else {
            return;
        };
        let scene = Scene::set(postfix, tls, true, IT);
        let check = scene.run(&["check"]);
        assert!(
            check.out.contains("ok       mail: localhost:"),
            "{}{}",
            check.out,
            scene.postfix.log()
        );

        assert_eq!(scene.pass(), (Some(0), vec!["sent".to_owned()]));

        let mails = scene.postfix.mails("it");
        let text = String::from_utf8_lossy(&mails[0]).into_owned();
        assert_eq!(mails.len(), 1);
        let parsed = mail_parser::MessageParser::default()
            .parse(&mails[0])
            .unwrap();
        assert!(parsed.subject().unwrap().contains("acme"), "{text}");
        assert!(
            parsed
                .body_text(0)
                .unwrap()
                .contains("The audit trail holds"),
            "{text}"
        );
        let last = parsed.attachments().last().unwrap().contents();
        assert!(last.ends_with(b"\n"), "{text}");
        assert!(text.contains("(using TLSv1.3"), "{text}");
    }
}

#[test]
fn a_wrong_password_is_told_and_the_mail_is_kept() {
    let Some(postfix) = Postfix::start("", "another one") else {
        return;
    };
    let scene = Scene::set(postfix, "starttls", true, IT);
    let check = scene.run(&["check"]);
    let failed = check.out.lines().find(|line| line.starts_with("FAILED"));
    assert!(
        failed.is_some_and(|line| line.contains("the login failed: 535")),
        "{}",
        check.out
    );
    assert!(!check.out.contains("sesame"), "{}", check.out);
    assert_eq!(scene.pass(), (Some(3), vec!["failed".to_owned()]));
    assert!(scene.postfix.mails("it").is_empty());
}

#[test]
fn a_mail_that_is_not_taken_the_first_time_arrives_once_later() {
    let Some(mut postfix) = Postfix::start("", PASSWORD) else {
        return;
    };
    postfix.take_nothing_at_first();
    let scene = Scene::set(postfix, "starttls", false, IT);
    assert_eq!(scene.pass(), (Some(3), vec!["failed".to_owned()]));
    assert!(scene.postfix.mails("it").is_empty());
    std::thread::sleep(std::time::Duration::from_secs(3));

    let (code, states) = scene.pass();

    assert_eq!(code, Some(0));
    assert!(states.iter().all(|state| state == "sent"), "{states:?}");
    // What was kept, and what this pass had to tell.
    assert_eq!(scene.postfix.mails("it").len(), states.len());
}

#[test]
fn a_recipient_who_is_not_there_is_refused_for_good_and_the_other_hears_of_it() {
    let Some(postfix) = Postfix::start("", PASSWORD) else {
        return;
    };
    let to = "\"nobody@acme.example\", \"it@acme.example\"";
    let scene = Scene::set(postfix, "starttls", false, to);

    let (code, states) = scene.pass();

    assert_eq!(
        (code, states),
        (Some(3), vec!["refused".to_owned(), "sent".to_owned()])
    );
    let (_, states) = scene.pass();
    // One for each recipient of this pass; the first is not tried again.
    assert_eq!(states, ["refused", "sent"]);
    // Two of the same second are in no order.
    let mails = scene.postfix.mails("it");
    let parser = mail_parser::MessageParser::default();
    let texts = mails.iter().map(|mail| {
        let parsed = parser.parse(mail).unwrap();
        parsed.body_text(0).unwrap().into_owned()
    });
    let told = texts.filter(|text| text.contains("User unknown")).count();
    assert_eq!((mails.len(), told), (2, 1));
}

#[test]
fn a_report_that_is_too_large_for_the_server_arrives_smaller() {
    let limit = "message_size_limit = 40000\n";
    let Some(postfix) = Postfix::start(limit, PASSWORD) else {
        return;
    };
    let scene = Scene::set(postfix, "starttls", false, IT);
    let mut rows = "email,target,start,end\n".to_owned();
    for n in 0..600 {
        rows += &format!("person{n:03}@example.com,sentius:acme,2026-01-01,\n");
    }
    scene.desk.import(rows);

    assert_eq!(scene.pass(), (Some(0), vec!["sent".to_owned()]));

    let mails = scene.postfix.mails("it");
    assert_eq!(mails.len(), 1);
    assert!(mails[0].len() < 40_000, "{}", mails[0].len());
    let parsed = mail_parser::MessageParser::default()
        .parse(&mails[0])
        .unwrap();
    assert_eq!(parsed.attachment_count(), 0);
}
