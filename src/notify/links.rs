//! The links by which owners answer a mail without a command: what a link is about, and the signed
//! token that stands in it. Pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use super::notices::Notice;
use crate::domain::{Email, ReviewPolicy};

/// Bytes of a link's number, which nobody can guess.
pub(crate) const ID_BYTES: usize = 16;
/// Bytes of the secret that signs tokens.
pub(crate) const SECRET_BYTES: usize = 32;
const PROOF_BYTES: usize = 32;
/// What is signed begins with this, so that no other use of the secret could make a token.
const PURPOSE: &[u8] = b"lapsed: the token of an answer's link, form 1\0";
/// No link works longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What signs the tokens. It is kept in the database, and shown nowhere.
#[derive(Clone)]
pub(crate) struct LinkSecret([u8; SECRET_BYTES]);

/// What the mail was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// Access that ends.
    Notice,
    /// A review.
    Review,
}

/// A link in one mail: for one owner, about what that mail asked, until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerLink {
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) kind: LinkKind,
    pub(crate) owner: Email,
    /// The moment of the mail.
    pub(crate) asked_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A token as somebody brings it: nothing of it is proven yet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LinkToken {
    pub(crate) id: [u8; ID_BYTES],
    proof: [u8; PROOF_BYTES],
}

impl LinkSecret {
    pub(crate) fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

impl LinkKind {
    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Review => "review",
        }
    }
}

impl AnswerLink {
    /// The token, as it stands in the mail.
    pub(crate) fn token(&self, secret: &LinkSecret) -> Option<String> {
        let proof = self.signing(secret)?.finalize().into_bytes();
        Some(URL_SAFE_NO_PAD.encode([&self.id[..], &proof[..]].concat()))
    }

    /// Whether the token is one of this link. It takes as long wherever they differ.
    pub(crate) fn is_proven_by(&self, token: &LinkToken, secret: &LinkSecret) -> bool {
        let signing = self.signing(secret).filter(|_| token.id == self.id);
        signing.is_some_and(|signing| signing.verify_slice(&token.proof).is_ok())
    }

    /// Over all that the link is about. A secret of any length is taken, so there is always one.
    fn signing(&self, secret: &LinkSecret) -> Option<Hmac<Sha256>> {
        let mut signing = <Hmac<Sha256>>::new_from_slice(&secret.0).ok()?;
        signing.update(PURPOSE);
        signing.update(&self.id);
        for moment in [self.asked_at, self.expires_at] {
            signing.update(&moment.as_millisecond().to_be_bytes());
        }
        // The only part of any length comes last, and the kind is no part of an address.
        signing.update(self.kind.as_str().as_bytes());
        signing.update(b"\0");
        signing.update(self.owner.key().as_bytes());
        Some(signing)
    }
}

impl LinkToken {
    /// What somebody brings, if it has the form of a token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, proof) = bytes.split_at_checked(ID_BYTES)?;
        Some(Self {
            id: id.try_into().ok()?,
            proof: proof.try_into().ok()?,
        })
    }
}

/// Until when the link of a notice works: as long as one of the ends it tells of lies ahead.
pub(crate) fn notice_expires(notice: &Notice, now: Timestamp) -> Timestamp {
    let ends = notice.answered_for.iter().map(|item| item.end.end);
    let last = ends.max().unwrap_or(now);
    last.min(now.checked_add(LONGEST).unwrap_or(last))
}

/// Until when the link of a review's question works: for as long as an answer may take, twice, since
/// the reminder comes between.
pub(crate) fn review_expires(rules: &ReviewPolicy, now: Timestamp) -> Timestamp {
    let wait = rules.wait().checked_mul(2).unwrap_or(LONGEST);
    now.checked_add(wait.min(LONGEST)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> AnswerLink {
        AnswerLink {
            id: [7; ID_BYTES],
            kind: LinkKind::Review,
            owner: Email::observed("Olga@acme.example"),
            asked_at: "2030-04-01T09:00:00Z".parse().unwrap(),
            expires_at: "2030-04-29T09:00:00Z".parse().unwrap(),
        }
    }

    fn secret() -> LinkSecret {
        LinkSecret::new([9; SECRET_BYTES])
    }

    fn proves(text: &str, link: &AnswerLink, secret: &LinkSecret) -> bool {
        LinkToken::parse(text).is_some_and(|token| link.is_proven_by(&token, secret))
    }

    #[test]
    fn a_token_proves_its_own_link_and_fits_into_a_line_of_a_mail() {
        let token = link().token(&secret()).unwrap();
        assert_eq!(token.len(), 64);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        assert!(token.bytes().all(plain), "{token}");
        assert!(proves(&token, &link(), &secret()));
        let spelled = AnswerLink {
            owner: Email::observed("olga@ACME.example"),
            ..link()
        };
        assert!(proves(&token, &spelled, &secret()), "the same person");
    }

    #[test]
    fn it_is_bound_to_owner_review_kind_expiry_and_secret() {
        let token = link().token(&secret()).unwrap();
        let later = "2030-05-29T09:00:00Z".parse().unwrap();
        for other in [
            AnswerLink {
                owner: Email::observed("otto@acme.example"),
                ..link()
            },
            AnswerLink {
                asked_at: "2030-04-01T09:00:00.001Z".parse().unwrap(),
                ..link()
            },
            AnswerLink {
                expires_at: later,
                ..link()
            },
            AnswerLink {
                kind: LinkKind::Notice,
                ..link()
            },
            AnswerLink {
                id: [8; ID_BYTES],
                ..link()
            },
        ] {
            assert!(!proves(&token, &other, &secret()), "{other:?}");
        }
        assert!(!proves(
            &token,
            &link(),
            &LinkSecret::new([8; SECRET_BYTES])
        ));
    }

    #[test]
    fn whatever_letter_is_changed_or_missing_it_proves_nothing() {
        let token = link().token(&secret()).unwrap();
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            assert!(!proves(&changed, &link(), &secret()), "{at}");
            assert!(!proves(&token[..at], &link(), &secret()), "{at}");
        }
        for odd in [
            format!("{token}A"),
            format!("{token}="),
            format!(" {token}"),
            token.replace(|c: char| c.is_ascii_digit(), "+"),
        ] {
            assert!(!proves(&odd, &link(), &secret()), "{odd}");
        }
    }

    #[test]
    fn secret_and_token_are_not_printed() {
        assert_eq!(format!("{:?}", secret()), "[secret]");
        let token = link().token(&secret()).unwrap();
        let token = LinkToken::parse(&token).unwrap();
        assert_eq!(format!("{token:?}"), "[token]");
    }
}
