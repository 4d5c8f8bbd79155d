//! What single values must look like: names, spans, addresses, URLs.

use std::net::IpAddr;
use std::time::Duration;

use jiff::SignedDuration;
use lettre::message::Mailbox;
use reqwest::Url;
use serde_json::json;

use super::section::{Leaf, Read};
use crate::domain::{Email, Pattern, parse_span};

/// The form of spans: numbers with units, as in 1d12h.
const SPAN: &str = r"^\s*(\d+(\.\d+)?\s*[a-zA-Zµ]+[\s,]*)+$";

/// An account's name: it becomes part of targets and of file and metric names.
pub(super) fn name(leaf: Leaf) -> Read<String> {
    leaf.note(|| json!({ "pattern": "^[A-Za-z0-9._-]+$" }));
    let name = leaf.text()?;
    let is_fit = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.bytes().all(is_fit) {
        Ok(name)
    } else {
        Err(format!(
            "{name:?} is not a name; use letters without accents, digits, dots, dashes and underscores"
        ))
    }
}

/// A text on one line.
pub(super) fn line(leaf: Leaf) -> Read<String> {
    let text = leaf.text()?;
    if text.chars().any(char::is_control) {
        return Err("this holds a line break or another control character".to_owned());
    }
    Ok(text.trim().to_owned())
}

pub(super) fn span(leaf: Leaf) -> Read<SignedDuration> {
    leaf.note(|| json!({ "pattern": SPAN }));
    let text = leaf
        .text()
        .map_err(|_| "this is not a span; write one in quotes, such as \"30s\" or \"14d\"")?;
    parse_span(&text).map_err(|error| error.to_string())
}

/// A span that must not be zero.
pub(super) fn positive_span(leaf: Leaf) -> Read<SignedDuration> {
    above_zero(span(leaf)?)
}

/// A span from above zero up to this.
pub(super) fn span_up_to(leaf: Leaf, most: SignedDuration) -> Read<SignedDuration> {
    let span = positive_span(leaf)?;
    if span > most {
        return Err(format!("{span:#} is too long; write at most {most:#}"));
    }
    Ok(span)
}

/// How long a call may take.
pub(super) fn timeout(leaf: Leaf) -> Read<Duration> {
    Ok(positive_span(leaf)?.unsigned_abs())
}

fn above_zero(span: SignedDuration) -> Read<SignedDuration> {
    if span.is_zero() {
        Err("this must be longer than zero".to_owned())
    } else {
        Ok(span)
    }
}

/// Spans without repetition, the longest first.
pub(super) fn spans_longest_first(leaf: Leaf) -> Read<Vec<SignedDuration>> {
    leaf.note(|| json!({ "items": { "type": "string", "pattern": SPAN } }));
    let mut spans = leaf
        .list()?
        .iter()
        .map(|text| {
            parse_span(text)
                .map_err(|e| e.to_string())
                .and_then(above_zero)
        })
        .collect::<Read<Vec<SignedDuration>>>()?;
    spans.sort_unstable_by(|a, b| b.cmp(a));
    spans.dedup();
    Ok(spans)
}

/// A whole number that must be in a range.
pub(super) fn whole_in(leaf: Leaf, least: u64, most: u64) -> Read<u64> {
    leaf.note(|| json!({ "minimum": least, "maximum": most }));
    let number = leaf.whole()?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} is out of range; write {least} to {most}"))
    }
}

/// A number that must be in a range.
pub(super) fn number_in(leaf: Leaf, least: f64, most: f64) -> Read<f64> {
    leaf.note(|| json!({ "minimum": least, "maximum": most }));
    let number = leaf.number()?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} is out of range; write {least} to {most}"))
    }
}

/// One of a few words. The word found is not repeated: it may be a key in the wrong place.
pub(super) fn one_of<T: Copy>(leaf: Leaf, words: &[(&str, T)]) -> Read<T> {
    leaf.note(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        json!({ "type": "string", "enum": words })
    });
    let text = leaf.text()?;
    words
        .iter()
        .find(|(word, _)| *word == text.trim())
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            format!(
                "this is none of the known words; write {}",
                words.join(" or ")
            )
        })
}

pub(super) fn email(leaf: Leaf) -> Read<Email> {
    Email::parse(&leaf.text()?).map_err(|error| error.to_string())
}

/// Where an API is: HTTPS, or HTTP that does not leave this machine.
pub(super) fn base_url(leaf: Leaf) -> Read<Url> {
    let mut url = url(&leaf.text()?, "https://api.example.com")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user or a password; keys go into key files".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the URL holds a ? or a #; write it without".to_owned());
    }
    private(&url, "the key")?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Where people reach the listener, without a slash at the end: HTTPS, or HTTP that does not leave this
/// machine.
pub(super) fn public_url(leaf: Leaf) -> Read<String> {
    let url = url(&leaf.text()?, "https://lapsed.example.com")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the URL holds a user or a password, and mails would carry it; write it without"
                .to_owned(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "the URL holds a ? or a #; write it without, since /answer?t=… is put behind it"
                .to_owned(),
        );
    }
    private(&url, "the links' tokens")?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Any URL; `example` is one that is right.
pub(super) fn url(text: &str, example: &str) -> Read<Url> {
    let text = text.trim();
    match Url::parse(text) {
        // `Url` would drop line breaks without a word.
        Ok(url) if !text.chars().any(|c| c.is_control() || c.is_whitespace()) => Ok(url),
        _ => Err(format!("this is not a URL; write one such as {example}")),
    }
}

/// Checks that nobody on the way can read what is sent there: HTTPS, or HTTP that does not leave
/// this machine.
pub(super) fn private(url: &Url, what: &str) -> Read<()> {
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        "http" => Err(format!(
            "http would send {what} in the clear to {host}; write https:// (http is for loopback only)"
        )),
        _ => Err("the URL does not start with https://".to_owned()),
    }
}

/// Whether what is sent to this host stays on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(super) fn mailbox(leaf: Leaf) -> Read<Mailbox> {
    parse_mailbox(&leaf.text()?)
}

/// At least one mailbox.
pub(super) fn mailboxes(leaf: Leaf) -> Read<Vec<Mailbox>> {
    leaf.note(|| json!({ "minItems": 1 }));
    let boxes = leaf
        .list()?
        .iter()
        .map(|text| parse_mailbox(text))
        .collect::<Read<Vec<Mailbox>>>()?;
    if boxes.is_empty() {
        return Err("this is empty; write at least one address".to_owned());
    }
    Ok(boxes)
}

fn parse_mailbox(text: &str) -> Read<Mailbox> {
    let wrong =
        || format!("{text:?} is not an address; write it@example.com or \"IT <it@example.com>\"");
    // A display name with one of these would make `lettre` panic later.
    if text.chars().any(char::is_control) {
        return Err(wrong());
    }
    let found: Mailbox = text.trim().parse().map_err(|_| wrong())?;
    Email::parse(found.email.as_ref()).map_err(|_| wrong())?;
    Ok(found)
}

/// Addresses and patterns with `*`.
pub(super) fn patterns(leaf: Leaf) -> Read<Vec<Pattern>> {
    leaf.note(|| json!({ "items": { "type": "string", "pattern": r"^\s*(\*|\S+@\S+)\s*$" } }));
    let texts = leaf.list()?;
    let read = |text: &String| Pattern::parse(text).map_err(|error| error.to_string());
    texts.iter().map(read).collect()
}

/// Whether this is the full name of a host, by its form: labels of letters, digits and dashes with a
/// dot between (RFC 5321, 4.1.2).
pub(crate) fn is_full_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.contains('.') && name.len() <= 253 && name.split('.').all(is_label)
}
