//! Sends one request, and decides by the head of the answer how its body is received.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response};

use super::receive::{self, Received};
use super::{Call, Http, Sent};
use crate::clock;
use crate::providers::answer::{Answer, Judge};
use crate::providers::room::Room;
use crate::providers::signs::PageSigns;
use crate::providers::{CallError, dates};

/// The most that is read of a refusal, for its message.
const LARGEST_REFUSAL: usize = 64 << 10;

impl Http {
    /// Sends a request. `room` is the memory reserved for its answer, and is set where the answer
    /// needs all of it.
    pub(super) async fn send(
        &self,
        call: &Call,
        judge: &Judge<'_>,
        room: &mut Room,
    ) -> Result<Sent, CallError> {
        let sent = clock::now();
        let response = self
            .request(call)
            .send()
            .await
            .map_err(|error| self.failure(error))?;
        let received = clock::now();
        if let Some(date) = dates::made_at(response.headers()) {
            self.shared.skew.note(date, sent, received);
        }
        let mut answer = Answer {
            status: response.status(),
            content_type: content_type(response.headers()),
            retry_after: dates::retry_after(response.headers(), received),
            // Only a list that is read can be a page of a longer one.
            signs: match call.method {
                Method::GET => Box::new(PageSigns::of_headers(response.headers())),
                _ => Box::default(),
            },
            body: Vec::new(),
            room: Room::default(),
        };
        if !answer.status.is_success() {
            // The status is known, which is all that matters of a refusal. What could not be
            // read must not pass for an empty body, which would let a 404 mean "gone".
            answer.body = match receive::whole(response, LARGEST_REFUSAL).await {
                Ok(Some(body)) => body,
                Ok(None) | Err(_) => b"?".to_vec(),
            };
            return Ok(Sent::Answered(answer));
        }
        match self.success(call, &answer, response, room).await? {
            Received::Whole(body) => answer.body = body,
            Received::Read => {}
            Received::Crowded => return Ok(Sent::Crowded),
            Received::TooLarge(limit) => {
                let limit = limit >> 20;
                return Err(judge.implausible(&format!("a body of more than {limit} MiB")));
            }
            Received::Blank => return Err(judge.implausible("a body that does not go on")),
            Received::Unreadable(why) => return Err(judge.implausible(&why)),
        }
        Ok(Sent::Answered(answer))
    }

    async fn success(
        &self,
        call: &Call,
        answer: &Answer,
        response: Response,
        room: &mut Room,
    ) -> Result<Received, CallError> {
        let received = match &call.large {
            Some(large) if answer.may_be_json() => {
                receive::large(response, large, &self.shared.rooms, room).await
            }
            _ => receive::small(response).await,
        };
        received.map_err(|error| self.cut(error))
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let mut url = self.shared.base.clone();
        url.set_path(&format!(
            "{}{}",
            self.shared.base.path().trim_end_matches('/'),
            call.path
        ));
        url.set_query(call.query.as_deref());
        url.set_fragment(None);
        let mut request = self
            .shared
            .client
            .request(call.method.clone(), url)
            .header(ACCEPT, call.accept);
        if let Some(authorization) = &call.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        request
    }

    /// Converts an error of the HTTP library before any answer.
    fn failure(&self, error: reqwest::Error) -> CallError {
        let never_left = error.is_builder() || error.is_connect();
        if !never_left {
            return self.cut(error);
        }
        CallError::NotSent {
            reason: self.shared.redactor.reason(error),
        }
    }

    /// The same, once the request may have reached the provider.
    fn cut(&self, error: reqwest::Error) -> CallError {
        if error.is_timeout() {
            return CallError::TimedOut {
                timeout: self.shared.timeout,
            };
        }
        CallError::Unanswered {
            reason: self.shared.redactor.reason(error),
        }
    }
}

/// The content type without its parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.as_bytes();
    let essence = text.split(|byte| *byte == b';').next()?;
    Some(String::from_utf8_lossy(essence.trim_ascii()).to_lowercase())
}
