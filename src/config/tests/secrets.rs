//! Keys: from where they are taken, and what is refused without showing them.

use secrecy::ExposeSecret as _;

use super::{Fixture, Keys, MAIL, SECRET, SENTIUS};
use crate::metrics::Metrics;
use crate::providers::accounts::Services;

fn with_key(line: &str) -> String {
    SENTIUS.replace("api_key_file = \"KEY\"", line)
}

#[test]
fn a_key_is_taken_from_each_of_its_places_without_the_line_break() {
    let fixture = Fixture::new().with("SENTIUS", &format!(" {SECRET}\n"));
    let directory = fixture.directory.path().display().to_string();
    let fixture = fixture.with("CREDENTIALS_DIRECTORY", &directory);
    fixture.file("sentius-key", &format!("\u{feff}{SECRET}\r\n"), 0o440);
    for line in [
        "api_key_file = \"KEY\"",
        "api_key_env = \"SENTIUS\"",
        "api_key_credential = \"sentius-key\"",
    ] {
        let settings = fixture.load(&with_key(line)).unwrap();
        assert_eq!(
            settings.sentius[0].api_key.expose_secret(),
            SECRET,
            "{line}"
        );
        assert!(!format!("{settings:?}").contains(SECRET), "{line}");
    }
}

#[test]
fn a_key_that_is_unfit_or_unsafe_is_refused_with_what_to_mend() {
    let inner_break = format!("{SECRET}\n{SECRET}");
    for (content, mode, why) in [
        (SECRET, 0o640, "chmod 600"),
        (SECRET, 0o604, "chmod 600"),
        (SECRET, 0o644, "chmod 600"),
        ("", 0o600, "is empty"),
        (" \r\n", 0o600, "is empty"),
        (inner_break.as_str(), 0o600, "control character"),
        ("a\0b", 0o600, "control character"),
    ] {
        let fixture = Fixture::new();
        fixture.file("key", content, mode);
        let error = fixture.load(SENTIUS).unwrap_err();
        assert!(error.contains("sentius[0].api_key_file: "), "{error}");
        assert!(error.contains(why), "{content:?} {mode:o}: {error}");
    }
}

#[test]
fn a_key_that_is_not_there_is_refused_by_name() {
    for (line, why) in [
        (
            "",
            "exactly one of api_key_file, api_key_env and api_key_credential is needed; none",
        ),
        ("api_key_file = \"/nowhere/key\"", "/nowhere/key is missing"),
        ("api_key_file = \"/\"", "not a regular file"),
        ("api_key_file = \"/dev/zero\"", "not a regular file"),
        ("api_key_env = \"NOT_SET\"", "variable NOT_SET is not set"),
        ("api_key_env = \"BLANK\"", "variable BLANK is empty"),
        (
            "api_key_credential = \"k\"",
            "the credential k (k) is missing: there is no such file",
        ),
        ("api_key_credential = \"../k\"", "without a path"),
        ("api_key_credential = \"a/k\"", "without a path"),
        ("api_key_credential = \"..\"", "without a path"),
        ("api_key_file = 5", "not a text"),
        (
            "api_key_file = \"KEY\"\napi_key_env = \"K\"",
            "there are several",
        ),
    ] {
        let fixture = Fixture::new().with("BLANK", " ");
        let error = fixture.load(&with_key(line)).unwrap_err();
        assert!(error.contains(why), "{line}: {error}");
    }
}

#[test]
fn keys_that_are_left_are_not_looked_for_and_come_out_empty() {
    let smtp = format!("{MAIL}[mail.smtp]\nhost = \"smtp.acme.com\"\nusername = \"lapsed\"\n");
    for line in [
        "file = \"KEY\"",
        "file = \"/nowhere/key\"",
        "env = \"K\"",
        "credential = \"k\"",
    ] {
        let account = with_key(&format!("api_key_{line}"));
        let toml = format!("{account}{smtp}password_{line}");
        let settings = Fixture::new().load_keys(&toml, Keys::Leave).unwrap();
        assert_eq!(settings.sentius[0].api_key.expose_secret(), "", "{line}");
        assert!(
            Services::connect(&settings, &Metrics::default()).is_err(),
            "{line}"
        );
    }
}

#[test]
fn a_login_is_a_name_and_one_password_or_neither() {
    let smtp = format!("{MAIL}[mail.smtp]\nhost = \"smtp.acme.com\"\n");
    let settings = Fixture::new()
        .load(&format!(
            "{smtp}username = \"lapsed\"\npassword_file = \"KEY\""
        ))
        .unwrap();
    assert!(!format!("{settings:?}").contains(SECRET));
    let Some(crate::config::MailRoute::Smtp(server)) = settings.mail.map(|mail| mail.route) else {
        panic!("no mail server");
    };
    let (name, password) = server.credentials.unwrap();
    assert_eq!(
        (name.as_str(), password.expose_secret()),
        ("lapsed", SECRET)
    );
    for (lines, why) in [
        (
            "username = \"lapsed\"",
            "mail.smtp: exactly one of password_file",
        ),
        (
            "password_file = \"KEY\"",
            "mail.smtp.username: this key is missing",
        ),
        (
            "username = \"lapsed\"\npassword_file = \"KEY\"\npassword_env = \"K\"",
            "there are several",
        ),
    ] {
        let error = Fixture::new().load(&format!("{smtp}{lines}")).unwrap_err();
        assert!(error.contains(why), "{lines}: {error}");
        assert!(!error.contains("unknown"), "{lines}: {error}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    for toml in [
        format!("{SENTIUS}api_key = \"{SECRET}\""),
        format!("{SENTIUS}auth = \"{SECRET}\""),
        format!("[[sapling]]\nauth = \"{SECRET}\""),
        format!("{MAIL}[mail.smtp]\npassword = \"{SECRET}\""),
        format!("{MAIL}[mail.smtp]\ntls = \"{SECRET}\"\nhost = \"{SECRET}:x\""),
        format!("mail = \"{SECRET}\"\nhttp = \"{SECRET}\"\nsentius = \"{SECRET}\""),
        format!("[http]\nconcurrency = \"{SECRET}\"\nrequests_per_second = \"{SECRET}\""),
        format!("[[sentius]]\nbase_url = \"https://me:{SECRET}@api.example.com\""),
        format!("[[sentius]]\nbase_url = \"https://api.example.com/?key={SECRET}\""),
        format!("[[sentius]]\nbase_url = \"http://api.example.com/{SECRET}\""),
        with_key(&format!("api_key_file = \"{SECRET}\"")),
        with_key(&format!("api_key_env = \"{SECRET}\"")),
        with_key(&format!("api_key_credential = \"{SECRET}\"")),
        format!("password = {SECRET}"),
        format!("password = \"{SECRET}"),
        format!("password = \"{SECRET}\" x"),
        format!("x = 1\npassword = '''{SECRET}"),
    ] {
        // `load` itself looks for the secret in what is said
        assert!(Fixture::new().load(&toml).is_err(), "{toml}");
    }
    let fixture = Fixture::new()
        .with("LAPSED__MAIL__SMTP__PASSWORD", SECRET)
        .with("CREDENTIALS_DIRECTORY", "/nowhere");
    assert!(fixture.load("").is_err());
    let credential = with_key(&format!("api_key_credential = \"{SECRET}\""));
    assert!(fixture.load(&credential).is_err());
}

#[test]
fn a_token_opens_the_listener_to_other_addresses_and_must_be_long() {
    let toml = |line: &str| format!("[status]\nlisten = \"0.0.0.0:9187\"\n{line}");
    let fixture = Fixture::new().with("TOKEN", SECRET);
    for line in ["token_file = \"KEY\"", "token_env = \"TOKEN\""] {
        let status = fixture.load(&toml(line)).unwrap().status.unwrap();
        assert_eq!(status.token.unwrap().expose_secret(), SECRET, "{line}");
    }
    let fixture = Fixture::new().with("TOKEN", &SECRET[..15]);
    let error = fixture.load(&toml("token_env = \"TOKEN\"")).unwrap_err();
    assert!(error.contains("fewer than 16 characters"), "{error}");
    assert!(!error.contains(&SECRET[..15]), "{error}");
}
