//! The page behind the link in an owner's mail: the people that it asks about, and a form to keep or
//! end their access. A GET changes nothing, and what is sent is recorded as a whole or not at all.

mod form;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::page::{Frame, PageError};
use crate::commands::answers::{self, Opened};
use crate::config::Settings;
use crate::explain::words::Words;
use crate::notify::links::{AnswerLink, LinkKind, LinkToken};
use crate::store::{LinkAnswered, LinkQuestion, QuestionStands, Store};
use crate::text::{count, one_line};
use form::{Choice, Faults, Form, Said};

/// Questions on one page; the others come once these are answered.
const MOST_OPEN: usize = 200;
/// Answered questions on one page.
const MOST_ANSWERED: usize = 200;
/// Bytes of a form: the token, and some forty for each question.
const LARGEST: usize = 32 * 1024;

#[derive(Template)]
#[template(path = "answer.html")]
struct AnswerPage {
    frame: Frame,
    headline: String,
    tone: &'static str,
    owner: String,
    organization: String,
    until: String,
    zone: String,
    is_review: bool,
    /// Whom to ask, where the configuration says.
    contact: String,
    token: String,
    today: String,
    /// What was wrong with what was sent, so that nothing was recorded.
    faults: Vec<String>,
    all: Choice,
    open: Vec<OpenRow>,
    more: usize,
    answered: Vec<AnsweredRow>,
}

/// A question that waits.
struct OpenRow {
    grant: i64,
    email: String,
    under: String,
    end: String,
    choice: Choice,
    is_wrong: bool,
}

/// A question that is answered, or needs no answer any more.
struct AnsweredRow {
    email: String,
    under: String,
    how: String,
}

impl OpenRow {
    /// The address in two parts: it may break after its `@`.
    fn halves(&self) -> (&str, &str) {
        match self.email.rfind('@') {
            Some(at) => self.email.split_at(at + 1),
            None => (&self.email, ""),
        }
    }
}

impl Choice {
    fn is_nothing(&self) -> bool {
        self.said == Said::Nothing
    }

    fn is_keep(&self) -> bool {
        self.said == Said::Keep
    }

    fn is_end(&self) -> bool {
        self.said == Said::End
    }
}

/// What a link is about, as it stands now.
struct Asked {
    link: AnswerLink,
    questions: Vec<LinkQuestion>,
    at: Timestamp,
}

/// What the link shows.
pub(super) async fn look(
    store: &Store,
    settings: &Settings,
    token: &str,
) -> Result<Response, PageError> {
    match open(store, settings, token).await? {
        Err(refused) => Ok(refused),
        Ok(asked) => {
            let page = page(asked, token, settings, &Form::default(), &Faults::default());
            Ok(Html(page.render()?).into_response())
        }
    }
}

/// Reads the form that a request brings.
pub(super) async fn receive(parts: &Parts, body: Body) -> Result<Vec<u8>, Box<Response>> {
    if !is_form(&parts.headers) {
        let why = "Answers come as application/x-www-form-urlencoded, as the page sends them.\n";
        let refused = (StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        return Err(Box::new(refused.into_response()));
    }
    let read = to_bytes(body, LARGEST).await;
    let too_large = |_| {
        let why = "This is more than the page sends.\n";
        Box::new((StatusCode::PAYLOAD_TOO_LARGE, why).into_response())
    };
    read.map(Into::into).map_err(too_large)
}

/// Records what the form says, or shows the page again with what is wrong.
pub(super) async fn take(
    store: &Store,
    settings: &Settings,
    body: &[u8],
) -> Result<Response, PageError> {
    let Some(form) = Form::parse(body) else {
        return Ok(strange());
    };
    let token = form.token.as_str();
    let asked = match open(store, settings, token).await? {
        Err(refused) => return Ok(refused),
        Ok(asked) => asked,
    };
    let answers = match form.answers(&settings.timezone, asked.at) {
        Ok(answers) => answers,
        Err(faults) => return again(asked, settings, &form, &faults),
    };
    match answers::answer(store, asked.link.clone(), answers).await? {
        // So that to reload the page asks anew, and sends nothing again.
        LinkAnswered::Recorded => {
            let to = format!("answer?t={token}");
            Ok((StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response())
        }
        LinkAnswered::NotAsked => Ok(strange()),
        LinkAnswered::Refused(rows) => {
            // It may have been answered since it was opened.
            match open(store, settings, token).await? {
                Err(refused) => Ok(refused),
                Ok(asked) => again(asked, settings, &form, &Faults { whole: None, rows }),
            }
        }
    }
}

/// The page as it was filled in, with what is wrong.
fn again(
    asked: Asked,
    settings: &Settings,
    form: &Form,
    faults: &Faults,
) -> Result<Response, PageError> {
    let is_over = |question: &LinkQuestion| {
        question.stands != QuestionStands::Open && faults.rows.contains_key(&question.grant)
    };
    let status = match asked.questions.iter().any(is_over) {
        true => StatusCode::CONFLICT,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = page(asked, &form.token, settings, form, faults);
    Ok((status, Html(page.render()?)).into_response())
}

/// What a token opens, or why it opens nothing. Neither says who it is about.
async fn open(
    store: &Store,
    settings: &Settings,
    token: &str,
) -> Result<Result<Asked, Response>, PageError> {
    let opened = match LinkToken::parse(token) {
        Some(token) => answers::open(store, token).await?,
        None => Opened::Nothing,
    };
    Ok(match opened {
        Opened::Questions {
            link,
            questions,
            at,
        } => Ok(Asked {
            link,
            questions,
            at,
        }),
        Opened::Expired(at) => {
            let words = Words::shown(&settings.timezone, at);
            let why = format!(
                "This link worked until {}, {}: use that of a later mail.\n",
                words.moment(at),
                words.times_in()
            );
            Err((StatusCode::GONE, why).into_response())
        }
        Opened::Nothing => {
            let why = "This link opens nothing: use it as it stands in the mail, whole.\n";
            Err((StatusCode::FORBIDDEN, why).into_response())
        }
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn strange() -> Response {
    let why = "This is not what the page sends: open the link again, and answer there.\n";
    (StatusCode::BAD_REQUEST, why).into_response()
}

fn page(
    asked: Asked,
    token: &str,
    settings: &Settings,
    form: &Form,
    faults: &Faults,
) -> AnswerPage {
    let Asked {
        link,
        questions,
        at,
    } = asked;
    let words = Words::shown(&settings.timezone, at);
    let contact = settings.mail.as_ref().and_then(|m| m.reply_to.as_ref());
    let (open, answered): (Vec<&LinkQuestion>, Vec<&LinkQuestion>) = questions
        .iter()
        .partition(|one| one.stands == QuestionStands::Open);
    let told = told(&questions, faults);
    let row = |question: &&LinkQuestion| OpenRow {
        grant: question.grant,
        email: one_line(question.email.written()),
        under: under(question),
        end: match question.end {
            Some(end) => format!("ends {}", words.both(end)),
            None => "has no end".to_owned(),
        },
        choice: form.rows.get(&question.grant).cloned().unwrap_or_default(),
        is_wrong: faults.rows.contains_key(&question.grant),
    };
    let is_review = link.kind == LinkKind::Review;
    let waits = open.len() as u64;
    AnswerPage {
        frame: Frame::asked_for(""),
        headline: match (waits, is_review) {
            (0, _) => "Nothing waits for your answer any more".to_owned(),
            (_, true) => format!(
                "{} for your yes or no",
                count(waits, "grant waits", "grants wait")
            ),
            (1, false) => "1 grant ends by itself, unless you keep it".to_owned(),
            (_, false) => format!("{waits} grants end by themselves, unless you keep them"),
        },
        tone: match (waits, told.is_empty()) {
            (_, false) => "alarm",
            (0, true) => "well",
            (_, true) => "warning",
        },
        owner: one_line(link.owner.written()),
        organization: one_line(&settings.organization()),
        until: words.moment(link.expires_at),
        zone: words.times_in(),
        is_review,
        contact: contact.map_or_else(String::new, |to| one_line(to.email.as_ref())),
        token: token.to_owned(),
        today: at.to_zoned(settings.timezone.clone()).date().to_string(),
        faults: told,
        all: form.all.clone(),
        more: open.len().saturating_sub(MOST_OPEN),
        open: open.iter().take(MOST_OPEN).map(row).collect(),
        answered: answered
            .into_iter()
            .take(MOST_ANSWERED)
            .map(|question| AnsweredRow {
                email: one_line(question.email.written()),
                under: under(question),
                how: how(question, &words),
            })
            .collect(),
    }
}

/// What is wrong, each with the person it is about.
fn told(questions: &[LinkQuestion], faults: &Faults) -> Vec<String> {
    let rows = questions.iter().filter_map(|question| {
        let why = faults.rows.get(&question.grant)?;
        let (email, target) = (question.email.written(), question.target.to_string());
        Some(format!(
            "{}, {}: {why}.",
            one_line(email),
            one_line(&target)
        ))
    });
    faults.whole.iter().cloned().chain(rows).collect()
}

fn under(question: &LinkQuestion) -> String {
    let role = question.role.map(|role| format!("the role of {role}"));
    let parts = [
        question.name.clone(),
        Some(question.target.to_string()),
        role,
        question.reason.clone(),
    ];
    let parts = parts.into_iter().flatten().map(|part| one_line(&part));
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// What was recorded, or happened meanwhile.
fn how(question: &LinkQuestion, words: &Words) -> String {
    let end = match question.end {
        Some(end) => format!("until {}", words.both(end)),
        None => "without an end".to_owned(),
    };
    match question.stands {
        QuestionStands::Kept(at) => format!("Kept {end}; you said so {}.", words.moment(at)),
        QuestionStands::Ended { at, is_done } => {
            let done = match is_done {
                true => "it is done",
                false => "the next pass removes what no other grant gives",
            };
            format!("Ended: you said so {}; {done}.", words.moment(at))
        }
        QuestionStands::Confirmed => format!("Kept {end}: somebody answered in another way."),
        QuestionStands::Over | QuestionStands::Open => {
            let at = question.end.map(|end| words.moment(end));
            format!(
                "Ended{}.",
                at.map_or_else(String::new, |at| format!(" {at}"))
            )
        }
    }
}
