//! A pass that removes many from the whitelist, against the same calls over bare sockets.

use std::sync::Arc;

use crate::Options;
use crate::people::{DAY, grants_csv};
use crate::program::{Place, account};
use crate::providers::{Providers, socket};
use crate::sockets;
use crate::table::{Line, mebibytes};

pub(crate) fn measure(options: &Options) -> Vec<Line> {
    let mut providers = Providers::start(options.latency(), 0, 0);
    let key: Arc<str> = providers.key.as_str().into();
    let people = 0..options.removals;
    let ended = grants_csv(people.clone(), lapsed::clock::now(), |_| -2 * DAY);
    let (mut ours, mut theirs, mut peak) = (Vec::new(), Vec::new(), 0);
    for round in 0..options.rounds {
        // Neither always goes first.
        for lapsed_goes in [round % 2 == 0, round % 2 == 1] {
            providers.whitelist(&people);
            let wall = if lapsed_goes {
                let accounts = account("sentius", &providers.sentius, "");
                let place = Place::new(&accounts, &key, options.connections);
                place.import(&ended);
                let pass = place.pass();
                assert_eq!(
                    pass.json()["counts"]["done"],
                    people.len(),
                    "all that was due"
                );
                peak = peak.max(pass.peak_rss);
                ours.push(pass.wall);
                pass.wall
            } else {
                let to = socket(&providers.sentius);
                let wall = sockets::delete(to, &key, people.clone(), options.connections);
                theirs.push(wall);
                wall
            };
            assert_eq!(providers.left(), 0, "nobody is left on the whitelist");
            let who = if lapsed_goes { "lapsed" } else { "sockets" };
            println!("deletes, round {round}: {who} {:.3} s", wall.as_secs_f64());
        }
    }
    let what = format!("{} removals, {} ms away", people.len(), options.latency);
    vec![
        Line::ratio(&what, &ours, &theirs, 1.15),
        Line::told("  peak memory", mebibytes(peak), String::new()),
    ]
}
