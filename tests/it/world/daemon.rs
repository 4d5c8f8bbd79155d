//! The daemon as a process of its own.

use std::process::Child;
use std::time::{Duration, Instant};

use super::World;

/// The program, which is killed when a test fails.
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn start(world: &World) -> Self {
        Self(world.command(&[]).spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
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
