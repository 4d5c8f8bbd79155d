//! Makes what mail servers say fit to keep, one short line without secrets, and addresses fit for
//! them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::canonical_domain;
use crate::report::one_line;

/// What of a server's words is kept: enough for its code and a sentence.
const LONGEST: usize = 200;

/// The text on one line, with the secrets taken out, cut.
pub(super) fn safe(text: &str, secrets: &[String]) -> String {
    let mut text = one_line(text);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "[removed]");
    }
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// The forms in which a server can echo a login: the password, and what goes over the wire.
pub(super) fn forms(login: Option<&(String, SecretString)>) -> Vec<String> {
    let Some((user, password)) = login else {
        return Vec::new();
    };
    let password = password.expose_secret();
    let plain = STANDARD.encode(format!("\0{user}\0{password}"));
    let mut forms = vec![plain, STANDARD.encode(password)];
    // The longest first: a short password must not break up the longer form that contains it.
    forms.push(one_line(password));
    forms.push(password.to_owned());
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms
}

/// An address whose domain is written in ASCII: only so do all mail servers know it.
pub(super) fn ascii_domain(address: &Address) -> Address {
    if address.domain().is_ascii() {
        return address.clone();
    }
    let domain = canonical_domain(address.domain());
    let ascii = domain.and_then(|domain| Address::new(address.user(), domain).ok());
    ascii.unwrap_or_else(|| address.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_login_is_taken_out_in_each_form() {
        let login = ("lapsed".to_owned(), SecretString::from("hunter2 hunter2"));
        let text = "535 AGxhcHNlZABodW50ZXIyIGh1bnRlcjI= aHVudGVyMiBodW50ZXIy hunter2 hunter2 no";
        assert_eq!(
            safe(text, &forms(Some(&login))),
            "535 [removed] [removed] [removed] no"
        );
    }

    #[test]
    fn a_servers_words_are_one_short_line() {
        assert_eq!(
            safe("550 no\r\nsuch\tuser\u{1b}[2J", &[]),
            "550 no  such user [2J"
        );
        let long = safe(&"ä".repeat(5000), &[]);
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with('…'));
    }
}
