//! Overrides from the environment.

use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Fixture, MAIL, SAPLING, SENTIUS, Settings};

fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    variables
        .iter()
        .fold(Fixture::new(), |fixture, (name, value)| {
            fixture.with(name, value)
        })
        .load(toml)
}

#[test]
fn every_kind_of_value_can_be_overridden() {
    let toml =
        format!("{SENTIUS}{MAIL}[mail.smtp]\nhost = \"a.acme.com\"\n[http]\ntimeout = \"9s\"");
    let settings = load(
        &toml,
        &[
            ("LAPSED_CONFIG", "/not/an/override"),
            ("LAPSED__TIMEZONE", "Europe/Berlin"),
            ("LAPSED__STATE__PATH", "00123"),
            ("LAPSED__HTTP__TIMEOUT", "5s"),
            ("LAPSED__HTTP__REQUESTS_PER_SECOND", "2.5"),
            ("LAPSED__GUARD__MAX_REMOVALS", "5"),
            ("LAPSED__GUARD__PROTECTED", ""),
            ("LAPSED__POLICY__REVOKE_SUPPRESSED_INVITES", "False"),
            ("LAPSED__MAIL__TO", "\"Doe, Jane\" <jane@x.org>, b@x.org"),
            ("LAPSED__MAIL__SMTP__HOST", "b.acme.com"),
            ("LAPSED__MAIL__SMTP__PORT", "2525"),
            ("LAPSED__STATUS__LISTEN", "[::1]:0"),
        ],
    )
    .unwrap();
    assert_eq!(settings.timezone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(settings.database, Path::new("00123"));
    assert_eq!(settings.http.timeout, Duration::from_secs(5));
    assert!((settings.http.requests_per_second - 2.5).abs() < f64::EPSILON);
    assert_eq!(settings.guard.limits.max_removals, 5);
    assert!(settings.guard.limits.protected.is_empty());
    assert!(!settings.policy.revoke_suppressed_invites);
    assert!(settings.status.is_some());
    let mail = settings.mail.unwrap();
    let to: Vec<&str> = mail.to.iter().map(|to| to.email.as_ref()).collect();
    assert_eq!(to, ["jane@x.org", "b@x.org"]);
    let super::super::MailRoute::Smtp(smtp) = mail.route else {
        panic!("no mail server");
    };
    assert_eq!((smtp.host.as_str(), smtp.port), ("b.acme.com", 2525));
}

#[test]
fn one_of_several_accounts_is_meant_by_index_or_by_name() {
    let second = SENTIUS.replace("acme", "acme-eu.2");
    let toml = format!(
        "{SENTIUS}{second}{SAPLING}[[sapling.team]]\nname = \"Core team\"\nmax_age = \"1d\""
    );
    let settings = load(
        &toml,
        &[
            ("LAPSED__SENTIUS__0__BASE_URL", "https://zero.example.com"),
            (
                "LAPSED__SENTIUS__ACME_EU_2__BASE_URL",
                "https://eu.example.com",
            ),
            ("LAPSED__SAPLING__ACME__AUTH", "bearer"),
            ("LAPSED__SAPLING__ACME__TEAM__CORE_TEAM__MAX_AGE", "2d"),
        ],
    )
    .unwrap();
    assert_eq!(
        settings.sentius[0].base_url.as_str(),
        "https://zero.example.com/"
    );
    assert_eq!(
        settings.sentius[1].base_url.as_str(),
        "https://eu.example.com/"
    );
    assert_eq!(settings.sentius[0].name, "acme", "the other keys stay");
    assert_eq!(settings.sapling[0].auth, super::super::SaplingAuth::Bearer);
    assert_eq!(
        settings.sapling[0].teams[0].max_age,
        Some(SignedDuration::from_hours(48))
    );
}

#[test]
fn a_whole_account_can_come_from_the_environment() {
    let settings = load(
        "",
        &[
            ("SENTIUS_KEY", "k"),
            ("LAPSED__SENTIUS__0__NAME", "acme"),
            ("LAPSED__SENTIUS__0__BASE_URL", "https://api.sentius.ai"),
            ("LAPSED__SENTIUS__0__API_KEY_ENV", "SENTIUS_KEY"),
            ("LAPSED__MAIL__FROM", "a@x.org"),
            ("LAPSED__MAIL__TO__0", "b@x.org"),
            ("LAPSED__MAIL__DIRECTORY__PATH", "out"),
        ],
    )
    .unwrap();
    assert_eq!(settings.sentius[0].name, "acme");
    assert_eq!(settings.mail.unwrap().to.len(), 1);
}

#[test]
fn a_mistaken_override_is_named_by_its_variable() {
    for (name, value, said) in [
        (
            "LAPSED__GUARD__MAX_REMOVAL",
            "5",
            "LAPSED__GUARD__MAX_REMOVAL (environment): guard.max_removal: unknown key; \
             the nearest known one is guard.max_removals",
        ),
        (
            "LAPSED__GARD__MAX_REMOVALS",
            "5",
            "gard: unknown key; the nearest known one is guard",
        ),
        (
            "LAPSED__TIMEZON",
            "UTC",
            "timezon: unknown key; the nearest known one is timezone",
        ),
        (
            "LAPSED__GUARD__MAX_REMOVALS",
            "many",
            "guard.max_removals: this is not a whole number",
        ),
        (
            "LAPSED__GUARD__MAX_REMOVALS",
            "-1",
            "guard.max_removals: this is not a whole number",
        ),
        (
            "LAPSED__GUARD__MAX_REMOVALS",
            "",
            "guard.max_removals: this is not a whole number",
        ),
        (
            "LAPSED__HTTP__REQUESTS_PER_SECOND",
            "NaN",
            "this is not a number",
        ),
        ("LAPSED__HTTP__TIMEOUT", "5", "\"5\" has no unit"),
        (
            "LAPSED__HTTP__TIMEOUT__X",
            "5",
            "http.timeout is a single value",
        ),
        ("LAPSED__GUARD", "5", "guard is a section"),
        (
            "LAPSED__SENTIUS",
            "5",
            "sentius: this is a list of sections",
        ),
        (
            "LAPSED__SENTIUS__2__NAME",
            "b",
            "there are only 1 of sentius",
        ),
        (
            "LAPSED__SENTIUS__ACNE__NAME",
            "b",
            "no sentius has the name ACNE; known: ACME",
        ),
        (
            "LAPSED__SENTIUS__ACME__NAM",
            "b",
            "sentius[0].nam: unknown key",
        ),
        ("LAPSED__", "b", "no key; write LAPSED__SECTION__KEY"),
    ] {
        let toml = format!("{SENTIUS}[http]\ntimeout = \"9s\"\n[guard]");
        let error = load(&toml, &[(name, value)]).unwrap_err();
        assert!(
            error.starts_with(&format!("{name} (environment): ")),
            "{name}: {error}"
        );
        assert!(error.contains(said), "{name}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_override_that_is_not_utf8_is_refused_and_others_are_nobodys_business() {
    let mut fixture = Fixture::new();
    let bytes = || std::ffi::OsString::from_vec(b"\xff".to_vec());
    fixture.environment.push(("OTHER".into(), bytes()));
    assert!(fixture.load("").is_ok());
    fixture
        .environment
        .push(("LAPSED__TIMEZONE".into(), bytes()));
    assert!(fixture.load("").unwrap_err().contains("not UTF-8"));
}
