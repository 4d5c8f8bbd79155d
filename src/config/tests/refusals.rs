//! What is refused in any section, and in which words.

use super::{Fixture, MAIL, SAPLING, SENTIUS, refuse};
use crate::config::{Keys, load_with};

#[test]
fn an_unknown_key_is_named_with_its_path_its_line_and_the_nearest_known_one() {
    let team = format!("{SENTIUS}{SAPLING}[[sapling.team]]\nname = \"A\"\nmax_age = \"1d\"\n");
    for (toml, said) in [
        (
            "timezon = \"UTC\"".to_owned(),
            "lapsed.toml:1: timezon: unknown key; the nearest known one is timezone",
        ),
        (
            "\n[guardd]\nx = 1".to_owned(),
            "lapsed.toml:2: guardd: unknown key; the nearest known one is guard",
        ),
        (
            "[guard]\nmax_removal = 5".to_owned(),
            "lapsed.toml:2: guard.max_removal: unknown key; the nearest known one is guard.max_removals",
        ),
        (
            "guard = { max_removal = 5 }".to_owned(),
            "lapsed.toml:1: guard.max_removal: unknown key",
        ),
        (
            "http.time_out = 5".to_owned(),
            "http.time_out: unknown key; the nearest known one is http.timeout",
        ),
        (
            format!("{SENTIUS}key_file = 1"),
            "lapsed.toml:6: sentius[0].key_file: unknown key; the nearest known one is sentius[0].api_key_file",
        ),
        (
            format!("{team}folow = \"x\""),
            "lapsed.toml:14: sapling[0].team[0].folow: unknown key; the nearest known one is sapling[0].team[0].follow",
        ),
        (
            format!("{MAIL}[mail.directory]\npath = \"x\"\nmode = 1"),
            "mail.directory.mode: unknown key; the nearest known one is mail.directory.path",
        ),
        (
            format!("{MAIL}[mail.smtp]\nhost = \"x\"\npasword_file = 1"),
            "mail.smtp.pasword_file: unknown key; the nearest known one is mail.smtp.password_file",
        ),
        (
            "[review]\nevry = \"1d\"".to_owned(),
            "review.evry: unknown key; the nearest known one is review.every",
        ),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\ntoken = 1".to_owned(),
            "status.token: unknown key",
        ),
        (
            "[alarm]\nwebhook = \"https://a\"\nheartbeat_url = \"https://a\"".to_owned(),
            "lapsed.toml:2: alarm.webhook: unknown key; the nearest known one is alarm.webhook_url",
        ),
        (
            "[Guard]".to_owned(),
            "Guard: unknown key; the nearest known one is guard",
        ),
    ] {
        let error = refuse(&toml);
        assert!(error.contains(said), "{toml}\n{error}");
        assert_eq!(error.lines().count(), 1, "{toml}\n{error}");
    }
}

#[test]
fn a_bad_value_is_named_with_what_would_be_right() {
    for (toml, said) in [
        (
            "timezone = \"Mars/Base\"",
            "timezone: \"Mars/Base\" is no timezone known here",
        ),
        ("timezone = 5", "timezone: this is not a text"),
        (
            "[alarm]",
            "alarm: the section says nothing; give it heartbeat_url, webhook_url or both",
        ),
        (
            "[alarm]\nheartbeat_url = \"http://hc.acme.com/x\"",
            "lapsed.toml:2: alarm.heartbeat_url: http would send the token in the clear to hc.acme.com; write https:// (http is for loopback only)",
        ),
        (
            "[alarm]\nwebhook_url = \"chat.acme.com/x\"",
            "alarm.webhook_url: this is not a URL; write one such as https://hc.example.com/my-token",
        ),
        (
            "[alarm]\nwebhook_url = \"ftp://chat.acme.com/x\"",
            "alarm.webhook_url: the URL does not start with https://",
        ),
        (
            "[alarm]\nwebhook_url = \"https://chat.acme.com/x#y\"",
            "alarm.webhook_url: the URL holds a #",
        ),
        ("timezone = \"\"", "timezone: this is empty"),
        ("[state]\npath = \"\"", "state.path: this is empty"),
        ("http = 5", "http: this is a section; write it as [http]"),
        ("[[http]]", "http: this is a section; write it as [http]"),
        (
            "[sentius]\nname = \"a\"",
            "sentius: this is a list of sections; write each as [[sentius]]",
        ),
        ("sentius = [1]", "sentius[0]: this is a section"),
        (
            "[http]\ntimeout = 30",
            "http.timeout: this is not a span; write one in quotes",
        ),
        (
            "[http]\ntimeout = \"30\"",
            "http.timeout: \"30\" has no unit",
        ),
        (
            "[http]\ntimeout = \"0s\"",
            "http.timeout: this must be longer than zero",
        ),
        (
            "[http]\nconcurrency = 0",
            "http.concurrency: 0 is out of range; write 1 to 256",
        ),
        ("[http]\nconcurrency = 257", "out of range"),
        ("[http]\nconcurrency = 2.5", "not a whole number"),
        ("[http]\nconcurrency = \"8\"", "not a whole number"),
        (
            "[http]\nrequests_per_second = 0",
            "http.requests_per_second: 0 is out of range",
        ),
        ("[http]\nrequests_per_second = -1.5", "out of range"),
        ("[http]\nrequests_per_second = inf", "not a number"),
        ("[http]\nrequests_per_second = nan", "not a number"),
        (
            "[policy]\ngrace = \"-1d\"",
            "policy.grace: \"-1d\" is negative",
        ),
        ("[policy]\ninvite_stale_after = \"1mo\"", "months or years"),
        (
            "[policy]\nrevoke_suppressed_invites = \"yes\"",
            "not a switch; write true or false",
        ),
        (
            "[guard]\nmax_removals = -1",
            "guard.max_removals: this is not a whole number",
        ),
        (
            "[guard]\nmax_removal_percent = 101",
            "101 is out of range; write 0 to 100",
        ),
        (
            "[guard]\nprotected = \"ceo@acme.com\"",
            "guard.protected: this is not a list",
        ),
        ("[guard]\nprotected = [\"\"]", "a pattern is empty"),
        (
            "[guard]\nprotected = [\"ceo\"]",
            "\"ceo\" matches no address",
        ),
        (
            "[guard]\nprotected = [\"ceo@acme.com\", \"@acme.com\"]",
            "guard.protected: \"@acme.com\" matches no address; write one, or a pattern such as \"*@acme.com\"",
        ),
        (
            "[guard]\nprotected = [\"u?@acme.com\"]",
            "\"u?@acme.com\" matches no likely address, for its \"?\": the one sign is *",
        ),
        ("[guard]\nprotected = [5]", "not a list of texts"),
        ("[guard]\nmax_clock_skew = \"0s\"", "longer than zero"),
        (
            "[guard]\nmax_clock_skew = \"10000d\"",
            "guard.max_clock_skew: 240000h is too long; write at most 24h",
        ),
        (
            "[guard]\nmax_clock_skew = \"1d1s\"",
            "too long; write at most 24h",
        ),
        ("[status]", "status.listen: this key is missing"),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\npublic_url = \"http://lapsed.acme.com\"",
            "status.public_url: http would send the links' tokens in the clear to lapsed.acme.com",
        ),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\npublic_url = \"lapsed.acme.com\"",
            "status.public_url: this is not a URL; write one such as https://lapsed.example.com",
        ),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\npublic_url = \"https://lapsed.acme.com/?x=1\"",
            "status.public_url: the URL holds a ? or a #",
        ),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\npublic_url = \"https://me:pw@lapsed.acme.com\"",
            "status.public_url: the URL holds a user or a password",
        ),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\npublic_url = \"ftp://lapsed.acme.com\"",
            "status.public_url: the URL does not start with https://",
        ),
        (
            "[status]\nlisten = \"localhost:9187\"",
            "not an address and a port",
        ),
        (
            "[status]\nlisten = \"0.0.0.0:9187\"",
            "status.listen: 0.0.0.0:9187 can be reached from outside",
        ),
        (
            "[status]\nlisten = \"0.0.0.0:9187\"\ntoken_env = \"TOKEN\"",
            "status.token_env: the environment variable TOKEN is not set",
        ),
        (
            "[review]\nevery = \"0d\"",
            "review.every: this must be longer",
        ),
        (
            "[review]\nunanswered = \"drop\"",
            "write \"keep\" or \"end\"",
        ),
    ] {
        let error = refuse(toml);
        assert!(error.contains(said), "{toml}\n{error}");
        assert_eq!(error.lines().count(), 1, "{toml}\n{error}");
    }
}

#[test]
fn a_cron_line_that_cannot_ring_is_refused() {
    for (line, said) in [
        (
            "*/15 * * * *",
            "counts 5 where six fields are needed: second, minute, hour, day of month, month, day of week; for seconds put a 0 in front: \"0 */15 * * * *\"",
        ),
        ("0 0 7 * * Mon 2027", "counts 7 where six"),
        ("@daily", "counts 1 where six"),
        ("", "this is empty"),
        ("0 0 7 30 2 *", "never occurs"),
        ("0 0 7 31 Apr *", "never occurs"),
        ("0 61 7 * * *", "is not a cron line"),
        ("0 0 7 * * Someday", "is not a cron line"),
        ("0 0 7 * * 9", "is not a cron line"),
        ("*/0 * * * * *", "is not a cron line"),
    ] {
        let error = refuse(&format!("[schedule]\npass = \"{line}\""));
        assert!(
            error.contains("lapsed.toml:2: schedule.pass: "),
            "{line}: {error}"
        );
        assert!(error.contains(said), "{line}: {error}");
    }
}

#[test]
fn text_that_is_not_toml_is_named_with_line_column_and_reason() {
    for (toml, place) in [
        ("a = 1\nb = = 2", "line 2, column 5"),
        ("[guard\nx = 1", "line 1, column 7"),
        ("a = \"unfinished", "line 1"),
        ("a = 1\na = 2", "line 2, column 1"),
        ("a = bare", "line 1, column 5"),
    ] {
        let error = refuse(toml);
        let start = format!("lapsed.toml: {place}");
        assert!(error.starts_with(&start), "{toml}: {error}");
        assert!(error.contains("this is not TOML: "), "{toml}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert!(refuse("a = 99999999999999999999").contains("a number too large"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let fixture = Fixture::new();
    let path = fixture.path("missing.toml");
    let error = load_with(&path, Keys::Read, []).unwrap_err().to_string();
    assert!(
        error.contains("missing.toml: the configuration cannot be read: No such file"),
        "{error}"
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let fixture = Fixture::new().with("LAPSED__HTTP__CONCURRENCY", "0");
    let error = fixture
        .load("[guard]\nmax_removal = 1\n[http]\ntimeout = \"5\"\n[schedule]\npass = \"x\"\n")
        .unwrap_err();
    let starts = [
        "lapsed.toml:2: guard.max_removal: ",
        "lapsed.toml:4: http.timeout: ",
        "lapsed.toml:6: schedule.pass: ",
        "LAPSED__HTTP__CONCURRENCY (environment): http.concurrency: ",
    ];
    assert_eq!(error.lines().count(), starts.len(), "{error}");
    for (line, start) in error.lines().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}
