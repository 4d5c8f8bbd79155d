//! What the program printed, and a pass's outcome in lines that a test can compare.

use std::process::Output;

use serde_json::Value;

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Printed {
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Printed {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// How a pass ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Reads a pass's JSON; the exit code and the outcome must say the same.
    pub(crate) fn of(printed: Printed) -> Self {
        let Printed {
            code,
            stdout,
            stderr,
        } = printed;
        let json: Value = serde_json::from_str(&stdout)
            .unwrap_or_else(|_| panic!("exit {code}, no JSON: {stdout:?}\n{stderr}"));
        let said = match json["outcome"].as_str().unwrap() {
            "converged" => 0,
            "incomplete" => 3,
            "held" => 4,
            other => panic!("outcome {other}"),
        };
        assert_eq!(code, said, "{json:#}\n{stderr}");
        let outcome = Self { code, json, stderr };
        outcome.counts_agree();
        outcome
    }

    /// The counts are those of the actions.
    fn counts_agree(&self) {
        for (state, count) in self.json["counts"].as_object().unwrap() {
            let actions = self.json["actions"].as_array().unwrap();
            let of_state = actions.iter().filter(|a| a["state"] == state.as_str());
            assert_eq!(count.as_u64(), Some(of_state.count() as u64), "{state}");
        }
    }

    /// The run's name.
    pub(crate) fn id(&self) -> &str {
        self.json["run"].as_str().unwrap()
    }

    /// The run's name as people are shown it.
    pub(crate) fn short(&self) -> &str {
        short(self.id())
    }

    /// Each action as `action target email reason state evidence`.
    pub(crate) fn actions(&self) -> Vec<String> {
        let keys = ["action", "target", "email", "reason", "state", "evidence"];
        self.lines("actions", &keys)
    }

    /// Each finding as `finding target email`.
    pub(crate) fn findings(&self) -> Vec<String> {
        self.lines("findings", &["finding", "target", "email"])
    }

    /// The findings of one kind, as `target email`.
    pub(crate) fn found(&self, kind: &str) -> Vec<String> {
        let prefix = format!("{kind} ");
        let all = self.findings();
        all.iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect()
    }

    /// The first action's detail.
    pub(crate) fn detail(&self) -> &str {
        self.json["actions"][0]["detail"].as_str().unwrap_or("-")
    }

    /// The errors as `target: message`.
    pub(crate) fn errors(&self) -> Vec<String> {
        let errors = self.json["errors"].as_array().unwrap();
        let line = |e: &Value| {
            format!(
                "{}: {}",
                e["target"].as_str().unwrap(),
                e["message"].as_str().unwrap()
            )
        };
        errors.iter().map(line).collect()
    }

    /// The mails as `kind recipient state`.
    pub(crate) fn mails(&self) -> Vec<String> {
        let mails = self.json["mails"].as_array().unwrap();
        let line = |m: &Value| {
            format!(
                "{} {} {}",
                m["kind"].as_str().unwrap(),
                m["to"][0].as_str().unwrap(),
                m["state"].as_str().unwrap()
            )
        };
        mails.iter().map(line).collect()
    }

    fn lines(&self, list: &str, keys: &[&str]) -> Vec<String> {
        let words = |row: &Value| {
            let words = keys.iter().map(|key| row[*key].as_str().unwrap_or("-"));
            words.collect::<Vec<_>>().join(" ")
        };
        let rows = self.json[list].as_array().unwrap();
        rows.iter().map(words).collect()
    }
}

/// A run's name as people are shown it: its end.
pub(crate) fn short(run: &str) -> &str {
    &run[run.len() - 12..]
}
