//! What is odd about grants that were only recorded, and is worth a word: nobody was called who could
//! have refused them.

use std::collections::BTreeSet;

use super::exit::Failure;
use super::output;
use crate::clock;
use crate::commands::Given;
use crate::config::Settings;
use crate::domain::Target;
use crate::explain::words::Words;
use crate::store::{Imported, Store, Targets};
use crate::text::count;

/// Tells on stderr of teams that no reading has shown. The next one may, so that this is no fault.
pub(super) async fn unseen_teams(store: &Store, given: &[Given]) -> Result<(), Failure> {
    let named: BTreeSet<Target> = given.iter().map(|one| one.target.clone()).collect();
    let unseen = store.read(move |db| Targets::unseen(db, &named)).await?;
    for (target, near) in unseen {
        let number = given.iter().filter(|one| one.target == target).count();
        output::complain(&format!(
            "{target}: no reading has shown such a team ({}); the nearest is {near}",
            count(number as u64, "grant", "grants")
        ));
    }
    Ok(())
}

/// Tells on stderr of ends that are past, with the line of the first where there are lines.
pub(super) fn past_ends(given: &[Given], lines: &[u64], settings: &Settings, words: &Words) {
    let now = clock::now();
    let is_past =
        |one: &&Given| one.imported != Imported::Unchanged && one.end.is_some_and(|end| end <= now);
    let past: Vec<&Given> = given.iter().filter(is_past).collect();
    let when = match settings.guard.observe_only {
        true => "once guard.observe_only is false, a pass removes",
        false => "the next pass removes",
    };
    match past.as_slice() {
        [] => {}
        [only] if lines.is_empty() => output::complain(&format!(
            "the end {} is past: {when} this access, unless it began after that",
            words.end(only.end)
        )),
        [first, ..] => {
            let place = given.iter().position(|one| std::ptr::eq(one, *first));
            let line = place.and_then(|place| lines.get(place)).copied();
            output::complain(&format!(
                "{} past, the first of {} on line {}: {when} such access, unless it began after that",
                count(past.len() as u64, "end is", "ends are"),
                first.email,
                line.unwrap_or_default()
            ));
        }
    }
}
