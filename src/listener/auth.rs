//! Access to the listener: with a token, to clients that send it; without one, to clients that use
//! a loopback name. A web page whose name points to 127.0.0.1 uses its own name.

use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::config::Settings;

/// A token as it is kept: digests can be compared without telling by the time where they differ.
type Token = [u8; 32];

#[derive(Debug, Clone)]
pub(super) struct Auth {
    /// What the listener was started with. An address that was opened because of a token stays
    /// closed without one.
    token: Option<Token>,
}

impl Auth {
    pub(super) fn new(token: Option<&SecretString>) -> Self {
        Self {
            token: token.map(digest),
        }
    }

    /// Lets a request in, or says why not. A token that was read anew meanwhile counts.
    pub(super) fn ask(&self, parts: &Parts, settings: &Settings) -> Result<(), Box<Response>> {
        let now = settings.status.as_ref().and_then(|s| s.token.as_ref());
        let wanted = now.map(digest).or(self.token);
        match wanted {
            Some(wanted) if brings(parts, &wanted) => Ok(()),
            Some(_) => Err(Box::new(unauthorized())),
            None if is_for_loopback(parts) => Ok(()),
            None => Err(Box::new(misdirected())),
        }
    }
}

fn digest(token: &SecretString) -> Token {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

/// Whether the request brings the token: as bearer, or as password of whatever name, so that a
/// browser can be used.
fn brings(parts: &Parts, wanted: &Token) -> bool {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return false;
    };
    let bytes = header.as_bytes();
    let Some(space) = bytes.iter().position(|byte| *byte == b' ') else {
        return false;
    };
    let (scheme, rest) = (&bytes[..space], bytes[space..].trim_ascii());
    let brought = if scheme.eq_ignore_ascii_case(b"bearer") {
        rest.to_vec()
    } else if scheme.eq_ignore_ascii_case(b"basic") {
        let Ok(pair) = STANDARD.decode(rest) else {
            return false;
        };
        let Some(colon) = pair.iter().position(|byte| *byte == b':') else {
            return false;
        };
        pair[colon + 1..].to_vec()
    } else {
        return false;
    };
    Token::from(Sha256::digest(brought)) == *wanted
}

/// Whether the request is meant for a name of loopback, and for no other.
fn is_for_loopback(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let named = host.to_str().ok().and_then(|host| host.parse().ok());
    let asked = parts.uri.authority();
    named.is_some_and(|host: Authority| is_loopback(&host)) && asked.is_none_or(is_loopback)
}

fn is_loopback(authority: &Authority) -> bool {
    // What stands before an @ is no part of a Host.
    !authority.as_str().contains('@') && crate::config::is_loopback(authority.host())
}

fn unauthorized() -> Response {
    let mut response = (
        StatusCode::UNAUTHORIZED,
        "The token of [status] is needed: as Authorization: Bearer, or as password.\n",
    )
        .into_response();
    let headers = response.headers_mut();
    let ways = [
        "Basic realm=\"lapsed\", charset=\"UTF-8\"",
        "Bearer realm=\"lapsed\"",
    ];
    for way in ways {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(way));
    }
    response
}

fn misdirected() -> Response {
    (
        StatusCode::MISDIRECTED_REQUEST,
        "Without a token only loopback names are answered to: ask for localhost or 127.0.0.1, or set a token in [status].\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_names_of_loopback_are_answered_to_without_a_token() {
        for host in [
            "localhost",
            "LOCALHOST:9187",
            "127.0.0.1:9187",
            "127.8.8.8",
            "[::1]:9187",
        ] {
            assert!(is_for_loopback(&parts("/", &[("host", host)])), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9187",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1:9187",
            "0.0.0.0",
            "user@localhost",
            "localhost, evil.example",
            "[::1",
        ] {
            assert!(!is_for_loopback(&parts("/", &[("host", host)])), "{host}");
        }
        assert!(!is_for_loopback(&parts("/", &[])));
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert!(!is_for_loopback(&parts("/", &twice)));
        let elsewhere = parts("http://evil.example/", &[("host", "localhost")]);
        assert!(!is_for_loopback(&elsewhere));
    }

    #[test]
    fn the_token_comes_as_bearer_or_as_password() {
        let token = SecretString::from("long enough: a token");
        let wanted = digest(&token);
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for good in [
            "Bearer long enough: a token".to_owned(),
            "bearer  long enough: a token ".to_owned(),
            basic("me:long enough: a token"),
            basic(":long enough: a token"),
        ] {
            let parts = parts("/", &[("authorization", &good)]);
            assert!(brings(&parts, &wanted), "{good}");
        }
        for bad in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            "Bearer long enough: a toke".to_owned(),
            "long enough: a token".to_owned(),
            "Digest long enough: a token".to_owned(),
            basic("long enough"),
            basic("long enough: a token:"),
            "Basic !".to_owned(),
        ] {
            let parts = parts("/", &[("authorization", &bad)]);
            assert!(!brings(&parts, &wanted), "{bad}");
        }
        let good = "Bearer long enough: a token";
        let twice = [("authorization", good), ("authorization", "Bearer other")];
        assert!(!brings(&parts("/", &twice), &wanted));
        assert!(!brings(&parts("/", &[]), &wanted));
    }
}
