//! The command line itself: help, completions, mistakes, and readers who have had enough.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use crate::desk::{Desk, Ran};

const COMMANDS: [&str; 19] = [
    "init",
    "schema",
    "undo",
    "extend",
    "revoke",
    "grant",
    "import",
    "list",
    "members",
    "why",
    "history",
    "report",
    "audit",
    "approve",
    "backup",
    "check",
    "demo",
    "completions",
    "man",
];

#[test]
fn the_help_names_every_command_and_option() {
    let desk = Desk::new();
    let help = desk.good(&["--help"]);
    let (_, pass) = help.split_once("Options of a pass:").unwrap();
    assert!(pass.contains("--run-now") && !pass.contains("--config"));
    let options = [
        "--config",
        "--run-now",
        "--dry-run",
        "--at",
        "--format",
        "--log-level",
        "--log-format",
        "--help",
        "--version",
        "LAPSED_CONFIG",
        "/etc/lapsed/lapsed.toml",
    ];
    for word in COMMANDS.iter().chain(&options) {
        assert!(help.contains(word), "{word}");
    }
    for (code, words) in [
        (0, "all that was due is done"),
        (4, "something waits for a person's word"),
        (5, "another pass is running"),
    ] {
        assert!(help.contains(&format!("{code}  {words}")), "{words}");
    }
    for (command, options) in [
        (
            &["import"][..],
            &["--record-only", "--dry-run", "<FILE>", "Example"][..],
        ),
        (
            &["grant"],
            &[
                "--target",
                "--name",
                "--permission",
                "--role",
                "--start",
                "--end",
                "--owner",
                "--reason",
                "--record-only",
                "--by",
                "--format",
                "Example",
            ],
        ),
        (
            &["extend"],
            &["--target", "--end", "--by", "--format", "Example"],
        ),
        (&["revoke"], &["--target", "--by", "--format", "Example"]),
        (
            &["undo"],
            &["<RUN>", "--end", "--by", "--format", "Example"],
        ),
        (
            &["list"],
            &[
                "--target",
                "--state",
                "--ending-within",
                "--as-of",
                "--format",
            ],
        ),
        (&["members"], &["--target", "--as-of", "--format"]),
        (&["why"], &["<EMAIL>", "--target", "--format", "Example"]),
        (&["history"], &["<EMAIL>", "--format", "Example"]),
        (&["report"], &["--since", "--format", "--output"]),
        (&["audit"], &["verify", "export"]),
        (&["audit", "verify"], &["--head"]),
        (&["audit", "export"], &[]),
        (&["approve"], &["<RUN>", "--by"]),
        (&["backup"], &["<FILE>"]),
        (&["check"], &[]),
        (&["demo"], &["--output"]),
        (
            &["init"],
            &[
                "[DIRECTORY]",
                "--yes",
                "--sentius-key-file",
                "--sapling-key-env",
                "--mail-from",
                "--smtp-host",
                "Example",
            ],
        ),
        (&["completions"], &["bash", "zsh", "fish"]),
        (&["man"], &[]),
    ] {
        let help = desk.good(&[command, &["--help"]].concat());
        for option in options.iter().chain(&["--config", "--log-level"]) {
            assert!(help.contains(option), "{command:?}: {option}");
        }
    }
    for command in COMMANDS {
        let help = desk.good(&[command, "--help"]);
        assert!(
            help.contains(&format!("\n  lapsed {command}")),
            "{command} has no example"
        );
    }
    assert_eq!(
        desk.good(&["--version"]),
        format!("lapsed {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn what_is_not_known_or_does_not_go_together_is_a_mistake_of_usage() {
    let desk = Desk::new();
    for (args, said) in [
        (&["--frobnicate"][..], "unexpected argument '--frobnicate'"),
        (&["list", "--run-now"], "unexpected argument '--run-now'"),
        (&["lst"], "unrecognized subcommand 'lst'"),
        (&["--dry-run"], "--run-now"),
        (&["--at", "3d"], "--run-now"),
        (&["--run-now", "--at", "3d"], "--dry-run"),
        (&["--format", "json"], "--run-now"),
        (
            &["--run-now", "--format", "csv"],
            "possible values: text, json",
        ),
        (&["import"], "<FILE>"),
        (&["import", "a.csv", "b.csv"], "unexpected argument 'b.csv'"),
        (
            &["completions", "tcsh"],
            "possible values: bash, elvish, fish, powershell, zsh",
        ),
        (
            &["--log-format", "xml", "list"],
            "possible values: text, json",
        ),
        (
            &["audit", "verify", "--head", "5"],
            "a head is written COUNT:HASH",
        ),
    ] {
        let ran = desk.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(
            ran.err.starts_with("error: ") && ran.err.contains(said),
            "{}",
            ran.err
        );
    }
    for (args, said) in [
        (
            &["--run-now", "list"][..],
            "--run-now, --dry-run, --at and --format before a command",
        ),
        (
            &["--run-now", "--dry-run", "--at", "never"],
            "--at: \"never\" is no moment",
        ),
        (
            &["--run-now", "--dry-run", "--at", "soon"],
            "--at: \"soon\" is not a time",
        ),
        (
            &["--log-level", "=loud=", "list"],
            "--log-level: \"=loud=\" is neither a level",
        ),
        (
            &["--log-level", "loud", "list"],
            "--log-level: \"loud\" is neither a level (error, warn, info, debug, trace, off)",
        ),
        (
            &["--log-level", "warning", "list"],
            "\"warning\" is no level",
        ),
        (
            &["--log-level", "lapsed=loud", "list"],
            "neither a level (error,",
        ),
        (
            &["--log-level", "lapsed=debug,loud", "list"],
            "\"loud\" is no level",
        ),
        (&["--log-level", "", "list"], "a level is missing"),
    ] {
        desk.run(args).failed(2, said);
    }
    assert!(!desk.path("lapsed.db").exists());
}

#[test]
fn what_is_logged_is_a_level_in_any_case_or_a_filter() {
    let desk = Desk::new();
    // A call that fails once, and is logged as debug.
    desk.configure(
        "[[sentius]]\nname = \"acme\"\nbase_url = \"http://127.0.0.1:9\"\napi_key_file = \"sentius.key\"\n",
    );
    for (filter, logs) in [
        ("DEBUG", true),
        ("trace", true),
        ("lapsed=debug,info", true),
        ("lapsed", true),
        ("lapsed::providers=debug,off", true),
        ("info", false),
        ("error,[pass{run=1}]=trace", false),
        ("off", false),
    ] {
        let ran = desk.run(&["--log-level", filter, "--run-now"]);
        assert_ne!(ran.code, Some(2), "{filter}: {}", ran.err);
        assert_eq!(!ran.err.is_empty(), logs, "{filter}: {}", ran.err);
    }
}

#[test]
fn packagers_get_completions_and_a_manual_page() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        desk.good(&["completions", shell]);
        // The script asks the program, as this does.
        let mut asked = desk.command(&["--", "lapsed", ""]);
        asked
            .env("LAPSED_COMPLETE", shell)
            .env("_CLAP_COMPLETE_INDEX", "1");
        let offered = Ran::from(asked.output().unwrap());
        for command in COMMANDS {
            assert!(offered.out.contains(command), "{shell}: {command}");
        }
    }
    let page = desk.good(&["man"]);
    assert!(page.contains(".TH lapsed 1"), "{page}");
    for command in COMMANDS {
        assert!(
            page.contains(&format!("lapsed\\-{command}(1)")),
            "{command}"
        );
    }
    desk.good(&["man", "."]);
    for command in COMMANDS {
        let name = format!("lapsed-{command}.1");
        assert!(
            desk.path(&name).exists(),
            "{name}, as the main page refers to it"
        );
    }
    for name in ["lapsed.toml", "grant", "lapsed-grant", "lapsed-grant.1"] {
        let page = desk.good(&["man", name]);
        let file = match name {
            "lapsed.toml" => "lapsed.toml.5",
            _ => "lapsed-grant.1",
        };
        assert_eq!(page, std::fs::read_to_string(desk.path(file)).unwrap());
    }
    desk.run(&["man", "nowhere"]).failed(
        2,
        "nowhere: there is no such directory, and no page of this name",
    );
    let no_configuration = Desk::new();
    std::fs::remove_file(no_configuration.path("lapsed.toml")).unwrap();
    no_configuration.good(&["man"]);
    no_configuration.good(&["completions", "bash"]);
}

#[test]
fn the_configuration_is_named_before_or_after_the_command_or_by_the_environment() {
    let desk = Desk::new();
    desk.import("email,target,end\njane@acme.example,sentius:acme,30d\n");
    std::fs::rename(desk.path("lapsed.toml"), desk.path("other.toml")).unwrap();
    desk.run(&["list"])
        .failed(2, "lapsed.toml: the configuration cannot be read");
    desk.good(&["--config", "other.toml", "list"]);
    desk.good(&["list", "--config", "other.toml"]);
    desk.good(&["audit", "--config=other.toml", "verify"]);
    let mut command = desk.command(&["list"]);
    let output = command.env("LAPSED_CONFIG", "other.toml").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let mut command = desk.command(&["list"]);
    let ran = Ran::from(command.env_remove("LAPSED_CONFIG").output().unwrap());
    if !std::path::Path::new("/etc/lapsed/lapsed.toml").exists() {
        ran.failed(
            2,
            "/etc/lapsed/lapsed.toml: the configuration cannot be read",
        );
    }
}

fn many() -> Desk {
    let desk = Desk::new();
    let mut csv = "email,target,reason\n".to_owned();
    for number in 0..2000 {
        csv += &format!(
            "person{number}@acme.example,sentius:acme,{}\n",
            "because ".repeat(8)
        );
    }
    desk.import(csv);
    desk
}

#[test]
fn a_reader_who_has_had_enough_is_no_reason_to_complain() {
    let desk = many();
    for args in [
        &["list", "--format", "json"][..],
        &["list", "--format", "csv"],
        &["list"],
        &["audit", "export"],
        &["report", "--format", "json"],
    ] {
        let mut command = desk.command(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(!line.is_empty());
        let status = child.wait().unwrap();
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn how_a_pass_ended_counts_also_when_nobody_reads_it() {
    let desk = Desk::new();
    for args in [
        &["--run-now"][..],
        &["--run-now", "--format", "json"],
        &["check"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.command(args).stdout(writer).output().unwrap();
        let ran = Ran::from(output);
        assert_eq!((ran.code, ran.err.as_str()), (Some(3), ""), "{args:?}");
    }
}

#[test]
fn output_that_does_not_fit_is_told() {
    let desk = many();
    for args in [
        &["list"][..],
        &["list", "--format", "csv"],
        &["audit", "export"],
        &["report"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = Ran::from(desk.command(args).stdout(full).output().unwrap());
        ran.failed(1, "No space left on device");
    }
}
