//! The alarm that something is held: why, the command that lets it go ahead, and whose access it is.

use std::collections::BTreeMap;

use super::super::list::{ReportList, due};
use super::super::subject::label;
use super::super::summary::Summary;
use super::super::view::DisplayRow;
use super::{Letter, Part};
use crate::text::{count, one_line, short_run};

/// Where what does not fit is shown.
const REST: &str = "see lapsed report --format csv";

/// What is held, and that this run would let it go ahead.
pub(crate) fn hold(summary: &Summary, run: &str) -> Letter {
    let held = &summary[ReportList::Held];
    let removals = |number: usize| count(number as u64, "removal", "removals");
    let number = removals(held.len());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for line in held {
        let why = line.detail.as_deref().unwrap_or("no reason is on record");
        *reasons.entry(why).or_default() += 1;
    }
    let reasons: Vec<DisplayRow> = reasons
        .into_iter()
        .map(|(why, number)| DisplayRow {
            lead: why.to_owned(),
            side: removals(number),
            ..DisplayRow::default()
        })
        .collect();
    let people = held.iter().map(|line| DisplayRow {
        lead: line.email.clone().unwrap_or_default(),
        under: due(line),
        side: summary.moment(line.at),
        side_note: format!("for {}", summary.age(line.at)),
        ..DisplayRow::default()
    });
    let mut subject = format!("lapsed holds {number}");
    let organization = label(summary);
    if !organization.is_empty() {
        subject += &format!(" — {organization}");
    }
    // A run's name is typed into a shell: only letters, digits and dashes are shown.
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let run: String = run.chars().filter(is_plain).collect();
    Letter {
        subject,
        kicker: "Held by the guard",
        organization,
        headline: format!("{number} held: this looks wrong"),
        intro: vec![format!(
            "lapsed was about to make {number} and did nothing. Until somebody decides, these people \
             keep access whose time is over."
        )],
        link: None,
        help: None,
        parts: vec![
            Part {
                title: "Why".to_owned(),
                ..Part::of(reasons.into_iter(), REST)
            },
            Part {
                title: "What to do".to_owned(),
                note:
                    "Look at the list. If it is wrong, mend the grants or the configuration: what \
                       is no longer due drops out. If it is right, let exactly this plan go ahead, \
                       once:"
                        .to_owned(),
                command: format!("lapsed approve {}", short_run(&run)),
                ..Part::of(std::iter::empty(), REST)
            },
            Part {
                title: "Who keeps access meanwhile".to_owned(),
                ..Part::of(people, REST)
            },
        ],
        footer: vec![format!(
            "Times are those of {}. Each is when the access was to end.",
            one_line(&super::zone_name(&summary.timezone, summary.to))
        )],
    }
}
