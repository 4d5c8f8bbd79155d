//! Progress on stderr, where that is a terminal and the work is long.

use std::io::{self, IsTerminal};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use crate::progress::{Progress, Stage};

/// Work of fewer steps is done before a bar could be read.
const LONG: u64 = 20;

/// A listener that draws a bar for each long stage, or does nothing without a terminal.
pub(super) fn bar() -> Progress {
    if !io::stderr().is_terminal() {
        return Progress::default();
    }
    let bar: Mutex<Option<(Stage, ProgressBar)>> = Mutex::new(None);
    Progress::to(move |stage, done, total| {
        if total < LONG {
            return;
        }
        let Ok(mut bar) = bar.lock() else { return };
        if bar.as_ref().is_none_or(|(of, _)| *of != stage) {
            *bar = Some((stage, start(stage, total)));
        }
        if let Some((_, bar)) = bar.as_ref() {
            bar.set_position(done);
            if done == total {
                bar.finish_and_clear();
            }
        }
    })
}

fn start(stage: Stage, total: u64) -> ProgressBar {
    let what = match stage {
        Stage::Observe => "reading teams",
        Stage::Apply => "removing access",
        Stage::Give => "giving access",
    };
    let bar = ProgressBar::new(total).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
