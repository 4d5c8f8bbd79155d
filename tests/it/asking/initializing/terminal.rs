//! Somebody who sits at a terminal, reads what is asked, and types the answers.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::desk::Desk;

/// Somebody at a terminal.
pub(super) struct Terminal {
    child: Child,
    shown: String,
}

impl Terminal {
    /// `None` where there is no program that makes a terminal.
    #[expect(clippy::print_stdout, reason = "a test that is left out says so")]
    pub(super) fn with(desk: &Desk, args: &str) -> Option<Self> {
        let command = format!("tty; exec {} {args}", env!("CARGO_BIN_EXE_lapsed"));
        let child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(desk.root())
            .env("TERM", "dumb")
            .env("TZ", "Europe/Rome")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(child) = child else {
            println!("skipped: there is no script(1) here");
            return None;
        };
        let shown = String::new();
        Some(Self { child, shown })
    }

    /// Reads on until this is shown.
    pub(super) fn sees(&mut self, said: &str) {
        let from = self.shown.len();
        let out = self.child.stdout.as_mut().unwrap();
        let mut bytes = Vec::new();
        while !self.shown[from..].contains(said) {
            let mut byte = [0];
            assert_eq!(out.read(&mut byte).unwrap(), 1, "{said}: {}", self.shown);
            bytes.push(byte[0]);
            if let Ok(text) = str::from_utf8(&bytes) {
                self.shown += text;
                bytes.clear();
            }
        }
    }

    pub(super) fn types(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits until what is typed is not shown any more.
    pub(super) fn is_blind(&self) {
        let terminal = self.shown.lines().next().unwrap().trim();
        loop {
            let stty = Command::new("stty")
                .args(["-F", terminal, "-a"])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&stty.stdout).into_owned();
            assert!(stty.status.success(), "{terminal}: {said}");
            if said.contains(" -echo ") && said.contains(" icanon ") {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Waits for the end, and returns all that was shown.
    pub(super) fn ends_well(mut self) -> String {
        drop(self.child.stdin.take());
        let mut out = self.child.stdout.take().unwrap();
        out.read_to_string(&mut self.shown).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.shown);
        self.shown
    }
}
