//! The canonical form of an address: trimmed, NFC, the domain in IDNA-ASCII, in lower case.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The canonical form; borrowed where the text is in that form already.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let trimmed = text.trim();
    if trimmed.is_ascii() {
        return Cow::Owned(trimmed.to_ascii_lowercase());
    }
    let whole = composed_lower(trimmed);
    let key = match whole.rsplit_once('@') {
        // From the text as it stands: IDNA has case rules of its own.
        Some((local, lower)) => {
            let domain = trimmed.rsplit_once('@').map_or(lower, |(_, domain)| domain);
            match canonical_domain(domain) {
                Some(domain) => format!("{local}@{domain}"),
                None => whole,
            }
        }
        None => whole,
    };
    match key == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(key),
    }
}

/// A domain in IDNA-ASCII and lower case, unless IDNA refuses it.
pub(crate) fn canonical_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::EMPTY,
            Hyphens::Allow,
            DnsLength::Ignore,
        )
        .ok()?;
    // What looks like an `@` or a blank to IDNA must not move the border between name and domain.
    let odd = |c: char| c == '@' || c.is_whitespace() || c.is_control();
    (!ascii.contains(odd)).then(|| ascii.into_owned())
}

/// In lower case and composed (NFC).
pub(crate) fn composed_lower(text: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    // Lower case may come apart into a letter and its mark.
    nfc.normalize(&nfc.normalize(text).to_lowercase())
        .into_owned()
}

/// Whether a text is plain ASCII in lower case without blanks around it, as most addresses are.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let blank = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_whitespace() || *b == b'\x0b');
    bytes
        .iter()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
        && !blank(bytes.first())
        && !blank(bytes.last())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_one_address_have_one_canonical_form() {
        for (form, key) in [
            ("jane@example.com", "jane@example.com"),
            ("Jane@Example.COM", "jane@example.com"),
            (" jane@example.com\u{a0}\t", "jane@example.com"),
            ("\u{b}jane@example.com", "jane@example.com"),
            ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
            ("JÖRG@BÜCHER.example", "jörg@xn--bcher-kva.example"),
            ("jörg@XN--BCHER-KVA.Example", "jörg@xn--bcher-kva.example"),
            (
                "jo\u{308}rg@bu\u{308}cher.example",
                "jörg@xn--bcher-kva.example",
            ),
            ("jane@ｅｘａｍｐｌｅ。com", "jane@example.com"),
            ("x@straße.example", "x@xn--strae-oqa.example"),
            // IDNA refuses it: a label that is no punycode stays as it is.
            ("Ünit@xn--a.example", "ünit@xn--a.example"),
            ("no address, Ä", "no address, ä"),
            ("a@b＠c.example", "a@b＠c.example"),
            ("", ""),
        ] {
            assert_eq!(canonical(form), key, "{form:?}");
        }
    }

    #[test]
    fn a_text_in_canonical_form_is_not_copied() {
        for text in ["jane@example.com", "jörg@xn--bcher-kva.example", "a b", ""] {
            assert!(matches!(canonical(text), Cow::Borrowed(_)), "{text:?}");
        }
    }

    fn any_domain() -> impl Strategy<Value = String> {
        proptest::collection::vec("[a-zäöüßéñçšž名例]{1,8}", 2..4).prop_map(|l| l.join("."))
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(text in "\\PC{0,12}(@\\PC{0,12})?") {
            let once = canonical(&text).into_owned();
            prop_assert_eq!(canonical(&once), once.as_str());
        }

        #[test]
        fn whatever_way_an_address_is_written_it_is_the_same(
            local in "[a-zäöüéñ0-9.+]{1,10}", domain in any_domain(),
            before in "[ \t\u{a0}\u{3000}]{0,2}", after in "[ \n\u{2003}]{0,2}",
        ) {
            let address = format!("{local}@{domain}");
            let upper: String = address.chars().map(|c| match c {
                'ß' => c,
                c => c.to_uppercase().next().unwrap(),
            }).collect();
            let nfd = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd();
            let ascii = format!("{local}@{}", canonical_domain(&domain).unwrap());
            let wanted = canonical(&address).into_owned();
            let apart = nfd.normalize(&address).into_owned();
            for form in [upper, apart, ascii, format!("{before}{address}{after}")] {
                prop_assert_eq!(canonical(&form), wanted.as_str(), "{:?}", form);
            }
        }
    }
}
