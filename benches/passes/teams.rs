//! A pass that reads many teams for the first time, and again with nothing changed, against a
//! careful script (benches/peers/pass.py).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Options;
use crate::program::{Measured, Place, account, measure as run, tail};
use crate::providers::{Providers, socket};
use crate::serve::HOLDER;
use crate::sockets;
use crate::table::{Line, kibibytes, mebibytes};

/// The most memory that reading all of it may take.
const MEMORY: u64 = 100 << 20;

/// The two passes of one kind, of each round.
#[derive(Debug, Default)]
struct Times {
    first: Vec<Duration>,
    again: Vec<Duration>,
    peak: u64,
}

impl Times {
    fn note(&mut self, first: &Measured, again: &Measured) {
        self.first.push(first.wall);
        self.again.push(again.wall);
        self.peak = self.peak.max(first.peak_rss).max(again.peak_rss);
    }
}

pub(crate) fn measure(options: &Options) -> Vec<Line> {
    let providers = Providers::start(options.teams_latency(), options.teams, options.members);
    let bytes = sockets::read_teams(socket(&providers.sapling), &providers.key);
    let rows = options.teams * options.members;
    println!("teams: {rows} members, {} to read", mebibytes(bytes as u64));
    let with_peer = peer_works(&options.python);
    if !with_peer {
        println!(
            "teams: skipping pass.py, since {:?} has no aiohttp",
            options.python
        );
    }

    let (mut ours, mut theirs) = (Times::default(), Times::default());
    // By the script's own clock, which starts after Python has, and has read its modules; and without
    // telling whom no grant covers.
    let (mut own, mut mute) = (Times::default(), Times::default());
    let (mut written, mut grown) = (Some(0), 0);
    for round in 0..options.rounds {
        // Neither always goes first.
        for lapsed_goes in [round % 2 == 0, round % 2 == 1] {
            if lapsed_goes {
                let self_email = format!("self_email = \"{HOLDER}\"");
                let accounts = account("sapling", &providers.sapling, &self_email);
                let place = Place::new(&accounts, &providers.key, options.connections);
                let first = place.pass();
                let size = place.database_size();
                let again = place.pass();
                grown = grown.max(place.database_size().saturating_sub(size));
                let both = written.zip(again.written);
                written = both.map(|(most, now)| u64::max(most, now));
                if round == 0 {
                    let members = place.lapsed(["members", "--format", "json"]).json();
                    assert_eq!(
                        members.as_array().map(Vec::len),
                        Some(rows),
                        "all are stored"
                    );
                }
                report(round, "lapsed", &first, &again);
                ours.note(&first, &again);
            } else if with_peer {
                let place = Place::new("", "", 1);
                let first = peer(options, &providers, &place, rows, rows);
                let again = peer(options, &providers, &place, rows, 0);
                for (pass, own, mute) in [
                    (&first, &mut own.first, &mut mute.first),
                    (&again, &mut own.again, &mut mute.again),
                ] {
                    own.push(seconds(pass, "seconds"));
                    mute.push(pass.wall - seconds(pass, "telling_seconds"));
                }
                report(round, "pass.py", &first, &again);
                theirs.note(&first, &again);
            }
        }
    }

    let mut lines = Vec::new();
    if with_peer {
        let what = format!("{} teams of {}, first time", options.teams, options.members);
        let again = "the same, nothing changed";
        let python = "  without Python's start";
        let alone = "  against the reading alone";
        for (what, theirs) in [(what.as_str(), &theirs), (python, &own), (alone, &mute)] {
            lines.push(Line::ratio(what, &ours.first, &theirs.first, 0.4));
        }
        for (what, theirs) in [(again, &theirs), (python, &own), (alone, &mute)] {
            lines.push(Line::ratio(what, &ours.again, &theirs.again, 0.3));
        }
    }
    lines.push(Line {
        what: "  peak memory".to_owned(),
        lapsed: mebibytes(ours.peak),
        against: mebibytes(theirs.peak),
        figure: mebibytes(ours.peak),
        target: mebibytes(MEMORY),
        met: Some(ours.peak <= MEMORY),
    });
    let written = written.map_or_else(|| "?".to_owned(), kibibytes);
    lines.push(Line::told(
        "  written, nothing changed",
        written,
        String::new(),
    ));
    lines.push(Line::told(
        "  growth of the files by it",
        kibibytes(grown),
        String::new(),
    ));
    lines
}

fn report(round: u32, who: &str, first: &Measured, again: &Measured) {
    let (first, again) = (first.wall.as_secs_f64(), again.wall.as_secs_f64());
    println!("teams, round {round}: {who} {first:.3} s, then {again:.3} s");
}

fn peer_works(python: &Path) -> bool {
    let tried = Command::new(python).args(["-c", "import aiohttp"]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// One pass of the script, which must have read and written so many rows.
fn peer(
    options: &Options,
    providers: &Providers,
    place: &Place,
    rows: usize,
    written: usize,
) -> Measured {
    let mut command = Command::new(&options.python);
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/peers/pass.py"
        ))
        .args(["--url", &providers.sapling, "--key", &providers.key])
        .args(["--connections", &options.connections.to_string()])
        .arg("--database")
        .arg(place.file("peer.db"));
    if options.digests {
        command.arg("--digests");
    }
    let said = place.file("stderr");
    let measured = run(&mut command, &said);
    let told = told(&measured);
    let counts = ["rows", "unmanaged", "written", "gone"].map(|name| told[name].as_u64());
    let right = counts == [rows, rows, written, 0].map(|count| Some(count as u64));
    assert!(right, "{told}\n{}", tail(&said));
    measured
}

/// What the script says of itself, on its first line.
fn told(measured: &Measured) -> Value {
    let line = measured.output.split(|byte| *byte == b'\n').next();
    serde_json::from_slice(line.unwrap_or_default()).unwrap_or_default()
}

fn seconds(measured: &Measured, name: &str) -> Duration {
    let seconds = told(measured)[name].as_f64();
    Duration::from_secs_f64(seconds.expect("pass.py tells its time"))
}
