//! What is shown on a terminal does nothing to it, whatever people and teams are called; what goes
//! into a pipe is as it was written.

use std::process::{Command, Stdio};

use crate::desk::Desk;

/// What the program shows on a terminal; `None` where there is no program that makes one.
pub(crate) fn on_a_terminal(desk: &Desk, env: &[(&str, &str)], args: &str) -> Option<String> {
    shown(
        desk,
        env,
        &format!("{} {args}", env!("CARGO_BIN_EXE_lapsed")),
    )
}

/// The same on a terminal that says that it is so large.
pub(crate) fn on_a_terminal_of(desk: &Desk, size: &str, args: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_lapsed");
    // What colours a text has no width.
    let env = [("NO_COLOR", "1")];
    shown(desk, &env, &format!("stty {size}; {program} {args}"))
}

#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn shown(desk: &Desk, env: &[(&str, &str)], command: &str) -> Option<String> {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .current_dir(desk.root())
        .env("LAPSED_CONFIG", "lapsed.toml")
        .env("TERM", "dumb")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "there is no script(1) here"
        );
        println!("skipped: there is no script(1) here");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn csv_on_a_terminal_bends_no_text_and_in_a_pipe_is_as_it_was_written() {
    let desk = Desk::new();
    let name = "Jane \u{202e}enaJ\u{2066}\u{200b}\u{ad}\u{3164}\u{e0041}";
    desk.import(format!(
        "email,target,name,reason\njane@example.com,sapling:acme/Core \u{202e}x,{name},a \u{2068}b\n"
    ));
    for command in [
        "list --format csv",
        "history jane@example.com --format csv",
        "why jane@example.com --format csv",
        "report --since never --format csv",
        "report --since never --format html",
    ] {
        let Some(shown) = on_a_terminal(&desk, &[], command) else {
            return;
        };
        let bent = |c: char| matches!(c, '\u{ad}' | '\u{3164}' | '\u{e0041}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        assert!(!shown.contains(bent), "{command}: {shown:?}");
        assert!(shown.contains("jane@"), "{command}: {shown:?}");
    }
    let piped = desk.good(&["list", "--format", "csv"]);
    assert!(piped.contains("a \u{2068}b"), "{piped:?}");
}

#[test]
fn a_terminal_that_says_it_has_no_rows_has_columns_all_the_same() {
    let desk = Desk::new();
    desk.import("email,target\njane@example.com,sapling:acme/Core\n");
    for (size, widest) in [("cols 40 rows 0", 40), ("cols 0 rows 0", 80)] {
        for args in ["list", "list --help"] {
            let Some(shown) = on_a_terminal_of(&desk, size, args) else {
                return;
            };
            let lines = shown.lines().map(|line| line.trim_end().chars().count());
            let longest = lines.max().unwrap();
            assert!(longest <= widest, "{size}, {args}: {longest} in\n{shown}");
        }
    }
}

#[test]
fn what_is_complained_of_does_nothing_either() {
    let desk = Desk::new();
    desk.import("email,target\njane@example.com,sapling:acme/Core\n");
    let named = "sapling:acme/Core\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{200b}";
    for args in [
        &["accept", named][..],
        &["list", "--target", named],
        &["import", named],
        &["audit", "verify", "--head", named],
        &["--config", named, "list"],
    ] {
        let ran = desk.run(args);
        let acts = |c: char| c != '\n' && c.is_control() || matches!(c, '\u{202e}' | '\u{200b}');
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        assert!(!ran.err.contains(acts), "{args:?}: {:?}", ran.err);
    }
}

#[test]
fn who_wants_no_colours_gets_none_in_logs() {
    let desk = Desk::new();
    desk.import("email,target\njane@example.com,sapling:acme/Core\n");
    desk.write("lapsed.db.mark", "nonsense");
    desk.write(
        "more.csv",
        "email,target\nbob@example.com,sapling:acme/Core\n",
    );
    let Some(shown) = on_a_terminal(&desk, &[], "import more.csv --record-only") else {
        return;
    };
    assert!(
        shown.contains("WARN") && !shown.contains('\u{1b}'),
        "{shown:?}"
    );
}
