//! What a walk asks of the program, and what is looked at after each answer.

use jiff::SignedDuration;
use lapsed_sandbox::{Call, Entry};
use serde_json::Value;

use super::doing::Walk;
use super::oracle::Granted;
use super::people;
use super::steps::{At, PLACES, Spelling};
use super::troubles;
use crate::world::{Outcome, Printed, time};

impl Walk {
    pub(super) async fn record(
        &mut self,
        at: At,
        minutes: i64,
        spelling: Spelling,
    ) -> Result<(), String> {
        let (email, end) = (self.address(at, spelling), self.end(minutes));
        let long_ago = "2024-03-01T00:00:00Z";
        if at.place == 0 {
            let entry = Entry {
                name: "Somebody".to_owned(),
                email: email.clone(),
                permissions: vec!["can_read".to_owned()],
                start_date: time(long_ago),
                end_date: Some(end),
            };
            self.world.sentius.with(|state| state.add(entry));
            self.oracle.look(&self.world, false)?;
        }
        let start = if minutes == 0 { long_ago } else { "" };
        self.file = format!(
            "email,target,start,end\n{email},{},{start},{end}\n",
            PLACES[at.place]
        );
        let start = self.world.now().min(end);
        self.oracle.grants.push(Granted {
            at,
            start,
            end,
            revoked: false,
        });
        // It calls nobody: what goes wrong waits for who does.
        let waits = (self.dies.take(), std::mem::take(&mut self.troubles));
        let printed = self.import(&["--record-only"]).await?;
        (self.dies, self.troubles) = waits;
        if printed.code != 0 {
            return Err(format!("not recorded: {}", printed.stderr));
        }
        self.settle()
    }

    /// Imports the last file.
    pub(super) async fn import(&mut self, more: &[&str]) -> Result<Printed, String> {
        self.world.write("grants.csv", &self.file);
        let path = self.world.path("grants.csv");
        let args = [
            &["import", path.to_str().unwrap(), "--format", "json"],
            more,
        ]
        .concat();
        self.call(&args).await
    }

    pub(super) async fn give(
        &mut self,
        at: At,
        minutes: i64,
        spelling: Spelling,
        import: bool,
    ) -> Result<(), String> {
        let (email, end) = (self.address(at, spelling), self.end(minutes));
        let (target, until, start) = (PLACES[at.place], end.to_string(), self.world.now());
        let granted = Granted {
            at,
            start,
            end,
            revoked: false,
        };
        let printed = if import {
            self.file = format!("email,target,end\n{email},{target},{until}\n");
            self.import(&[]).await?
        } else {
            let args = [
                "grant", &email, "--target", target, "--end", &until, "--format", "json",
            ];
            self.call(&args).await?
        };
        let is_recorded = self.given(&printed, granted.clone());
        if import {
            self.unrecorded = (!is_recorded).then_some(granted);
        }
        self.settle()
    }

    /// The file once more: what it could not record then may be recorded now.
    pub(super) async fn import_again(&mut self) -> Result<(), String> {
        let printed = self.import(&[]).await?;
        if let Some(mut granted) = self.unrecorded.take() {
            granted.start = self.world.now();
            if !self.given(&printed, granted.clone()) {
                self.unrecorded = Some(granted);
            }
        }
        self.settle()
    }

    /// Notes what was given, if it was. All is checked before anything is recorded: in a team that
    /// cannot be read nothing is given.
    fn given(&mut self, printed: &Printed, granted: Granted) -> bool {
        let said: Option<Value> = serde_json::from_str(&printed.stdout).ok();
        let recorded =
            said.is_some_and(|said| said["results"].as_array().is_some_and(|r| !r.is_empty()));
        let given = printed.code == -1 || recorded && !printed.stdout.contains("\"refused\"");
        if given {
            self.oracle.owes(granted.at);
            self.oracle.grants.push(granted);
        }
        given
    }

    pub(super) async fn extend(&mut self, at: At, minutes: i64) -> Result<(), String> {
        let (email, end) = (self.address(at, Spelling::Usual), self.end(minutes));
        let until = end.to_string();
        let args = [
            "extend",
            &email,
            "--target",
            PLACES[at.place],
            "--end",
            &until,
            "--format",
            "json",
        ];
        let printed = self.call(&args).await?;
        if printed.code != 2 {
            self.oracle.extended(at, end, self.world.now());
        }
        self.settle()
    }

    /// Ends access at one place, or everywhere.
    pub(super) async fn revoke(&mut self, who: usize, place: Option<usize>) -> Result<(), String> {
        let at = |place| At { who, place };
        let email = self.address(at(place.unwrap_or(1)), Spelling::Usual);
        let now = self.world.now();
        let mut args = vec!["revoke", &email, "--format", "json"];
        args.extend(
            place
                .map(|place| ["--target", PLACES[place]])
                .into_iter()
                .flatten(),
        );
        if place.is_none() {
            self.dies = None;
        }
        let printed = self.call(&args).await?;
        let said: Value = serde_json::from_str(&printed.stdout).unwrap_or_default();
        let ended = said["targets"].to_string();
        for (number, target) in PLACES.iter().enumerate() {
            // A later address is nobody's where no membership bears it.
            let is_meant = !email.contains(".new@") || self.bears_later_address(at(number));
            let is_ended = ended.contains(target) || printed.code == -1 && place == Some(number);
            if is_meant && is_ended {
                self.oracle.revoked(at(number), now);
            }
        }
        self.settle()
    }

    /// A pass; the outcome unless it died.
    pub(super) async fn pass(&mut self) -> Result<Option<Outcome>, String> {
        let printed = self.call(&["--run-now", "--format", "json"]).await?;
        self.settle()?;
        if printed.code == -1 {
            return Ok(None);
        }
        let outcome = Outcome::of(printed);
        let is_nothing = |owed: &Value| owed.as_object().unwrap().values().all(|n| n == 0);
        let (owed, is_converged) = (&outcome.json["owed"], outcome.code == 0);
        if is_converged && !is_nothing(owed)
            || !is_converged && is_nothing(owed) && outcome.errors().is_empty()
        {
            return Err(format!("exit {} and owed {owed}", outcome.code));
        }
        self.calm = is_converged;
        self.held = (outcome.code == 4).then(|| outcome.id().to_owned());
        let status = self
            .world
            .lapsed(&["status", "--no-daemon", "--format", "json"])
            .await;
        let status: Value = serde_json::from_str(&status.stdout).map_err(|_| status.stderr)?;
        if status["owed"] != *owed {
            return Err(format!(
                "the pass owes {owed}, status says {}",
                status["owed"]
            ));
        }
        Ok(Some(outcome))
    }

    pub(super) async fn dry_run(&mut self) -> Result<(), String> {
        let dies = self.dies.take();
        let printed = self
            .call(&["--run-now", "--dry-run", "--format", "json"])
            .await?;
        self.dies = dies;
        if let Some(call) = self.calls().iter().find(|call| call.method != "GET") {
            return Err(format!("a dry run calls {} {}", call.method, call.path));
        }
        Outcome::of(printed);
        self.settle()
    }

    pub(super) async fn accept(&mut self, place: usize) -> Result<(), String> {
        self.call(&["accept", PLACES[place]]).await?;
        self.settle()
    }

    pub(super) async fn approve(&mut self) -> Result<(), String> {
        let Some(run) = self.held.take() else {
            return Ok(());
        };
        self.call(&["approve", &run]).await?;
        self.settle()
    }

    /// Runs the program, into all the troubles that wait.
    async fn call(&mut self, args: &[&str]) -> Result<Printed, String> {
        self.calm = false;
        self.oracle.look(&self.world, false)?;
        self.strangers = strangers(self);
        for trouble in std::mem::take(&mut self.troubles) {
            troubles::install(&self.world, trouble, &mut self.oracle);
        }
        let mut command = self.world.command(args);
        if let Some(place) = self.dies.take() {
            command.env("LAPSED_FAILPOINT", place);
        }
        let output = tokio::task::spawn_blocking(move || command.output());
        let printed = Printed::of(&output.await.unwrap().unwrap());
        if printed.code == 1 {
            return Err(format!("{args:?} could not run: {}", printed.stderr));
        }
        Ok(printed)
    }

    fn calls(&self) -> Vec<Call> {
        let mut calls = [self.world.sentius.calls(), self.world.sapling.calls()].concat();
        calls.sort_by_key(|call| call.at);
        calls
    }

    /// Looks at what the program has just done.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        let ahead = self.world.now().duration_since(lapsed::clock::now());
        let ahead = SignedDuration::from_mins((ahead.as_secs() + 30) / 60);
        self.oracle.calls(&self.calls(), ahead)?;
        self.world.forget_calls();
        // A list that was spoiled shows who was there just now, and is not kept for later.
        self.world.sapling.faults().clear();
        self.world.sentius.faults().clear();
        if strangers(self) != self.strangers {
            return Err("somebody without any grant was touched".to_owned());
        }
        self.oracle.look(&self.world, true)
    }
}

/// All members who never get a grant.
fn strangers(walk: &Walk) -> Vec<String> {
    let members = ["Core", "Crowd"]
        .map(|team| walk.world.members(team))
        .concat();
    members
        .into_iter()
        .filter(|email| people::person(email).is_none())
        .collect()
}

impl Walk {
    /// Lets everything work again and time go by, and looks whether all is as it must be.
    pub(super) async fn finish(&mut self) -> Result<(), String> {
        self.troubles.clear();
        self.dies = None;
        self.world.sentius.faults().clear();
        self.world.sapling.faults().clear();
        let mut last = None;
        for round in 0..6 {
            // A real doubt is believed after half an hour.
            self.world.later(11);
            let outcome = self
                .pass()
                .await
                .map_err(|wrong| format!("at the end: {wrong}"))?;
            let outcome = outcome.ok_or("a pass died at the end")?;
            let is_done = outcome.code == 0 && round >= 2;
            self.approve().await?;
            last = Some(outcome);
            if is_done {
                break;
            }
        }
        let mut wrong = self.oracle.end(&self.world);
        if let Some(last) = last.filter(|last| last.code != 0) {
            wrong.push(format!(
                "exit {} {} {:?} {:?}",
                last.code,
                last.json["owed"],
                last.actions(),
                last.errors()
            ));
        }
        for args in [&["status", "--no-daemon"][..], &["audit", "verify"]] {
            let printed = self.world.lapsed(args).await;
            if printed.code != 0 {
                wrong.push(format!(
                    "{args:?}: {} {}{}",
                    printed.code, printed.stdout, printed.stderr
                ));
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }

    /// What the program has written down of it.
    pub(super) fn story(&self) -> String {
        let events = self.world.events().into_iter();
        let events = events.filter(|event| !event.kind.starts_with("run."));
        events
            .map(|event| format!("    {} {}\n", event.kind, event.payload))
            .collect()
    }
}
