//! The stand-ins in a process of their own, so that their work is not counted as lapsed's.
//!
//! They say on standard output where they are, and take orders on standard input.

use std::io::{BufRead, Write, stdin, stdout};
use std::time::Duration;

use clap::Parser;
use jiff::Timestamp;
use lapsed_sandbox::{Entry, Invite, Sapling, SaplingState, Sentius, SentiusState, TeamUser};

use crate::people::{DAY, address, after};

/// Whose key it is that reads the teams.
pub(crate) const HOLDER: &str = "robot@acme.example";

#[derive(Debug, Parser)]
pub(crate) struct Options {
    #[arg(long)]
    pub(crate) latency_us: u64,
    #[arg(long)]
    pub(crate) teams: usize,
    #[arg(long)]
    pub(crate) members: usize,
}

/// Serves until standard input ends.
pub(crate) fn serve(options: &Options) {
    // One thread for the calls: the other core is for the program that is measured.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("the runtime starts");
    let now = lapsed::clock::now();
    let teams = teams(options, now);
    let (sentius, sapling) = runtime.block_on(async {
        let whitelist = SentiusState::new(&teams.api_key);
        let sentius = Sentius::start(whitelist).await.expect("a port is free");
        let sapling = Sapling::start(teams).await.expect("a port is free");
        (sentius, sapling)
    });
    let latency = Duration::from_micros(options.latency_us);
    sentius.set_latency(latency);
    sapling.set_latency(latency);
    sentius.log_calls(false);
    sapling.log_calls(false);
    let key = sapling.with(|state| state.api_key.clone());
    answer(&format!(
        "{} {} {key}",
        sentius.base_url(),
        sapling.base_url()
    ));

    for line in stdin().lock().lines() {
        let line = line.expect("standard input can be read");
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["whitelist", first, count] => {
                let (first, count): (usize, usize) = (number(first), number(count));
                sentius.with(|state| {
                    for person in first..first + count {
                        state.add(entry(person, now));
                    }
                });
                answer("done");
            }
            ["left"] => answer(&sentius.with(|state| state.entries.len()).to_string()),
            ["members"] => {
                let members = sapling.with(|state| {
                    let teams = state.teams();
                    teams
                        .iter()
                        .map(|team| team.members().count())
                        .sum::<usize>()
                });
                answer(&members.to_string());
            }
            ["log"] => {
                sentius.log_calls(true);
                sapling.log_calls(true);
                sentius.clear_calls();
                sapling.clear_calls();
                answer("done");
            }
            ["lags", end] => {
                let end: i64 = end.parse().expect("a number");
                let calls = [sentius.calls(), sapling.calls()].concat();
                let removals = calls.iter().filter(|call| call.method == "DELETE");
                let lags = removals.map(|call| (call.at.as_millisecond() - end).to_string());
                answer(&format!("lags {}", lags.collect::<Vec<_>>().join(" ")));
            }
            _ => answer("what?"),
        }
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}

fn answer(line: &str) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").expect("standard output can be written");
    out.flush().expect("standard output can be written");
}

fn entry(person: usize, now: Timestamp) -> Entry {
    Entry {
        name: format!("Person {person}"),
        email: address(person),
        permissions: vec!["can_read".to_owned(), "can_use_api".to_owned()],
        start_date: after(now, -400 * DAY),
        end_date: Some(after(now, -2 * DAY)),
    }
}

/// Teams of people who are in one team each, and joined at all times of the last two years.
fn teams(options: &Options, now: Timestamp) -> SaplingState {
    let mut state = SaplingState::new(HOLDER);
    let mut people = 0_usize..;
    let mut next = move || people.next().expect("numbers do not end");
    for number in 0..options.teams {
        let team = state.add_team(&format!("Team {number:04}"));
        // The holder is there already.
        for seat in 1..options.members {
            let person = next();
            let spread = i64::try_from(person).expect("so many people there are not");
            let joined = after(now, -(spread * 7_919 % (730 * DAY)));
            let mut user = TeamUser::new(&address(person), joined);
            user.is_manager = seat % 50 == 0;
            user.edit_permission = seat % 10 == 0;
            user.inspect_permission = seat % 4 == 0;
            team.add_member(user);
        }
        for _ in 0..2 {
            team.add_invite(Invite::new(&address(next())));
        }
    }
    state
}
