//! Foreign text has no effect where it is shown.

use proptest::prelude::*;

use super::*;
use crate::domain::{Email, Target, TargetId, TargetRef};

/// Texts as a hostile provider would choose them.
fn hostile() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\t",
        "\0",
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{9b}31m",
        "\u{85}",
        "\u{7f}",
        "\u{2028}",
        "\u{202e}",
        "\u{2066}",
        "\u{feff}",
        "\u{200b}",
        "\u{ad}",
        "\u{e0041}",
        "jane@example.com",
        "é",
        "王",
    ]);
    let any = any::<String>();
    prop::collection::vec(prop_oneof![nasty.prop_map(str::to_owned), any], 0..6)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn an_address_of_a_provider_does_nothing_to_a_log_or_terminal(text in hostile()) {
        let email = Email::observed(&text);
        let shown = [email.to_string(), format!("{email:?}")];
        for shown in shown {
            prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        prop_assert!(!email.to_string().chars().any(is_active));
        prop_assert_eq!(email.written(), text.as_str());
    }

    #[test]
    fn a_team_of_a_provider_does_nothing_to_a_log_or_terminal(text in hostile()) {
        let target = Target::Sapling { account: "acme".to_owned(), team: text.clone() };
        let shown = [
            target.to_string(),
            TargetRef::new(TargetId(1), target.clone()).to_string(),
            format!("{target:?}"),
        ];
        for shown in shown {
            prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        prop_assert!(!target.to_string().chars().any(is_active));
        prop_assert_eq!(target.written(), format!("sapling:acme/{text}"));
        let json = serde_json::to_string(&target).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), target.written());
    }

    #[test]
    fn what_does_nothing_is_shown_as_it_is(text in "[ -~éüß王芳]{0,40}") {
        prop_assert_eq!(Email::observed(&text).to_string(), text);
    }
}

#[test]
fn what_is_escaped_can_still_be_recognized() {
    let email = Email::observed("jane\u{1b}[2J@example.com\nx");
    assert_eq!(email.to_string(), "jane\\u{1b}[2J@example.com\\u{a}x");
}

#[test]
fn what_breaks_or_bends_a_line_is_taken_out() {
    assert_eq!(one_line("a\r\nBcc: b\t\u{1b}[2J"), "a  Bcc: b  [2J");
    assert_eq!(one_line("a\u{202e}moc.elpmaxe"), "a\u{fffd}moc.elpmaxe");
    assert_eq!(for_terminal(" a\r\nb\u{202e}c "), " a \nb\u{fffd}c ");
    assert_eq!(
        one_line("a\u{ad}\u{200b}\u{e0041}b \u{2764}\u{fe0f}"),
        "a\u{fffd}\u{fffd}\u{fffd}b \u{2764}\u{fe0f}"
    );
    assert_eq!(one_line(" Zoë O'Neil 王芳 "), "Zoë O'Neil 王芳");
}

#[test]
fn a_word_stays_one_word_in_a_shell() {
    for (word, typed) in [
        ("sapling:acme/Core", "sapling:acme/Core"),
        ("jane+x@example.com", "jane+x@example.com"),
        ("sapling:acme/R & D", "'sapling:acme/R & D'"),
        ("o'neil@example.com", "\"o'neil@example.com\""),
        ("o'neil$(reboot)", r"'o'\''neil$(reboot)'"),
        ("$(reboot)", "'$(reboot)'"),
        ("", "''"),
        ("a\nb", "'a b'"),
    ] {
        assert_eq!(quoted(word), typed, "{word:?}");
    }
}

#[test]
fn a_span_is_told_in_the_largest_unit_that_says_enough() {
    for (seconds, told) in [
        (-5, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ] {
        assert_eq!(span(SignedDuration::from_secs(seconds)), told);
    }
}

#[test]
fn the_nearest_word_is_found_in_any_case() {
    let known = ["sentius:acme", "sapling:acme/Core", "sapling:acme/Sales"];
    assert_eq!(nearest("SENTIUS:ACEM", known), Some("sentius:acme"));
    assert_eq!(
        nearest("sapling:acme/core", known),
        Some("sapling:acme/Core")
    );
    assert_eq!(nearest("x", []), None);
}

#[test]
fn a_moment_is_told_in_its_zone() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let at = "2026-12-31T22:59:59Z".parse().unwrap();
    assert_eq!(day(at, &zone), "2026-12-31");
    assert_eq!(minute(at, &zone), "2026-12-31 23:59");
    assert_eq!(second(at, &zone), "2026-12-31 23:59:59 CET");
}

#[test]
fn times_for_programs_are_told_as_people_say_them_wherever_they_stand() {
    let say = |at: Timestamp| format!("<{}>", minute(at, &TimeZone::UTC));
    for (text, told) in [
        ("ends 2026-12-31T22:59:59Z", "ends <2026-12-31 22:59>"),
        (
            "a grant from 2026-12-31T22:59:59.999Z on, To 2027-01-01T00:00:00Z",
            "a grant from <2026-12-31 22:59> on, To <2027-01-01 00:00>",
        ),
        ("T", "T"),
        ("TéTZ 0000-00-00T00:00:00Z", "TéTZ 0000-00-00T00:00:00Z"),
        ("é王-é-王éT00Z", "é王-é-王éT00Z"),
    ] {
        assert_eq!(retold(text, say), told);
    }
}

proptest! {
    #[test]
    fn a_text_without_times_is_told_as_it_is(text in "(\\PC|[TZ0-9:-]){0,40}") {
        prop_assert_eq!(retold(&text, |_| String::new()), text);
    }
}
