//! `[mail]`, `[mail.smtp]` and `[mail.directory]`.

use std::path::PathBuf;

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::secrets::{PASSWORD, Secrets};
use super::section::{Leaf, Read, Section};
use super::{MailRoute, MailSettings, SmtpSettings, SmtpTls, checks};

/// Reads `[mail]`; nobody is mailed without it.
pub(super) fn mail(root: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<MailSettings> {
    let mut section = root.section("mail")?;
    let from = section.require("from", checks::mailbox);
    let to = section.require("to", checks::mailboxes);
    let reply_to = section.read("reply_to", checks::mailbox);
    let notify_before = section.read("notify_before", checks::spans_longest_first);
    let notify_people = section.read("notify_people", Leaf::switch);
    let route = route(&mut section, secrets);
    section.finish();
    Some(MailSettings {
        from: from?,
        to: to?,
        reply_to,
        notify_before: notify_before.unwrap_or_else(|| {
            [14, 3, 1]
                .map(|days| SignedDuration::from_hours(days * 24))
                .into()
        }),
        notify_people: notify_people.unwrap_or(false),
        route: route?,
    })
}

fn route(mail: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<MailRoute> {
    mail.exactly_one(&["smtp", "directory"]);
    match (mail.has("smtp"), mail.has("directory")) {
        (true, true) => {
            mail.wrong_here("there are both [mail.smtp] and [mail.directory]; remove one");
        }
        (false, false) => mail.wrong_here(
            "nothing says where mail goes; add [mail.smtp], or [mail.directory] for files",
        ),
        _ => {}
    }
    let smtp = mail
        .section("smtp")
        .and_then(|section| smtp(section, secrets));
    let directory = mail.section("directory").and_then(directory);
    smtp.map(MailRoute::Smtp)
        .or(directory.map(MailRoute::Directory))
}

fn directory(mut section: Section<'_>) -> Option<PathBuf> {
    let path = section.require("path", checks::line);
    section.finish();
    path.map(PathBuf::from)
}

fn smtp(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<SmtpSettings> {
    let host = section.require("host", host);
    let words = [
        ("starttls", SmtpTls::StartTls),
        ("implicit", SmtpTls::Implicit),
        ("none", SmtpTls::None),
    ];
    let tls = section
        .read("tls", |leaf| checks::one_of(leaf, &words))
        .unwrap_or(SmtpTls::StartTls);
    let port = section
        .read("port", |leaf| {
            checks::whole_in(leaf, 1, u64::from(u16::MAX))
        })
        .and_then(|port| u16::try_from(port).ok());
    let usual_port = match tls {
        SmtpTls::StartTls => 587,
        SmtpTls::Implicit => 465,
        SmtpTls::None => 25,
    };
    if let Some(host) = &host
        && tls == SmtpTls::None
        && !checks::is_loopback(host)
    {
        section.wrong(
            "tls",
            format!("\"none\" would send mail in the clear to {host}; write \"starttls\" or \"implicit\" (\"none\" is for loopback only)"),
        );
    }
    let has_login = section.has("username");
    let has_password = PASSWORD.any_in(&section);
    let username = section.read("username", checks::line);
    section.rule(login);
    let credentials = match (has_login, has_password) {
        (false, false) => {
            // Asked for all the same, so that they count as known keys.
            PASSWORD.mention(&mut section);
            None
        }
        (false, true) => {
            section.wrong(
                "username",
                "this key is missing, though there is a password",
            );
            PASSWORD.mention(&mut section);
            None
        }
        (true, _) => secrets
            .secret(&mut section, &PASSWORD)
            .and_then(|password| Some((username?, password))),
    };
    let hello = section.read("hello", hello);
    section.finish();
    Some(SmtpSettings {
        host: host?,
        port: port.unwrap_or(usual_port),
        tls,
        credentials,
        hello,
    })
}

/// A name takes a password, and a password a name.
fn login() -> Json {
    let passwords = PASSWORD.all();
    let one = passwords.map(|key| json!({ "required": [key] }));
    json!({
        "if": { "required": ["username"] },
        "then": { "oneOf": one },
        "else": { "not": { "anyOf": one } },
    })
}

/// What EHLO says: a full name, or an address in brackets (RFC 5321, 4.1.3).
fn hello(leaf: Leaf) -> Read<String> {
    let hello = checks::line(leaf)?;
    let is_name = checks::is_full_name(&hello);
    let inside = hello
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let is_address = inside.is_some_and(|text| match text.strip_prefix("IPv6:") {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.parse::<std::net::Ipv4Addr>().is_ok(),
    });
    if (is_name && hello.parse::<std::net::IpAddr>().is_err()) || is_address {
        Ok(hello)
    } else {
        Err("this is not the full name of a host; write one such as lapsed.example.com, or an address in brackets such as [192.0.2.1] or [IPv6:2001:db8::1]".to_owned())
    }
}

/// A host's name or address alone.
fn host(leaf: Leaf) -> Read<String> {
    let host = checks::line(leaf)?;
    let is_name = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if is_name || is_address {
        Ok(host)
    } else {
        Err("this is not a host's name; write it alone, such as smtp.example.com, with the port as its own key".to_owned())
    }
}
