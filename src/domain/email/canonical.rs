//! The canonical form of an address: trimmed, NFC, the domain in IDNA-ASCII, in lower case, without
//! the root's dot behind the domain and without quotes that the name before the `@` does not need.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The canonical form; borrowed where the text is in that form already.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let trimmed = text.trim();
    let whole = match trimmed.is_ascii() {
        true => trimmed.to_ascii_lowercase(),
        false => in_one_form(trimmed),
    };
    let key = without_needless(&whole);
    match key == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(key.into_owned()),
    }
}

/// NFC and in lower case, the domain in IDNA-ASCII.
fn in_one_form(text: &str) -> String {
    let whole = composed_lower(text);
    let Some((local, lower)) = whole.rsplit_once('@') else {
        return whole;
    };
    // From the text as it stands: IDNA has case rules of its own.
    let domain = text.rsplit_once('@').map_or(lower, |(_, domain)| domain);
    match canonical_domain(domain) {
        Some(domain) => format!("{local}@{domain}"),
        None => whole,
    }
}

/// The address without what can be written or left out at will (RFC 5321, 4.1.2): `"jane"@x.com.` is
/// `jane@x.com`. A `*` of a pattern counts as a letter.
pub(crate) fn without_needless(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Cow::Borrowed(address);
    };
    let is_end = |name: &str| name.ends_with(|c: char| c.is_alphanumeric() || "-*".contains(c));
    let bare = domain.strip_suffix('.').filter(|name| is_end(name));
    let unquoted = unquoted(local);
    if bare.is_none() && unquoted.is_none() {
        return Cow::Borrowed(address);
    }
    let local = unquoted.as_deref().unwrap_or(local);
    Cow::Owned(format!("{local}@{}", bare.unwrap_or(domain)))
}

/// What stands in quotes that are not needed: words with dots between them, all of letters, digits
/// and the signs of RFC 5322, 3.2.3.
fn unquoted(local: &str) -> Option<String> {
    let quoted = local.strip_prefix('"')?.strip_suffix('"')?;
    let mut name = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(c) = letters.next() {
        name.push(if c == '\\' { letters.next()? } else { c });
    }
    let is_plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_plain);
    name.split('.').all(is_word).then_some(name)
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

/// Whether a text is plain ASCII in lower case, without blanks around it, quotes, and a dot at its end,
/// as most addresses are.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let blank = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_whitespace() || *b == b'\x0b');
    bytes
        .iter()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase() && *byte != b'"')
        && bytes.last() != Some(&b'.')
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
            ("Jane@Example.com.", "jane@example.com"),
            ("jörg@bücher.example。", "jörg@xn--bcher-kva.example"),
            ("\"Jane\"@example.com", "jane@example.com"),
            ("\"j\\ane.D'oe+x\"@example.com.", "jane.d'oe+x@example.com"),
            ("\"JÖRG\"@example.com", "jörg@example.com"),
            // The quotes are needed, or the dot is no root's.
            ("\"jane doe\"@example.com", "\"jane doe\"@example.com"),
            ("\"a@b\"@example.com", "\"a@b\"@example.com"),
            ("\".jane\"@example.com", "\".jane\"@example.com"),
            ("\"\"@example.com", "\"\"@example.com"),
            ("\"@example.com", "\"@example.com"),
            ("jane@example.com..", "jane@example.com.."),
            ("jane@.", "jane@."),
            ("no address.", "no address."),
            ("", ""),
        ] {
            assert_eq!(canonical(form), key, "{form:?}");
        }
    }

    #[test]
    fn a_text_in_canonical_form_is_not_copied() {
        for text in [
            "jane@example.com",
            "jörg@xn--bcher-kva.example",
            "a b",
            "a.",
            "\"a b\"@c.d",
            "",
        ] {
            assert!(matches!(canonical(text), Cow::Borrowed(_)), "{text:?}");
        }
    }

    fn any_domain() -> impl Strategy<Value = String> {
        proptest::collection::vec("[a-zäöüßéñçšž名例]{1,8}", 2..4).prop_map(|l| l.join("."))
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(text in "(\\PC{0,12}|\"\\PC{0,6}\")(@\\PC{0,12}[.。]?)?") {
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
