//! The configuration that `init` writes: the one that is shipped, with the answers in their places and
//! all its explanations.

use secrecy::SecretString;
use std::path::PathBuf;

const SHIPPED: &str = include_str!("../../../config/lapsed.toml");

/// The file, beside the configuration, by which editors know what can stand in it.
pub(super) const SCHEMA: &str = "lapsed.schema.json";

/// What was asked, or given as options.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) timezone: String,
    pub(super) database: PathBuf,
    pub(super) observe_only: bool,
    pub(super) sentius: Option<Account>,
    pub(super) sapling: Option<Account>,
    pub(super) mail: Option<Mail>,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) key: SecretString,
    /// The key's holder; of Sapling alone.
    pub(super) self_email: Option<String>,
}

#[derive(Debug)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) route: Route,
}

#[derive(Debug)]
pub(super) enum Route {
    Directory(PathBuf),
    Smtp {
        host: String,
        port: Option<u16>,
        tls: String,
        login: Option<(String, SecretString)>,
    },
}

impl Answers {
    /// The whole file.
    pub(super) fn toml(&self) -> String {
        let mut text = Text::shipped();
        text.set("", "timezone", &quoted(&self.timezone));
        let database = self.database.display().to_string();
        text.set("[state]", "path", &quoted(&database));
        for (section, account) in [
            ("[[sentius]]", &self.sentius),
            ("[[sapling]]", &self.sapling),
        ] {
            let Some(account) = account else {
                text.turn_off(section);
                continue;
            };
            text.set(section, "name", &quoted(&account.name));
            text.set(section, "base_url", &quoted(&account.url));
            if let Some(holder) = &account.self_email {
                text.set(section, "self_email", &quoted(holder));
            }
        }
        if self.observe_only {
            text.set("[guard]", "observe_only", "true");
        }
        if let Some(mail) = &self.mail {
            text.set("[mail]", "from", &quoted(&mail.from));
            text.set("[mail]", "to", &list(&mail.to));
            mail.route.put(&mut text);
        }
        // Editors that use taplo read it there.
        format!("#:schema ./{SCHEMA}\n{}", text.whole())
    }

    /// The secrets, and the names of the files in which the configuration looks for them.
    pub(super) fn secrets(&self) -> Vec<(&'static str, &SecretString)> {
        let mut secrets = Vec::new();
        secrets.extend(self.sentius.iter().map(|a| ("sentius-key", &a.key)));
        secrets.extend(self.sapling.iter().map(|a| ("sapling-key", &a.key)));
        if let Some(Mail {
            route:
                Route::Smtp {
                    login: Some((_, password)),
                    ..
                },
            ..
        }) = &self.mail
        {
            secrets.push(("smtp-key", password));
        }
        secrets
    }
}

impl Route {
    fn put(&self, text: &mut Text) {
        match self {
            Self::Directory(path) => {
                let path = path.display().to_string();
                text.set("[mail.directory]", "path", &quoted(&path));
            }
            Self::Smtp {
                host,
                port,
                tls,
                login,
            } => {
                let section = "[mail.smtp]";
                text.set(section, "host", &quoted(host));
                if let Some(port) = port {
                    text.set(section, "port", &port.to_string());
                }
                text.set(section, "tls", &quoted(tls));
                if let Some((username, _)) = login {
                    text.set(section, "username", &quoted(username));
                    text.set(section, "password_credential", "\"smtp-key\"");
                }
            }
        }
    }
}

/// A text as TOML takes it. Control characters are refused by whoever reads the configuration.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The shipped file in paragraphs, between which there is an empty line. A section is one of them.
struct Text(Vec<Vec<String>>);

impl Text {
    fn shipped() -> Self {
        let paragraphs = SHIPPED.trim_end().split("\n\n");
        Self(
            paragraphs
                .map(|lines| lines.lines().map(str::to_owned).collect())
                .collect(),
        )
    }

    /// Writes a setting, and makes it and its section valid where they are off.
    fn set(&mut self, section: &str, key: &str, value: &str) {
        let begins = format!("{key} = ");
        for line in self.section(section, key) {
            if line.trim_start_matches(OFF).starts_with(&begins) {
                *line = format!("{begins}{value}");
                return;
            }
            if line.trim_start_matches(OFF) == section {
                section.clone_into(line);
            }
        }
    }

    /// Puts a `#` before the section and its settings.
    fn turn_off(&mut self, section: &str) {
        for line in self.section(section, "") {
            if !line.starts_with('#') {
                line.insert(0, '#');
            }
        }
    }

    /// The lines of a section; of none, those of the paragraph in which the key stands.
    fn section(&mut self, section: &str, key: &str) -> impl Iterator<Item = &mut String> {
        let begins = format!("{key} = ");
        let is_there = move |lines: &&mut Vec<String>| {
            lines.iter().any(|line| match section {
                "" => line.starts_with(&begins),
                _ => line.trim_start_matches(OFF) == section,
            })
        };
        self.0.iter_mut().find(is_there).into_iter().flatten()
    }

    fn whole(self) -> String {
        let paragraphs = self.0.iter().map(|lines| lines.join("\n"));
        paragraphs.collect::<Vec<String>>().join("\n\n") + "\n"
    }
}

/// What a setting begins with that is off.
const OFF: [char; 2] = ['#', ' '];

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Option<Account> {
        Some(Account {
            name: name.to_owned(),
            url: "https://api.example.com".to_owned(),
            key: SecretString::from("secret"),
            self_email: None,
        })
    }

    #[test]
    fn every_answer_is_on_in_its_place_and_all_else_is_as_it_was_shipped() {
        let answers = Answers {
            timezone: "Europe/Rome".to_owned(),
            database: "/srv/a \"b\"\\c.db".into(),
            observe_only: true,
            sentius: None,
            sapling: account("eu"),
            mail: Some(Mail {
                from: "lapsed <l@example.com>".to_owned(),
                to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
                route: Route::Smtp {
                    host: "smtp.example.com".to_owned(),
                    port: None,
                    tls: "implicit".to_owned(),
                    login: Some(("me".to_owned(), SecretString::from("secret"))),
                },
            }),
        };
        let text = answers.toml();
        let text = text.strip_prefix("#:schema ./lapsed.schema.json\n");
        let text = text.unwrap();
        let shipped: Vec<&str> = SHIPPED.lines().collect();
        let changed = text
            .lines()
            .zip(&shipped)
            .filter(|(ours, was)| ours != *was);
        let changed: Vec<&str> = changed.map(|(ours, _)| ours).collect();
        assert_eq!(text.lines().count(), shipped.len());
        assert_eq!(
            changed,
            [
                "timezone = \"Europe/Rome\"",
                "path = \"/srv/a \\\"b\\\"\\\\c.db\"",
                "#[[sentius]]",
                "#name = \"acme\"",
                "#base_url = \"https://api.sentius.ai\"",
                "#api_key_credential = \"sentius-key\"",
                "name = \"eu\"",
                "base_url = \"https://api.example.com\"",
                "observe_only = true",
                "[mail]",
                "from = \"lapsed <l@example.com>\"",
                "to = [\"a@example.com\", \"b@example.com\"]",
                "[mail.smtp]",
                "host = \"smtp.example.com\"",
                "tls = \"implicit\"",
                "username = \"me\"",
                "password_credential = \"smtp-key\"",
            ]
        );
        assert!(!text.contains("secret"));
        let files: Vec<&str> = answers.secrets().iter().map(|(name, _)| *name).collect();
        assert_eq!(files, ["sapling-key", "smtp-key"]);
    }
}
