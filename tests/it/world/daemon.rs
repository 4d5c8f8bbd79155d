//! The daemon as a process of its own.

use std::io::Read as _;
use std::process::Child;
use std::time::{Duration, Instant};

use super::{World, until};

/// The program, which is killed when a test fails.
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn start(world: &World) -> Self {
        Self(world.command(&[]).spawn().unwrap())
    }

    /// One that has made its first pass.
    pub(crate) async fn past_first_pass(world: &World) -> Self {
        let daemon = Self::start(world);
        until("the first pass is over", || {
            world.path("lapsed.db.mark").exists()
                && world.number("SELECT count(*) FROM run WHERE finished_at IS NOT NULL") > 0
        })
        .await;
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, and returns all that it printed.
    pub(crate) fn kill(mut self) -> String {
        let _ = self.0.kill();
        let mut printed = String::new();
        let _ = self.0.stdout.take().unwrap().read_to_string(&mut printed);
        let _ = self.0.stderr.take().unwrap().read_to_string(&mut printed);
        printed
    }

    /// SIGTERM, and the exit code.
    pub(crate) async fn stop(mut self) -> i32 {
        let pid = i32::try_from(self.0.id()).unwrap();
        let kill = std::process::Command::new("kill")
            .arg(pid.to_string())
            .status();
        assert!(kill.unwrap().success());
        let begin = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "it does not stop"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
