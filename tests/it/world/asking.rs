//! Commands that give, and what they say.

use serde_json::Value;

use super::World;

/// What a command said of each person.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) results: Vec<Value>,
    pub(crate) stderr: String,
}

impl Said {
    /// Each result as `email target provision state result`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let keys = ["email", "target", "provision", "state", "result"];
        let line = |row: &Value| keys.map(|key| word(row, key)).join(" ");
        self.results.iter().map(line).collect()
    }

    pub(crate) fn detail(&self) -> &str {
        self.results[0]["detail"].as_str().unwrap_or("-")
    }
}

/// Runs a command that gives, and reads its JSON.
pub(crate) async fn ask(world: &World, args: &[&str]) -> Said {
    let printed = world.lapsed(&[args, &["--format", "json"]].concat()).await;
    let json: Value = serde_json::from_str(&printed.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {} {}", printed.code, printed.stderr));
    Said {
        code: printed.code,
        results: json["results"].as_array().unwrap().clone(),
        stderr: printed.stderr,
    }
}

/// A command that dies at this place.
pub(crate) async fn die(world: &World, args: &[&str], place: &str) {
    let mut command = world.command(args);
    command.env("LAPSED_FAILPOINT", place);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert_eq!(
        output.status.code(),
        None,
        "{place} was not reached: {output:?}"
    );
}

const JANE: [&str; 4] = ["grant", "jane@example.com", "--target", "sentius:acme"];

pub(crate) fn jane<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&JANE, more].concat()
}

/// The only entry of the whitelist.
pub(crate) fn entry(world: &World) -> lapsed_sandbox::Entry {
    world.sentius.with(|state| {
        let entries: Vec<_> = state.entries.values().cloned().collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    })
}

/// The keys of a JSON object are those that the document names under this heading.
#[track_caller]
pub(crate) fn as_documented(heading: &str, object: &Value) {
    let document = include_str!("../../../docs/JSON.md");
    let (_, part) = document.split_once(&format!("## {heading}\n")).unwrap();
    let is_row = |line: &&str| line.starts_with("| `");
    let rows = part.lines().skip_while(|l| !is_row(l)).take_while(is_row);
    let mut documented: Vec<&str> = rows.map(|l| l.split('`').nth(1).unwrap()).collect();
    documented.sort_unstable();
    let mut keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, documented);
}
