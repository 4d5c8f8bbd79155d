//! One answer, judged: the documented success, a refusal, or something that is neither.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::redact::Redactor;
use super::{CallError, Gone};

/// An answer as it came, its body whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// What kind of body its header promises, in lower case without parameters.
    pub(super) content_type: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// What a body is, by its header and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Empty,
    Json,
    Html,
    Other,
}

/// How answers to one call are judged.
pub(super) struct Judge<'a> {
    pub(super) redactor: &'a Redactor,
    /// The call was a write: what is implausible is then unknown too.
    pub(super) write: bool,
}

impl Answer {
    /// Whether the header allows for JSON: it says so, or says nothing.
    fn may_be_json(&self) -> bool {
        self.content_type.as_deref().is_none_or(|essence| {
            essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
        })
    }

    fn kind(&self) -> Body {
        // An empty body is empty whatever the header says: 204 often carries `text/html`.
        if self.body.iter().all(u8::is_ascii_whitespace) {
            Body::Empty
        } else if self.may_be_json() && serde_json::from_slice::<IgnoredAny>(&self.body).is_ok() {
            Body::Json
        } else if self.looks_like_html() {
            Body::Html
        } else {
            Body::Other
        }
    }

    fn looks_like_html(&self) -> bool {
        matches!(
            self.content_type.as_deref(),
            Some("text/html" | "application/xhtml+xml")
        ) || self.body.trim_ascii_start().starts_with(b"<")
    }
}

impl Judge<'_> {
    /// Lets successes (2xx) through.
    pub(super) fn success(&self, answer: Answer) -> Result<Answer, CallError> {
        if answer.status.is_success() {
            Ok(answer)
        } else if answer.status.is_client_error() || answer.status.is_server_error() {
            Err(CallError::Refused {
                status: answer.status.as_u16(),
                message: self.message(&answer),
                retry_after: answer.retry_after,
            })
        } else if answer.status.is_redirection() {
            Err(self.implausible(&format!(
                "status {}; redirects are not followed",
                answer.status.as_u16()
            )))
        } else {
            Err(self.implausible(&format!("status {}", answer.status.as_u16())))
        }
    }

    /// Lets the answers to a removal through: done, or nothing there to remove.
    ///
    /// A 404 that is a page comes from something that is not the provider, and proves nothing.
    pub(super) fn removal(&self, answer: Answer) -> Result<Gone, CallError> {
        if answer.status == StatusCode::NOT_FOUND
            && matches!(answer.kind(), Body::Empty | Body::Json)
        {
            return Ok(Gone::Absent);
        }
        self.acknowledgement(&self.success(answer)?)?;
        Ok(Gone::Acknowledged)
    }

    /// Takes a success whose content does not matter: nothing, or any JSON.
    pub(super) fn acknowledgement(&self, answer: &Answer) -> Result<(), CallError> {
        match answer.kind() {
            Body::Empty | Body::Json => Ok(()),
            Body::Html => Err(self.implausible("an HTML page")),
            Body::Other => Err(self.implausible("a body that is not JSON")),
        }
    }

    /// Reads the documented JSON object out of a success.
    pub(super) fn json<'de, T: Deserialize<'de>>(
        &self,
        answer: &'de Answer,
    ) -> Result<T, CallError> {
        self.expect_json(answer)?;
        if answer.looks_like_html() {
            return Err(self.implausible("an HTML page"));
        }
        // Serde would take the array `[[], []]` for an object of two empty lists.
        if !answer.body.trim_ascii_start().starts_with(b"{") {
            return Err(self.implausible("a body that is no JSON object"));
        }
        serde_json::from_slice(&answer.body).map_err(|error| self.implausible(&error.to_string()))
    }

    /// Refuses what its header says is not JSON, without looking at the body.
    pub(super) fn expect_json(&self, answer: &Answer) -> Result<(), CallError> {
        if answer.may_be_json() {
            return Ok(());
        }
        let found = answer.content_type.as_deref().unwrap_or_default();
        Err(self.implausible(&format!("{found} instead of JSON")))
    }

    pub(super) fn implausible(&self, reason: &str) -> CallError {
        CallError::Implausible {
            reason: self.redactor.clean(reason),
            write: self.write,
        }
    }

    /// What a refusal says of itself, for people.
    fn message(&self, answer: &Answer) -> String {
        if let Ok(value) = serde_json::from_slice::<Value>(&answer.body)
            && let Some(text) = said(&value, 3)
        {
            return self.redactor.clean(text);
        }
        let short = answer
            .status
            .canonical_reason()
            .unwrap_or("no reason given");
        if answer.looks_like_html() {
            format!("{short} (an HTML page)")
        } else {
            short.to_owned()
        }
    }
}

/// The first text under one of the usual names, looking a few levels down.
fn said(value: &Value, levels: u8) -> Option<&str> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        Value::Array(items) if levels > 0 => items.iter().find_map(|item| said(item, levels - 1)),
        Value::Object(fields) if levels > 0 => ["msg", "message", "error", "detail"]
            .iter()
            .find_map(|name| said(fields.get(*name)?, levels - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn answer(status: u16, content_type: Option<&str>, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: content_type.map(str::to_owned),
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn removal(status: u16, content_type: Option<&str>, body: &str) -> Result<Gone, CallError> {
        let redactor = Redactor::new(&SecretString::from("sk-secret"));
        Judge {
            redactor: &redactor,
            write: true,
        }
        .removal(answer(status, content_type, body))
    }

    fn message(status: u16, body: &str) -> String {
        match removal(status, Some("application/json"), body) {
            Err(CallError::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    const JSON: Option<&str> = Some("application/json");
    const HTML: Option<&str> = Some("text/html");

    #[test]
    fn a_removal_is_acknowledged_by_nothing_or_by_json() {
        for (status, content_type, body) in [
            (204, None, ""),
            (204, HTML, ""),
            (200, JSON, "null"),
            (200, JSON, "{\"any\": 1}"),
            (200, None, "{}"),
            (202, Some("application/problem+json"), "[]"),
        ] {
            let gone = removal(status, content_type, body);
            assert_eq!(gone, Ok(Gone::Acknowledged), "{status} {body}");
        }
    }

    #[test]
    fn what_a_removal_did_not_find_is_absent_only_if_the_provider_says_so() {
        assert_eq!(removal(404, JSON, "{\"msg\":\"no\"}"), Ok(Gone::Absent));
        assert_eq!(removal(404, None, ""), Ok(Gone::Absent));
        for (content_type, body) in [
            (HTML, "<html>not here</html>"),
            (Some("text/plain"), "404 page not found"),
            (None, "404 page not found"),
            (JSON, "{\"cut"),
        ] {
            let error = removal(404, content_type, body).unwrap_err();
            assert_eq!(error.status(), Some(404), "{body}");
        }
    }

    #[test]
    fn a_page_with_200_is_no_success_and_leaves_the_outcome_unknown() {
        for (content_type, body) in [
            (HTML, "<!doctype html><p>Sign in"),
            (HTML, "{}"),
            (JSON, "<html>"),
            (None, "OK"),
            (JSON, "{\"cut\": "),
        ] {
            let error = removal(200, content_type, body).unwrap_err();
            assert!(error.is_unknown_outcome(), "{body}");
        }
    }

    #[test]
    fn a_redirect_is_implausible() {
        for status in [301, 302, 303, 307, 308] {
            let error = removal(status, None, "").unwrap_err();
            assert!(error.to_string().contains("redirects are not followed"));
        }
    }

    #[test]
    fn a_refusal_says_what_the_provider_said_without_the_key() {
        assert_eq!(message(400, r#"{"msg": "bad email"}"#), "bad email");
        assert_eq!(message(403, r#"{"error": {"message": "no"}}"#), "no");
        let detail = r#"{"detail": [{"loc": ["x"], "msg": "missing", "type": "y"}]}"#;
        assert_eq!(message(422, detail), "missing");
        assert_eq!(
            message(401, r#"{"message": "bad key sk-secret\n!"}"#),
            "bad key [key] !"
        );
        assert_eq!(message(500, "{}"), "Internal Server Error");
        assert_eq!(message(502, "<html>"), "Bad Gateway (an HTML page)");
    }
}
