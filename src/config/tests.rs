//! The configuration as a whole: what is taken, what is refused, and in which words.

mod accounts;
mod environment;
mod refusals;
mod secrets;
mod shipped;

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Keys, Settings, load_with};

/// The least that a whitelist needs; KEY stands for the path of a key file.
const SENTIUS: &str = r#"
[[sentius]]
name = "acme"
base_url = "https://api.sentius.ai"
api_key_file = "KEY"
"#;

/// The least that an account with teams needs.
const SAPLING: &str = r#"
[[sapling]]
name = "acme"
base_url = "https://api.sapling.ai/v1/"
api_key_file = "KEY"
"#;

const MAIL: &str = r#"
[mail]
from = "lapsed <lapsed@acme.com>"
to = ["it@acme.com"]
"#;

/// What no message may ever hold.
const SECRET: &str = "hunter2-hunter2-s3cret";

/// A directory with a key file, and an environment.
struct Fixture {
    directory: TempDir,
    environment: Vec<(OsString, OsString)>,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self {
            directory: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        fixture.file("key", &format!("{SECRET}\n"), 0o600);
        fixture
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn load(&self, toml: &str) -> Result<Settings, String> {
        self.load_keys(toml, Keys::Read)
    }

    fn load_keys(&self, toml: &str, keys: Keys) -> Result<Settings, String> {
        let toml = toml.replace("KEY", &self.path("key").display().to_string());
        let file = self.file("lapsed.toml", &toml, 0o644);
        load_with(&file, keys, self.environment.clone()).map_err(|error| {
            let said = format!("{error}\n{error:?}");
            assert!(!said.contains(SECRET), "{said}");
            error.to_string().replace(&self.prefix(), "")
        })
    }

    fn prefix(&self) -> String {
        format!(
            "{}{}",
            self.directory.path().display(),
            std::path::MAIN_SEPARATOR
        )
    }
}

fn accept(toml: &str) -> Settings {
    Fixture::new()
        .load(toml)
        .unwrap_or_else(|error| panic!("{toml}\n{error}"))
}

fn refuse(toml: &str) -> String {
    match Fixture::new().load(toml) {
        Ok(_) => panic!("taken: {toml}"),
        Err(error) => error,
    }
}

#[test]
fn an_empty_file_is_all_defaults() {
    let settings = accept("");
    assert_eq!(settings.timezone.iana_name(), Some("UTC"));
    assert_eq!(settings.database, Path::new("/var/lib/lapsed/lapsed.db"));
    assert!(settings.sentius.is_empty() && settings.sapling.is_empty());
    assert!(settings.mail.is_none() && settings.status.is_none() && settings.review.is_none());
    assert!(settings.guard.limits.protected.is_empty());
}

#[test]
fn a_base_url_loses_its_last_slash_and_keeps_its_path() {
    let settings = accept(&format!("{SENTIUS}{SAPLING}"));
    assert_eq!(
        settings.sapling[0].base_url.as_str(),
        "https://api.sapling.ai/v1"
    );
    assert_eq!(
        settings.sentius[0].base_url.as_str(),
        "https://api.sentius.ai/"
    );
    for host in [
        "127.0.0.1:8080",
        "127.8.0.1",
        "[::1]:99",
        "localhost:1",
        "LOCALHOST",
    ] {
        let url = format!("http://{host}");
        assert!(
            Fixture::new()
                .load(&SENTIUS.replace("https://api.sentius.ai", &url))
                .is_ok(),
            "{url}"
        );
    }
}

#[test]
fn a_port_follows_from_the_kind_of_tls() {
    for (tls, port) in [("starttls", 587), ("implicit", 465), ("none", 25)] {
        let settings = accept(&format!(
            "{MAIL}[mail.smtp]\nhost = \"localhost\"\ntls = \"{tls}\""
        ));
        let Some(super::MailRoute::Smtp(smtp)) = settings.mail.map(|mail| mail.route) else {
            panic!("no mail server");
        };
        assert_eq!(smtp.port, port, "{tls}");
        assert!(smtp.credentials.is_none());
    }
}

#[test]
fn notices_are_sorted_longest_first_without_repetition() {
    let settings = accept(&format!(
        "{MAIL}notify_before = [\"1d\", \"2w\", \"24h\", \"3d\"]\n[mail.directory]\npath = \"out\""
    ));
    let days: Vec<i64> = settings
        .mail
        .unwrap()
        .notify_before
        .iter()
        .map(|span| span.as_secs() / 86_400)
        .collect();
    assert_eq!(days, [14, 3, 1]);
}

#[test]
fn protected_patterns_are_kept_in_lower_case() {
    let settings = accept("guard.protected = [\"CEO@Acme.com\", \"*@Board.acme.com\", \"*\"]");
    let protected = settings.guard.limits.protected.iter();
    let protected: Vec<String> = protected.map(ToString::to_string).collect();
    assert_eq!(protected, ["ceo@acme.com", "*@board.acme.com", "*"]);
}

#[test]
fn a_team_is_told_by_name_or_by_id() {
    let settings = accept(&format!(
        "{SENTIUS}{SAPLING}\
         [[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n\
         [[sapling.team]]\nid = \"42\"\nfollow = \"sentius:acme\""
    ));
    let teams = &settings.sapling[0].teams;
    let names: Vec<String> = teams.iter().map(|rule| rule.team.to_string()).collect();
    assert_eq!(names, ["sapling:acme/Core", "sapling:acme/42"]);
    assert_eq!(teams[0].max_age.map(|age| age.as_hours() / 24), Some(90));
    assert_eq!(
        teams[1].follow.as_ref().map(ToString::to_string).as_deref(),
        Some("sentius:acme")
    );
}

#[test]
fn cron_lines_may_use_names_and_leap_days() {
    for line in [
        "0 0 7 * * Mon",
        "*/5 * * * * *",
        "0 30 2 29 Feb *",
        "0 0 0 L * *",
        "0 0 9 * * mon-fri",
    ] {
        let settings = accept(&format!(
            "timezone = \"Europe/Berlin\"\nschedule.report = \"{line}\""
        ));
        assert_eq!(settings.schedule.report, line);
    }
}
