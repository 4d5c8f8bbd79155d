//! `lapsed init`: a configuration, its keys and an import file, written for somebody who has none.

mod terminal;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use lapsed_sandbox::{SaplingState, SentiusState, TeamUser};

use crate::desk::{Desk, Providers, Ran};
use terminal::Terminal;

const SENTIUS: &str = "SENTIUS-KEY-0123456789abcdefghij";
const HOLDER: &str = "robot@acme.example";

/// Both providers, with three people in two teams beside the key's holder.
fn providers() -> Providers {
    let mut sapling = SaplingState::new(HOLDER);
    for (team, emails) in [
        ("Core", &["ann@acme.example", "bob@acme.example"][..]),
        ("Sales, EMEA", &["ann@acme.example"]),
    ] {
        let team = sapling.add_team(team);
        for email in emails {
            let joined = "2024-03-01T00:00:00Z".parse().unwrap();
            team.add_member(TeamUser::new(email, joined));
        }
    }
    Providers::start(SentiusState::new(SENTIUS), sapling)
}

/// A desk that has keys and nothing else, and the arguments for `init --yes`.
fn empty(providers: &Providers) -> (Desk, Vec<String>) {
    let desk = Desk::new();
    fs::remove_file(desk.path("lapsed.toml")).unwrap();
    let sapling = providers.sapling.with(|state| state.api_key.clone());
    desk.key("sentius.key", &format!("\u{feff}{SENTIUS}\r\n"));
    desk.key("sapling.key", &sapling);
    let args = [
        "init",
        "new",
        "--yes",
        "--sentius-name",
        "acme",
        "--sentius-url",
        providers.sentius.base_url(),
        "--sentius-key-file",
        "sentius.key",
        "--sapling-name",
        "acme",
        "--sapling-url",
        providers.sapling.base_url(),
        "--sapling-key-file",
        "sapling.key",
        "--sapling-self-email",
        HOLDER,
        "--timezone",
        "Europe/Berlin",
    ];
    (desk, args.map(str::to_owned).to_vec())
}

fn run(desk: &Desk, args: &[String]) -> Ran {
    desk.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_writes_is_checked_and_used_as_it_is() {
    let providers = providers();
    let (desk, mut args) = empty(&providers);
    args.extend(
        [
            "--mail-from",
            "lapsed <l@acme.example>",
            "--mail-to",
            "it@acme.example,a@acme.example",
            "--mail-directory",
            "outbox",
        ]
        .map(str::to_owned),
    );
    let ran = run(&desk, &args);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(ran.err, "");
    for said in [
        "ok       configuration: ",
        "ok       sapling:acme: key accepted, 2 teams",
        "members.csv: 3 members that no grant covers",
        "lapsed.toml check\n",
        "members.csv --record-only\n",
        "--run-now --dry-run\n",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    for (name, wanted) in [
        ("lapsed.toml", 0o644),
        ("lapsed.schema.json", 0o644),
        ("sentius-key", 0o600),
        ("sapling-key", 0o600),
        ("members.csv", 0o600),
    ] {
        assert_eq!(mode(&desk.path("new").join(name)), wanted, "{name}");
    }
    assert!(!desk.path("new/smtp-key").exists());
    // Nothing but the readings of a copy: the first command that needs a database makes it.
    assert!(!desk.path("new/lapsed.db").exists());

    let text = fs::read_to_string(desk.path("new/lapsed.toml")).unwrap();
    // Editors that know the configuration find the schema beside it.
    assert!(
        text.starts_with("#:schema ./lapsed.schema.json\n# "),
        "{text}"
    );
    assert_eq!(
        fs::read_to_string(desk.path("new/lapsed.schema.json")).unwrap(),
        desk.good(&["schema"])
    );
    assert!(text.contains("timezone = \"Europe/Berlin\"\n"), "{text}");
    assert!(text.contains("\nobserve_only = false\n"), "{text}");
    assert!(
        text.contains("# How long to wait after an end. An entry"),
        "{text}"
    );
    let sapling = fs::read_to_string(desk.path("sapling.key")).unwrap();
    for key in [SENTIUS, &sapling] {
        assert!(!text.contains(key) && !ran.out.contains(key));
    }
    assert_eq!(
        fs::read_to_string(desk.path("new/sentius-key")).unwrap(),
        format!("{SENTIUS}\n")
    );
    let members = fs::read_to_string(desk.path("new/members.csv")).unwrap();
    let mut lines = members.lines();
    assert_eq!(
        lines.next().unwrap(),
        "email,target,permissions,start,end,owner,reason"
    );
    let mut people: Vec<&str> = lines
        .map(|line| line.split(",2024").next().unwrap())
        .collect();
    people.sort_unstable();
    assert_eq!(
        people,
        [
            "ann@acme.example,\"sapling:acme/Sales, EMEA\",",
            "ann@acme.example,sapling:acme/Core,",
            "bob@acme.example,sapling:acme/Core,",
        ]
    );

    let written = ["--config", "new/lapsed.toml"];
    let lapsed = |args: &[&str]| desk.good(&[&written, args].concat());
    assert!(lapsed(&["check"]).contains("ok       mail: "));
    let recorded = lapsed(&["import", "new/members.csv", "--record-only"]);
    assert!(recorded.contains("3 recorded"), "{recorded}");
    let run = lapsed(&["--run-now"]);
    assert!(run.contains("nothing is due (converged)"), "{run}");
    assert_eq!(
        lapsed(&["members", "--uncovered", "--format", "import"])
            .lines()
            .count(),
        1
    );
    assert!(fs::read_dir(desk.path("outbox")).unwrap().count() > 0);

    // Who begins anew beside a database is offered those that its grants do not cover.
    for name in [
        "lapsed.toml",
        "lapsed.schema.json",
        "sentius-key",
        "sapling-key",
        "members.csv",
    ] {
        fs::remove_file(desk.path("new").join(name)).unwrap();
    }
    let ran = self::run(&desk, &args);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("there is nothing to import"),
        "{}",
        ran.out
    );
    assert!(!desk.path("new/members.csv").exists());
}

#[test]
fn the_service_can_read_it_whatever_the_umask_and_nobody_else_the_keys() {
    let providers = providers();
    let (desk, args) = empty(&providers);
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh", "077"])
        .arg(env!("CARGO_BIN_EXE_lapsed"))
        .args(&args)
        .current_dir(desk.root());
    assert!(command.output().unwrap().status.success());
    let new = desk.path("new");
    assert_eq!((mode(&new), mode(&new.join("lapsed.toml"))), (0o755, 0o644));
    assert_eq!(mode(&new.join("sapling-key")), 0o600);
}

#[test]
fn keys_come_from_stdin_and_from_the_environment_too() {
    let providers = providers();
    let (desk, _) = empty(&providers);
    let sapling = providers.sapling.with(|state| state.api_key.clone());
    let (sentius_url, sapling_url) = (providers.sentius.base_url(), providers.sapling.base_url());
    let mut command = desk.command(&[
        "init",
        "new",
        "--yes",
        "--sentius-name",
        "a",
        "--sentius-url",
        sentius_url,
        "--sentius-key-file",
        "-",
        "--sapling-name",
        "b",
        "--sapling-url",
        sapling_url,
        "--sapling-key-env",
        "THE_KEY",
        "--database",
        "elsewhere.db",
    ]);
    command
        .env("THE_KEY", &sapling)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{SENTIUS}\n").as_bytes()).unwrap();
    drop(stdin);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let key = |name: &str| fs::read_to_string(desk.path("new").join(name)).unwrap();
    assert_eq!(key("sentius-key"), format!("{SENTIUS}\n"));
    assert_eq!(key("sapling-key"), format!("{sapling}\n"));
    let database = format!("path = \"{}\"\n", desk.path("elsewhere.db").display());
    assert!(key("lapsed.toml").contains(&database));
}

#[test]
fn nothing_is_overwritten_and_nothing_written_where_one_file_exists() {
    let providers = providers();
    let (desk, args) = empty(&providers);
    fs::create_dir(desk.path("new")).unwrap();
    for name in [
        "lapsed.toml",
        "sentius-key",
        "sapling-key",
        "smtp-key",
        "members.csv",
        "lapsed.schema.json",
    ] {
        let path = desk.path("new").join(name);
        for is_link in [false, true] {
            match is_link {
                true => std::os::unix::fs::symlink("nowhere", &path).unwrap(),
                false => fs::write(&path, "mine").unwrap(),
            }
            let said = format!("new/{name} exists, and init overwrites nothing");
            run(&desk, &args).failed(2, &said);
            assert_eq!(fs::read_dir(desk.path("new")).unwrap().count(), 1);
            assert!(is_link || fs::read_to_string(&path).unwrap() == "mine");
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn what_was_written_stays_when_a_provider_cannot_be_reached() {
    let providers = providers();
    let (desk, mut args) = empty(&providers);
    let url = args.iter().position(|arg| arg == "--sapling-url").unwrap() + 1;
    args[url] = "http://127.0.0.1:9".to_owned();
    let ran = run(&desk, &args);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    for said in [
        "FAILED   sapling:acme: ",
        "not read: sapling:acme: the list of teams: ",
        "what was written stays as it is",
        "members --uncovered --format import > ",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    for name in ["lapsed.toml", "sentius-key", "sapling-key"] {
        assert!(desk.path("new").join(name).exists(), "{name}");
    }
    assert!(!desk.path("new/members.csv").exists());
}

#[test]
fn a_bad_option_is_named_before_anything_is_written() {
    let desk = Desk::new();
    desk.key("empty.key", " \n");
    let before = desk.files();
    let sentius = [
        "--sentius-name",
        "acme",
        "--sentius-key-file",
        "sentius.key",
    ];
    let mail = [
        "--mail-from",
        "l@acme.example",
        "--mail-to",
        "it@acme.example",
    ];
    let pasted = "abcdef0123456789abcdef0123456789";
    for (more, said) in [
        (
            &[][..],
            "there is no account; give --sentius-name or --sapling-name",
        ),
        (
            &["--sentius-name", "a b"],
            "--sentius-name: \"a b\" is not a name",
        ),
        (
            &["--sentius-name", "a"],
            "--sentius-key-file or --sentius-key-env is missing",
        ),
        (&["--sapling-key-file", "x"], "--sapling-name is missing"),
        (
            &["--sentius-name", "a", "--sentius-key-file", "none"],
            "--sentius-key-file none cannot be read",
        ),
        (
            &["--sentius-name", "a", "--sentius-key-file", "empty.key"],
            "--sentius-key-file empty.key is empty",
        ),
        (
            &["--sentius-name", "a", "--sentius-key-env", pasted],
            "--sentius-key-env (not shown, it may be the key itself) is not set",
        ),
        (
            &["--sentius-name", "a", "--sentius-url", "http://x.example"],
            "--sentius-url: http would send the key in the clear",
        ),
        (
            &[&sentius[..], &["--timezone", "Mars/Base"]].concat(),
            "--timezone: \"Mars/Base\" is no timezone",
        ),
        (
            &[&sentius[..], &["--mail-to", "it"]].concat(),
            "--mail-from is missing",
        ),
        (
            &[&sentius[..], &mail].concat(),
            "--smtp-host (or --mail-directory) is missing",
        ),
        (
            &[
                &sentius[..],
                &mail,
                &["--smtp-host", "mail.example", "--smtp-tls", "none"],
            ]
            .concat(),
            "--smtp-tls: \"none\" would send mail in the clear",
        ),
        (
            &[
                &sentius[..],
                &mail,
                &[
                    "--smtp-host",
                    "mail.example",
                    "--smtp-password-file",
                    "sentius.key",
                ],
            ]
            .concat(),
            "--smtp-username is missing",
        ),
        (
            &["--sentius-key-file", "-", "--sapling-key-file", "-"],
            "only one key can come from stdin",
        ),
        (
            &["--config", "other.toml"],
            "init takes the DIRECTORY to write into",
        ),
    ] {
        let ran = desk.run(&[&["init", "new", "--yes"], more].concat());
        ran.failed(2, said);
        assert!(!ran.err.contains(pasted), "{}", ran.err);
    }
    desk.run(&["init", "new"]).failed(
        2,
        "init asks on a terminal, and there is none here; give --yes",
    );
    assert_eq!(desk.files(), before);
}

#[test]
fn a_person_is_asked_and_the_key_is_not_shown() {
    let providers = providers();
    let (desk, _) = empty(&providers);
    let url = providers.sapling.base_url();
    let Some(mut person) = Terminal::with(&desk, &format!("init new --sapling-url {url}")) else {
        return;
    };
    person.sees("Timezone");
    person.sees("Europe/Rome");
    person.types("\r");
    person.sees("Is there a whitelist at Sentius?");
    person.types("n");
    person.sees("A short name for it, as in sapling:NAME");
    person.types("a b\r");
    person.sees("is not a name");
    person.types("\u{8}\u{8}\u{8}acme\r");
    person.sees("Its key (not shown)");
    person.is_blind();
    let key = providers.sapling.with(|state| state.api_key.clone());
    person.types(&format!("{key}\r"));
    person.sees("Whose key it is");
    person.types(&format!("{HOLDER}\r"));
    person.sees("Is a report to be mailed?");
    person.types("n");
    person.sees("Only observe at first");
    person.types("y");
    person.sees("Next:");
    person.sees("--run-now --dry-run");
    let shown = person.ends_well();
    assert!(!shown.contains(&key), "{shown}");
    let text = fs::read_to_string(desk.path("new/lapsed.toml")).unwrap();
    assert!(text.contains("timezone = \"Europe/Rome\"\n"), "{text}");
    assert!(
        text.contains("#[[sentius]]\n") && text.contains("\n[[sapling]]\n"),
        "{text}"
    );
    assert!(
        text.contains(&format!("self_email = \"{HOLDER}\"\n")),
        "{text}"
    );
    assert!(text.contains("\nobserve_only = true\n"), "{text}");
    assert!(!desk.path("new/sentius-key").exists());
    assert_eq!(
        fs::read_to_string(desk.path("new/sapling-key")).unwrap(),
        format!("{key}\n")
    );
}
