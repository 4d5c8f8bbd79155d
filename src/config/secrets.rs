//! Keys and passwords: where they are read from, and what makes one unfit.
//!
//! Nothing here puts a key, or a part of one, into a message.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::SecretString;

use super::environment::Variables;
use super::section::{Leaf, Read, Section};

/// More than any key, and little enough to read when the path is a mistake.
const LARGEST: u64 = 16 * 1024;

/// The three keys that name the place of one secret.
pub(super) struct Places {
    pub(super) file: &'static str,
    pub(super) variable: &'static str,
    pub(super) credential: &'static str,
}

/// `api_key_*` of an account.
pub(super) const API_KEY: Places = Places {
    file: "api_key_file",
    variable: "api_key_env",
    credential: "api_key_credential",
};

/// `password_*` of the mail server.
pub(super) const PASSWORD: Places = Places {
    file: "password_file",
    variable: "password_env",
    credential: "password_credential",
};

/// `token_*` of the listener.
pub(super) const TOKEN: Places = Places {
    file: "token_file",
    variable: "token_env",
    credential: "token_credential",
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

    fn all(&self) -> [&'static str; 3] {
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
        let file = section.read(places.file, |leaf| self.fetch(&leaf.text()?, from_file));
        let variable = section.read(places.variable, |leaf| {
            self.fetch(&leaf.text()?, |name| from_variable(name, self.variables))
        });
        let credential = section.read(places.credential, |leaf| {
            self.fetch(&credential_id(leaf)?, |id| {
                from_credential(id, self.variables)
            })
        });
        file.or(variable).or(credential)
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
fn shown(place: &str) -> &str {
    let is_path = place.starts_with(['/', '.']);
    if !is_path && place.len() >= 20 && place.contains(|c: char| c.is_ascii_digit()) {
        "(not shown, it may be the key itself)"
    } else {
        place
    }
}

fn from_file(name: &str) -> Read<SecretString> {
    let shown = shown(name);
    read_file(Path::new(name), shown, |mode| {
        if mode & 0o077 == 0 {
            return Ok(());
        }
        Err(format!(
            "{shown} can be read by others than its owner; mend it with: chmod 600 {name}"
        ))
    })
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

/// systemd owns that directory and keeps others out of it, so modes say nothing there.
fn from_credential(id: &str, variables: &Variables) -> Read<SecretString> {
    let directory = variables.get("CREDENTIALS_DIRECTORY").ok_or(
        "$CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with LoadCredential=. Root can \
         use what the running service was given: \
         CREDENTIALS_DIRECTORY=/run/credentials/lapsed.service lapsed … \
         (or =/etc/lapsed, where the package has its keys)",
    )?;
    let shown = format!("the credential {}", shown(id));
    read_file(&Path::new(directory).join(id), &shown, |_| Ok(()))
}

/// Reads a key from a regular file whose mode is good enough.
fn read_file(
    path: &Path,
    shown: &str,
    mode_is_fit: impl FnOnce(u32) -> Read<()>,
) -> Read<SecretString> {
    let unreadable = |error: std::io::Error| format!("{shown} cannot be read: {error}");
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
fn fit(text: &str) -> Read<SecretString> {
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
