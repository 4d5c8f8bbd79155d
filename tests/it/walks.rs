//! Random walks: people come and go, access is given, moved and taken, providers fail and passes
//! die, step after step. An oracle that knows only the rules looks on, and in the end all must be as
//! the grants say.
//!
//! `LAPSED_WALK_SEED=7` makes one walk alone. `LAPSED_WALKS=1000` makes so many in each test, and
//! `LAPSED_WALK_FROM=7` begins with that seed.

mod asking;
mod doing;
mod oracle;
mod people;
mod steps;
mod troubles;

use crate::soak::{Dice, number};
use doing::Walk;
use steps::Step;

/// How many walks one test makes when nobody asks for more.
const WALKS: u64 = 25;
/// How often a failed walk is made again, shorter each time.
const TRIES: u64 = 60;

/// What a seed comes to.
fn walk_of(seed: u64) -> (u64, Vec<Step>) {
    let mut dice = Dice(seed);
    (dice.below(60), steps::throw(&mut dice))
}

/// Walks to the end; says what was wrong.
async fn walk(shape: u64, steps: Vec<Step>) -> Result<(), String> {
    let walked = tokio::spawn(async move {
        let mut walk = Walk::new(shape).await;
        let mut walked = Ok(());
        for step in &steps {
            walked = walk.step(step).await;
            if let Err(wrong) = walked {
                walked = Err(format!("{step}: {wrong}"));
                break;
            }
        }
        if walked.is_ok() {
            walked = walk.finish().await;
        }
        walked.map_err(|wrong| format!("{wrong}\n{}", walk.story()))
    });
    // What panics within is a failure like any other.
    walked.await.unwrap_or_else(|panic| Err(panic.to_string()))
}

fn in_words(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("  {step}\n")).collect()
}

/// Leaves out steps for as long as it still fails.
async fn shortest(shape: u64, mut steps: Vec<Step>, mut wrong: String) -> (Vec<Step>, String) {
    let mut at = steps.len();
    for _ in 0..number("LAPSED_WALK_TRIES").unwrap_or(TRIES) {
        let Some(before) = at.checked_sub(1) else {
            break;
        };
        at = before;
        let mut fewer = steps.clone();
        fewer.remove(at);
        if let Err(still) = walk(shape, fewer.clone()).await {
            (steps, wrong) = (fewer, still);
        }
    }
    (steps, wrong)
}

/// Walks the part `part` of all seeds.
async fn walks(part: u64) {
    let alone = number("LAPSED_WALK_SEED");
    if alone.is_some() && part > 0 {
        return;
    }
    let many = number("LAPSED_WALKS").unwrap_or(WALKS);
    let first = number("LAPSED_WALK_FROM").unwrap_or(0) + part * many;
    let seeds = match alone {
        Some(seed) => seed..seed + 1,
        None => first..first + many,
    };
    for seed in seeds {
        let (shape, steps) = walk_of(seed);
        if let Err(wrong) = walk(shape, steps.clone()).await {
            let all = in_words(&steps);
            let (steps, shorter) = shortest(shape, steps, wrong.clone()).await;
            let few = in_words(&steps);
            panic!(
                "LAPSED_WALK_SEED={seed} (shape {shape}): {wrong}\n{all}and shorter: {shorter}\n{few}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_walk_leads_all_is_in_the_end_as_the_grants_say() {
    walks(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_a_second_lot_of_walks() {
    walks(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_a_third_lot_of_walks() {
    walks(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_a_fourth_lot_of_walks() {
    walks(3).await;
}
