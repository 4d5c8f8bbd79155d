//! The report by mail: what it holds, and what becomes of it when the server or a recipient does
//! not take it.

use std::time::Duration;

use lapsed_sandbox::{MailFault, Received, Times};
use mail_parser::{Message, MessageParser, MimeHeaders};
use serde_json::json;

use crate::world::{Mail, PAST, World};

/// Jane's whitelist grant is over, and reports go to it@acme.example.
async fn jane_is_due(mail: Mail) -> World {
    let mut world = World::new().await;
    world.config.mail = mail;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
}

fn parse(bytes: &[u8]) -> Message<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

/// The Message-ID of a received mail, with its angle brackets.
fn id(mail: &Received) -> String {
    format!("<{}>", parse(&mail.data).message_id().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_comes_as_text_html_and_a_table_of_what_was_removed() {
    let world = jane_is_due(Mail::Smtp).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.mails(), ["report it@acme.example sent"]);
    let mails = world.mail.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].from.as_str(), &mails[0].to[..]),
        ("lapsed@acme.example", &["it@acme.example".to_owned()][..])
    );
    assert_eq!(run.json["mails"][0]["message_id"], json!(id(&mails[0])));
    let mail = parse(&mails[0].data);
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("lapsed"), Some("lapsed@acme.example"))
    );
    assert_eq!(
        mail.to().unwrap().first().unwrap().address(),
        Some("it@acme.example")
    );
    let subject = mail.subject().unwrap();
    assert!(
        subject.starts_with("lapsed: 1 ended — acme, 20"),
        "{subject}"
    );
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("jane@example.com"), "{text}");
    let page = mail.body_html(0).unwrap();
    assert!(page.contains("jane@") && page.contains("sentius:acme"));
    let table = mail.attachment(0).unwrap();
    assert!(table.attachment_name().unwrap().ends_with(".csv"));
    let table = table.text_contents().unwrap();
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let columns = rows.headers().unwrap().clone();
    let column = |name: &str| columns.iter().position(|c| c == name).unwrap();
    let row = rows
        .records()
        .map(Result::unwrap)
        .find(|row| {
            &row[column("email")] == "jane@example.com" && &row[column("section")] == "ended"
        })
        .unwrap_or_else(|| panic!("{table}"));
    let told = ["action", "target", "reason", "state", "evidence"].map(|name| &row[column(name)]);
    assert_eq!(
        told,
        [
            "whitelist.remove",
            "sentius:acme",
            "grant.ended",
            "done",
            "acknowledged"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_in_the_report_lies_on_the_trail() {
    let world = jane_is_due(Mail::Smtp).await;
    world.run().await;
    let mails = world.mail.mails();
    let text = parse(&mails[0].data).body_text(0).unwrap().into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "--head").unwrap();
    let head = words[place + 1];
    world.run().await;

    let verified = world.lapsed(&["audit", "verify", "--head", head]).await;
    assert_eq!(verified.code, 0, "{head}: {}", verified.stderr);
    let (seq, hash) = head.split_once(':').unwrap();
    let export = world.lapsed(&["audit", "export"]).await.stdout;
    let event = export
        .lines()
        .nth(seq.parse::<usize>().unwrap() - 1)
        .unwrap();
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["hash"], json!(hash));
    let other = format!("{seq}:{}", "0".repeat(64));
    assert_eq!(
        world
            .lapsed(&["audit", "verify", "--head", &other])
            .await
            .code,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_can_go_to_a_directory() {
    let world = jane_is_due(Mail::Directory).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(run.mails(), ["report it@acme.example sent"]);
    let files: Vec<_> = std::fs::read_dir(world.path("outbox"))
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].to_str().unwrap().ends_with(".eml"));
    let bytes = std::fs::read(&files[0]).unwrap();
    assert!(
        parse(&bytes)
            .body_text(0)
            .unwrap()
            .contains("jane@example.com")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_mail_server_changes_nothing_but_the_exit_code_and_loses_no_report() {
    let mut world = jane_is_due(Mail::Nobody).await;

    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(run.json["counts"]["done"], json!(1));
    assert!(world.whitelisted().is_empty());
    assert_eq!(run.mails(), ["report it@acme.example failed"]);
    let first = run.json["mails"][0]["message_id"]
        .as_str()
        .unwrap()
        .to_owned();

    world.config.mail = Mail::Smtp;
    let next = world.run().await;
    assert_eq!(next.code, 0);
    assert_eq!(
        next.mails(),
        ["report it@acme.example sent", "report it@acme.example sent"]
    );
    world.run().await;

    let ids: Vec<String> = world.mail.mails().iter().map(id).collect();
    assert_eq!(ids.len(), 3, "one report for each run");
    assert_eq!(ids.iter().filter(|id| **id == first).count(), 1);
    let delivered = world.mail.mails();
    let late = delivered.iter().find(|mail| id(mail) == first).unwrap();
    assert!(
        parse(&late.data)
            .body_text(0)
            .unwrap()
            .contains("jane@example.com")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_sent_to_who_is_to_get_it_though_a_provider_says_that_the_address_bounces() {
    let mut world = jane_is_due(Mail::Smtp).await;
    world.config.to = vec!["Bounces@acme.example", "it@acme.example"];
    let organization = world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed = vec!["bounces@acme.example".to_owned()];
        state.organization_id.clone()
    });
    world.config.sapling += &format!("organization_id = {organization:?}\n");

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.mails(),
        [
            "report Bounces@acme.example sent",
            "report it@acme.example sent"
        ]
    );
    assert_eq!(world.mail.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_receipt_was_lost_comes_again_under_the_same_id() {
    let world = jane_is_due(Mail::Smtp).await;
    world
        .mail
        .add_fault(Times::Count(1), MailFault::CloseUnanswered);

    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(run.mails(), ["report it@acme.example failed"]);
    world.later(4 * 60 + 1);
    world.run().await;

    let mails = world.mail.wait_for(3, Duration::from_secs(5)).await;
    assert_eq!(mails.len(), 3);
    let same: Vec<&Received> = mails
        .iter()
        .filter(|mail| id(mail) == id(&mails[0]))
        .collect();
    assert_eq!(same.len(), 2);
    assert_eq!(same[0].data, same[1].data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_mailed_at_once_and_stands_first_in_the_report() {
    let mut world = jane_is_due(Mail::Smtp).await;
    world.config.guard = "max_removals = 0".to_owned();

    let run = world.run().await;

    assert_eq!(run.code, 4);
    assert_eq!(
        run.mails(),
        ["hold it@acme.example sent", "report it@acme.example sent"]
    );
    let mails = world.mail.mails();
    let (alarm, report) = (parse(&mails[0].data), parse(&mails[1].data));
    assert_eq!(alarm.subject(), Some("lapsed holds 1 removal — acme"));
    let subject = report.subject().unwrap();
    assert!(subject.starts_with("lapsed: 1 held"), "{subject}");
    let approve = format!("lapsed approve {}", run.short());
    for mail in [alarm, report] {
        let text = mail.body_text(0).unwrap();
        assert!(text.contains("jane@example.com"), "{text}");
        assert!(text.contains(&approve), "{text}");
        let html = mail.body_html(0).unwrap();
        assert!(html.contains("<strong"), "{html}");
        assert!(html.contains("jane@<wbr>example.com"), "{html}");
        assert!(html.contains(&approve), "{html}");
    }
    let again = world.run().await;
    assert_eq!(again.mails(), ["report it@acme.example sent"], "one alarm");
}
