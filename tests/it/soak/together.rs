//! All commands at once, each killed at random: what the providers were asked to change lies within
//! what was written down before, and nothing is lost that a command had acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lapsed_sandbox::{Fault, Rule, When};
use serde_json::Value;

use super::{Dice, number};
use crate::world::World;

/// How many are killed when nobody asks for more.
const KILLS: u64 = 100;
/// So many people work beside each other.
const LANES: u64 = 4;
/// So many persons each of them looks after.
const PERSONS: u64 = 5;
/// The latest moment of a kill after the start of a command, in milliseconds.
const LATEST: u64 = 500;
/// A call that was under way when its process was killed may arrive so much later.
const ARRIVES: i64 = 2000;

const TARGETS: [&str; 2] = ["sentius:acme", "sapling:acme/Core"];

/// What was asked for a person at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Access {
    Until(String),
    /// None, or none any more.
    None,
}

/// What may hold for a person at a target: the last that was acknowledged, and what came after and
/// was not.
#[derive(Debug)]
struct Expected {
    acknowledged: Access,
    possible: Vec<Access>,
    /// Something was recorded as being there already, and nobody called for it.
    only_recorded: bool,
}

impl Expected {
    fn note(&mut self, access: Access, is_acknowledged: bool) {
        if is_acknowledged {
            self.acknowledged = access;
            self.possible.clear();
        } else {
            self.possible.push(access);
        }
    }

    fn allows(&self, access: &Access) -> bool {
        self.acknowledged == *access || self.possible.contains(access)
    }
}

type Places = BTreeMap<(String, &'static str), Expected>;

struct Soak<'a> {
    world: &'a World,
    wanted: u64,
    kills: AtomicU64,
    /// Makes each end another one.
    ends: AtomicU64,
}

/// How a command ended; `None` when it was killed.
type Ended = Option<i32>;

impl Soak<'_> {
    fn is_over(&self) -> bool {
        self.kills.load(Ordering::Relaxed) >= self.wanted
    }

    /// An end that no other command asks for.
    fn end(&self) -> String {
        let days = i64::try_from(self.ends.fetch_add(1, Ordering::Relaxed)).unwrap();
        let first: jiff::civil::Date = "2090-01-01".parse().unwrap();
        let date = first + jiff::SignedDuration::from_hours(24 * days);
        format!("{date}T00:00:00Z")
    }

    /// Runs a command to its end, or kills it.
    async fn run(&self, args: &[&str], dice: &mut Dice) -> Ended {
        let kill = dice.one_in(2);
        let moment = Duration::from_millis(dice.below(LATEST));
        let mut command = self.world.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        if kill {
            tokio::time::sleep(moment).await;
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                self.kills.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        let output = tokio::task::spawn_blocking(move || child.wait_with_output());
        let output = output.await.unwrap().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!words.contains("panicked"), "{args:?}: {words}");
        let code = output.status.code().unwrap();
        assert_ne!(code, 1, "{args:?} could not run: {words}");
        Some(code)
    }

    /// One who works until enough were killed.
    async fn lane(&self, lane: u64, seed: u64) -> Places {
        let mut dice = Dice(seed.wrapping_add(lane.wrapping_mul(7919)));
        let mut places = Places::new();
        for n in 0..PERSONS {
            for target in TARGETS {
                let nothing = Expected {
                    acknowledged: Access::None,
                    possible: Vec::new(),
                    only_recorded: false,
                };
                places.insert((format!("p{lane}-{n}@example.com"), target), nothing);
            }
        }
        while !self.is_over() {
            let nth = usize::try_from(dice.below(PERSONS * 2)).unwrap();
            let place = places.keys().nth(nth).unwrap().clone();
            let expected = places.get_mut(&place).unwrap();
            self.one(&place, expected, lane, &mut dice).await;
        }
        places
    }

    /// One command about a person, or one that is about nobody.
    async fn one(
        &self,
        (who, target): &(String, &'static str),
        expected: &mut Expected,
        lane: u64,
        dice: &mut Dice,
    ) {
        let end = self.end();
        let about = [who.as_str(), "--target", target];
        let until = ["--end", end.as_str()];
        match dice.below(10) {
            0 | 1 => {
                let args = [&["grant"][..], &about, &until].concat();
                let ended = self.run(&args, dice).await;
                // Who has it already keeps the end that it had.
                if expected.acknowledged == Access::None && expected.possible.is_empty() {
                    self.note(expected, Access::Until(end), ended);
                } else {
                    expected.note(Access::Until(end), false);
                }
            }
            2 | 3 => {
                let args = [&["extend"][..], &about, &until].concat();
                let ended = self.run(&args, dice).await;
                self.note(expected, Access::Until(end), ended);
            }
            4 => {
                let args = [&["revoke"][..], &about].concat();
                let ended = self.run(&args, dice).await;
                self.note(expected, Access::None, ended);
            }
            5 => {
                let name = format!("grants-{lane}.csv");
                let rows = format!("email,target,end\n{who},{target},{end}\n");
                self.world.write(&name, &rows);
                let file = self.world.path(&name);
                let mut args = vec!["import", file.to_str().unwrap()];
                if dice.one_in(2) {
                    args.push("--record-only");
                    expected.only_recorded = true;
                }
                let ended = self.run(&args, dice).await;
                self.note(expected, Access::Until(end), ended);
            }
            6 | 7 => {
                self.run(&["--run-now"], dice).await;
            }
            8 => {
                self.run(&["report"], dice).await;
            }
            _ => {
                let runs = self
                    .world
                    .texts("SELECT id FROM run ORDER BY rowid DESC LIMIT 1");
                if let Some(run) = runs.first() {
                    self.run(&["approve", run], dice).await;
                }
            }
        }
    }

    fn note(&self, expected: &mut Expected, access: Access, ended: Ended) {
        match ended {
            // Done, or on record and to be done.
            Some(0 | 3 | 4) => expected.note(access, true),
            // Nothing was recorded, or it cannot be told.
            Some(2 | 5) | None => expected.note(access, false),
            Some(other) => panic!("exit {other}"),
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the seed is shown with a failure and only then"
)]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_each_call_was_written_down_and_what_was_acknowledged_holds() {
    let seed = number("LAPSED_SOAK_SEED")
        .unwrap_or_else(|| lapsed::clock::now().as_millisecond().unsigned_abs());
    println!("LAPSED_SOAK_SEED={seed}");
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1000000\nmax_removal_percent = 100\n".to_owned();
    world.team("Core", &["stays@example.com"]);
    world.whitelist(&["stays@example.com"]);
    // The first one makes the database, and reads the teams.
    assert_eq!(world.run().await.code, 0);
    world.whitelist_is_known();
    for faults in [world.sentius.faults(), world.sapling.faults()] {
        let slowly = Fault::Delay(Duration::from_millis(40));
        faults.add(Rule::new(When::any(), slowly).always());
    }
    let soak = Soak {
        world: &world,
        wanted: number("LAPSED_SOAK").unwrap_or(KILLS),
        kills: AtomicU64::new(0),
        ends: AtomicU64::new(0),
    };

    let lanes = (0..LANES).map(|lane| soak.lane(lane, seed));
    let places: Vec<Places> = futures_util::future::join_all(lanes).await;

    world.sentius.faults().clear();
    world.sapling.faults().clear();
    world.run().await;
    calls_are_within_intents(&world);
    // For minutes an entry may still be made by a call whose process was killed.
    world.later(6);
    let mut run = world.run().await;
    for _ in 0..12 {
        if run.code == 0 {
            break;
        }
        run = world.run().await;
    }
    assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
    let rows = world
        .rows(&["list", "--state", "all", "--format", "json"])
        .await;
    let (entries, members) = (world.whitelisted(), world.members("Core"));
    let (entries, members): (BTreeSet<_>, BTreeSet<_>) =
        (entries.into_iter().collect(), members.into_iter().collect());
    for ((who, target), expected) in places.iter().flatten() {
        let access = access(&rows, who, target);
        assert!(
            expected.allows(&access),
            "{who} {target}: {access:?}, and {expected:?}"
        );
        let is_there = match *target {
            "sentius:acme" => entries.contains(who),
            _ => members.contains(who) || world.invited("Core").contains(who),
        };
        let may_be_there = matches!(access, Access::Until(_));
        assert!(may_be_there || !is_there, "{who} {target} is there still");
        assert!(
            is_there || !may_be_there || expected.only_recorded,
            "{who} {target} is not there: {access:?}"
        );
    }
    world.trail_is_whole().await;
}

/// What is on record of a person at a target.
fn access(rows: &[Value], who: &str, target: &str) -> Access {
    let rows = rows
        .iter()
        .filter(|row| row["email"] == who && row["target"] == target);
    // Of several grants, the one that ends last: ends only ever get later here.
    let active = rows.filter(|row| row["state"] == "active");
    let ends = active.map(|row| row["end"].as_str().unwrap().to_owned());
    ends.max().map_or(Access::None, Access::Until)
}

/// Each call that changes something was made between its intent and what became of it.
fn calls_are_within_intents(world: &World) {
    let events = world.texts(
        "SELECT json_array(event.at, kind, email_key, body) FROM event
         JOIN event_payload USING (seq) WHERE email_key IS NOT NULL ORDER BY seq",
    );
    // From when until when something was under way for a person.
    let mut under_way: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    let mut open: BTreeMap<(String, i64), (String, i64)> = BTreeMap::new();
    for event in events {
        let event: Vec<Value> = serde_json::from_str(&event).unwrap();
        let (at, kind) = (event[0].as_i64().unwrap(), event[1].as_str().unwrap());
        let who = event[2].as_str().unwrap().to_owned();
        let body: Value = serde_json::from_str(event[3].as_str().unwrap()).unwrap();
        let Some((what, step)) = kind.split_once('.') else {
            continue;
        };
        let row = match what {
            "action" => body["action_id"].as_i64(),
            "provision" => body["provision_id"].as_i64(),
            _ => None,
        };
        let Some(row) = row else { continue };
        let key = (what.to_owned(), row);
        match step {
            "intent" => {
                open.insert(key, (who, at));
            }
            "replacing" => {}
            _ => {
                if let Some((who, from)) = open.remove(&key) {
                    let late = if step == "interrupted" { ARRIVES } else { 1 };
                    under_way.entry(who).or_default().push((from, at + late));
                }
            }
        }
    }
    for (who, from) in open.into_values() {
        under_way.entry(who).or_default().push((from, i64::MAX));
    }
    let calls = [world.sentius.calls(), world.sapling.calls()].concat();
    let mut writes = 0;
    for call in calls.iter().filter(|call| call.method != "GET") {
        assert!(!call.emails.is_empty(), "about nobody: {call:?}");
        for who in &call.emails {
            writes += 1;
            let at = Timestamp::as_millisecond(call.at);
            let spans = under_way.get(who).map_or(&[][..], Vec::as_slice);
            assert!(
                spans.iter().any(|(from, to)| *from <= at && at <= *to),
                "not written down: {call:?}; {spans:?}"
            );
        }
    }
    assert!(writes > 0, "nobody was called");
}
