//! The daemon, running.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::{World, until};

/// The program, which is killed when a test fails.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, &[])
    }

    /// With these environment variables.
    pub(crate) fn start_with(world: &World, env: &[(&str, &str)]) -> Self {
        let mut command = world.command(&[]);
        command.envs(env.iter().copied());
        let log = world.path("daemon.log");
        command.stderr(File::create(&log).unwrap());
        Self {
            child: command.spawn().unwrap(),
            log,
        }
    }

    /// One that has made its first pass.
    pub(crate) async fn past_first_pass(world: &World) -> Self {
        let daemon = Self::start(world);
        until("the first pass is over", || {
            daemon.log().contains("pass ended")
        })
        .await;
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and returns all that it printed.
    pub(crate) fn kill(mut self) -> String {
        let _ = self.child.kill();
        let mut printed = String::new();
        let _ = self
            .child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut printed);
        printed + &self.log()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The exit code of one that has ended by itself.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap()?.code()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(kill.unwrap().success());
    }

    /// SIGTERM, and the exit code.
    pub(crate) async fn stop(mut self) -> i32 {
        self.signal("TERM");
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
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
        let _ = self.child.kill();
        let _ = self.child.wait();
        #[expect(
            clippy::print_stderr,
            reason = "whoever sees the test fail wants to know why"
        )]
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}
