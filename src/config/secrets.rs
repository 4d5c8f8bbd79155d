//! Keys and passwords: where they are read from, and what makes one unfit.
//!
//! Nothing here puts a key, or a part of one, into a message.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::json;

use super::environment::Variables;
use super::section::{Leaf, Read, Section};

/// More than any key, and little enough to read when the path is a mistake.
const LARGEST: u64 = 16 * 1024;

/// The three keys that name the place of one secret.
pub(super) struct Places {
    pub(super) file: &'static str,
    pub(super) variable: &'static str,
    pub(super) credential: &'static str,
    /// Whether exactly one is needed, and not at most one.
    is_needed: bool,
}

const FILE: &str = "A file that holds it, which only its owner can read (chmod 600).";
const VARIABLE: &str = "The name of an environment variable that holds it.";
const CREDENTIAL: &str = "The ID of a systemd credential (LoadCredential=) that holds it; where systemd hands none over, the file of that name beside the configuration.";

/// `api_key_*` of an account.
pub(super) const API_KEY: Places = Places {
    file: "api_key_file",
    variable: "api_key_env",
    credential: "api_key_credential",
    is_needed: true,
};

/// `password_*` of the mail server.
pub(super) const PASSWORD: Places = Places {
    file: "password_file",
    variable: "password_env",
    credential: "password_credential",
    is_needed: false,
};

/// `token_*` of the listener.
pub(super) const TOKEN: Places = Places {
    file: "token_file",
    variable: "token_env",
    credential: "token_credential",
    is_needed: false,
};

impl Places {
    /// Whether any of the three is there.
    pub(super) fn any_in(&self, section: &Section<'_>) -> bool {
        self.all().into_iter().any(|key| section.has(key))
    }

    /// Makes the three known keys, and passes over what they say.
    pub(super) fn mention(&self, section: &mut Section<'_>) {
        for key in self.all() {
            section.read(key, |_| Ok(()));
        }
    }

    /// Notes how the three go together.
    fn rule(&self, section: &Section<'_>) {
        if self.is_needed {
            return section.exactly_one(&self.all());
        }
        let [a, b, c] = self.all();
        section.rule(|| {
            let two = [[a, b], [a, c], [b, c]].map(|two| json!({ "required": two }));
            json!({ "not": { "anyOf": two } })
        });
    }

    pub(super) fn all(&self) -> [&'static str; 3] {
        [self.file, self.variable, self.credential]
    }
}

/// Whether keys and passwords are read. Whoever asks the database alone may have no right to them:
/// systemd hands them to the service, not to an administrator's shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// They are read; one that cannot be used is a mistake in the configuration.
    Read,
    /// They are not read, and come out empty; providers' clients accept no empty key. It is still
    /// checked that exactly one place is named for each.
    Leave,
}

/// Where secrets come from, and whether they are fetched.
pub(super) struct Secrets<'v> {
    pub(super) keys: Keys,
    /// The file that is read: credentials lie beside it where systemd hands none over.
    pub(super) configuration: &'v Path,
    pub(super) variables: &'v Variables,
}

impl Secrets<'_> {
    /// The secret that exactly one of the three keys names.
    pub(super) fn secret(
        &self,
        section: &mut Section<'_>,
        places: &Places,
    ) -> Option<SecretString> {
        one_place(section, places);
        let file = section.read(places.file, |leaf| {
            leaf.note(|| json!({ "description": FILE }));
            self.fetch(&leaf.text()?, from_file)
        });
        let variable = section.read(places.variable, |leaf| {
            leaf.note(|| json!({ "description": VARIABLE }));
            self.fetch(&leaf.text()?, |name| from_variable(name, self.variables))
        });
        let credential = section.read(places.credential, |leaf| {
            leaf.note(|| json!({ "description": CREDENTIAL }));
            self.fetch(&credential_id(leaf)?, |id| self.handed_over(id))
        });
        file.or(variable).or(credential)
    }

    /// systemd owns its directory and keeps others out of it, so modes say nothing there. Beside the
    /// configuration they do.
    fn handed_over(&self, id: &str) -> Read<SecretString> {
        let shown = shown(id);
        let credential = format!("the credential {shown}");
        if let Some(directory) = self.variables.get("CREDENTIALS_DIRECTORY") {
            let path = Path::new(directory).join(id);
            // What the units set for a file that is not there.
            if fs::read(&path).is_ok_and(|bytes| bytes == b"\n") {
                return Err(format!(
                    "{credential} is missing: the file that LoadCredential= names is not there, or has no key in it"
                ));
            }
            return read_file(&path, &credential, |_| Ok(()));
        }
        let path = beside(self.configuration).join(id);
        let place = match shown == id {
            true => path.display().to_string(),
            false => shown.to_owned(),
        };
        read_file(&path, &format!("{credential} ({place})"), |mode| {
            only_owners(mode, &place)
        })
    }

    fn fetch(
        &self,
        place: &str,
        from: impl FnOnce(&str) -> Read<SecretString>,
    ) -> Read<SecretString> {
        match self.keys {
            Keys::Read => from(place),
            Keys::Leave => Ok(SecretString::default()),
        }
    }
}

fn one_place(section: &mut Section<'_>, places: &Places) {
    places.rule(section);
    let given = places
        .all()
        .into_iter()
        .filter(|key| section.has(key))
        .count();
    if given != 1 {
        let [file, variable, credential] = places.all();
        let problem = if given == 0 {
            "none is there"
        } else {
            "there are several"
        };
        section.wrong_here(format!(
            "exactly one of {file}, {variable} and {credential} is needed; {problem}"
        ));
    }
}

/// A place as messages name it. Somebody may have pasted the key itself there, which must not be
/// shown: a long text with digits may be a key.
pub(crate) fn shown(place: &str) -> &str {
    let is_path = place.starts_with(['/', '.']);
    if !is_path && place.len() >= 20 && place.contains(|c: char| c.is_ascii_digit()) {
        "(not shown, it may be the key itself)"
    } else {
        place
    }
}

fn from_file(name: &str) -> Read<SecretString> {
    read_file(Path::new(name), shown(name), |mode| only_owners(mode, name))
}

/// Whether a file is for its owner's eyes alone.
fn only_owners(mode: u32, path: &str) -> Read<()> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "{} can be read by others than its owner; mend it with: chmod 600 {path}",
        shown(path)
    ))
}

fn from_variable(name: &str, variables: &Variables) -> Read<SecretString> {
    let shown = shown(name);
    let value = variables
        .get(name)
        .ok_or_else(|| format!("the environment variable {shown} is not set"))?;
    let value = value
        .to_str()
        .ok_or_else(|| format!("the environment variable {shown} is not UTF-8"))?;
    fit(value).map_err(|why| format!("the environment variable {shown} {why}"))
}

/// The ID of a credential, which is a file's name and no path.
fn credential_id(leaf: Leaf) -> Read<String> {
    let id = leaf.text()?;
    if id.contains('/') || id == "." || id.contains("..") {
        return Err(
            "this is not a credential's name; write the ID of LoadCredential=, without a path"
                .to_owned(),
        );
    }
    Ok(id)
}

/// Where credentials lie when nobody handed any over: in the directory that is named like the
/// configuration, as the unit `lapsed@` has it, else in the configuration's own.
fn beside(configuration: &Path) -> PathBuf {
    let own = configuration.with_extension("");
    if own != configuration && own.is_dir() {
        return own;
    }
    configuration.parent().unwrap_or(Path::new("")).to_owned()
}

/// Reads a key from a regular file whose mode is good enough.
fn read_file(
    path: &Path,
    shown: &str,
    mode_is_fit: impl FnOnce(u32) -> Read<()>,
) -> Read<SecretString> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("{shown} is missing: there is no such file"),
        _ => format!("{shown} cannot be read: {error}"),
    };
    // Before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is not a regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    mode_is_fit(file.metadata().map_err(unreadable)?.permissions().mode())?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{shown} is too large for a key"));
    }
    let text = str::from_utf8(&bytes).map_err(|_| format!("{shown} is not UTF-8"))?;
    fit(text).map_err(|why| format!("{shown} {why}"))
}

/// The key without the line break that editors add, and without a byte order mark.
pub(crate) fn fit(text: &str) -> Read<SecretString> {
    let key = text.trim_start_matches('\u{feff}').trim();
    if key.is_empty() {
        return Err("is empty".to_owned());
    }
    if key.chars().any(char::is_control) {
        return Err(
            "holds a line break or another control character inside; it must hold the key alone"
                .to_owned(),
        );
    }
    Ok(SecretString::from(key))
}
