//! The daemon: how late it acts on ends, and what it costs while nothing is due.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::Options;
use crate::people::{DAY, address, after, grants_csv};
use crate::program::{Place, account, line, tail};
use crate::providers::Providers;
use crate::table::{Line, kibibytes, mebibytes};

/// So many end at one moment.
const ENDS: usize = 200;
/// Calls at once.
const AT_ONCE: usize = 8;
/// Teams, and their members who end with the others; the holder and two invites are beside them.
const TEAMS: usize = 20;
const MEMBERS: usize = ENDS / TEAMS;
const PEOPLE: usize = MEMBERS + 2;
/// The grants are recorded so long before their end, by another process.
const BEFORE: SignedDuration = SignedDuration::from_secs(4);
/// By then all has been acted on, or the bench says so.
const AFTER: Duration = Duration::from_secs(6);

/// Grants that are kept while nothing is due, and how long the daemon is watched.
const KEPT: usize = 100_000;
const WATCHED: Duration = Duration::from_secs(30);

/// Passes once a year: what happens meanwhile happens between them.
const RARELY: &str = "[schedule]\npass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";

/// A daemon after its first pass; killed when dropped.
struct Daemon(Child);

impl Daemon {
    fn start(place: &Place) -> Self {
        let said = place.file("daemon.stderr");
        let mut command = place.command();
        let log = File::create(&said).expect("the directory is ours");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(log).spawn().expect("the program starts");
        let daemon = Self(child);
        let begin = Instant::now();
        while !tail(&said).contains("pass ended") {
            let enough = Duration::from_secs(120);
            assert!(begin.elapsed() < enough, "no first pass: {}", tail(&said));
            sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// A number of the kernel about the process.
    fn number(&self, file: &str, word: &str) -> u64 {
        let file = format!("/proc/{}/{file}", self.0.id());
        line(file.as_ref(), word).unwrap_or(0)
    }

    /// How often any of its threads was given a processor.
    fn wakeups(&self) -> BTreeMap<OsString, u64> {
        let tasks = format!("/proc/{}/task", self.0.id());
        let tasks = fs::read_dir(tasks).expect("it is running");
        let switches = tasks.flatten().map(|task| {
            let status = task.path().join("status");
            let switches = line(&status, "voluntary_ctxt_switches:").unwrap_or(0);
            (task.file_name(), switches)
        });
        switches.collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already, and that is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn ends(options: &Options) -> Vec<Line> {
    let mut providers = Providers::start(Duration::ZERO, TEAMS, MEMBERS + 1);
    let mut lines = Vec::new();
    for teams in [false, true] {
        let mut lags = Vec::new();
        for round in 0..options.rounds {
            if teams {
                // A team can be emptied once.
                providers = Providers::start(Duration::ZERO, TEAMS, MEMBERS + 1);
            }
            let took = one_instant(&mut providers, teams);
            let (p50, p99) = (percentile(&took, 50), percentile(&took, 99));
            let calls = took.len();
            println!("ends, round {round}: {calls} calls, median {p50} ms, p99 {p99} ms");
            lags.extend(took);
        }
        let what = match teams {
            false => format!("{ENDS} ends on the whitelist: end to call"),
            true => format!("{ENDS} ends in {TEAMS} teams: end to call"),
        };
        let p99 = percentile(&lags, 99);
        lines.push(Line {
            figure: format!("p99 {p99} ms"),
            target: "250 ms".to_owned(),
            met: Some(p99 < 250 && lags.iter().all(|lag| *lag >= 0)),
            ..Line::told(
                &what,
                format!("median {} ms", percentile(&lags, 50)),
                String::new(),
            )
        });
    }
    lines
}

/// How many milliseconds after the end each call came, with all ends at one instant.
fn one_instant(providers: &mut Providers, teams: bool) -> Vec<i64> {
    let mut accounts = account("sentius", &providers.sentius, "");
    accounts += &account("sapling", &providers.sapling, "");
    let place = Place::new(&format!("{accounts}{RARELY}"), &providers.key, AT_ONCE);
    providers.whitelist(&(0..ENDS));
    let _daemon = Daemon::start(&place);
    providers.log_calls();
    let end = lapsed::clock::now() + BEFORE;
    place.import(&grants(end, teams));
    assert!(lapsed::clock::now() < end, "recording them took too long");
    let rest = Duration::try_from(end.duration_since(lapsed::clock::now()));
    sleep(rest.unwrap_or_default() + AFTER);
    if teams {
        assert_eq!(providers.members(), TEAMS, "only the holder is left");
    } else {
        assert_eq!(providers.left(), 0, "nobody is left on the whitelist");
    }
    let mut lags = providers.lags(end);
    lags.sort_unstable();
    assert!(!lags.is_empty(), "there were calls");
    lags
}

fn grants(end: Timestamp, teams: bool) -> String {
    let mut csv = "email,target,end\n".to_owned();
    for number in 0..ENDS {
        let (team, seat) = (number / MEMBERS, number % MEMBERS);
        let (who, target) = match teams {
            false => (address(number), "sentius:acme".to_owned()),
            true => (
                address(team * PEOPLE + seat),
                format!("sapling:acme/Team {team:04}"),
            ),
        };
        writeln!(csv, "{who},{target},{end}").expect("writing to memory does not fail");
    }
    csv
}

fn percentile(values: &[i64], percent: usize) -> i64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values[(values.len() * percent).div_ceil(100).saturating_sub(1)]
}

pub(crate) fn idle(options: &Options) -> Vec<Line> {
    let providers = Providers::start(options.latency(), TEAMS, MEMBERS + 1);
    let mut accounts = account("sentius", &providers.sentius, "");
    accounts += &account("sapling", &providers.sapling, "");
    let place = Place::new(&format!("{accounts}{RARELY}"), &providers.key, AT_ONCE);
    // Between 100 and 800 days ahead.
    let end = |person: usize| i64::try_from(person % 700).unwrap_or(0) * DAY + 100 * DAY;
    let now = after(lapsed::clock::now(), 0);
    place.import(&grants_csv(0..KEPT, now, end));
    let daemon = Daemon::start(&place);
    sleep(Duration::from_secs(5));
    let (before, written) = (daemon.wakeups(), daemon.number("io", "write_bytes:"));
    sleep(WATCHED);
    // A thread of the first pass may end meanwhile, and takes its count along.
    let wakeups: u64 = daemon
        .wakeups()
        .iter()
        .map(|(thread, now)| now - before.get(thread).copied().unwrap_or(0))
        .sum();
    let written = daemon.number("io", "write_bytes:") - written;
    let resident = daemon.number("status", "VmRSS:") * 1024;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let a_second = wakeups as f64 / WATCHED.as_secs_f64();
    let told = |what: &str, figure: String, target: &str, met| Line {
        target: target.to_owned(),
        met: Some(met),
        ..Line::told(what, figure, String::new())
    };
    let what = format!("idle with {KEPT} grants: resident");
    vec![
        told(&what, mebibytes(resident), "25.0 MiB", resident < 25 << 20),
        told(
            "  wake-ups a second",
            format!("{a_second:.1}"),
            "6",
            a_second < 6.0,
        ),
        told(
            &format!("  written in {} s", WATCHED.as_secs()),
            kibibytes(written),
            "nothing",
            written == 0,
        ),
    ]
}
