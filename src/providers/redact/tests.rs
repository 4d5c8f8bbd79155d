//! Keys, as they come back: whole and in part, in every form.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::providers::encode;

const KEY: &str = "Sk-Very \"Secret&=+%";

#[test]
fn a_key_is_taken_out_in_every_form() {
    let redactor = Redactor::new(&SecretString::from(KEY));
    let echoed = [
        KEY.to_owned(),
        encode::component(KEY),
        "Sk-Very%20%22Secret%26%3d%2b%25".to_owned(),
        "Sk-Very%2520%2522Secret%2526%253d%252b%2525".to_owned(),
        encode::component(KEY).replace("%20", "+"),
        format!("{KEY:?}"),
        serde_json::to_string(KEY).unwrap(),
        encode::component(&encode::component(KEY)),
        "Sk-Very &quot;Secret&amp;=+%".to_owned(),
        "Sk-Very &#34;Secret&amp;=+%".to_owned(),
        "Sk-Very \\u0022Secret\\u0026=+%".to_owned(),
        "Sk-Very \\x22Secret\\u{26}=+%".to_owned(),
        "Sk-Very &amp;quot;Secret&amp;amp;=+%".to_owned(),
        KEY.to_uppercase(),
        "53 6b 2d 56 65 72 79 20 22 53 65 63 72 65 74".to_owned(),
    ];
    for form in echoed {
        let clean = redactor.clean(&format!("no such key: {form} (at all)"));
        assert!(clean.contains(REDACTED), "{clean}");
        let lower = clean.to_lowercase();
        assert!(
            !lower.contains("very") && !lower.contains("secret"),
            "{clean}"
        );
        assert!(!lower.contains("72 79"), "{clean}");
        assert!(clean.starts_with("no such key: "), "{clean}");
        assert!(clean.ends_with(" (at all)"), "{clean}");
    }
}

#[test]
fn a_key_in_base64_is_taken_out_wherever_it_stands_in_what_was_encoded() {
    let redactor = Redactor::new(&SecretString::from(KEY));
    for name in ["", "u", "me", "bot", "robot@acme.example"] {
        for (before, after) in [("", ""), (":", ""), ("", ":"), (":", ":x")] {
            let pair = format!("{name}{before}{KEY}{after}");
            for text in [STANDARD.encode(&pair), URL_SAFE_NO_PAD.encode(&pair)] {
                let clean = redactor.clean(&text);
                assert!(clean.contains(REDACTED), "{pair}: {clean}");
                // All of the key's digits are gone, and those of its neighbours that hold some of it.
                let left = clean.replace(REDACTED, "");
                assert!(left.len() <= text.len() - KEY.len() * 4 / 3, "{clean}");
            }
        }
    }
}

#[test]
fn a_short_key_does_not_take_words_out_that_base64_could_have_made() {
    let redactor = Redactor::new(&SecretString::from("i\u{b7}Z"));
    assert_eq!(redactor.clean("a basic answer"), "a basic answer");
    assert_eq!(redactor.clean("no: i\u{b7}z!"), "no: [key]!");
}

#[test]
fn an_escape_in_a_key_survives_another_kind_of_escaping() {
    for (key, told) in [
        ("a A>a\\na", "a A&gt;a\\na"),
        ("k%41y\\tk<y", "k%41y\\tk&lt;y"),
        ("k&lt;y\\t%41", "k&lt;y\\\\t%41"),
    ] {
        let redactor = Redactor::new(&SecretString::from(key));
        assert_eq!(redactor.clean(told), "[key]", "{key}");
    }
}

#[test]
fn what_is_no_key_stays_as_it_was() {
    let redactor = Redactor::new(&SecretString::from(KEY));
    let none = Redactor::new(&SecretString::from(""));
    for text in [
        "HTTP 400: {\"error\": \"no such team\", \"id\": \"01DEADBEEF00112233445566\"}",
        "100% of & and \\ are no escapes; nor is &#x; or %zz or \\u{}",
        "Sk-Very, and Secret, are too short to tell",
    ] {
        assert_eq!(redactor.clean(text), text);
        assert_eq!(none.clean(text), text);
    }
}

#[test]
fn a_text_from_outside_is_one_short_line_without_control_characters() {
    let redactor = Redactor::new(&SecretString::from(KEY));
    assert_eq!(
        redactor.clean("a\r\n\u{1b}[31mb\u{202e}c\tx"),
        "a [31mb c x"
    );
    let long = redactor.clean(&"ä".repeat(5000));
    assert_eq!(long.chars().count(), LONGEST);
}

/// A way in which a text may be written.
type Form = fn(&str) -> String;

fn each(text: &str, form: impl Fn(u32) -> String) -> String {
    text.chars().map(|c| form(u32::from(c))).collect()
}

const FORMS: [Form; 14] = [
    |text| text.to_owned(),
    |text| text.to_uppercase(),
    |text| text.to_lowercase(),
    |text| each(text, |c| format!("{c:02x}")),
    |text| each(text, |c| format!("{c:02X}")),
    |text| each(&text.to_uppercase(), |c| format!("{c:02x}")),
    |text| each(text, |c| format!("%{c:02x}")),
    encode::component,
    |text| encode::component(&encode::component(text)),
    |text| each(text, |c| format!("&#{c};")),
    |text| each(text, |c| format!("&#x{c:X};")),
    |text| each(text, |c| format!("\\u{c:04x}")),
    |text| {
        let quoted = serde_json::json!(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    },
    |text| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    },
];

/// The digits of base64 that are a text's alone, with so many bytes of a group before it.
fn own_digits(text: &str, before: usize) -> String {
    let bytes = [&vec![0; before][..], text.as_bytes()].concat();
    let whole = bytes.len() * 8 / 6;
    STANDARD.encode(&bytes)[(before * 8).div_ceil(6)..whole].to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_eight_characters_of_a_key_are_left_in_any_form(
        key in "[ -~]{8,40}",
        cut in (0_usize..8, 0_usize..8),
        form in 0..FORMS.len(),
        before in "[a-z:]{0,4}",
        (around, base) in ("[ -~]{0,12}", 0..3),
    ) {
        // At least eight characters of it.
        let spare = key.len() - 8;
        let (front, back) = (cut.0.min(spare), cut.1.min(spare - cut.0.min(spare)));
        let part = &key[front..key.len() - back];
        let written = match base {
            0 => FORMS[form](part),
            1 => STANDARD.encode(format!("{before}{part}")),
            _ => URL_SAFE_NO_PAD.encode(format!("{before}{part}{before}")),
        };
        let text = format!("{around}\n{written}\n{around}");
        let redactor = Redactor::new(&SecretString::from(key.clone()));
        let clean = redactor.clean(&text);

        prop_assert!(clean.contains(REDACTED), "{text}: {clean}");
        for from in 0..=spare {
            let run = &key[from..from + 8];
            for form in FORMS {
                let told = form(run);
                // What is no more than blanks on its way to one line.
                prop_assert!(
                    one_line(&told) != told || !clean.contains(&told),
                    "{told} is left of {text}: {clean}"
                );
            }
            for before in 0..3 {
                let digits = own_digits(run, before);
                let url = digits.replace('+', "-").replace('/', "_");
                prop_assert!(!clean.contains(&digits) && !clean.contains(&url), "{clean}");
            }
        }
    }
}
