//! Completion: the shell asks the program, and is offered what is on record.

use std::fs;
use std::process::{Command, Stdio};

use crate::desk::Desk;
use crate::world::{PAST, World};

/// A desk with two people on three targets, one of which has spaces in its name.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.import(
        "email,target\nJane.Doe@example.com,sentius:acme\njanet@example.com,sapling:acme/Core\n\
         bob@example.com,sapling:acme/Sales / EMEA\n",
    );
    desk
}

/// What the program offers for the last of these words, as bash would ask.
fn offered(desk: &Desk, words: &[&str]) -> Vec<String> {
    let mut command = desk.command(&["--", "lapsed"]);
    let output = command
        .args(words)
        .env("LAPSED_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn whoever_answers_for_open_grants_is_offered_as_an_owner() {
    let desk = Desk::new();
    desk.import(
        "email,target,owner\namy@example.com,sentius:acme,Olga@example.com\n\
         bob@example.com,sentius:acme,olga@example.com\ncleo@example.com,sentius:acme,otto@example.com\n",
    );
    for (words, wanted) in [
        (
            &["list", "--owner", "o"][..],
            &["olga@example.com", "otto@example.com"][..],
        ),
        (&["list", "--owner", "OT"], &["OTto@example.com"]),
        (&["list", "--owner", "amy"], &[]),
    ] {
        assert_eq!(offered(&desk, words), wanted, "{words:?}");
    }
}

#[test]
fn names_of_sources_on_record_are_offered() {
    let desk = Desk::new();
    for source in ["hr", "access-repo", "access-old"] {
        let csv = "email,target\njane@example.com,sentius:acme\n";
        desk.write("access.csv", csv);
        desk.good(&["import", "access.csv", "--record-only", "--source", source]);
    }
    let words = ["import", "access.csv", "--source", "acc"];
    assert_eq!(offered(&desk, &words), ["access-old", "access-repo"]);
}

#[test]
fn targets_and_addresses_on_record_are_offered() {
    let desk = desk();
    let sapling = ["sapling:acme/Core", "sapling:acme/Sales / EMEA"];
    for (words, wanted) in [
        (&["list", "--target", "sa"][..], &sapling[..]),
        (&["members", "--target", "sapling:acme/C"], &sapling[..1]),
        (
            &["why", "bob@example.com", "--target", "se"],
            &["sentius:acme"],
        ),
        (&["list", "--target", "x"], &[]),
        (
            &["why", "jan"],
            &["jane.doe@example.com", "janet@example.com"],
        ),
        (
            &["history", "JANE"],
            &["JANE.doe@example.com", "JANEt@example.com"],
        ),
        (&["why", "jane%"], &[]),
        (&["extend", "bob"], &["bob@example.com"]),
        (
            &["grant", "x@example.com", "--target", "sent"],
            &["sentius:acme"],
        ),
        (&["list", "--state", "a"], &["active", "all"]),
        (
            &["grant", "x@example.com", "--permission", "can_"],
            &[
                "can_read",
                "can_use_api",
                "can_use_whitelist",
                "can_delegate",
            ],
        ),
        (&["grant", "x@example.com", "--permission", "e"], &["edit"]),
        (
            &["grant", "x@example.com", "--role", ""],
            &["admin", "manager", "edit", "inspect"],
        ),
        (
            &["grant", "--target", "sapling:acme/Core", "--permission", ""],
            &["edit", "inspect"],
        ),
        (
            &[
                "grant",
                "x@example.com",
                "--target=sentius:acme",
                "--permission",
                "",
            ],
            &[
                "can_read",
                "can_use_api",
                "can_use_whitelist",
                "can_delegate",
            ],
        ),
        (&["grant", "--target", "sentius:acme", "--role", ""], &[]),
        (&["list", "--columns", "ow"], &["owner"]),
        (&["list", "--columns", "email,e"], &["email,end"]),
        (&["list", "--columns", "end,em"], &["end,email"]),
        (&["list", "--as-of", "y"], &["yesterday"]),
        (&["report", "--since", "n"], &["never"]),
        (
            &["list", "--ending-within", ""],
            &["7d", "14d", "30d", "90d"],
        ),
        (&["extend", "x@example.com", "--end", "9"], &["90d"]),
        (&["--run-now", "--dry-run", "--at", "3"], &["30d"]),
        (&["hist"], &["history"]),
    ] {
        assert_eq!(offered(&desk, words), wanted, "{words:?}");
    }
}

#[test]
fn days_that_have_passed_are_offered_as_a_moment_to_look_back_to() {
    let desk = desk();
    let offered = offered(&desk, &["list", "--as-of", ""]);
    assert_eq!((offered.len(), offered[0].as_str()), (4, "yesterday"));
    for day in &offered[1..] {
        let shown = desk.good(&["list", "--format", "csv", "--as-of", day]);
        assert_eq!(shown.lines().count(), 1, "{day}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_runs_that_can_be_approved_or_undone_are_offered_by_their_short_ids() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1".to_owned();
    let offered = async |command: &str, begun: &str| {
        let mut asking = world.command(&["--", "lapsed", command, begun]);
        asking
            .env("LAPSED_CONFIG", world.path("lapsed.toml"))
            .env("LAPSED_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", "2");
        let output = tokio::task::spawn_blocking(move || asking.output().unwrap());
        let text = String::from_utf8(output.await.unwrap().stdout).unwrap();
        // Where no run fits, the options are offered.
        let runs = text.lines().filter(|word| !word.starts_with('-'));
        runs.map(str::to_owned).collect::<Vec<_>>()
    };
    world.whitelist(&["jane@example.com"]);
    world.import(&row("jane@example.com")).await;
    let removed = world.run().await;
    assert_eq!(removed.code, 0);
    assert_eq!(offered("approve", "").await, [""; 0]);
    assert_eq!(offered("undo", "").await, ["last", removed.short()]);
    world.whitelist(&["amy@example.com", "bob@example.com"]);
    world
        .import(&format!(
            "{}bob@example.com,sentius:acme,{PAST}\n",
            row("amy@example.com")
        ))
        .await;
    let held = world.run().await;
    assert_eq!(held.code, 4);
    assert_eq!(offered("undo", "").await, ["last", removed.short()]);
    assert_eq!(offered("approve", "").await, ["last", held.short()]);
    assert_eq!(offered("approve", &held.short()[..5]).await, [held.short()]);
    // Who has begun the whole id goes on with it.
    assert_eq!(offered("approve", &held.id()[..20]).await, [held.id()]);
    let approved = world.lapsed(&["approve", held.short()]).await;
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert_eq!(offered("approve", "").await, [""; 0]);
}

/// A file of one grant that is over.
fn row(email: &str) -> String {
    format!("email,target,end\n{email},sentius:acme,{PAST}\n")
}

#[test]
fn no_more_are_offered_than_can_be_read() {
    let desk = Desk::new();
    let rows: Vec<String> = (0..300)
        .map(|n| format!("p{n:03}@example.com,sapling:acme/Team {n:03}"))
        .collect();
    desk.import(format!("email,target\n{}\n", rows.join("\n")));
    for words in [&["why", "p"][..], &["list", "--target", "sapling:"]] {
        assert_eq!(offered(&desk, words).len(), 100);
    }
    assert_eq!(offered(&desk, &["why", "p29"]).len(), 10);
}

#[test]
fn what_cannot_be_read_is_not_offered_and_nothing_is_made() {
    let desk = Desk::new();
    let files = desk.files();
    let ask = |desk: &Desk| offered(desk, &["list", "--target", "s"]);
    assert_eq!(ask(&desk), [""; 0]);
    assert_eq!(desk.files(), files);
    desk.write("lapsed.db", "no database");
    assert_eq!(ask(&desk), [""; 0]);
    assert_eq!(
        fs::read_to_string(desk.path("lapsed.db")).unwrap(),
        "no database"
    );
    desk.write("lapsed.toml", "this is [ no TOML");
    assert_eq!(ask(&desk), [""; 0]);
    fs::remove_file(desk.path("lapsed.toml")).unwrap();
    assert_eq!(ask(&desk), [""; 0]);
}

#[test]
fn the_database_is_found_without_keys_and_by_the_line_that_is_being_typed() {
    let desk = desk();
    for key in ["sentius.key", "sapling.key"] {
        fs::remove_file(desk.path(key)).unwrap();
    }
    assert_eq!(offered(&desk, &["why", "bo"]), ["bob@example.com"]);
    fs::rename(desk.path("lapsed.toml"), desk.path("other.toml")).unwrap();
    assert_eq!(offered(&desk, &["why", "bo"]), [""; 0]);
    assert_eq!(
        offered(&desk, &["--config", "other.toml", "why", "bo"]),
        ["bob@example.com"]
    );
    assert_eq!(
        offered(&desk, &["--config=other.toml", "why", "bo"]),
        ["bob@example.com"]
    );
}

#[test]
fn each_shell_gets_a_script_that_asks_the_program() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.good(&["completions", shell]);
        assert!(script.contains("LAPSED_COMPLETE"), "{shell}: {script}");
        assert!(script.contains("lapsed"), "{shell}");
    }
    assert!(desk.good(&["completions", "zsh"]).contains("funcstack"));
}

/// The text as one word of a script.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What bash would put on the line, given how it takes the line apart.
fn in_bash(desk: &Desk, words: &[&str], line: &str) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|w| word(w)).collect();
    let script = format!(
        "source lapsed.bash\nCOMP_WORDS=({})\nCOMP_CWORD={}\nCOMP_LINE={}\nCOMP_POINT=${{#COMP_LINE}}\n\
         _lapsed lapsed\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        quoted.join(" "),
        words.len() - 1,
        word(line),
    );
    let text = bash(desk, &script);
    let replies = text.lines().filter(|line| !line.is_empty());
    replies.map(str::to_owned).collect()
}

/// What bash prints that runs this in the desk's folder.
fn bash(desk: &Desk, script: &str) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_lapsed"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", script])
        .current_dir(desk.root())
        .env_clear()
        .env("PATH", path)
        .env("LAPSED_CONFIG", "lapsed.toml")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{script}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether there is a bash; says so where there is none.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn has_bash() -> bool {
    let has = Command::new("bash").arg("--version").output().is_ok();
    if !has {
        println!("skipped: there is no bash here");
    }
    has
}

#[test]
fn bash_completes_a_target_that_it_takes_apart_at_its_colon() {
    if !has_bash() {
        return;
    }
    let desk = desk();
    let script = desk.good(&["completions", "bash"]);
    desk.write("lapsed.bash", script);
    for (words, line, wanted) in [
        (
            &["lapsed", "list", "--target", "se"][..],
            "lapsed list --target se",
            &["sentius:acme"][..],
        ),
        (
            &["lapsed", "list", "--target", "sentius", ":", ""],
            "lapsed list --target sentius:",
            &["acme"],
        ),
        (
            &["lapsed", "list", "--target", "sentius", ":"],
            "lapsed list --target sentius:",
            &["acme"],
        ),
        (
            &["lapsed", "list", "--target", "sentius", ":", "ac"],
            "lapsed list --target sentius:ac",
            &["acme"],
        ),
        (
            &["lapsed", "list", "--target", "=", "sen"],
            "lapsed list --target=sen",
            &["sentius:acme"],
        ),
        (
            &["lapsed", "list", "--target", "sapling", ":", "acme/S"],
            "lapsed list --target sapling:acme/S",
            &["acme/Sales\\ /\\ EMEA"],
        ),
        (
            &["lapsed", "list", "--target", "\"sapling:acme/S"],
            "lapsed list --target \"sapling:acme/S",
            &["sapling:acme/Sales / EMEA"],
        ),
        (
            &["lapsed", "why", "jan"],
            "lapsed why jan",
            &["jane.doe@example.com", "janet@example.com"],
        ),
        (&["lapsed", "hist"], "lapsed  hist", &["history"]),
    ] {
        assert_eq!(in_bash(&desk, words, line), wanted, "{line}");
    }
    let any = in_bash(&desk, &["lapsed", "why", ""], "lapsed why ");
    assert!(any.contains(&"bob@example.com".to_owned()), "{any:?}");
}

/// Names that do something to a shell which takes them for code.
const WICKED: [&str; 12] = [
    "Zed$(touch done)",
    "Zed`touch done`",
    "Zed\"; touch done; \"",
    "Zed'; touch done; '",
    "Zed\\$(touch done)",
    "Zed\\\"; touch done; \"",
    "Zed; touch done",
    "Zed & touch done",
    "Zed$HOME ${PATH}",
    "Zed *",
    "Zed!! !$ !touch",
    "Zed (a) <b> {c,d} ~ #e",
];

#[test]
fn a_name_that_a_shell_would_run_is_only_a_name_in_whatever_quotes_it_is_completed() {
    if !has_bash() {
        return;
    }
    for name in WICKED {
        let desk = Desk::new();
        let target = format!("sapling:acme/{name}");
        let cell = target.replace('"', "\"\"");
        desk.import(format!("email,target\nbob@example.com,\"{cell}\"\n"));
        desk.write("lapsed.bash", desk.good(&["completions", "bash"]));
        for (quote, begun, standing) in [
            ("\"", "sapling:acme/Z", ""),
            ("'", "sapling:acme/Z", ""),
            ("", "sapling:acme/Z", "sapling:"),
        ] {
            // Once more on what the first completion left.
            let mut begun = begun.to_owned();
            for _ in 0..2 {
                let line = format!("lapsed list --target {quote}{begun}");
                let typed = format!("{quote}{begun}");
                let words = match typed.split_once(':') {
                    Some((before, after)) if quote.is_empty() => vec![before, ":", after],
                    _ => vec![typed.as_str()],
                };
                let words = [&["lapsed", "list", "--target"], &words[..]].concat();
                let replies = in_bash(&desk, &words, &line);
                assert_eq!(replies.len(), 1, "{line}: {replies:?}");
                begun = format!("{standing}{}", replies[0]);

                let whole = format!("{quote}{begun}{quote}");
                let script = format!("set -H\nprintf '%s' {whole}");
                assert_eq!(bash(&desk, &script), target, "{whole}");
                let expanded = format!(
                    "set -o history\nset -H\nhistory -s old\nhistory -p {}",
                    word(&whole)
                );
                assert_eq!(bash(&desk, &expanded), format!("{whole}\n"));
                assert!(!desk.path("done").exists(), "{whole}");
            }
        }
        // Quoted in the middle of a word, it cannot be told in which quotes the name would stand.
        let line = "lapsed list --target sapling:acme/\"Z";
        let words = ["lapsed", "list", "--target", "sapling", ":", "acme/\"Z"];
        assert_eq!(in_bash(&desk, &words, line), [""; 0]);
    }
}
