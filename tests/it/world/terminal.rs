//! The program on a terminal, and what somebody types there.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Printed, World};

impl World {
    /// Runs the program on a terminal where somebody types this; `None` where there is no program that
    /// makes a terminal. What it shows, questions and all, is in `stdout`.
    #[expect(clippy::print_stdout, reason = "a test that is left out says so")]
    pub(crate) async fn on_a_terminal(&self, args: &[&str], typed: &str) -> Option<Printed> {
        let program = self.command(args);
        let mut words = vec![program.get_program().to_str().unwrap().to_owned()];
        let args = program.get_args().map(|arg| arg.to_str().unwrap());
        words.extend(args.map(|arg| format!("'{arg}'")));
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &words.join(" ")])
            .arg("/dev/null")
            .env("TERM", "dumb")
            .envs(
                program
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            println!("skipped: there is no script(1) here");
            return None;
        };
        let typed = typed.to_owned();
        let ran = tokio::task::spawn_blocking(move || {
            // A program that asks nothing is over before anybody could type.
            let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
            child.wait_with_output().unwrap()
        });
        Some(Printed::of(&ran.await.unwrap()))
    }
}
