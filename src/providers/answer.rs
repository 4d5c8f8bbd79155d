//! Judges one answer: the documented success, a refusal, or neither.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::denial::{denial, is_yes};
use super::exists::says_that_it_exists;
use super::proof::Proof;
use super::redact::Redactor;
use super::room::Room;
use super::signs::PageSigns;
use super::{CallError, Gone};

/// An answer with its whole body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The content type, in lower case and without parameters.
    pub(super) content_type: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// What its headers say about a list in the body.
    pub(super) signs: Box<PageSigns>,
    /// Empty where the body was too large for memory: then it was read by [`super::http::Call::large`].
    pub(super) body: Vec<u8>,
    /// The memory that the body has reserved.
    pub(super) room: Room,
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
    /// Whether the account has ever answered with success.
    pub(super) proof: &'a Proof,
    /// The call was a write: an implausible answer means an unknown outcome.
    pub(super) write: bool,
}

impl Answer {
    /// Whether the body may be JSON: the header says so, or says nothing.
    pub(super) fn may_be_json(&self) -> bool {
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
    /// Lets the documented successes through: 200, and for a write what says as much, 201 and 204.
    /// Other 2xx are of something else: 202 is not done yet, 203 is a proxy's, 206 is a part.
    pub(super) fn success(&self, answer: Answer) -> Result<Answer, CallError> {
        let status = answer.status.as_u16();
        if status == 200 || (self.write && matches!(status, 201 | 204)) {
            Ok(answer)
        } else if status == 206 && !self.write {
            Err(self.implausible("a page of a longer list: status 206"))
        } else if answer.status.is_client_error() || answer.status.is_server_error() {
            Err(CallError::Refused {
                status: answer.status.as_u16(),
                message: self.message(&answer),
                retry_after: answer.retry_after,
                exists: says_that_it_exists(
                    answer.status.as_u16(),
                    &said_by(&answer).unwrap_or_default(),
                ),
            })
        } else if answer.status.is_redirection() {
            Err(self.implausible(&format!(
                "status {}; redirects are not followed",
                answer.status.as_u16()
            )))
        } else {
            Err(self.implausible(&format!("status {}", answer.status)))
        }
    }

    /// Lets the answers to a removal through: done, or nothing there to remove.
    ///
    /// A 404 with an HTML page comes from something other than the provider, and proves nothing.
    /// Nor does a 404 from an account that has never answered with success.
    pub(super) fn removal(&self, answer: Answer) -> Result<Gone, CallError> {
        if answer.status == StatusCode::NOT_FOUND
            && matches!(answer.kind(), Body::Empty | Body::Json)
        {
            if self.proof.is_given() {
                return Ok(Gone::Absent);
            }
            return Err(CallError::Unproven {
                message: self.message(&answer),
            });
        }
        self.acknowledgement(&self.success(answer)?)?;
        Ok(Gone::Acknowledged)
    }

    /// Accepts a success whose content does not matter unless it says no: an empty body, any JSON,
    /// or a short text such as `OK`.
    pub(super) fn acknowledgement(&self, answer: &Answer) -> Result<(), CallError> {
        match answer.kind() {
            Body::Empty => {}
            Body::Json => self.refuse_denial(answer)?,
            Body::Html => return Err(self.implausible("an HTML page")),
            Body::Other if is_yes(answer.body.trim_ascii()) => {}
            Body::Other => return Err(self.implausible("a body that is not JSON")),
        }
        self.proof.give();
        Ok(())
    }

    /// Refuses a document that says that nothing was done, whatever its status.
    pub(super) fn refuse_denial(&self, answer: &Answer) -> Result<(), CallError> {
        let said = serde_json::from_slice::<Value>(&answer.body)
            .ok()
            .and_then(|value| denial(&value));
        match said {
            None => Ok(()),
            Some(said) => Err(CallError::Denied {
                status: answer.status.as_u16(),
                message: self.redactor.clean(&said),
                // It means the same as a 400.
                exists: says_that_it_exists(400, &said),
            }),
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
        let document = serde_json::from_slice(&answer.body)
            .map_err(|error| self.implausible(&error.to_string()))?;
        Ok(document)
    }

    /// The same for a write whose content matters: details take precedence over what the document
    /// says as a whole. `is_telling` says whether there are any details.
    pub(super) fn told<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        is_telling: impl Fn(&T) -> bool,
    ) -> Result<T, CallError> {
        let document = self.json(answer);
        if !document.as_ref().is_ok_and(is_telling) && answer.kind() == Body::Json {
            self.refuse_denial(answer)?;
        }
        let document = document?;
        self.proof.give();
        Ok(document)
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

    /// A refusal's own words, for people.
    fn message(&self, answer: &Answer) -> String {
        if let Some(text) = said_by(answer) {
            return self.redactor.clean(&text);
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

/// A refusal's own words, not cleaned: they may contain parts of a key.
fn said_by(answer: &Answer) -> Option<String> {
    let value = serde_json::from_slice::<Value>(&answer.body).ok()?;
    said(&value, 3).map(ToOwned::to_owned)
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
            signs: Box::default(),
            body: body.as_bytes().to_vec(),
            room: Room::default(),
        }
    }

    fn stranger() -> Proof {
        let base = "https://a.example".parse().unwrap();
        Proof::new("sentius:acme", &base, &SecretString::from("sk-secret"))
    }

    /// What a removal comes to at an account with this proof.
    fn removal_at(proof: &Proof, answer: Answer) -> Result<Gone, CallError> {
        let redactor = Redactor::new(&SecretString::from("sk-secret"));
        Judge {
            redactor: &redactor,
            proof,
            write: true,
        }
        .removal(answer)
    }

    /// The same at one that has answered before.
    fn removal(status: u16, content_type: Option<&str>, body: &str) -> Result<Gone, CallError> {
        let proof = stranger();
        proof.give();
        removal_at(&proof, answer(status, content_type, body))
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
            (200, Some("application/problem+json"), "[]"),
            (201, JSON, "{}"),
            (200, JSON, "{\"error\": null, \"detail\": \"User deleted\"}"),
            (200, Some("text/plain"), "OK\n"),
            (200, None, "deleted"),
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
            (HTML, "OK"),
            (None, "hello"),
            (Some("text/plain"), "not deleted"),
            (JSON, "{\"cut\": "),
        ] {
            let error = removal(200, content_type, body).unwrap_err();
            assert!(error.is_unknown_outcome(), "{body}");
        }
    }

    #[test]
    fn a_document_with_200_that_says_no_is_a_known_refusal() {
        for body in [
            r#"{"error": "contract sk-secret is over"}"#,
            r#"{"success": false}"#,
            r#"{"status": "error"}"#,
            r#"{"detail": "not allowed"}"#,
        ] {
            let error = removal(200, JSON, body).unwrap_err();
            assert!(
                matches!(error, CallError::Denied { status: 200, .. }),
                "{error:?}"
            );
            assert!(!error.is_unknown_outcome(), "{body}");
            assert!(!error.to_string().contains("sk-secret"), "{error}");
        }
    }

    #[test]
    fn a_404_proves_nothing_until_the_account_has_answered_with_success() {
        let proof = stranger();
        let not_found = || answer(404, JSON, "{\"detail\": \"Not Found\"}");
        let error = removal_at(&proof, not_found()).unwrap_err();
        assert!(matches!(error, CallError::Unproven { .. }), "{error:?}");
        assert!(error.to_string().contains("Not Found"), "{error}");
        for (status, content_type, body) in [
            (200, HTML, "<html>Sign in"),
            (200, JSON, "{\"error\": \"x\"}"),
            (302, None, ""),
            (403, JSON, "{}"),
        ] {
            let answer = answer(status, content_type, body);
            assert!(removal_at(&proof, answer).is_err(), "{body}");
            assert!(removal_at(&proof, not_found()).is_err(), "{body}");
        }
        let done = removal_at(&proof, answer(204, None, ""));
        assert_eq!(done, Ok(Gone::Acknowledged));
        assert_eq!(removal_at(&proof, not_found()), Ok(Gone::Absent));
    }

    #[test]
    fn another_2xx_than_the_documented_ones_leaves_the_outcome_of_a_write_unknown() {
        for status in [202, 203, 205, 206, 207, 226, 299] {
            let error = removal(status, None, "").unwrap_err();
            assert!(error.is_unknown_outcome(), "{error}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
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
    fn a_refusal_is_understood_before_words_of_the_key_are_cut_out_of_it() {
        let redactor = Redactor::new(&SecretString::from("sk-whitelist-1"));
        let proof = stranger();
        let judge = Judge {
            redactor: &redactor,
            proof: &proof,
            write: true,
        };
        let said = r#"{"error": "User already exists in whitelist"}"#;
        let json = Some("application/json");
        for error in [
            judge.success(answer(400, json, said)).err().unwrap(),
            judge.refuse_denial(&answer(200, json, said)).err().unwrap(),
        ] {
            assert!(error.says_that_it_exists(), "{error}");
            assert!(error.to_string().ends_with("exists in [key]"), "{error}");
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
