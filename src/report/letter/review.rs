//! The review's questions: is this access still needed?

use super::super::view::{DisplayRow, joined};
use super::super::words::hours;
use super::{AnswerPage, Letter, Part, Scene};
use crate::domain::ReviewPolicy;
use crate::notify::reviews::{self, DueReview};
use crate::text::{count, one_line, quoted};

/// Where what does not fit is shown.
const REST: &str = "see lapsed review";

pub(crate) fn review(
    asked: &reviews::ReviewRequest,
    rules: &ReviewPolicy,
    page: Option<&AnswerPage>,
    scene: &Scene,
) -> Letter {
    let number = asked.questions.len() as u64;
    let waits = count(number, "grant waits", "grants wait");
    let (again, new): (Vec<&DueReview>, Vec<&DueReview>) = asked
        .questions
        .iter()
        .partition(|one| one.asked_at.is_some());
    let wait = days(rules);
    let how = match page {
        None => "Answer each with one of the two commands below it",
        Some(_) => {
            "Answer on the page behind the link below, or with one of the two commands below each"
        }
    };
    let mut intro = vec![format!(
        "You are asked whether these people still need their access. {how}; --end WHEN behind keep \
         gives it an end too."
    )];
    intro.push(match (rules.unanswered_ends, again.is_empty()) {
        (true, true) => format!(
            "There is one reminder, after {wait}. A grant that nobody answers for within {wait} after it ends."
        ),
        (true, false) => format!(
            "This is the reminder: what nobody answers for within {wait} ends. What is asked for the \
             first time gets a reminder before."
        ),
        (false, _) => "A grant that nobody answers for stays, and is listed in each report.".to_owned(),
    });
    let part = |title: &str, list: &[&DueReview]| Part {
        title: if new.is_empty() || again.is_empty() {
            String::new()
        } else {
            title.to_owned()
        },
        ..Part::of(list.iter().map(|one| row(one, scene)), REST)
    };
    let parts = [("Reminder", &again), ("Asked for the first time", &new)];
    let parts: Vec<Part> = parts
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(title, list)| part(title, list))
        .collect();
    Letter {
        subject: scene.subject(&if new.is_empty() {
            format!("reminder: {waits} for your yes")
        } else {
            format!("{waits} for your yes")
        }),
        kicker: "Access review",
        organization: one_line(&scene.organization),
        headline: format!("{waits} for your yes or no"),
        intro,
        link: scene.link(
            page,
            "This link leads to a page on which you say of each of these whether it is kept, and until \
             when, or whether it ends now.",
        ),
        help: scene.help(page),
        parts,
        footer: vec![
            scene.zone_note(),
            "You get this as the owner of the grants, or since they have no owner who could be mailed."
                .to_owned(),
        ],
    }
}

fn days(rules: &ReviewPolicy) -> String {
    hours(u64::try_from(rules.wait().as_hours()).unwrap_or(0))
}

fn row(open: &DueReview, scene: &Scene) -> DisplayRow {
    let role = open.role.map(|role| format!("the role of {role}"));
    let owner = match &open.owner {
        Some(_) => String::new(),
        None => "no owner".to_owned(),
    };
    let who = quoted(open.email.written());
    let what = quoted(&open.target.written());
    DisplayRow {
        lead: open.email.to_string(),
        under: joined(&[
            &open.target.to_string(),
            &role.unwrap_or_default(),
            &owner,
            open.reason.as_deref().unwrap_or_default(),
        ]),
        note: format!("confirmed or recorded {}", scene.day(open.confirmed_at)),
        side: open
            .end
            .map_or_else(|| "no end".to_owned(), |end| scene.day(end)),
        side_note: match open.end {
            Some(end) => scene.ahead(end),
            None => String::new(),
        },
        commands: vec![
            format!("lapsed review keep {who} --target {what}"),
            format!("lapsed review end {who} --target {what}"),
        ],
    }
}
