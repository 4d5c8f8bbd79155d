//! Keys and passwords stand in their files and nowhere else, whatever providers send back.

mod scene;

use std::fs;
use std::time::Duration;

use lapsed_sandbox::{Answer, Fault, MailFault, MailStage, Times, When};

use crate::desk::{Desk, Providers};
pub(crate) use scene::base64;
use scene::{PASSWORD, SAPLING, SENTIUS, Scene, echo, percent};

#[test]
fn when_all_goes_well_no_secret_is_seen() {
    assert!(
        [SENTIUS, SAPLING]
            .iter()
            .all(|key| key.chars().count() == 32)
    );
    assert_eq!(base64("jörg\0".as_bytes()), "asO2cmcA");
    let mut scene = Scene::set();
    scene.run(&["--run-now", "--dry-run"], 0);
    scene.run(&["check"], 0);
    scene.run(&["--run-now", "--format", "json"], 0);
    scene.run(&["report"], 0);
    scene.run(
        &["report", "--format", "html", "--output", "report.html"],
        0,
    );
    scene.run(&["audit", "export"], 0);
    scene.run_once(&["backup", "copy.db"]);
    assert!(scene.desk.path("copy.db").exists());
    assert_eq!(
        scene
            .providers
            .sapling
            .with(|s| s.team("Core").unwrap().members().len()),
        1
    );
    assert_eq!(scene.mail.mails().len(), 2);
    scene.search();
}

#[test]
fn providers_that_send_the_key_back_do_not_spread_it() {
    let mut scene = Scene::set();
    let answer = |code, kind, body: &str| Fault::Status(Answer::new(code).body(kind, body));
    let json = |key: &str| serde_json::json!({ "error": echo(key) }).to_string();
    let faults: [&dyn Fn(&str) -> Fault; 5] = [
        &|key| answer(401, "application/json", &json(key)),
        &|key| answer(400, "text/plain", &echo(key)),
        &|key| answer(200, "text/html", &format!("<html>{}</html>", echo(key))),
        &|key| answer(200, "application/json", &json(key)),
        &|key| Fault::Redirect {
            status: 307,
            to: format!("http://127.0.0.1:9/?key={}", percent(key)),
        },
    ];
    for fault in faults {
        // In answer to everything, and then only to what changes something.
        for when in [When::any(), When::method("DELETE")] {
            let Providers {
                sentius, sapling, ..
            } = &scene.providers;
            sentius.faults().always(when.clone(), fault(SENTIUS));
            sapling.faults().always(when, fault(SAPLING));
            scene.run_once(&["--run-now", "--format", "json"]);
            scene.mend();
        }
    }
    assert!(scene.printed.iter().any(|(_, text)| text.contains("[key]")));
    scene.run(&["report", "--format", "json"], 0);
    scene.run(&["audit", "export"], 0);
    scene.search();
}

#[test]
fn providers_that_do_not_answer_do_not_bring_it_out() {
    let mut scene = Scene::set();
    scene.spoil(&Fault::Hang(Duration::from_secs(2)));
    scene.run(&["check"], 3);
    scene.mend();
    scene
        .providers
        .sentius
        .faults()
        .always(When::any(), Fault::HangAfter(Duration::from_secs(2)));
    scene
        .providers
        .sapling
        .faults()
        .always(When::method("DELETE"), Fault::DropAfter);
    scene.run(&["--run-now"], 3);
    scene.mend();
    let nobody = crate::desk::accounts("http://127.0.0.1:9", "http://127.0.0.1:9");
    let text = fs::read_to_string(scene.desk.path("lapsed.toml")).unwrap();
    let mail = text.split("[mail]").nth(1).unwrap();
    scene.desk.configure(&format!("{nobody}[mail]{mail}"));
    scene.run(&["--run-now", "--format", "json"], 3);
    scene.search();
}

#[test]
fn a_mail_server_that_refuses_the_login_does_not_bring_it_out() {
    let mut scene = Scene::set();
    scene
        .mail
        .add_fault(Times::Always, MailFault::RefuseLogin(535));
    scene.run(&["check"], 3);
    scene.run(&["--run-now"], 3);
    assert!(
        scene
            .printed
            .iter()
            .any(|(_, text)| text.contains("the login failed: 535"))
    );
    scene.search();
}

#[test]
fn a_mail_server_that_sends_the_password_back_in_another_form_does_not_spread_it() {
    let mut scene = Scene::set();
    let forms = [
        PASSWORD.to_uppercase(),
        PASSWORD[1..].to_owned(),
        PASSWORD[..PASSWORD.len() - 1].to_owned(),
        percent(PASSWORD),
        PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect(),
        base64(format!("x{PASSWORD}").as_bytes()),
    ];
    for form in &forms {
        scene.mail.add_fault(
            Times::Always,
            MailFault::Words {
                stage: MailStage::Mail,
                words: format!("451 4.7.0 not for {form}").into_bytes(),
            },
        );
        scene.run(&["--run-now"], 3);
        let told =
            |(_, text): &(String, String)| text.contains("not for ") && text.contains("[key]");
        assert!(scene.printed.iter().any(told), "{form}");
        for (place, text) in &scene.printed {
            assert!(!text.contains(form.as_str()), "{form} in {place}: {text}");
        }
        scene.printed.clear();
        scene.mail.clear_faults();
    }
}

#[test]
fn mail_in_files_holds_none() {
    let mut scene = Scene::set();
    let text = fs::read_to_string(scene.desk.path("lapsed.toml")).unwrap();
    let before = text.split("[mail.smtp]").next().unwrap();
    scene.desk.write(
        "lapsed.toml",
        format!("{before}[mail.directory]\npath = \"outbox\"\n"),
    );
    scene.spoil(&Fault::Status(
        Answer::new(403).body("application/json", &format!("{{\"msg\": {:?}}}", "no")),
    ));
    scene.run(&["--run-now"], 3);
    assert_eq!(fs::read_dir(scene.desk.path("outbox")).unwrap().count(), 2);
    scene.search();
}

#[test]
fn a_key_pasted_into_the_configuration_is_not_shown() {
    let desk = Desk::new();
    let text = fs::read_to_string(desk.path("lapsed.toml")).unwrap();
    let key = "abcdef0123456789abcdef0123456789";
    for wrong in [
        text.replace("\"sentius.key\"", &format!("{key:?}")),
        text.replace("\"sentius.key\"", &format!("\"{key}")),
        text.replace(
            "api_key_file = \"sentius.key\"",
            &format!("api_key_env = {key:?}"),
        ),
        text.replace(
            "api_key_file = \"sentius.key\"",
            &format!("api_key_credential = {key:?}"),
        ),
    ] {
        desk.write("lapsed.toml", wrong);
        let ran = desk.run(&["--log-level", "trace", "check"]);
        assert_eq!(ran.code, Some(2));
        assert!(
            !ran.err.contains(key) && !ran.out.contains(key),
            "{}",
            ran.err
        );
    }
}

#[test]
fn commands_that_give_and_take_do_not_spread_it_either() {
    let mut scene = Scene::set();
    let json = |code, body: serde_json::Value| {
        let body = body.to_string();
        Fault::Status(Answer::new(code).body("application/json", &body))
    };
    let faults: [&dyn Fn(&str) -> Fault; 4] = [
        &|key| json(500, serde_json::json!({ "error": echo(key) })),
        &|key| {
            json(
                400,
                serde_json::json!({ "detail": format!("exists {}", echo(key)) }),
            )
        },
        &|key| json(422, serde_json::json!({ "detail": echo(key) })),
        &|key| {
            let refused = [serde_json::json!({ "email": "new@acme.example", "reason": echo(key) })];
            json(200, serde_json::json!({ "errors": refused }))
        },
    ];
    for fault in faults {
        for method in ["POST", "PATCH", "DELETE"] {
            let sentius = scene.providers.sentius.faults();
            sentius.always(When::method(method), fault(SENTIUS));
            let sapling = scene.providers.sapling.faults();
            sapling.always(When::method(method), fault(SAPLING));
        }
        for target in ["sentius:acme", "sapling:acme/Core"] {
            for args in [
                &["grant", "new@acme.example", "--end", "9d"][..],
                &[
                    "grant",
                    "one@acme.example",
                    "--role",
                    "manager",
                    "--end",
                    "9d",
                ],
                &[
                    "extend",
                    "one@acme.example",
                    "--end",
                    "9d",
                    "--format",
                    "json",
                ],
                &["revoke", "two@acme.example"],
            ] {
                scene.run_once(&[args, &["--target", target]].concat());
            }
        }
        scene.run_once(&["import", "grants.csv", "--dry-run"]);
        scene.run_once(&["--run-now", "--format", "json"]);
        scene.mend();
    }
    scene.run_once(&["report"]);
    scene.search();
}
