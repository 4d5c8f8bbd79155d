//! Turns a mail server's words into one short line without secrets, and addresses into the form
//! that servers know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::canonical_domain;
use crate::providers::Redactor;

/// Removes a login from a server's words.
pub(super) struct Words {
    /// Recognizes the password in all its forms.
    redactor: Redactor,
    /// The encoded login as it is sent: a short password is otherwise not looked for in base64.
    wire: [SecretString; 2],
}

impl Words {
    pub(super) fn without(login: Option<&(String, SecretString)>) -> Self {
        let (user, password) = match login {
            Some((user, password)) => (user.as_str(), password.expose_secret()),
            None => ("", ""),
        };
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        Self {
            redactor: Redactor::new(&SecretString::from(password)),
            wire: [plain, STANDARD.encode(password)].map(SecretString::from),
        }
    }

    /// The text on one short line, with the secrets taken out.
    pub(super) fn safe(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in self.wire.iter().map(SecretString::expose_secret) {
            if !form.is_empty() {
                text = text.replace(form, "[key]");
            }
        }
        self.redactor.clean(&text)
    }
}

/// The text on one short line, where no secret can be in it.
pub(super) fn safe(text: &str) -> String {
    Words::without(None).safe(text)
}

/// An address with its domain in ASCII, which all mail servers understand.
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
        let login = ("lapsed".to_owned(), SecretString::from("hunter2-hunter3"));
        let text = "535 AGxhcHNlZABodW50ZXIyLWh1bnRlcjM= aHVudGVyMi1odW50ZXIz hunter2-hunter3 no";
        assert_eq!(
            Words::without(Some(&login)).safe(text),
            "535 [key] [key] [key] no"
        );
        let words = Words::without(Some(&("lapsed".to_owned(), SecretString::from("abc"))));
        assert_eq!(
            words.safe("535 AGxhcHNlZABhYmM= YWJj abc"),
            "535 [key] [key] [key]"
        );
    }

    #[test]
    fn what_a_server_makes_of_a_password_is_taken_out_too() {
        let login = ("lapsed".to_owned(), SecretString::from("Hunter2&hunter3"));
        let words = Words::without(Some(&login));
        for made in [
            "HUNTER2&HUNTER3",
            "Hunter2&hunter",
            "unter2&hunter3",
            "Hunter2&amp;hunter3",
            "Hunter2%26hunter3",
            "48756e746572322668756e74657233",
            "SHVudGVyMiZodW50ZX",
        ] {
            assert_eq!(
                words.safe(&format!("535 no: {made}")),
                "535 no: [key]",
                "{made}"
            );
        }
    }

    #[test]
    fn a_servers_words_are_one_short_line() {
        assert_eq!(
            safe("550 no\r\nsuch\tuser\u{1b}[2J"),
            "550 no such user [2J"
        );
        let long = safe(&"ä".repeat(5000));
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with('…'));
    }
}
