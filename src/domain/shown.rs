//! How a text of others is shown in logs, errors and on terminals: no character of it can do anything
//! there.

use std::fmt::{self, Write as _};

/// Writes the text with all that breaks a line, moves a cursor or reorders what stands around it
/// escaped as `\u{1b}`. What is written so cannot be read back: it is for people.
pub(super) fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in text.chars() {
        if acts(c) {
            write!(f, "{}", c.escape_unicode())?;
        } else {
            f.write_char(c)?;
        }
    }
    Ok(())
}

/// Whether the character does something instead of being seen: controls, line and paragraph
/// separators, bidirectional marks, overrides and isolates, and the byte order mark.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Email, Target, TargetId, TargetRef};
    use super::*;

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
            prop_assert!(!email.to_string().chars().any(acts));
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
            prop_assert!(!target.to_string().chars().any(acts));
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
}
