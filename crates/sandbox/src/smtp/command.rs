//! Reads SMTP commands and the paths in them.

/// A command, as far as the sink knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Hello {
        extended: bool,
        name: String,
    },
    Mail {
        from: String,
        size: Option<usize>,
        parameters: String,
    },
    Rcpt {
        to: String,
    },
    Data,
    Reset,
    Noop,
    Quit,
    StartTls,
    Auth {
        mechanism: String,
        initial: Option<String>,
    },
    /// Known, but written wrongly; the answer to it.
    Wrong(&'static str),
    Unknown,
}

const SYNTAX: Command = Command::Wrong("501 5.5.4 that is not how this command is written");

impl Command {
    pub(super) fn read(line: &[u8]) -> Self {
        let Ok(line) = std::str::from_utf8(line) else {
            return SYNTAX;
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_end_matches(' ');
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if rest.is_empty() => SYNTAX,
            verb @ ("EHLO" | "HELO") => Self::Hello {
                extended: verb == "EHLO",
                name: rest.to_owned(),
            },
            "MAIL" => mail(rest).unwrap_or(SYNTAX),
            "RCPT" => match path(rest, "TO:") {
                Some((to, "")) if to.contains('@') => Self::Rcpt { to },
                _ => SYNTAX,
            },
            "DATA" if rest.is_empty() => Self::Data,
            "RSET" if rest.is_empty() => Self::Reset,
            "QUIT" if rest.is_empty() => Self::Quit,
            "STARTTLS" if rest.is_empty() => Self::StartTls,
            "DATA" | "RSET" | "QUIT" | "STARTTLS" => SYNTAX,
            "NOOP" => Self::Noop,
            "AUTH" => {
                let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Auth {
                    mechanism: mechanism.to_ascii_uppercase(),
                    initial: Some(initial)
                        .filter(|text| !text.is_empty())
                        .map(str::to_owned),
                }
            }
            _ => Self::Unknown,
        }
    }
}

fn mail(rest: &str) -> Option<Command> {
    let (from, parameters) = path(rest, "FROM:")?;
    if !from.is_empty() && !from.contains('@') {
        return None;
    }
    let mut size = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", value) => size = Some(value.parse().ok()?),
            ("BODY", "7BIT" | "8BITMIME") | ("SMTPUTF8", "") => {}
            _ => return Some(Command::Wrong("555 5.5.4 a parameter is not known")),
        }
    }
    Some(Command::Mail {
        from,
        size,
        parameters: parameters.to_owned(),
    })
}

/// `FROM:<jane@example.com> SIZE=12`: the path without brackets, and what follows it.
fn path<'a>(rest: &'a str, word: &str) -> Option<(String, &'a str)> {
    let head = rest.get(..word.len())?;
    let tail = rest.get(word.len()..)?.trim_start_matches(' ');
    let (path, parameters) = tail.strip_prefix('<')?.split_once('>')?;
    let plain = !path
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '<');
    (head.eq_ignore_ascii_case(word) && plain)
        .then(|| (path.to_owned(), parameters.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Command {
        Command::read(line.as_bytes())
    }

    #[test]
    fn commands_are_read_without_case() {
        let hello = Command::Hello {
            extended: true,
            name: "x".to_owned(),
        };
        assert_eq!(read("ehlo x"), hello);
        let from = "o'neil+x@example.com".to_owned();
        assert_eq!(
            read("Mail From:<o'neil+x@example.com> SIZE=12 BODY=8BITMIME SMTPUTF8"),
            Command::Mail {
                from,
                size: Some(12),
                parameters: "SIZE=12 BODY=8BITMIME SMTPUTF8".to_owned(),
            }
        );
        let bounce = Command::Mail {
            from: String::new(),
            size: None,
            parameters: String::new(),
        };
        assert_eq!(read("MAIL FROM:<>"), bounce);
        let to = "jörg@example.com".to_owned();
        assert_eq!(read("RCPT TO:<jörg@example.com>"), Command::Rcpt { to });
        assert_eq!(read("noop whatever"), Command::Noop);
        assert_eq!(read("VRFY jane"), Command::Unknown);
    }

    #[test]
    fn what_is_written_wrongly_is_told() {
        for line in [
            "EHLO",
            "MAIL FROM:jane@example.com",
            "MAIL FROM:<jane>",
            "MAIL FROM:<jane@example.com> SIZE=many",
            "MAIL FROM:<jane@example.com> COLOUR=red",
            "MAIL TO:<jane@example.com>",
            "RCPT TO:<>",
            "RCPT TO:<jane doe@example.com>",
            "RCPT TO:<jane@example.com> NOTIFY=NEVER",
            "DATA now",
            "MAIL ü",
        ] {
            assert!(matches!(read(line), Command::Wrong(_)), "{line}");
        }
        assert!(matches!(Command::read(b"NOOP \xff"), Command::Wrong(_)));
    }
}
