//! The extensions that a mail server offers in its answer to EHLO.

use super::reply::Reply;

/// The offers that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// Whether SIZE is known at all.
    pub(super) takes_size: bool,
    /// The largest mail in bytes, where the server says one.
    pub(super) size: Option<u64>,
    pub(super) starttls: bool,
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
}

impl Offers {
    /// Reads the lines after the first, which is a greeting. Case is ignored; some servers write
    /// `AUTH=` for very old clients.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line
                .split(|c: char| c.is_ascii_whitespace() || c == '=')
                .filter(|word| !word.is_empty());
            match words.next() {
                Some("SIZE") => {
                    offers.takes_size = true;
                    let size = words.next().and_then(|size| size.parse().ok());
                    // Zero means no limit (RFC 1870, 3).
                    offers.size = size.filter(|size| *size > 0);
                }
                Some("STARTTLS") => offers.starttls = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("AUTH") => {
                    for mechanism in words {
                        offers.plain |= mechanism == "PLAIN";
                        offers.login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Offers {
        let mut all = vec!["mail.example".to_owned()];
        all.extend(lines.iter().map(|line| (*line).to_owned()));
        Offers::read(&Reply {
            code: 250,
            lines: all,
        })
    }

    #[test]
    fn offers_are_read_without_case_and_in_old_spellings() {
        let all = Offers {
            takes_size: true,
            size: Some(1000),
            starttls: true,
            eight_bit: true,
            utf8: true,
            plain: true,
            login: true,
        };
        for lines in [
            &[
                "SIZE 1000",
                "STARTTLS",
                "8BITMIME",
                "SMTPUTF8",
                "AUTH PLAIN LOGIN",
            ][..],
            &[
                "size 1000",
                "StartTLS",
                "8bitmime",
                "smtputf8",
                "auth login plain",
            ],
            &[
                "SIZE=1000",
                "STARTTLS",
                "8BITMIME",
                "SMTPUTF8",
                "AUTH=PLAIN",
                "AUTH=LOGIN GSSAPI",
            ],
            &[
                "",
                "   ",
                "SIZE 1000",
                "STARTTLS",
                "8BITMIME x",
                "SMTPUTF8",
                "AUTH=PLAIN LOGIN",
                "=",
            ],
        ] {
            assert_eq!(read(lines), all, "{lines:?}");
        }
    }

    #[test]
    fn a_size_that_says_nothing_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE many", "SIZE -1"] {
            let offers = read(&[line]);
            assert!(offers.takes_size && offers.size.is_none(), "{line}");
        }
        assert_eq!(read(&["PIPELINING", "XSIZE 5"]), Offers::default());
    }

    #[test]
    fn the_first_line_offers_nothing() {
        let reply = Reply {
            code: 250,
            lines: vec!["STARTTLS".to_owned()],
        };
        assert_eq!(Offers::read(&reply), Offers::default());
    }
}
