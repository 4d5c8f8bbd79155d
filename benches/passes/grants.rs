//! A pass with ten due of a thousand grants, against one with ten due of many more: it should
//! take as long as what is due, not as what is kept.

use std::time::Duration;

use crate::Options;
use crate::people::{DAY, grants_csv};
use crate::program::{Place, account};
use crate::providers::Providers;
use crate::table::{Line, mebibytes};

const FEW: usize = 1_000;
const DUE: usize = 10;

/// "About as long": what is left to the noise of two short runs.
const SAME: f64 = 1.1;

/// A database with many grants, none of them near its end.
struct Kept {
    place: Place,
    grants: usize,
    times: Vec<Duration>,
    peak: u64,
}

impl Kept {
    fn fill(providers: &Providers, options: &Options, grants: usize) -> Self {
        let accounts = account("sentius", &providers.sentius, "");
        let place = Place::new(&accounts, &providers.key, options.connections);
        // Between 100 and 800 days ahead: nobody is to be told of them either.
        let end = |person: usize| i64::try_from(person % 700).unwrap_or(0) * DAY + 100 * DAY;
        let csv = grants_csv(0..grants, lapsed::clock::now(), end);
        let taken = place.import(&csv).as_secs_f64();
        let size = mebibytes(place.database_size());
        println!("grants: {grants} recorded in {taken:.1} s, {size}");
        Self {
            place,
            grants,
            times: Vec::new(),
            peak: 0,
        }
    }

    /// Lets ten more end, and removes them.
    fn pass(&mut self, providers: &mut Providers, round: u32) {
        let first = self.grants + DUE * usize::try_from(round).unwrap_or(0);
        let people = first..first + DUE;
        self.place
            .import(&grants_csv(people.clone(), lapsed::clock::now(), |_| {
                -2 * DAY
            }));
        providers.whitelist(&people);
        let pass = self.place.pass();
        assert_eq!(pass.json()["counts"]["done"], DUE, "all that was due");
        assert_eq!(providers.left(), 0, "nobody is left on the whitelist");
        let wall = pass.wall.as_secs_f64();
        println!(
            "grants, round {round}: {wall:.3} s with {} grants",
            self.grants
        );
        self.times.push(pass.wall);
        self.peak = self.peak.max(pass.peak_rss);
    }
}

pub(crate) fn measure(options: &Options) -> Vec<Line> {
    let mut providers = Providers::start(options.latency(), 0, 0);
    let mut few = Kept::fill(&providers, options, FEW);
    let mut many = Kept::fill(&providers, options, options.grants);
    // Once for all that happens only the first time.
    few.pass(&mut providers, 0);
    many.pass(&mut providers, 0);
    few.times.clear();
    many.times.clear();
    for round in 1..=options.rounds {
        few.pass(&mut providers, round);
        many.pass(&mut providers, round);
    }
    let what = format!("{DUE} due of {}, against of {FEW}", options.grants);
    vec![
        Line {
            target: "about 1".to_owned(),
            ..Line::ratio(&what, &many.times, &few.times, SAME)
        },
        Line::told("  peak memory", mebibytes(many.peak), mebibytes(few.peak)),
    ]
}
