//! Mails about thousands: mail programs show them to their end, and the attached table has the rest.

use std::io::Read as _;

use flate2::read::GzDecoder;
use mail_parser::{Message, MessageParser, MimeHeaders};

use crate::world::{FUTURE, Mail, PAST, World};

/// So many people with a long address each, whose grants end then.
async fn world_of(people: usize, end: &str) -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    let department = "department-of-long-names-and-longer-addresses";
    let row = |n| format!("person{n:05}@{department}.example.com,sentius:acme,{end}");
    let rows: Vec<String> = (0..people).map(row).collect();
    world
        .grants(&rows.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    world
}

/// The bytes of the HTML part as it is sent.
fn html_size(mail: &Message<'_>) -> usize {
    let part = mail.html_part(0).unwrap();
    part.raw_end_offset() as usize - part.raw_header_offset() as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_thousands_is_shown_whole_and_the_rest_is_in_the_attached_table() {
    let world = world_of(5000, "never").await;

    assert_eq!(world.run().await.code, 0);

    let mails = world.mail.mails();
    let mail = MessageParser::default().parse(&mails[0].data).unwrap();
    let size = html_size(&mail);
    assert!((50_000..102_000).contains(&size), "{size}");
    let html = mail.body_html(0).unwrap();
    assert!(html.trim_end().ends_with("</html>"));
    assert!(html.contains("5000 grants recorded"), "{html}");
    assert!(html.contains("more, see the attached CSV"));
    let (top, _) = html.split_once("Access without an end").unwrap();
    assert!(top.contains("never end") && top.contains("Head of the audit trail"));
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("5000 grants recorded"), "{text}");

    let table = mail.attachment(0).unwrap();
    assert!(table.attachment_name().unwrap().ends_with(".csv.gz"));
    let kind = table.content_type().unwrap();
    assert_eq!(
        (kind.ctype(), kind.subtype()),
        ("application", Some("gzip"))
    );
    let mut csv = String::new();
    GzDecoder::new(table.contents())
        .read_to_string(&mut csv)
        .unwrap();
    let rows = |section: &str| csv.lines().filter(|row| row.starts_with(section)).count();
    assert_eq!((rows("never_ends,"), rows("change,")), (5000, 5000));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_of_a_thousand_tells_its_reason_once_and_how_many_more_there_are() {
    let world = world_of(1000, PAST).await;

    assert_eq!(world.run().await.code, 4);

    let mails = world.mail.mails();
    let mail = MessageParser::default().parse(&mails[0].data).unwrap();
    assert_eq!(mail.subject(), Some("lapsed holds 1000 removals — acme"));
    let size = html_size(&mail);
    assert!((50_000..102_000).contains(&size), "{size}");
    for body in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
        assert_eq!(body.matches("guard.max_removals").count(), 1, "{body}");
        let shown = body.matches("removed from the whitelist").count();
        let rest = format!("and {} more, see lapsed report", 1000 - shown);
        assert!(body.contains(&rest), "{shown}: {body}");
        let people = body.find("department-of-long-names").unwrap();
        assert!(body.find("lapsed approve ").unwrap() < people);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_one_line_that_names_who_made_it() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    let row = |n| format!("p{n}@example.com,sentius:acme,{FUTURE}\n");
    let rows: String = (0..12).map(row).collect();
    world.write("people.csv", &format!("email,target,end\n{rows}"));
    let file = world.path("people.csv");
    let import = ["import", file.to_str().unwrap(), "--by", "ann"];
    let printed = world.lapsed(&import).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);

    assert_eq!(world.run().await.code, 0);

    let text = world.mail_texts().remove(0);
    let (_, changes) = text.split_once("Other changes (24)").unwrap();
    for line in ["12 grants recorded · ", "12 people given access · "] {
        assert!(changes.contains(line), "{text}");
    }
    assert_eq!(changes.matches("by ann · sentius:acme").count(), 2);
    assert!(!changes.contains("@example.com"), "{text}");
}
