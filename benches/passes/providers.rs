//! The other process's end: starts the stand-ins, orders, and stops them.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;

/// Both providers, running; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Providers {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) sentius: String,
    pub(crate) sapling: String,
    pub(crate) key: String,
}

impl Providers {
    /// Starts them `latency` away, with so many teams of so many members.
    pub(crate) fn start(latency: Duration, teams: usize, members: usize) -> Self {
        let this = std::env::current_exe().expect("the bench knows where it is");
        let mut child = Command::new(this)
            .args(["serve", "--latency-us", &latency.as_micros().to_string()])
            .args([
                "--teams",
                &teams.to_string(),
                "--members",
                &members.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stand-ins start");
        let orders = child.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let places = line(&mut answers);
        let mut words = places.split(' ').map(str::to_owned);
        let mut word = || words.next().expect("two addresses and a key");
        Self {
            child,
            orders,
            answers,
            sentius: word(),
            sapling: word(),
            key: word(),
        }
    }

    /// Puts these people on the whitelist.
    pub(crate) fn whitelist(&mut self, people: &Range<usize>) {
        let answer = self.order(&format!("whitelist {} {}", people.start, people.len()));
        assert_eq!(answer, "done");
    }

    /// How many are on the whitelist.
    pub(crate) fn left(&mut self) -> usize {
        self.order("left").parse().expect("a number")
    }

    /// How many members all teams have together.
    pub(crate) fn members(&mut self) -> usize {
        self.order("members").parse().expect("a number")
    }

    /// From now on calls are noted.
    pub(crate) fn log_calls(&mut self) {
        assert_eq!(self.order("log"), "done");
    }

    /// How many milliseconds after `end` each removal came.
    pub(crate) fn lags(&mut self, end: Timestamp) -> Vec<i64> {
        let answer = self.order(&format!("lags {}", end.as_millisecond()));
        let lags = answer.split_whitespace().skip(1).map(str::parse);
        lags.collect::<Result<_, _>>().expect("numbers")
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").expect("the stand-ins listen");
        line(&mut self.answers)
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        // It may be gone already, and that is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("the stand-ins answer");
    assert!(!line.is_empty(), "the stand-ins have stopped");
    line.trim_end().to_owned()
}

/// The socket address behind a base URL of theirs.
pub(crate) fn socket(base_url: &str) -> SocketAddr {
    let address = base_url.strip_prefix("http://");
    let address = address.and_then(|address| address.parse().ok());
    address.expect("http:// and an address")
}
