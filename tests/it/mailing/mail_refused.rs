//! What the mail server refuses for good is told and not sent again; what is too large for it goes
//! out smaller first.

use jiff::SignedDuration;
use lapsed_sandbox::{MailFault, MailOptions, MailSink, Times};
use mail_parser::{Message, MessageParser};
use serde_json::json;

use crate::world::{FUTURE, Mail, PAST, World};

const IT: &str = "it@acme.example";
const GONE: &str = "gone@acme.example";

async fn world() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.whitelist(&["jane@example.com"]);
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{PAST}")])
        .await;
    world
}

fn refuse(world: &World, address: &str) {
    world.mail.add_fault(
        Times::Always,
        MailFault::RefuseRecipient {
            address: address.to_owned(),
            code: 550,
        },
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_recipient_is_told_for_seven_days_and_not_tried_again() {
    let mut world = world().await;
    world.config.to = vec![GONE, IT];
    refuse(&world, GONE);

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        run.mails(),
        [
            format!("report {GONE} refused"),
            format!("report {IT} sent")
        ]
    );
    assert!(run.stderr.contains("refused for good"), "{}", run.stderr);
    assert_eq!(run.json["owed"]["mail"], json!(1));
    let found = run.json["findings"].as_array().unwrap();
    let told = found
        .iter()
        .find(|found| found["finding"] == "mail.refused")
        .unwrap();
    assert_eq!(
        (&told["target"], &told["email"]),
        (&json!("mail"), &json!(GONE))
    );
    let why = told["detail"].as_str().unwrap();
    assert_eq!(why, "report: the recipient was refused: 550 scripted");

    // The next report tells it, and it is not sent again though the recipient is there now.
    world.mail.clear_faults();
    world.mail.clear();
    let run = world.run().await;
    assert_eq!(
        run.mails(),
        [format!("report {GONE} sent"), format!("report {IT} sent")]
    );
    let report = world.mail_texts().join("\n");
    assert!(report.contains("mail refused"), "{report}");
    assert!(report.contains("550 scripted"), "{report}");
    assert_eq!(world.mail.mails().len(), 2);

    // `status` tells it too, for a week.
    let status = world.lapsed(&["status"]).await;
    assert_eq!(status.code, 3, "{}", status.stdout);
    let line = format!("1 refused, the last a report to {GONE}: the recipient was refused: 550");
    assert!(status.stdout.contains(&line), "{}", status.stdout);
    let status = world.lapsed(&["status", "--format", "json"]).await;
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["mail"]["refused"], json!(1));
    assert_eq!(status["mail"]["refusals"][0]["to"], json!(GONE));
    world.later(7 * 24 * 60 + 1);
    let run = world.run().await;
    assert_eq!((run.code, &run.json["owed"]["mail"]), (0, &json!(0)));
    let found = run.json["findings"].to_string();
    assert!(!found.contains("mail.refused"), "{found}");
    assert_eq!(
        world.number("SELECT count(*) FROM outbox WHERE attempts > 1"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_or_sender_ends_too_and_a_refused_login_does_not() {
    for (fault, state) in [
        (MailFault::RefuseData(554), "refused"),
        (MailFault::RefuseSender(550), "refused"),
        (MailFault::RefuseSender(530), "failed"),
        (MailFault::RefuseConnection(554), "failed"),
        (MailFault::RefuseData(452), "failed"),
    ] {
        let world = world().await;
        world.mail.add_fault(Times::Count(1), fault.clone());
        let run = world.run().await;
        assert_eq!(run.code, 3, "{fault:?}");
        assert_eq!(run.mails(), [format!("report {IT} {state}")], "{fault:?}");
        world.run().await;
        let expected = if state == "refused" { 1 } else { 2 };
        assert_eq!(world.mail.mails().len(), expected, "{fault:?}");
    }
}

/// A world whose reports are large.
async fn large() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    let mut csv = "email,target,end,owner\n".to_owned();
    for number in 0..4000 {
        csv += &format!("person.number.{number:04}@example.com,sentius:acme,{FUTURE},{IT}\n");
    }
    for number in 0..300 {
        csv += &format!("endless.number.{number:04}@example.com,sentius:acme,never,{IT}\n");
    }
    world.import(&csv).await;
    // The first report tells that all these were recorded; the others are alike.
    world.run().await;
    world
}

/// From now on its mail server takes so much.
async fn takes(world: &mut World, most: usize) {
    let options = MailOptions {
        max_size: most,
        ..MailOptions::default()
    };
    world.mail = MailSink::start(options).await.unwrap();
}

fn parse(bytes: &[u8]) -> Message<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_too_large_goes_out_smaller() {
    let mut world = large().await;
    takes(&mut world, 10 << 20).await;
    assert_eq!(world.run().await.code, 0);
    let whole = world.mail.mails()[0].data.len();
    assert_eq!(parse(&world.mail.mails()[0].data).attachment_count(), 1);

    // Refused at once by its SIZE, or after it was sent by a server that says no SIZE.
    for says_size in [true, false] {
        let mut sizes = vec![whole];
        for (html, words) in [
            (true, "The table is missing"),
            (true, "Lists are cut"),
            (false, "Only numbers are here"),
        ] {
            // Another report has a few bytes more or less.
            let most = sizes[sizes.len() - 1] - 1000;
            takes(&mut world, most).await;
            if !says_size {
                world.mail.add_fault(
                    Times::Always,
                    MailFault::Words {
                        stage: lapsed_sandbox::MailStage::Hello,
                        words: b"250 sandbox".to_vec(),
                    },
                );
            }
            let run = world.run().await;
            assert_eq!(run.mails(), [format!("report {IT} sent")], "{most}");
            let mails = world.mail.mails();
            assert_eq!(mails.len(), 1);
            let mail = parse(&mails[0].data);
            assert_eq!(mail.attachment_count(), 0);
            // Without HTML of its own the text stands for it.
            let is_html = mail
                .body_html(0)
                .is_some_and(|html| html.contains("<table"));
            assert_eq!(is_html, html, "{words}");
            let text = mail.body_text(0).unwrap();
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(words), "{text}");
            assert!(flat.contains("lapsed report"), "{text}");
            assert!(flat.contains("300 never end"), "{text}");
            assert_eq!(mails[0].parameters.contains("SIZE="), says_size);
            sizes.push(mails[0].data.len());
            assert_eq!(world.number("SELECT count(*) FROM outbox_smaller"), 0);
        }
        assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_when_the_smallest_is_refused_is_the_report() {
    let mut world = large().await;
    takes(&mut world, 500).await;
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(run.mails(), [format!("report {IT} refused")]);
    assert!(world.mail.mails().is_empty());
    assert_eq!(world.number("SELECT count(*) FROM outbox_smaller"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_many_ends_goes_out_without_its_calendar_where_that_is_too_large() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    "notify_before = [\"14d\"]\n".clone_into(&mut world.config.notices);
    let end = (world.now() + SignedDuration::from_hours(5 * 24)).strftime("%F");
    let mut csv = "email,target,end,owner\n".to_owned();
    for number in 0..1500 {
        csv += &format!("person.number.{number:04}@example.com,sentius:acme,{end},{GONE}\n");
    }
    world.import(&csv).await;
    takes(&mut world, 300_000).await;

    let run = world.run().await;

    assert_eq!((run.code, run.mails().len()), (0, 2), "{:?}", run.mails());
    let mails = world.mail.mails();
    let notice = mails.iter().find(|mail| mail.to == [GONE]).unwrap();
    let notice = parse(&notice.data);
    assert_eq!(notice.attachment_count(), 0);
    let text = notice.body_text(0).unwrap();
    assert!(text.contains("person.number.0000@example.com"), "{text}");
}
