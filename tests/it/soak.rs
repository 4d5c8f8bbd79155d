//! Everything goes wrong at once and at random: passes are killed, both providers and the mail server
//! fail, and work keeps coming. What must be over is over in the end, once; nobody else is touched; no
//! mail is lost.
//!
//! `LAPSED_SOAK=1000` kills that often; `LAPSED_SOAK_SEED` repeats a soak as far as timing allows.

mod checks;
mod crowd;
mod together;
mod weather;

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;

use crate::world::{Mail, World};
use crowd::Crowd;
use weather::Weather;

/// How often a pass is killed when nobody asks for more.
const KILLS: u32 = 60;
/// The latest moment of a kill after the start of the process.
const LATEST: u64 = 400;

/// Numbers that look random and come again with the seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What happened when.
#[derive(Debug, Default)]
struct Log {
    kills: Vec<Timestamp>,
    /// While the mail server was told to keep a mail and not to say so.
    unanswered: Vec<(Timestamp, Timestamp)>,
    finished: u32,
}

#[expect(
    clippy::print_stdout,
    reason = "the seed is shown with a failure and only then"
)]
#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_or_fails_what_is_due_ends_once_and_nobody_else_is_touched() {
    let seed = number("LAPSED_SOAK_SEED")
        .unwrap_or_else(|| lapsed::clock::now().as_millisecond().unsigned_abs());
    // Seen only when the test fails.
    println!("LAPSED_SOAK_SEED={seed}");
    let wanted = number("LAPSED_SOAK").unwrap_or(u64::from(KILLS));

    let mut dice = Dice(seed);
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1000000\nmax_removal_percent = 100\n".to_owned();
    world.config.mail = Mail::Smtp;
    world.config.to = vec!["it@acme.example", "boss@acme.example"];
    let patient = std::mem::replace(
        &mut world.config.http,
        "timeout = \"700ms\"\nrequests_per_second = 2000\n".to_owned(),
    );
    let mut crowd = Crowd::new(&world);
    crowd.arrive(&world, 30, 8).await;
    world.sentius.faults().seed(seed);
    world.sapling.faults().seed(seed ^ 1);

    let mut log = Log::default();
    let mut weather = Weather::default();
    let mut round = 0;
    while (log.kills.len() as u64) < wanted {
        round += 1;
        assert!(round < wanted * 4 + 50, "passes end before they are killed");
        weather.change(&world, &mut dice, round);
        one_pass(&world, &mut crowd, &mut dice, &mut log, &weather).await;
    }

    Weather::clear(&world);
    world.config.http = patient;
    // What was not answered waits for hours.
    world.sql("UPDATE outbox SET next_try_at = 0 WHERE unanswered > 0");
    let mut run = world.run().await;
    for _ in 0..12 {
        if run.code == 0 {
            break;
        }
        run = world.run().await;
    }
    let events = |kind: &str| world.events().iter().filter(|e| e.kind == kind).count();
    println!(
        "{} kills, {} passes ended by themselves, {} calls interrupted, {} found not done, {} mails twice",
        log.kills.len(),
        log.finished,
        events("action.interrupted"),
        events("action.not_done"),
        world.mail.mails().len() - world.outbox().len(),
    );
    assert_eq!(run.code, 0, "{:?} {:?}", run.actions(), run.errors());
    checks::access(&world, &crowd);
    checks::trail(&world, &crowd).await;
    checks::mail(&world, &log);
}

/// Starts a pass, lets work come in meanwhile, and kills it; now and then it may end by itself.
async fn one_pass(
    world: &World,
    crowd: &mut Crowd,
    dice: &mut Dice,
    log: &mut Log,
    weather: &Weather,
) {
    let begin = lapsed::clock::now();
    let spared = dice.one_in(12);
    let moment = Duration::from_millis(dice.below(LATEST));
    let mut command = world.command(&["--run-now", "--format", "json"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if crowd.is_small() || dice.one_in(8) {
        crowd.arrive(world, 6, 2).await;
    } else {
        tokio::time::sleep(moment).await;
    }
    if spared {
        let ended = tokio::task::spawn_blocking(move || child.wait());
        let code = ended.await.unwrap().unwrap().code();
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
        log.finished += 1;
    } else if child.try_wait().unwrap().is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
        log.kills.push(lapsed::clock::now());
    } else {
        log.finished += 1;
    }
    crowd.look(world);
    if weather.keeps_mail_secretly {
        log.unanswered.push((begin, lapsed::clock::now()));
    }
}
