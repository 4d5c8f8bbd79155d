//! Failures of a mail server, and what they mean for the mail.

use super::reply::Reply;
use super::wire::WireError;

/// Which part of the conversation went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SmtpStage {
    Connect,
    Login,
    Sender,
    Recipient,
    Content,
    /// The answer to the whole message.
    Answer,
}

impl SmtpStage {
    /// The stage as the start of a sentence: for a refusal, or for a failure without an answer.
    fn as_str(self, answered: bool) -> &'static str {
        match (self, answered) {
            (Self::Connect, _) => "no connection",
            (Self::Login, _) => "the login failed",
            (Self::Sender, true) => "the sender was refused",
            (Self::Recipient, true) => "the recipient was refused",
            (Self::Content | Self::Answer, true) => "the message was refused",
            (Self::Sender, false) => "the connection broke at the sender",
            (Self::Recipient, false) => "the connection broke at the recipient",
            (Self::Content, false) => "the connection broke at the message",
            (Self::Answer, false) => "the message was sent whole and not answered",
        }
    }
}

/// What a failure means for the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It was not accepted, and another try may succeed.
    Retry,
    /// The server will never accept it.
    Refused,
    /// The server will never accept it, but may accept a smaller one.
    TooLarge,
    /// It is not known whether it was accepted.
    Unanswered,
}

/// What went wrong, and where.
#[derive(Debug)]
pub(super) struct SmtpFailure {
    pub(super) stage: SmtpStage,
    pub(super) meaning: Meaning,
    pub(super) text: String,
}

impl SmtpFailure {
    /// A failure that may be repaired.
    pub(super) fn new(stage: SmtpStage, text: &str) -> Self {
        Self {
            stage,
            meaning: Meaning::Retry,
            text: format!("{}: {text}", stage.as_str(false)),
        }
    }

    /// A conversation that cannot go on.
    pub(super) fn broken(stage: SmtpStage, error: &WireError) -> Self {
        let mut failure = Self::new(stage, &error.to_string());
        if stage == SmtpStage::Answer {
            failure.meaning = Meaning::Unanswered;
        }
        failure
    }

    /// An answer with another code than expected.
    pub(super) fn answered(stage: SmtpStage, reply: &Reply) -> Self {
        let is_about_mail = !matches!(stage, SmtpStage::Connect | SmtpStage::Login);
        let meaning = match reply.code / 100 {
            5 if is_about_mail && reply.is_too_large() => Meaning::TooLarge,
            5 if is_about_mail && !reply.is_about_us() => Meaning::Refused,
            4 | 5 => Meaning::Retry,
            // A positive answer of the wrong kind belongs to something else.
            _ if stage == SmtpStage::Answer => Meaning::Unanswered,
            _ => Meaning::Retry,
        };
        let what = match meaning {
            Meaning::Retry if reply.code < 400 => "an unexpected answer",
            Meaning::Unanswered => "an unexpected answer to the message",
            _ => stage.as_str(true),
        };
        Self {
            stage,
            meaning,
            text: format!("{what}: {}", reply.text()),
        }
    }
}
