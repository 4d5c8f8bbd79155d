//! A scene with keys that break queries, JSON, HTML and lines, and the search for them in all that
//! was printed, mailed and stored.

use std::fs;
use std::path::Path;

use lapsed_sandbox::{
    Entry, Fault, Invite, MailOptions, MailSink, SaplingState, SentiusState, TeamUser, When,
};
use mail_parser::{MessageParser, PartType};

use crate::desk::{Desk, Providers};

/// 32 characters each, with all that breaks queries, JSON, HTML and lines.
pub(super) const SENTIUS: &str = "k+e/y&=%'\"<\\>?#;:,@! 0123456789é";
pub(super) const SAPLING: &str = "%41/+?&=x\"'\\`~ ^$[]{}|é012345678";
pub(super) const PASSWORD: &str = "pass&word+%20\"=<é>";

pub(super) struct Scene {
    pub(super) providers: Providers,
    pub(super) mail: MailSink,
    pub(super) desk: Desk,
    /// All that was printed.
    pub(super) printed: Vec<(String, String)>,
}

impl Scene {
    pub(super) fn set() -> Self {
        let mut sapling = SaplingState::new("robot@acme.example");
        sapling.api_key = SAPLING.to_owned();
        let team = sapling.add_team("Core");
        let since = "2024-01-01T00:00:00Z".parse().unwrap();
        for name in ["one", "two", "three"] {
            team.add_member(TeamUser::new(&format!("{name}@acme.example"), since));
        }
        team.add_invite(Invite::new("four@acme.example"));
        let mut sentius = SentiusState::new(SENTIUS);
        for name in ["one", "two", "three", "four"] {
            sentius.add(Entry {
                name: name.to_owned(),
                email: format!("{name}@acme.example"),
                permissions: vec!["can_read".to_owned()],
                start_date: since,
                end_date: None,
            });
        }
        let providers = Providers::start(sentius, sapling);
        let options = MailOptions {
            credentials: Some(("lapsed".to_owned(), PASSWORD.to_owned())),
            ..MailOptions::default()
        };
        let mail = providers
            .runtime
            .block_on(MailSink::start(options))
            .unwrap();
        let desk = providers.desk(&format!(
            "[mail]\nfrom = \"lapsed@acme.example\"\nto = [\"it@acme.example\"]\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nusername = \"lapsed\"\npassword_file = \"smtp.key\"\n",
            mail.port()
        ));
        let text = fs::read_to_string(desk.path("lapsed.toml")).unwrap();
        let text = text.replace("[http]\n", "[http]\ntimeout = \"300ms\"\n");
        desk.write("lapsed.toml", text);
        desk.key("smtp.key", PASSWORD);
        let mut scene = Self {
            providers,
            mail,
            desk,
            printed: Vec::new(),
        };
        let mut csv = "email,target,start,end\n".to_owned();
        for name in ["one", "two", "three", "four"] {
            csv += &format!("{name}@acme.example,sentius:acme,2024-01-01,2024-12-31\n");
            csv += &format!("{name}@acme.example,sapling:acme/Core,2024-01-01,2024-12-31\n");
        }
        scene.desk.write("grants.csv", csv);
        scene.run(&["import", "grants.csv", "--record-only"], 0);
        scene
    }

    /// Runs a command with everything logged that can be, in both forms.
    #[track_caller]
    pub(super) fn run(&mut self, args: &[&str], code: i32) {
        for (level, form) in [
            ("trace", "text"),
            (
                "hyper=trace,reqwest=trace,rustls=trace,lettre=trace,lapsed=trace",
                "json",
            ),
        ] {
            let mut all = vec!["--log-level", level, "--log-format", form];
            all.extend(args);
            let ran = self.desk.run(&all);
            assert_eq!(ran.code, Some(code), "{args:?}: {}{}", ran.out, ran.err);
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
            self.printed.push((format!("stdout of {args:?}"), ran.out));
            self.printed.push((format!("stderr of {args:?}"), ran.err));
        }
    }

    pub(super) fn run_once(&mut self, args: &[&str]) {
        let ran = self.desk.run(&[&["--log-level", "trace"], args].concat());
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        self.printed.push((format!("{args:?}"), ran.out + &ran.err));
    }

    /// Meets this in answer to every call.
    pub(super) fn spoil(&self, fault: &Fault) {
        self.providers
            .sentius
            .faults()
            .always(When::any(), fault.clone());
        self.providers
            .sapling
            .faults()
            .always(When::any(), fault.clone());
    }

    pub(super) fn mend(&self) {
        self.providers.sentius.faults().clear();
        self.providers.sapling.faults().clear();
    }

    /// Looks for the secrets in all that was printed, mailed and stored.
    pub(super) fn search(&self) {
        let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, text) in &self.printed {
            texts.push((name.clone(), text.clone().into_bytes()));
        }
        for mail in self.mail.mails() {
            unpack("a received mail", &mail.data, &mut texts);
        }
        stored(self.desk.root(), &mut texts);
        assert!(texts.len() > 10);
        for (place, bytes) in &texts {
            for (secret, form) in forms() {
                let needle = form.as_bytes();
                let found = bytes.windows(needle.len()).any(|part| part == needle);
                assert!(
                    !found,
                    "{secret} as {form} in {place}:\n{}",
                    String::from_utf8_lossy(bytes)
                );
            }
        }
    }
}

/// Every file below a folder but keys, and what mails in files hold.
fn stored(folder: &Path, texts: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            stored(&path, texts);
        } else if path.extension().is_none_or(|e| e != "key") {
            let bytes = fs::read(&path).unwrap();
            if path.extension().is_some_and(|e| e == "eml") {
                unpack("a mail in a file", &bytes, texts);
            }
            texts.push((path.display().to_string(), bytes));
        }
    }
}

/// A mail as it is, and each of its parts decoded.
fn unpack(name: &str, mail: &[u8], texts: &mut Vec<(String, Vec<u8>)>) {
    texts.push((name.to_owned(), mail.to_vec()));
    let parsed = MessageParser::default().parse(mail).unwrap();
    assert!(parsed.parts.len() >= 3, "text, HTML and CSV");
    for part in &parsed.parts {
        if !matches!(part.body, PartType::Multipart(_)) {
            texts.push((format!("a part of {name}"), part.contents().to_vec()));
        }
    }
}

/// The secrets as they are, as they are sent, and as others could send them back.
fn forms() -> Vec<(&'static str, String)> {
    let mut forms = Vec::new();
    for secret in [SENTIUS, SAPLING, PASSWORD] {
        let json = serde_json::to_string(secret).unwrap();
        forms.extend([
            (secret, secret.to_owned()),
            (secret, percent(secret)),
            (secret, percent(secret).to_lowercase()),
            (secret, percent(secret).replace("%20", "+")),
            (secret, json.trim_matches('"').to_owned()),
            (secret, format!("{secret:?}").trim_matches('"').to_owned()),
            (secret, base64(secret.as_bytes())),
        ]);
    }
    forms.push((PASSWORD, base64(format!("\0lapsed\0{PASSWORD}").as_bytes())));
    forms
}

pub(super) fn percent(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    text.bytes()
        .map(|b| {
            if plain(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Without padding, so that it is found within longer texts too.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(padded);
        for place in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(char::from(DIGITS[usize::try_from(digit).unwrap()]));
        }
    }
    text
}

/// A sentence that holds a key in many forms.
pub(super) fn echo(key: &str) -> String {
    format!("no: {key} {} {key:?}", percent(key))
}
