//! Turns a report, a letter or an alarm into the bytes of a message, with its final headers.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MessageBuilder, MultiPart, SinglePart};
use thiserror::Error;

use super::table;
use super::words::ascii_domain;
use crate::report::letter::Letter;
use crate::report::{self, Extent, Format, RenderError, Summary};
use crate::text::one_line;

/// Mail programs cut a page of more than 102 KB, with what stands below. Counted as it is sent.
const MOST_HTML: usize = 100_000;

/// The longest subject or display name, in characters; longer ones are a mistake or an attack.
const LONGEST_NAME: usize = 200;

/// Why a message could not be composed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// The report could not be written.
    #[error("the report could not be written")]
    Render(#[from] RenderError),
    /// Not of the form `<left@right>` in plain letters.
    #[error("{0:?} is not a Message-ID")]
    MessageId(String),
    /// The message could not be put together.
    #[error("the message could not be put together")]
    Message(#[from] lettre::error::Error),
    /// The table could not be compressed.
    #[error("the table could not be compressed")]
    Compress(#[from] std::io::Error),
    /// An attachment's type is none.
    #[error("the attachment has no type")]
    ContentType(#[from] lettre::message::header::ContentTypeErr),
}

/// The Message-ID for what `unique` names, in the sender's domain.
///
/// The same `unique` gives the same id, so that a mail sent twice after a crash is recognized as
/// one. It holds letters, digits, dots, dashes and underscores only; others become dashes.
#[must_use]
pub(crate) fn message_id(from: &Mailbox, unique: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
                _ => '-',
            })
            .collect()
    };
    format!("<{}@{}>", plain(unique), plain(from.email.domain()))
}

/// Who writes to one person, when, and under which id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailHead<'a> {
    pub(crate) from: &'a Mailbox,
    pub(crate) to: &'a Mailbox,
    /// Who gets an answer, if not the sender.
    pub(crate) reply_to: Option<&'a Mailbox>,
    /// With angle brackets.
    pub(crate) message_id: &'a str,
    pub(crate) date: Timestamp,
}

/// The report as a mail to one person, and smaller ones for a server that does not take it whole:
/// without the table, then with the beginning of each list, then the numbers alone.
///
/// # Errors
/// Fails when the report cannot be written or the Message-ID is none.
pub(crate) fn report_forms(
    summary: &Summary,
    head: &MailHead<'_>,
) -> Result<Vec<Vec<u8>>, ComposeError> {
    let mut forms: Vec<Vec<u8>> = Vec::new();
    let mut shown = summary.clone();
    for extent in [
        Extent::Mailed,
        Extent::WithoutTable,
        Extent::Beginnings,
        Extent::Numbers,
    ] {
        shown.extent = extent;
        let form = compose_report(&mut shown, head)?;
        if forms.last().is_none_or(|last| form.len() < last.len()) {
            forms.push(form);
        }
    }
    Ok(forms)
}

/// The report as a mail to one person: text and HTML, and the table as an attachment, as far as they
/// are to be shown. Its lists are cut to where the HTML is shown whole.
fn compose_report(summary: &mut Summary, head: &MailHead<'_>) -> Result<Vec<u8>, ComposeError> {
    summary.most_rows = report::fitting(|rows| {
        summary.most_rows = rows;
        Ok::<_, RenderError>(is_shown_whole(report::render(summary, Format::Html)?))
    })?;
    let text = report::render(summary, Format::Text)?;
    let headers = headers(&report::subject(summary), head)?;
    let html = || report::render(summary, Format::Html);
    let message = match summary.extent {
        Extent::Printed | Extent::Mailed => {
            let letter = MultiPart::alternative_plain_html(text, html()?);
            let mail = MultiPart::mixed().multipart(letter);
            headers.multipart(mail.singlepart(table::attached(summary)?))?
        }
        Extent::WithoutTable | Extent::Beginnings => {
            headers.multipart(MultiPart::alternative_plain_html(text, html()?))?
        }
        Extent::Numbers => headers.singlepart(SinglePart::plain(text))?,
    };
    Ok(message.formatted())
}

/// Whether mail programs show a page to its end.
fn is_shown_whole(html: String) -> bool {
    SinglePart::html(html).formatted().len() <= MOST_HTML
}

/// A letter as a mail to one person: text and HTML, and a calendar's file where there is one.
///
/// # Errors
/// Fails when the letter cannot be written or the Message-ID is none.
pub(crate) fn compose_letter(
    letter: &Letter,
    calendar: Option<String>,
    head: &MailHead<'_>,
) -> Result<Vec<u8>, ComposeError> {
    let headers = headers(&letter.subject, head)?;
    let rows = report::fitting(|rows| {
        let html = letter.beginning(rows).html()?;
        Ok::<_, RenderError>(is_shown_whole(html))
    })?;
    let letter = letter.beginning(rows);
    let body = MultiPart::alternative_plain_html(letter.text(), letter.html()?);
    let message = match calendar {
        None => headers.multipart(body)?,
        Some(calendar) => {
            let kind = ContentType::parse("text/calendar; charset=utf-8; method=PUBLISH")?;
            let file = Attachment::new("access-ends.ics".to_owned()).body(calendar, kind);
            headers.multipart(MultiPart::mixed().multipart(body).singlepart(file))?
        }
    };
    Ok(message.formatted())
}

/// The headers of every mail. The last two keep out-of-office notes and other robots from answering
/// (RFC 3834, and its counterpart in Exchange).
fn headers(subject: &str, head: &MailHead<'_>) -> Result<MessageBuilder, ComposeError> {
    let message_id = head.message_id;
    if !is_message_id(message_id) {
        return Err(ComposeError::MessageId(one_line(message_id)));
    }
    let raw = |name, value: &str| HeaderValue::new(name, value.to_owned());
    let message = match head.reply_to {
        Some(mailbox) => Message::builder().reply_to(named(mailbox)),
        None => Message::builder(),
    };
    Ok(message
        .from(named(head.from))
        .to(named(head.to))
        .subject(short(subject))
        .date(sent_at(head.date))
        .message_id(Some(message_id.to_owned()))
        .raw_header(raw(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated",
        ))
        .raw_header(raw(
            HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"),
            "All",
        )))
}

/// A mailbox whose display name is safe, since the mail library panics on a line break in it, and
/// whose domain is in ASCII, as headers have to be.
fn named(mailbox: &Mailbox) -> Mailbox {
    let name = mailbox
        .name
        .as_deref()
        .map(short)
        .filter(|name| !name.is_empty());
    Mailbox::new(name, ascii_domain(&mailbox.email))
}

fn short(text: &str) -> String {
    one_line(text).chars().take(LONGEST_NAME).collect()
}

/// The date within what a header can say: the mail library panics before 1970 and after 9999.
fn sent_at(date: Timestamp) -> SystemTime {
    SystemTime::from(date.clamp(Timestamp::UNIX_EPOCH, Timestamp::MAX))
}

fn is_message_id(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'@'))
    };
    text.len() <= 900 // A line of a message holds 998 bytes (RFC 5322, 2.1.1).
        && text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'))
            .and_then(|text| text.split_once('@'))
            .is_some_and(|(left, right)| plain(left) && plain(right))
}

#[cfg(test)]
mod tests {
    use mail_parser::{Address, MessageParser, MimeHeaders};
    use proptest::prelude::*;
    use strum::VariantArray;

    use super::*;
    use crate::report::{letter, sample};

    fn mailbox(text: &str) -> Mailbox {
        text.parse().unwrap()
    }

    /// From somebody to themselves.
    fn head<'a>(mailbox: &'a Mailbox, message_id: &'a str, date: Timestamp) -> MailHead<'a> {
        MailHead {
            from: mailbox,
            to: mailbox,
            reply_to: None,
            message_id,
            date,
        }
    }

    fn lively() -> Vec<u8> {
        let summary = sample::lively();
        let head = MailHead {
            from: &mailbox("lapsed <lapsed@acme.example>"),
            to: &mailbox("Zoë Müller <it@acme.example>"),
            reply_to: Some(&mailbox("Zoë Müller <help@acme.example>")),
            message_id: "<report-01JD@acme.example>",
            date: summary.generated_at,
        };
        report_forms(&summary, &head).unwrap().remove(0)
    }

    #[test]
    fn a_report_is_text_html_and_a_table() {
        let bytes = lively();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.message_id(), Some("report-01JD@acme.example"));
        assert_eq!(
            mail.subject(),
            Some(report::subject(&sample::lively()).as_str())
        );
        assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-11-22T06:00:02Z");
        assert_eq!(
            mail.header_raw("Auto-Submitted").unwrap().trim(),
            "auto-generated"
        );
        assert_eq!(
            mail.header_raw("X-Auto-Response-Suppress").unwrap().trim(),
            "All"
        );
        let to = mail.to().and_then(Address::first).unwrap();
        assert_eq!(to.name(), Some("Zoë Müller"));
        assert_eq!(to.address(), Some("it@acme.example"));
        let reply_to = mail.reply_to().and_then(Address::first).unwrap();
        assert_eq!(reply_to.name(), Some("Zoë Müller"));
        assert_eq!(reply_to.address(), Some("help@acme.example"));

        assert_eq!(mail.text_body_count(), 1);
        assert_eq!(mail.html_body_count(), 1);
        assert_eq!(mail.attachment_count(), 1);
        let unix = |text: &str| text.replace("\r\n", "\n");
        let mut summary = sample::lively();
        summary.extent = Extent::Mailed;
        let expect = |format| unix(&report::render(&summary, format).unwrap());
        assert_eq!(
            unix(&mail.body_text(0).unwrap()).trim_end(),
            expect(Format::Text).trim_end()
        );
        assert_eq!(
            unix(&mail.body_html(0).unwrap()).trim_end(),
            expect(Format::Html).trim_end()
        );
        let table = mail.attachment(0).unwrap();
        assert_eq!(
            table.attachment_name(),
            Some("lapsed-report-2026-11-22.csv")
        );
        assert_eq!(unix(table.text_contents().unwrap()), expect(Format::Csv));
    }

    #[test]
    fn whatever_its_size_a_report_is_shown_whole_and_its_table_goes_with_it() {
        let mut summary = sample::lively();
        for list in report::ReportList::VARIANTS {
            let lines = summary[*list].clone();
            summary[*list] = lines.into_iter().cycle().take(3000).collect();
        }
        let mailbox = mailbox("it@acme.example");
        let head = head(&mailbox, "<a@b>", summary.to);
        let forms = report_forms(&summary, &head).unwrap();
        for form in &forms[..2] {
            let mail = MessageParser::default().parse(form).unwrap();
            let html = mail.html_part(0).unwrap();
            let sent = html.raw_end_offset() - html.raw_header_offset();
            assert!((80_000..102_000).contains(&sent), "{sent}");
            assert!(mail.body_html(0).unwrap().trim_end().ends_with("</html>"));
        }
        let mail = MessageParser::default().parse(&forms[0]).unwrap();
        let cut = mail.body_html(0).unwrap();
        assert_eq!(cut.matches("more, see the attached CSV").count(), 12);
        let head = format!("{}:{}", summary.trail.events, summary.trail.head);
        let [tiles, head, list] =
            ["never end", &head, "Sources that"].map(|w| cut.find(w).unwrap());
        assert!(tiles < list && head < list, "{cut}");
        let table = mail.attachment(0).unwrap();
        assert_eq!(
            table.attachment_name(),
            Some("lapsed-report-2026-11-22.csv.gz")
        );
        let kind = table.content_type().unwrap();
        assert_eq!(
            (kind.ctype(), kind.subtype()),
            ("application", Some("gzip"))
        );
        let mut csv = String::new();
        let mut reader = flate2::read::GzDecoder::new(table.contents());
        std::io::Read::read_to_string(&mut reader, &mut csv).unwrap();
        assert_eq!(csv, report::render(&summary, Format::Csv).unwrap());
    }

    #[test]
    fn a_message_is_plain_ascii_in_lines_that_every_server_takes() {
        let bytes = lively();
        assert!(bytes.is_ascii());
        assert!(bytes.split(|b| *b == b'\n').all(|line| line.len() <= 998));
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }

    #[test]
    fn the_same_occasion_has_the_same_message_id() {
        let from = mailbox("lapsed <lapsed@acme.example>");
        assert_eq!(
            message_id(&from, "report/2026-11-22/it@acme.example"),
            "<report-2026-11-22-it-acme.example@acme.example>"
        );
        assert!(is_message_id(&message_id(&from, "Zoë\r\nBcc: x")));
    }

    #[test]
    fn what_is_no_message_id_is_refused() {
        let box_ = mailbox("lapsed@acme.example");
        for id in [
            "",
            "a@b",
            "<a>",
            "<@b>",
            "<a@b>\r\nBcc: x@y",
            "<a b@c>",
            "<a@b@c>",
            "<ä@b>",
        ] {
            let head = head(&box_, id, Timestamp::UNIX_EPOCH);
            let result = report_forms(&sample::quiet(), &head);
            assert!(matches!(result, Err(ComposeError::MessageId(_))), "{id:?}");
        }
    }

    #[test]
    fn any_date_can_be_sent() {
        let box_ = mailbox("lapsed@acme.example");
        for date in [Timestamp::MIN, Timestamp::MAX] {
            assert!(report_forms(&sample::quiet(), &head(&box_, "<a@b>", date)).is_ok());
        }
    }

    proptest! {
        #[test]
        fn no_text_adds_a_header_or_breaks_the_message(text in "\\PC*|[\r\n\t a:@<>\",;\\\\\u{0}\u{202e}é]*") {
            let hostile = format!("x{text}\r\nBcc: all@example.com\r\n\r\nbody");
            let mut summary = sample::quiet();
            sample::fill_with(&mut summary, &hostile);
            let address = "it@acme.example".parse::<lettre::Address>().unwrap();
            let named = Mailbox::new(Some(hostile.clone()), address);
            let expected = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
                "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"];
            let head = head(&named, "<a@b>", summary.to);
            let report = compose_report(&mut summary, &head).unwrap();
            let hold = compose_letter(&letter::hold(&summary, &hostile), None, &head).unwrap();
            for bytes in [report, hold] {
                let mail = MessageParser::default().parse(&bytes).unwrap();
                let mut names: Vec<&str> = mail.headers().iter().map(mail_parser::Header::name).collect();
                names.retain(|name| *name != "Content-Transfer-Encoding");
                prop_assert_eq!(names, expected);
                prop_assert!(mail.bcc().is_none());
                let to = mail.to().unwrap();
                prop_assert_eq!(to.iter().count(), 1);
                prop_assert_eq!(to.first().unwrap().address(), Some("it@acme.example"));
            }
        }
    }
}
