//! A message in the form that SMTP sends.

/// A message whose lines end in CR LF, and where a leading dot of a line is doubled.
#[derive(Debug)]
pub(super) struct Content {
    /// Without the lone dot that ends it.
    pub(super) bytes: Vec<u8>,
    /// What counts against a server's SIZE: the bytes without the added dots (RFC 1870, 5).
    pub(super) size: u64,
    /// Whether a header is not ASCII, such as one with an internationalized address.
    pub(super) has_wide_header: bool,
    /// Whether the rest is not ASCII.
    pub(super) has_wide_body: bool,
}

impl Content {
    /// A line may end in CR, in LF or in both. CR or LF alone would end a line for some servers and
    /// not for others, and a lone dot between them could end the mail.
    pub(super) fn of(message: &[u8]) -> Self {
        let mut content = Self {
            bytes: Vec::with_capacity(message.len() + message.len() / 64 + 2),
            size: 0,
            has_wide_header: false,
            has_wide_body: false,
        };
        let mut rest = message;
        let mut in_header = true;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after
                .strip_prefix(b"\r\n")
                .or_else(|| after.get(1..))
                .unwrap_or_default();
            in_header &= !line.is_empty();
            if !line.is_ascii() {
                content.has_wide_header |= in_header;
                content.has_wide_body |= !in_header;
            }
            content.push(line);
        }
        content
    }

    fn push(&mut self, line: &[u8]) {
        if line.first() == Some(&b'.') {
            self.bytes.push(b'.');
        }
        self.bytes.extend_from_slice(line);
        self.bytes.extend_from_slice(b"\r\n");
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.size = self.size.saturating_add(length).saturating_add(2);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_alike_and_no_line_is_a_lone_dot() {
        for (message, wire) in [
            (&b"a\r\n\r\nb\r\n"[..], &b"a\r\n\r\nb\r\n"[..]),
            (b"a\nb", b"a\r\nb\r\n"),
            (b"a\rb\n\nc\n\r", b"a\r\nb\r\n\r\nc\r\n\r\n"),
            (b".\r\n..\r\n.a", b"..\r\n...\r\n..a\r\n"),
            (b"x\n.\r.\n", b"x\r\n..\r\n..\r\n"),
            (b"", b""),
        ] {
            let shown = message.escape_ascii();
            assert_eq!(Content::of(message).bytes, wire, "{shown}");
        }
    }

    #[test]
    fn the_size_leaves_out_the_added_dots() {
        assert_eq!(Content::of(b".\r\nab\r\n").size, 7);
    }

    #[test]
    fn what_is_more_than_ascii_is_told_apart() {
        let of = |text: &str| {
            let content = Content::of(text.as_bytes());
            (content.has_wide_header, content.has_wide_body)
        };
        assert_eq!(of("To: a\r\n\r\nb\r\n"), (false, false));
        assert_eq!(of("To: ä\r\n\r\nb\r\n"), (true, false));
        assert_eq!(of("To: a\r\n\r\nä\r\n"), (false, true));
    }

    proptest! {
        #[test]
        fn no_message_ends_early(message in proptest::collection::vec(prop_oneof![
            Just(b'.'), Just(b'\r'), Just(b'\n'), any::<u8>()
        ], 0..200)) {
            let wire = Content::of(&message).bytes;
            let framed = [&b"\r\n"[..], &wire].concat();
            let lone = |end: &[u8]| framed.windows(end.len()).any(|part| part == end);
            prop_assert!(!lone(b"\n.\r\n") && !lone(b"\n.\n") && !lone(b"\r.\r"));
            let bare = framed.iter().enumerate().any(|(at, byte)| match byte {
                b'\n' => at == 0 || framed[at - 1] != b'\r',
                b'\r' => framed.get(at + 1) != Some(&b'\n'),
                _ => false,
            });
            prop_assert!(!bare);
        }
    }
}
