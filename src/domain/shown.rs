//! How foreign text is shown in logs, errors and on terminals: no character of it has an effect
//! there.

use std::fmt::{self, Write as _};

/// Writes the text with all that breaks a line, moves a cursor or reorders what stands around it
/// escaped as `\u{1b}`. What is written so cannot be read back: it is for people.
pub(super) fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in text.chars() {
        if is_active(c) {
            write!(f, "{}", c.escape_unicode())?;
        } else {
            f.write_char(c)?;
        }
    }
    Ok(())
}

/// Whether the character has an effect or is invisible: it breaks a line, moves the cursor,
/// reorders the text around it, or makes two names look the same.
pub(crate) fn is_active(c: char) -> bool {
    breaks(c) || bends(c)
}

/// Controls, and the separators of lines and paragraphs.
pub(crate) fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Bidirectional marks, overrides and isolates, and all else that Unicode has unseen
/// (`Default_Ignorable_Code_Point`, annotations): but for variation selectors, which only choose how the
/// character before them looks.
fn bends(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
    )
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
}
