//! What went wrong with a mail server, and whether it is the last word about a mail.

/// Which part of the conversation went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Connect,
    Login,
    Sender,
    Recipient,
    Content,
}

impl Stage {
    /// The stage as the start of a sentence: refused by an answer, or gone wrong without one.
    fn as_str(self, answered: bool) -> &'static str {
        match (self, answered) {
            (Self::Connect, _) => "no connection",
            (Self::Login, _) => "the login failed",
            (Self::Sender, true) => "the sender was refused",
            (Self::Recipient, true) => "the recipient was refused",
            (Self::Content, true) => "the message was refused",
            (Self::Sender, false) => "the connection broke at the sender",
            (Self::Recipient, false) => "the connection broke at the recipient",
            (Self::Content, false) => "the connection broke at the message",
        }
    }
}

/// What went wrong, and where.
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) permanent: bool,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn of(stage: Stage, error: &lettre::transport::smtp::Error) -> Self {
        let code = error.status().map(u16::from);
        // The cause alone: the error's own text says "permanent" of a login that can be mended.
        let cause =
            std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let text = match code {
            Some(code) => format!("{}: {code} {cause}", stage.as_str(true)),
            None => format!("{}: {cause}", stage.as_str(false)),
        };
        Self {
            stage,
            permanent: stage >= Stage::Recipient && code.is_some_and(condemns),
            text,
        }
    }
}

/// Whether an answer to the recipient or the message is the last word about it. Answers about the
/// conversation itself (syntax, order, no mail taken here, login or encryption wanted) are about
/// the server's set-up or ours, and end when that is mended.
fn condemns(code: u16) -> bool {
    (500..600).contains(&code) && !matches!(code, 500..=504 | 521 | 523 | 530 | 534 | 535 | 538)
}
