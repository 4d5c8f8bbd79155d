//! The digest by which a reading is recognized as unchanged.

use std::fmt;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// The prefix of each body. Changing it makes every team be parsed again once, which is needed
/// whenever a version understands the same body differently.
const TAKEN_BY: &[u8] = b"2\n";

/// SHA-256 of an answer's body, by which the next answer is recognized as the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of a body.
    #[must_use]
    pub(crate) fn of(body: &[u8]) -> Self {
        let hasher = Sha256::new_with_prefix(TAKEN_BY);
        Self(hasher.chain_update(body).finalize().into())
    }

    /// A digest that was kept.
    #[must_use]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to keep them.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A body that is read while its digest is computed.
pub(super) struct Digesting<R> {
    body: R,
    hasher: Sha256,
}

impl<R: Read> Digesting<R> {
    pub(super) fn new(body: R) -> Self {
        Self {
            body,
            hasher: Sha256::new_with_prefix(TAKEN_BY),
        }
    }

    /// Of what has been read.
    pub(super) fn digest(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.body.read(into)?;
        self.hasher.update(&into[..length]);
        Ok(length)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_parts_has_the_digest_of_the_whole() {
        let mut parts = Digesting::new(b"{\"a\"".chain(&b": 1}"[..]));
        io::copy(&mut parts, &mut io::sink()).unwrap();
        assert_eq!(parts.digest(), Digest::of(b"{\"a\": 1}"));
    }

    #[test]
    fn a_digest_survives_being_kept() {
        let digest = Digest::of(b"{}");
        assert_eq!(Digest::from_bytes(*digest.as_bytes()), digest);
        assert_ne!(Digest::of(b"{ }"), digest);
    }
}
