//! A mail server's answer: a code, and lines of text that may contain any bytes.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The lines without their codes.
    pub(super) lines: Vec<String>,
}

/// One line of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) code: u16,
    pub(super) is_last: bool,
    pub(super) text: String,
}

impl Line {
    /// Reads `250-text`, `250 text` or a bare `250`; `None` for anything else. The text is decoded
    /// lossily, since servers answer in any encoding.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let digit = |place: usize| {
            let digit = bytes.get(place).filter(|b| b.is_ascii_digit())?;
            Some(u16::from(digit - b'0'))
        };
        let (first, second, third) = (digit(0)?, digit(1)?, digit(2)?);
        if !(2..=5).contains(&first) {
            return None;
        }
        let is_last = match bytes.get(3) {
            None | Some(b' ' | b'\t') => true,
            Some(b'-') => false,
            Some(_) => return None,
        };
        let text = bytes.get(4..).unwrap_or_default();
        Some(Self {
            code: first * 100 + second * 10 + third,
            is_last,
            text: String::from_utf8_lossy(text).trim().to_owned(),
        })
    }
}

impl Reply {
    /// The server did what was asked.
    pub(super) fn is_yes(&self) -> bool {
        self.code / 100 == 2
    }

    /// The server refuses for good.
    pub(super) fn is_no(&self) -> bool {
        self.code / 100 == 5
    }

    /// Whether a smaller mail could be accepted: 552 and 523, or the codes of RFC 3463 for a
    /// message that is too large for the system (5.3.4) or for the recipient (5.2.3).
    pub(super) fn is_too_large(&self) -> bool {
        let enhanced = self.enhanced();
        self.is_no()
            && (matches!(self.code, 523 | 552) || matches!(enhanced, Some("5.3.4" | "5.2.3")))
    }

    /// Whether the server refuses the client and not this mail: it wants another order of commands,
    /// a login, encryption, or accepts no mail at all. The configuration can be repaired, and the
    /// mail is good. Decided by the code, or by the codes of RFC 4954 and RFC 5248 for logins and
    /// encryption (5.7.8 to 5.7.11, 5.7.13, 5.7.14).
    pub(super) fn is_about_us(&self) -> bool {
        const OF_LOGINS: [&str; 6] = ["5.7.8", "5.7.9", "5.7.10", "5.7.11", "5.7.13", "5.7.14"];
        matches!(self.code, 500 | 502 | 503 | 521 | 530 | 534 | 535 | 538)
            || self
                .enhanced()
                .is_some_and(|status| OF_LOGINS.contains(&status))
    }

    /// The status code of RFC 3463 at the start of the text.
    fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split_ascii_whitespace().next()?;
        let mut parts = word.split('.');
        let is_number = |part: Option<&str>| {
            part.is_some_and(|part| {
                (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
            })
        };
        let whole = is_number(parts.next()) && is_number(parts.next()) && is_number(parts.next());
        (whole && parts.next().is_none()).then_some(word)
    }

    /// For people: the code and the text.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" "))
            .trim()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Reply {
        Reply {
            code,
            lines: vec![text.to_owned()],
        }
    }

    #[test]
    fn a_line_is_a_code_and_any_text() {
        let line = |code, is_last, text: &str| {
            Some(Line {
                code,
                is_last,
                text: text.to_owned(),
            })
        };
        assert_eq!(Line::read(b"250 ok"), line(250, true, "ok"));
        assert_eq!(Line::read(b"250-SIZE 1"), line(250, false, "SIZE 1"));
        assert_eq!(Line::read(b"250"), line(250, true, ""));
        assert_eq!(Line::read(b"250-"), line(250, false, ""));
        assert_eq!(Line::read(b"250-   "), line(250, false, ""));
        assert_eq!(
            Line::read(b"550 Empf\xe4nger unbekannt"),
            line(550, true, "Empf\u{fffd}nger unbekannt")
        );
        for wrong in [
            &b""[..],
            b"25",
            b"25x ok",
            b"250x",
            b"150 no",
            b"650 no",
            b"hello",
            b" 250 ok",
        ] {
            assert_eq!(Line::read(wrong), None, "{}", wrong.escape_ascii());
        }
    }

    #[test]
    fn a_login_or_encryption_that_is_wanted_is_no_word_about_the_mail() {
        for (code, text) in [(530, "5.7.0 login"), (550, "5.7.8 no"), (554, "5.7.11 TLS")] {
            assert!(reply(code, text).is_about_us(), "{code} {text}");
        }
        for (code, text) in [(550, "5.7.1 relay not permitted"), (550, "no 5.7.8 here")] {
            assert!(!reply(code, text).is_about_us(), "{code} {text}");
        }
    }

    #[test]
    fn what_is_too_large_is_told_by_code_or_by_status() {
        for (code, text) in [
            (552, "no"),
            (552, "5.2.2 over quota"),
            (523, "too long"),
            (554, "5.3.4 message too big"),
            (550, "5.2.3 too long for this recipient"),
        ] {
            assert!(reply(code, text).is_too_large(), "{code} {text}");
        }
        for (code, text) in [
            (452, "4.3.4 later"),
            (250, "5.3.4"),
            (550, "5.1.1 unknown"),
            (554, "no 5.3.4 here"),
            (554, "5.3.4.1"),
        ] {
            assert!(!reply(code, text).is_too_large(), "{code} {text}");
        }
    }
}
