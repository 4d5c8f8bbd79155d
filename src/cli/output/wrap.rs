//! Where a text can be broken: between words, and never within an address or a moment.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// The text in pieces of at most this width. A word is never broken: a longer one is a piece of its
/// own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut pieces: Vec<&str> = Vec::new();
    let mut begin = 0;
    for word in words(text) {
        let longer = &text[begin..word.end];
        match pieces.last_mut() {
            Some(last) if longer.width() <= width => *last = longer,
            _ => {
                begin = word.start;
                pieces.push(&text[word]);
            }
        }
    }
    if pieces.is_empty() {
        pieces.push("");
    }
    pieces
}

/// Where the parts lie between which a line can be broken: words, but a date and its time are one, and
/// the name of the program is never alone, since a line of its own is a command too.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let word_from = |at: usize| at + text[at..].find(' ').unwrap_or(text.len() - at);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|c| c != ' ')?;
        let mut end = word_from(start);
        if is_date(&text[start..end]) && end < text.len() {
            let next = word_from(end + 1);
            if is_time(&text[end + 1..next]) {
                end = next;
            }
        }
        if &text[start..end] == "lapsed" && end < text.len() {
            end = word_from(end + 1);
        }
        at = end;
        Some(start..end)
    })
}

/// Whether a word ends like `2026-12-31`.
fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 10 && is_like(&bytes[bytes.len() - 10..], b"0000-00-00")
}

/// Whether a word begins like `23:59`.
fn is_time(word: &str) -> bool {
    word.len() >= 5 && is_like(&word.as_bytes()[..5], b"00:00")
}

fn is_like(bytes: &[u8], form: &[u8]) -> bool {
    bytes.iter().zip(form).all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    })
}

/// The width of the longest word.
pub(super) fn longest_word(text: &str) -> usize {
    words(text)
        .map(|word| text[word].width())
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::cli::output) fn address() -> impl Strategy<Value = String> {
        "[a-zé王]{1,12}[.][a-z]{1,14}@[a-z]{1,20}[.]com"
    }

    pub(in crate::cli::output) fn moment() -> impl Strategy<Value = String> {
        "20[0-9]{2}-1[0-2]-[0-2][0-9] 2[0-3]:[0-5][0-9]"
    }

    /// What people write, with an address and a moment among it.
    pub(in crate::cli::output) fn prose() -> impl Strategy<Value = String> {
        let word = prop_oneof![4 => "[a-z(]{1,9}[,.)]?", 1 => address(), 1 => moment()];
        prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
    }

    proptest! {
    #[test]
    fn wrapped_text_is_the_same_text_and_as_narrow_as_its_words_allow(text in prose(), width in 0..60_usize) {
        let pieces = wrap(&text, width);
        let longest = longest_word(&text);
        prop_assert!(pieces.iter().all(|piece| piece.width() <= width.max(longest)));
        prop_assert_eq!(pieces.join(" "), text);
    }
    }
}
