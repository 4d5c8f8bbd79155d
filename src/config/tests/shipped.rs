//! The example we ship is valid, and says what the defaults are.

use super::{Fixture, Settings, accept};

/// The shipped file, with its key files at a place where they exist.
fn shipped(change: impl Fn(&str) -> String) -> Result<Settings, String> {
    let fixture = Fixture::new();
    fixture.file("sentius.key", "one\n", 0o600);
    fixture.file("smtp.key", "two\n", 0o400);
    fixture.file("sapling-key", "three\n", 0o440);
    fixture.file("status.token", "four-four-four-four\n", 0o600);
    let directory = fixture.directory.path().display().to_string();
    let fixture = fixture.with("CREDENTIALS_DIRECTORY", &directory);
    let text = include_str!("../../../config/lapsed.toml").replace("/etc/lapsed", &directory);
    fixture.load(&change(&text))
}

#[test]
fn the_shipped_file_is_taken_as_it_is() {
    let settings = shipped(str::to_owned).unwrap();
    assert_eq!(settings.sentius[0].name, "acme");
    assert_eq!(
        settings.sapling[0].base_url.as_str(),
        "https://api.sapling.ai/"
    );
    assert!(settings.review.is_none());
}

#[test]
fn the_shipped_file_is_taken_with_everything_on_that_is_off() {
    let settings = shipped(|text| {
        let on = |line: &str| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(|line| on(line) + "\n").collect()
    })
    .unwrap();
    assert_eq!(settings.sapling[0].teams.len(), 1);
    assert!(settings.sapling[0].self_email.is_some());
    assert!(settings.sapling[0].organization_id.is_some());
    let status = settings.status.unwrap();
    assert_eq!(status.listen.port(), 9187);
    assert!(status.token.is_some());
    let review = settings.review.unwrap();
    assert_eq!(review.every.as_secs(), 90 * 86_400);
    assert!(!review.unanswered_ends);
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    let shown = shipped(str::to_owned).unwrap();
    let default = accept(
        "[mail]\nfrom = \"lapsed@acme.com\"\nto = [\"it@acme.com\"]\n\
         [mail.smtp]\nhost = \"smtp.acme.com\"",
    );
    assert_eq!(shown.timezone, default.timezone);
    assert_eq!(shown.database, default.database);
    assert_eq!(format!("{:?}", shown.http), format!("{:?}", default.http));
    assert_eq!(
        format!("{:?}", shown.schedule),
        format!("{:?}", default.schedule)
    );
    assert_eq!(
        format!("{:?}", shown.policy),
        format!("{:?}", default.policy)
    );
    let mut guard = shown.guard;
    guard.protected.clear();
    assert_eq!(format!("{guard:?}"), format!("{:?}", default.guard));
    let (shown, default) = (shown.mail.unwrap(), default.mail.unwrap());
    assert_eq!(shown.notify_before, default.notify_before);
    assert_eq!(shown.notify_people, default.notify_people);
}
