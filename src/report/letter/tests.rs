//! Letters as people see them.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::{ReportLine, ReportList};
use super::*;
use crate::domain::{AccessEnd, Email, ReviewPolicy, Role, Target, TargetId, TargetRef};
use crate::notify::notices::{Item, Notice};
use crate::notify::reviews::{self, DueReview};

fn scene() -> Scene {
    Scene {
        organization: "acme".into(),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        now: "2026-11-27T06:00:02Z".parse().unwrap(),
        contact: Some("it@acme.example".into()),
    }
}

fn item(email: &str, target: &str, end: &str, role: Option<Role>, reason: &str) -> Item {
    let target: Target = target.parse().unwrap();
    Item {
        end: AccessEnd {
            grant: 1,
            target: TargetRef::new(TargetId(1), target),
            email: Email::observed(email),
            role,
            end: end.parse().unwrap(),
            owner: Some(Email::observed("olga@acme.example")),
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            recorded_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        },
        window: SignedDuration::ZERO,
        sequence: 0,
    }
}

fn lively() -> Notice {
    Notice {
        to: Email::observed("olga@acme.example"),
        answered_for: vec![
            item(
                "jane.doe@contractor.example",
                "sentius:acme",
                "2026-11-29T22:59:59.999Z",
                None,
                "audit of the third quarter",
            ),
            item(
                "o'neil@contractor.example",
                "sapling:acme/Research & Development (EMEA)",
                "2026-12-01T12:00:00Z",
                Some(Role::Admin),
                "",
            ),
            item(
                "a.very.long.local.part.that.goes.on.and.on@a-long-subdomain.of.acme.example",
                "sapling:acme/Core",
                "2026-12-10T22:59:59.999Z",
                None,
                "replaces somebody who is on leave until the end of the year, and takes over the pager",
            ),
        ],
        own: vec![item(
            "olga@acme.example",
            "sapling:acme/Core",
            "2026-12-11T12:00:00Z",
            None,
            "",
        )],
    }
}

#[test]
fn a_notice_tells_what_ends_when_and_how_it_is_extended() {
    let letter = notice(&lively(), None, &scene());
    insta::assert_snapshot!("notice_text", letter.text());
    insta::assert_snapshot!("notice_html", letter.html().unwrap());
    assert_eq!(
        letter.subject,
        "lapsed: 4 grants end, the first on 2026-11-29 — acme"
    );
}

#[test]
fn a_link_stands_before_all_commands_whole_and_with_what_it_does() {
    let page = AnswerPage {
        url: format!(
            "https://lapsed.acme.example/access/answer?t={}",
            "x".repeat(64)
        ),
        until: "2026-12-10T22:59:59.999Z".parse().unwrap(),
    };
    let letter = notice(&lively(), Some(&page), &scene());
    let text = letter.text();
    let place = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words}: {text}"))
    };
    let link = place(&format!("\n    {}\n", page.url));
    // Owners may not be able to run commands: what they can do comes first.
    for later in [
        "lapsed extend",
        "a command",
        "If you can use neither",
        "jane.doe@",
    ] {
        assert!(link < place(later), "{later}: {text}");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let told = words.join(" ");
    assert!(
        told.contains("It works until Thu 2026-12-10 23:59"),
        "{told}"
    );
    let html = letter.html().unwrap();
    let (before, _) = html.split_once(&format!("href=\"{}\"", page.url)).unwrap();
    assert!(!before.contains("lapsed extend") && !before.contains("jane.doe@"));
    assert!(
        !notice(&lively(), None, &scene())
            .html()
            .unwrap()
            .contains("href")
    );
}

fn question(email: &str, target: &str, end: Option<&str>, asked: bool) -> DueReview {
    let Item { end: grant, .. } = item(email, target, "2027-03-31T21:59:59.999Z", None, "audit");
    DueReview {
        grant: 1,
        target: grant.target,
        email: grant.email,
        role: None,
        end: end.map(|_| grant.end),
        owner: grant.owner,
        reason: grant.reason,
        confirmed_at: "2026-08-28T12:00:00Z".parse().unwrap(),
        asked_at: asked.then(|| "2026-11-13T06:00:00Z".parse().unwrap()),
        reminded_at: None,
        delivered_at: None,
    }
}

#[test]
fn a_review_asks_with_the_commands_that_answer_it() {
    let asked = reviews::ReviewRequest {
        to: Email::observed("olga@acme.example"),
        questions: vec![
            question("jane.doe@contractor.example", "sentius:acme", None, true),
            question(
                "o'neil@contractor.example",
                "sapling:acme/Research & Development (EMEA)",
                None,
                false,
            ),
            question("bob@acme.example", "sapling:acme/Core", Some(""), false),
        ],
    };
    let rules = ReviewPolicy {
        every: SignedDuration::from_hours(90 * 24),
        unanswered_ends: true,
    };
    let letter = review(&asked, &rules, None, &scene());
    insta::assert_snapshot!("review_text", letter.text());
    insta::assert_snapshot!("review_html", letter.html().unwrap());
    assert_eq!(letter.subject, "lapsed: 3 grants wait for your yes — acme");
}

#[test]
fn an_alarm_tells_each_reason_once_and_the_command_before_the_people() {
    let mut summary = super::super::sample::lively();
    let held = summary[ReportList::Held].clone();
    let few = held.iter().cycle().take(3).cloned();
    let other = held[..1].iter().cloned().map(|line| ReportLine {
        detail: Some("more than 100 removals in 24 hours".into()),
        ..line
    });
    summary[ReportList::Held] = few.chain(other).collect();
    let letter = hold(&summary, "01JD9Z0Q6H3C1B8FJ5E7K2M4TA");
    insta::assert_snapshot!("hold_text", letter.text());
    insta::assert_snapshot!("hold_html", letter.html().unwrap());
    assert_eq!(letter.subject, "lapsed holds 4 removals — acme");
}

#[test]
fn a_long_list_is_cut_and_says_where_the_rest_is() {
    let mut many = lively();
    many.answered_for = lively()
        .answered_for
        .into_iter()
        .cycle()
        .take(250)
        .collect();
    let text = notice(&many, None, &scene()).text();
    assert!(
        text.contains("and 50 more, see lapsed list --ending-within 30d"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn no_text_can_become_markup(text in "\\PC*|[<>\"'&/a-z =;!\\-\r\n\u{202e}]*") {
        let hostile = format!("x{text}<script>alert(1)</script>");
        let mut one = lively();
        let end = &mut one.answered_for[0].end;
        end.email = Email::observed(&format!("{hostile}@example.com"));
        end.reason = Some(hostile.clone());
        let team = Target::Sapling { account: "acme".into(), team: hostile.clone() };
        end.target = TargetRef::new(TargetId(2), team);
        let letter = notice(&one, None, &Scene { organization: hostile, ..scene() });
        prop_assert!(!letter.html().unwrap().contains("<script"));
        let written = letter.text();
        let acts = |c: char| c != '\n' && text::is_active(c);
        prop_assert!(!written.contains(acts));
        prop_assert!(!letter.subject.contains(char::is_control));
    }
}
