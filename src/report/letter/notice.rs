//! The notice of ends, to the owner of a grant and to the person.

use super::super::view::{DisplayRow, joined};
use super::{AnswerPage, Letter, Part, Scene};
use crate::notify::notices::{Item, Notice};
use crate::text::quoted;

/// Where what does not fit is shown.
const REST: &str = "see lapsed list --ending-within 30d";

pub(crate) fn notice(notice: &Notice, page: Option<&AnswerPage>, scene: &Scene) -> Letter {
    let mut items: Vec<&Item> = notice.items().collect();
    items.sort_by_key(|item| item.end.end);
    let first = items.first().map_or(scene.now, |item| item.end.end);
    let day = scene.day(first);
    let words = match (items.as_slice(), notice.own.is_empty()) {
        ([one], false) => format!("your access to {} ends on {day}", one.end.target),
        ([one], true) => format!("access of {} ends on {day}", one.end.email),
        (many, _) => format!("{} grants end, the first on {day}", many.len()),
    };
    let headline = match (items.as_slice(), notice.own.is_empty()) {
        ([one], false) => format!(
            "Your access to {} ends {}",
            one.end.target,
            scene.ahead(first)
        ),
        ([one], true) => format!("Access of {} ends {}", one.end.email, scene.ahead(first)),
        (many, _) => format!(
            "{} grants end, the first {}",
            many.len(),
            scene.ahead(first)
        ),
    };
    let is_owner = !notice.answered_for.is_empty();
    let mut parts = Vec::new();
    if is_owner {
        parts.push(Part {
            title: heading(notice, "Access that you answer for"),
            note: to_owner(notice, page),
            command: extend(&notice.answered_for),
            ..Part::of(
                notice.answered_for.iter().map(|i| answered_for(i, scene)),
                REST,
            )
        });
    }
    if !notice.own.is_empty() {
        parts.push(Part {
            title: heading(notice, "Your own access"),
            note: "It ends by itself at that time. Ask the owner if you need it for longer.".into(),
            ..Part::of(notice.own.iter().map(|i| own(i, scene)), REST)
        });
    }
    Letter {
        subject: scene.subject(&words),
        kicker: "Access that ends",
        organization: super::one_line(&scene.organization),
        headline: super::one_line(&headline),
        intro: Vec::new(),
        link: scene.link(
            page.filter(|_| is_owner),
            "This link leads to a page on which you keep the access of each person that you answer for \
             until a day that you choose, or end it now.",
        ),
        help: scene.help(page).filter(|_| is_owner),
        parts,
        footer: vec![
            scene.zone_note(),
            "The attached file puts the ends into a calendar. When an end is moved, the next notice \
             of it moves the entry."
                .to_owned(),
        ],
    }
}

/// A letter's only list needs no heading.
fn heading(notice: &Notice, words: &str) -> String {
    let alone = notice.own.is_empty() || notice.answered_for.is_empty();
    if alone {
        String::new()
    } else {
        words.to_owned()
    }
}

fn to_owner(notice: &Notice, page: Option<&AnswerPage>) -> String {
    let alone = if notice.own.is_empty() {
        "You answer for this. "
    } else {
        ""
    };
    let how = match page {
        Some(_) => "on that page or by a command, such as for the first:",
        None => "such as the first:",
    };
    format!(
        "{alone}It ends by itself at its time; what is needed for longer has to be extended before, {how}"
    )
}

/// The command that extends the first of them.
fn extend(items: &[Item]) -> String {
    let Some(Item { end, .. }) = items.first() else {
        return String::new();
    };
    format!(
        "lapsed extend {} --target {} --end 90d",
        quoted(end.email.written()),
        quoted(&end.target.written())
    )
}

fn answered_for(item: &Item, scene: &Scene) -> DisplayRow {
    let end = &item.end;
    DisplayRow {
        lead: end.email.to_string(),
        under: joined(&[
            &end.target.to_string(),
            &role(item),
            end.reason.as_deref().unwrap_or_default(),
        ]),
        ..when(item, scene)
    }
}

fn own(item: &Item, scene: &Scene) -> DisplayRow {
    let owner = match &item.end.owner {
        Some(owner) => format!("owner {owner}"),
        None => "no owner on record: ask the person who gave it to you".to_owned(),
    };
    DisplayRow {
        lead: item.end.target.to_string(),
        under: joined(&[&role(item), &owner]),
        ..when(item, scene)
    }
}

fn when(item: &Item, scene: &Scene) -> DisplayRow {
    DisplayRow {
        side: scene.moment(item.end.end),
        side_note: scene.ahead(item.end.end),
        ..DisplayRow::default()
    }
}

fn role(item: &Item) -> String {
    let role = item.end.role.map(|role| format!("the role of {role}"));
    role.unwrap_or_default()
}
