//! Percent-encoding that leaves nothing to be read differently by the other side.

/// The parameters as a query string, in the order given.
///
/// Everything but letters, digits and `-._~` is encoded: a space is `%20` and a plus `%2B`, so
/// that it does not matter whether the provider reads a query as a form or as a URI.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&component(name));
        query.push('=');
        query.push_str(&component(value));
    }
    query
}

/// One segment of a path, or `None` for what cannot be one: the empty text, and the two names (`.`
/// and `..`) that every URL parser resolves however they are encoded.
pub(super) fn segment(text: &str) -> Option<String> {
    match text {
        "" | "." | ".." => None,
        _ => Some(component(text)),
    }
}

/// A text with every byte that is not unreserved (RFC 3986, 2.3) as `%XX`.
pub(super) fn component(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserved_character_is_encoded() {
        assert_eq!(
            query(&[("email", "o'n eil+a%b&c#ü@x.com"), ("api_key", "k/=?")]),
            "email=o%27n%20eil%2Ba%25b%26c%23%C3%BC%40x.com&api_key=k%2F%3D%3F"
        );
    }

    #[test]
    fn an_id_stays_one_segment() {
        assert_eq!(segment("a/../b").as_deref(), Some("a%2F..%2Fb"));
        assert_eq!(segment("%2e%2e").as_deref(), Some("%252e%252e"));
        assert_eq!(segment(".."), None);
        assert_eq!(segment("."), None);
        assert_eq!(segment(""), None);
    }
}
