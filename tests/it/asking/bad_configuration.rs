//! A configuration that cannot be used: told in one message, and nothing is made.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::desk::{Desk, Ran, accounts};

const NOBODY: &str = "http://127.0.0.1:9";
/// Those that call a provider, and so need the keys.
const CALLING: [&[&str]; 2] = [&["check"], &["--run-now"]];

/// Runs each command and expects one line on stderr that holds this, and no new file.
#[track_caller]
fn refuses(desk: &Desk, said: &str) {
    refuse(desk, &[CALLING[0], CALLING[1], &["list"]], said);
}

#[track_caller]
fn refuse(desk: &Desk, commands: &[&[&str]], said: &str) {
    let before = desk.files();
    for command in commands {
        let ran = desk.run(command);
        ran.failed(2, said);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    assert_eq!(desk.files(), before, "{said}");
}

#[test]
fn two_names_for_one_account_are_refused_before_anybody_is_called() {
    let desk = Desk::new();
    for (section, key) in [("sentius", "sentius.key"), ("sapling", "sapling.key")] {
        let again = format!(
            "[[{section}]]\nname = \"two\"\nbase_url = \"{NOBODY}/\"\napi_key_file = {key:?}\n"
        );
        desk.configure(&format!("{}{again}", accounts(NOBODY, NOBODY)));
        let said = format!(
            "{section}:acme and {section}:two are the same account at the provider: they have the same base_url and the same key"
        );
        refuse(&desk, &CALLING, &said);
    }
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place_and_what_would_be_right() {
    let good = accounts(NOBODY, NOBODY);
    let desk = Desk::new();
    for (toml, said) in [
        (
            "x = = 1".to_owned(),
            "lapsed.toml: line 6, column 5: this is not TOML",
        ),
        (
            "[guard\n".to_owned(),
            "lapsed.toml: line 6, column 7: this is not TOML",
        ),
        (
            "concurency = 4".to_owned(),
            "lapsed.toml:6: http.concurency: unknown key; the nearest known one is http.concurrency",
        ),
        (
            format!("{good}[schedule]\npass = \"*/15 * * * *\""),
            "lapsed.toml:16: schedule.pass: \"*/15 * * * *\" counts 5 where six fields are needed",
        ),
        (
            format!("{good}[guard]\nprotected = [\"ceo@acme.example\", \"@board.acme.example\"]"),
            "lapsed.toml:16: guard.protected: \"@board.acme.example\" matches no address; write one, or a pattern such as \"*@board.acme.example\"",
        ),
        (
            format!("{good}[guard]\nmax_clock_skew = \"10000d\""),
            "lapsed.toml:16: guard.max_clock_skew: 240000h is too long; write at most 24h",
        ),
        (
            "timeout = \"30\"".to_owned(),
            "lapsed.toml:6: http.timeout: \"30\" has no unit",
        ),
        (
            accounts("http://api.sentius.ai", NOBODY),
            "lapsed.toml:8: sentius[0].base_url: http would send the key in the clear to api.sentius.ai; write https://",
        ),
        (
            format!(
                "{good}[mail]\nfrom = \"a@acme.example\"\nto = [\"it@acme.example\"]\n[mail.smtp]\nhost = \"localhost\"\n[mail.directory]\npath = \"outbox\""
            ),
            "lapsed.toml:15: mail: there are both [mail.smtp] and [mail.directory]; remove one",
        ),
    ] {
        desk.configure(&toml);
        refuses(&desk, said);
    }
    let text = fs::read_to_string(desk.path("lapsed.toml")).unwrap();
    desk.write("lapsed.toml", text.replace("Europe/Berlin", "Mars/Base"));
    let ran = desk.run(&["list"]);
    ran.failed(
        2,
        "lapsed.toml:1: timezone: \"Mars/Base\" is no timezone known here",
    );
    assert_eq!(
        ran.err.lines().count(),
        2,
        "all mistakes at once: {}",
        ran.err
    );
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let desk = Desk::new();
    for mode in [0o640, 0o604, 0o620, 0o777] {
        fs::set_permissions(desk.path("sentius.key"), Permissions::from_mode(mode)).unwrap();
        refuse(
            &desk,
            &CALLING,
            "lapsed.toml:9: sentius[0].api_key_file: sentius.key can be read by others than its owner; mend it with: chmod 600 sentius.key",
        );
    }
}

#[test]
fn a_key_that_is_missing_is_named() {
    let desk = Desk::new();
    fs::remove_file(desk.path("sapling.key")).unwrap();
    refuse(
        &desk,
        &CALLING,
        "sapling[0].api_key_file: sapling.key is missing: there is no such file",
    );
}

#[track_caller]
fn is_told_where_to_begin(ran: &Ran, named_by: &str) {
    for said in [
        named_by,
        "lapsed ends people's access",
        "  lapsed demo ",
        "  lapsed init ",
        "README.md",
    ] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
}

#[test]
fn a_missing_configuration_is_named_and_whoever_has_none_is_told_where_to_begin() {
    let desk = Desk::new();
    fs::remove_file(desk.path("lapsed.toml")).unwrap();
    let files = desk.files();
    let at = "lapsed: lapsed.toml: the configuration cannot be read: No such file or directory";
    for command in [&[][..], &["check"], &["--run-now"], &["list"]] {
        let ran = desk.run(command);
        ran.failed(2, at);
        is_told_where_to_begin(&ran, "(LAPSED_CONFIG names it)");
    }
    let ran = desk.run(&["list", "--config", "there/is/none.toml"]);
    ran.failed(2, "there/is/none.toml: the configuration cannot be read");
    is_told_where_to_begin(&ran, "(--config names it)");
    if !std::path::Path::new("/etc/lapsed/lapsed.toml").exists() {
        let mut command = desk.command(&[]);
        let ran = Ran::from(command.env_remove("LAPSED_CONFIG").output().unwrap());
        ran.failed(
            2,
            "/etc/lapsed/lapsed.toml: the configuration cannot be read",
        );
        is_told_where_to_begin(
            &ran,
            "(it is the default; --config or LAPSED_CONFIG names another)",
        );
    }
    assert_eq!(desk.files(), files);
    // Who has one, though it cannot be read, knows what lapsed is.
    fs::create_dir(desk.path("lapsed.toml")).unwrap();
    refuses(
        &desk,
        "lapsed.toml: the configuration cannot be read: Is a directory",
    );
}

#[test]
fn the_environment_overrides_and_its_mistakes_are_told_by_the_variables_name() {
    let desk = Desk::new();
    for (name, value, said) in [
        (
            "LAPSED__HTTP__TIMEOUT",
            "5",
            "LAPSED__HTTP__TIMEOUT (environment): http.timeout: \"5\" has no unit",
        ),
        (
            "LAPSED__HTTP__TIMOUT",
            "5s",
            "LAPSED__HTTP__TIMOUT (environment): http.timout: unknown key; the nearest known one is http.timeout",
        ),
        (
            "LAPSED__HTPT__TIMEOUT",
            "5s",
            "LAPSED__HTPT__TIMEOUT (environment): htpt: unknown key; the nearest known one is http",
        ),
        (
            "LAPSED__HTTP",
            "5s",
            "LAPSED__HTTP (environment): http is a section",
        ),
        (
            "LAPSED__",
            "5s",
            "LAPSED__ (environment): no key; write LAPSED__SECTION__KEY",
        ),
    ] {
        let before = desk.files();
        let output = desk.command(&["list"]).env(name, value).output().unwrap();
        let ran = Ran::from(output);
        ran.failed(2, said);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert_eq!(desk.files(), before);
    }
    desk.write(
        "grants.csv",
        "email,target\njane@acme.example,sentius:acme\n",
    );
    let mut command = desk.command(&["import", "grants.csv", "--record-only"]);
    command.env("LAPSED__STATE__PATH", "elsewhere.db");
    command.env("LAPSED__HTTP__TIMEOUT", "5s");
    command.env("LAPSED__SENTIUS__ACME__BASE_URL", "https://api.sentius.ai");
    assert!(command.output().unwrap().status.success());
    assert!(desk.path("elsewhere.db").exists() && !desk.path("lapsed.db").exists());
}
