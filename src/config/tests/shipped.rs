//! The example we ship is valid, and says what the defaults are.

use super::{Fixture, Settings, accept};

const TEXT: &str = include_str!("../../../config/lapsed.toml");

/// The shipped file, or what was made of it, with as many credentials as there are keys.
fn load(text: &str, keys: &[&str]) -> Result<Settings, String> {
    let fixture = Fixture::new();
    for key in keys {
        fixture.file(key, "four-four-four-four\n", 0o440);
    }
    let directory = fixture.directory.path().display().to_string();
    fixture.with("CREDENTIALS_DIRECTORY", &directory).load(text)
}

/// With everything on that is off.
fn all_on() -> Settings {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    let text: String = TEXT.lines().map(|line| on(line) + "\n").collect();
    let keys = ["sentius-key", "sapling-key", "smtp-key", "status-token"];
    load(&text, &keys).unwrap()
}

#[test]
fn the_shipped_file_is_taken_as_it_is_once_two_keys_are_there() {
    let settings = load(TEXT, &["sentius-key", "sapling-key"]).unwrap();
    assert_eq!(settings.sentius[0].name, "acme");
    assert_eq!(
        settings.sapling[0].base_url.as_str(),
        "https://api.sapling.ai/"
    );
    // Nobody is mailed at a made-up address, and nobody is protected who does not exist.
    assert!(settings.mail.is_none() && settings.guard.limits.protected.is_empty());
    assert!(settings.status.is_none() && settings.review.is_none());
    assert!(settings.alarm.is_none());
    assert!(load(TEXT, &["sentius-key"]).is_err());
}

#[test]
fn the_shipped_file_is_taken_with_everything_on_that_is_off() {
    let settings = all_on();
    assert_eq!(settings.sapling[0].teams.len(), 1);
    assert!(settings.sapling[0].self_email.is_some());
    assert!(settings.sapling[0].organization_id.is_some());
    let status = settings.status.unwrap();
    assert_eq!(status.listen.port(), 9187);
    assert!(status.token.is_some());
    let alarm = settings.alarm.unwrap();
    assert_eq!(alarm.heartbeat.unwrap().place(), "https://hc.acme.com");
    assert_eq!(alarm.webhook.unwrap().place(), "https://chat.acme.com");
    let review = settings.review.unwrap();
    assert_eq!(review.every.as_secs(), 90 * 86_400);
    assert!(!review.unanswered_ends);
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    let shown = all_on();
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
    guard.limits.protected.clear();
    assert_eq!(format!("{guard:?}"), format!("{:?}", default.guard));
    let (shown, default) = (shown.mail.unwrap(), default.mail.unwrap());
    assert_eq!(shown.notify_before, default.notify_before);
    assert_eq!(shown.notify_people, default.notify_people);
}
