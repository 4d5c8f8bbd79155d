//! Makes a foreign text safe to show on one line.

use crate::domain::{breaks, is_active};

/// The text on one line, for people: control characters become spaces, and characters that reorder
/// or hide their neighbours become a visible mark.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(shown)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A text of several lines as a terminal can show it: the same, but for the ends of lines.
pub(crate) fn for_terminal(text: &str) -> String {
    let shown = |c| if c == '\n' { c } else { shown(c) };
    text.chars().map(shown).collect()
}

fn shown(c: char) -> char {
    match c {
        c if breaks(c) => ' ',
        c if is_active(c) => '\u{fffd}',
        c => c,
    }
}

/// A word as it can be typed into a shell: whatever a team is called, it stays one word and does
/// nothing.
pub(crate) fn quoted(word: &str) -> String {
    let word = one_line(word);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return word;
    }
    if word.contains('\'') && !word.contains(['"', '$', '`', '\\', '!']) {
        return format!("\"{word}\"");
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
