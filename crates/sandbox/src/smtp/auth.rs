//! The two logins that clients use: PLAIN and LOGIN.

/// What asks for the user and the password in LOGIN: "Username:" and "Password:" in base64.
pub(super) const ASK_USER: &str = "334 VXNlcm5hbWU6";
pub(super) const ASK_PASSWORD: &str = "334 UGFzc3dvcmQ6";

/// User and password from the one message of PLAIN.
pub(super) fn plain(message: &str) -> Option<(String, String)> {
    let text = decode(message)?;
    let mut parts = text.split('\0');
    let (_authorize_as, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    parts
        .next()
        .is_none()
        .then(|| (user.to_owned(), password.to_owned()))
}

/// The text in a base64 message (RFC 4648 with padding), if there is one.
pub(super) fn decode(message: &str) -> Option<String> {
    if !message.len().is_multiple_of(4) {
        return None;
    }
    let digits = message.trim_end_matches('=');
    if message.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_and_nothing_else() {
        assert_eq!(decode("VXNlcm5hbWU6").unwrap(), "Username:");
        assert_eq!(decode("asO2cmc=").unwrap(), "jörg");
        assert_eq!(decode("").unwrap(), "");
        for wrong in ["VXN", "====", "VX!l", "A==="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn plain_holds_a_user_and_a_password() {
        let login = ("lapsed".to_owned(), "pa ss".to_owned());
        assert_eq!(plain("AGxhcHNlZABwYSBzcw=="), Some(login));
        assert_eq!(plain("bGFwc2Vk"), None);
    }
}
