//! `[alarm]`: who else is told how it goes. The URLs are secrets: whoever knows one can beat for a
//! dead daemon.

use std::fmt;

use super::checks;
use super::section::{Leaf, Read, Section};

/// `[alarm]`.
#[derive(Debug, Clone)]
pub struct AlarmSettings {
    /// Gets a GET after each whole pass that converged.
    pub heartbeat: Option<SecretUrl>,
    /// Gets a POST once an episode.
    pub webhook: Option<SecretUrl>,
}

/// A URL whose path, query or login may hold a token: only scheme, host and port are ever shown.
#[derive(Clone)]
pub struct SecretUrl(reqwest::Url);

impl SecretUrl {
    /// The whole of it, for the one who calls it.
    pub(crate) fn expose(&self) -> &reqwest::Url {
        &self.0
    }

    /// What may be shown, such as `https://hc.acme.com`.
    #[must_use]
    pub fn place(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port().map_or_else(String::new, |p| format!(":{p}"));
        format!("{}://{host}{port}", self.0.scheme())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/[secret]", self.place())
    }
}

/// Reads `[alarm]`.
pub(super) fn alarm(root: &mut Section<'_>) -> Option<AlarmSettings> {
    let mut section = root.section("alarm")?;
    section.any_of(&["heartbeat_url", "webhook_url"]);
    if !section.has("heartbeat_url") && !section.has("webhook_url") {
        section.wrong_here("the section says nothing; give it heartbeat_url, webhook_url or both");
    }
    let heartbeat = section.read("heartbeat_url", secret_url);
    let webhook = section.read("webhook_url", secret_url);
    section.finish();
    Some(AlarmSettings { heartbeat, webhook })
}

/// A URL with whatever token it holds, which no message repeats.
fn secret_url(leaf: Leaf) -> Read<SecretUrl> {
    let url = checks::url(&leaf.text()?, "https://hc.example.com/my-token")?;
    if url.fragment().is_some() {
        return Err(
            "the URL holds a #, and what follows it would not be sent; write it without".to_owned(),
        );
    }
    checks::private(&url, "the token")?;
    Ok(SecretUrl(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_is_shown_of_a_url() {
        for (url, place) in [
            ("https://hc.acme.com/t0ken?k=t0ken", "https://hc.acme.com"),
            (
                "https://t0ken:t0ken@hc.acme.com:8443/",
                "https://hc.acme.com:8443",
            ),
            ("http://[::1]:80/t0ken", "http://[::1]"),
        ] {
            let url = SecretUrl(url.parse().unwrap());
            assert_eq!(url.place(), place);
            assert!(!format!("{url:?}").contains("t0ken"), "{url:?}");
        }
    }
}
