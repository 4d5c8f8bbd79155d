//! Questions to a database with many grants, and an import: what a person waits for at a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Options;
use crate::people::{DAY, address, after};
use crate::program::{Place, account};
use crate::table::{Line, mebibytes};

/// Of so many grants one is on a team, and one ends within a week.
const ONE_IN: usize = 1_000;
/// How many rows an import has.
const IMPORTED: usize = 10_000;
/// What one waits for without noticing.
const AT_ONCE: Duration = Duration::from_millis(100);
/// What an import may take.
const IMPORT: Duration = Duration::from_secs(2);

/// Nobody is called: these are never reached.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Grants on the whitelist, and a few in a team; most end in months.
fn csv(grants: usize) -> String {
    let now = lapsed::clock::now();
    let start = after(now, -400 * DAY);
    let mut csv = "email,target,name,permissions,start,end,owner,reason\n".to_owned();
    for number in 0..grants {
        let (target, permissions) = match number % ONE_IN {
            0 => ("sapling:acme/Core", ""),
            _ => ("sentius:acme", "can_read;can_use_api"),
        };
        let days = match number % ONE_IN {
            1 => 3,
            _ => 100 + i64::try_from(number % 700).unwrap_or(0),
        };
        let (email, end) = (address(number), after(now, days * DAY));
        writeln!(
            csv,
            "{email},{target},Person {number},{permissions},{start},{end},it@example.com,bench"
        )
        .expect("writing to memory does not fail");
    }
    csv
}

fn place(options: &Options) -> Place {
    let accounts = [
        account("sentius", NOWHERE, ""),
        account("sapling", NOWHERE, ""),
    ];
    Place::new(&accounts.concat(), "0123456789abcdef", options.connections)
}

pub(crate) fn measure(options: &Options) -> Vec<Line> {
    let mut lines = vec![import(options)];
    let many = place(options);
    let taken = many.import(&csv(options.grants)).as_secs_f64();
    let size = mebibytes(many.database_size());
    println!("ask: {} recorded in {taken:.1} s, {size}", options.grants);
    let one = address(options.grants / 2);
    let questions: [(&str, &[&str]); 5] = [
        ("list --target", &["list", "--target", "sapling:acme/Core"]),
        (
            "list --ending-within 7d",
            &["list", "--ending-within", "7d"],
        ),
        ("why", &["why", &one]),
        ("history", &["history", &one]),
        ("members", &["members"]),
    ];
    for (what, words) in questions {
        let words = [words, &["--format", "json"]].concat();
        let times = (0..=options.rounds).map(|_| many.lapsed(&words).wall);
        // The first one fills what the system keeps in memory.
        let times: Vec<Duration> = times.skip(1).collect();
        let what = format!("{what}, of {} grants", options.grants);
        lines.push(Line::within(&what, &times, AT_ONCE));
    }
    let all = many.lapsed(["list", "--format", "csv"]);
    let rows = all.output.iter().filter(|byte| **byte == b'\n').count() - 1;
    assert_eq!(rows, options.grants, "a row a grant");
    let seconds = format!("{:.1} s", all.wall.as_secs_f64());
    let peak = mebibytes(all.peak_rss);
    lines.push(Line::told("  all of them listed", seconds, peak));
    let then = many.lapsed([
        "list",
        "--target",
        "sapling:acme/Core",
        "--as-of",
        "1h",
        "--format",
        "json",
    ]);
    let then = format!("{:.0} ms", then.wall.as_secs_f64() * 1000.0);
    lines.push(Line::told("  list --target --as-of", then, String::new()));
    lines
}

/// An import into a fresh database, as a whole process.
fn import(options: &Options) -> Line {
    let csv = csv(IMPORTED);
    let times: Vec<Duration> = (0..options.rounds)
        .map(|_| place(options).import(&csv))
        .collect();
    Line::within(
        &format!("import of {IMPORTED}, --record-only"),
        &times,
        IMPORT,
    )
}
