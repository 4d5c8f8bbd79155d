//! Bytes: random ones, and how they are written in hexadecimal.

use std::fmt::Write as _;

use crate::store::StoreError;

/// Bytes that nobody can guess.
pub(in crate::store) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Corrupt(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// Two digits for each byte.
pub(in crate::store) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes that are written so; `None` where it is something else.
pub(in crate::store) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0_u8; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}
