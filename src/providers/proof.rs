//! Whether an account has ever answered with success. Until then a 404 proves nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

/// What is known of one account, by its address and key; clones share it.
///
/// A wrong path in `base_url` answers everything with 404. Until the account has answered a write
/// with success, or a reading with the documented list, such an answer proves nothing.
#[derive(Clone)]
pub(crate) struct Proof(Arc<Inner>);

struct Inner {
    account: String,
    base: Url,
    key: SecretString,
    is_given: AtomicBool,
    is_kept: AtomicBool,
}

impl Proof {
    /// For an account that has not answered yet.
    pub(super) fn new(account: &str, base: &Url, key: &SecretString) -> Self {
        Self(Arc::new(Inner {
            account: account.to_owned(),
            base: base.clone(),
            key: key.clone(),
            is_given: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
        }))
    }

    /// The account, as `sentius:NAME` or `sapling:NAME`.
    pub(crate) fn account(&self) -> &str {
        &self.0.account
    }

    /// Whether it has ever answered with success.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_given.load(Ordering::Acquire)
    }

    /// Whether it has, but the database does not know it yet.
    pub(crate) fn is_news(&self) -> bool {
        self.is_given() && !self.0.is_kept.load(Ordering::Acquire)
    }

    /// Notes that it has answered with success.
    pub(super) fn give(&self) {
        self.0.is_given.store(true, Ordering::Release);
    }

    /// Notes that the database knows it.
    pub(crate) fn keep(&self) {
        self.0.is_kept.store(true, Ordering::Release);
        self.0.is_given.store(true, Ordering::Release);
    }

    /// A fingerprint by which address and key are recognized without being stored.
    pub(crate) fn fingerprint(&self, salt: &[u8]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for part in [
            salt,
            self.0.base.as_str().as_bytes(),
            self.0.key.expose_secret().as_bytes(),
        ] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("account", &self.0.account)
            .field("is_given", &self.is_given())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(base: &str, key: &str) -> Proof {
        let base = base.parse().unwrap();
        Proof::new("sentius:acme", &base, &SecretString::from(key))
    }

    #[test]
    fn another_address_or_key_or_salt_is_another_account() {
        let one = proof("https://a.example/x", "k").fingerprint(b"salt");
        assert_eq!(one, proof("https://a.example/x", "k").fingerprint(b"salt"));
        assert_ne!(one, proof("https://a.example/y", "k").fingerprint(b"salt"));
        assert_ne!(one, proof("https://a.example/x", "l").fingerprint(b"salt"));
        assert_ne!(one, proof("https://a.example/x", "k").fingerprint(b"tlas"));
    }

    #[test]
    fn what_was_given_is_news_until_it_is_kept() {
        let proof = proof("https://a.example", "very-secret");
        assert!(!proof.is_given() && !proof.is_news());
        proof.give();
        assert!(proof.is_given() && proof.is_news());
        proof.keep();
        assert!(proof.is_given() && !proof.is_news());
        assert!(!format!("{proof:?}").contains("very-secret"));
    }
}
