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

/// Reads the secret that exactly one of the three keys names.
pub(super) fn secret(
    section: &mut Section<'_>,
    places: &Places,
    variables: &Variables,
) -> Option<SecretString> {
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
    let from_file = section.read(places.file, from_file);
    let from_variable = section.read(places.variable, |leaf| from_variable(leaf, variables));
    let from_credential = section.read(places.credential, |leaf| from_credential(leaf, variables));
    from_file.or(from_variable).or(from_credential)
}

/// A place as messages name it. Somebody may have pasted the key itself there, which then cannot
/// be found and must not be shown: keys are long and hold digits.
fn shown(place: &str) -> &str {
    let is_path = place.starts_with(['/', '.']);
    if !is_path && place.len() >= 20 && place.contains(|c: char| c.is_ascii_digit()) {
        "(not shown, it may be the key itself)"
    } else {
        place
    }
}

fn from_file(leaf: Leaf) -> Read<SecretString> {
    let name = leaf.text()?;
    let shown = shown(&name);
    read_file(Path::new(&name), shown, |mode| {
        if mode & 0o077 == 0 {
            return Ok(());
        }
        Err(format!(
            "{shown} can be read by others than its owner; mend it with: chmod 600 {name}"
        ))
    })
}

fn from_variable(leaf: Leaf, variables: &Variables) -> Read<SecretString> {
    let name = leaf.text()?;
    let shown = shown(&name);
    let value = variables
        .get(&name)
        .ok_or_else(|| format!("the environment variable {shown} is not set"))?;
    let value = value
        .to_str()
        .ok_or_else(|| format!("the environment variable {shown} is not UTF-8"))?;
    fit(value).map_err(|why| format!("the environment variable {shown} {why}"))
}

/// systemd owns that directory and keeps others out of it, so modes say nothing there.
fn from_credential(leaf: Leaf, variables: &Variables) -> Read<SecretString> {
    let name = leaf.text()?;
    if name.contains('/') || name == "." || name.contains("..") {
        return Err(
            "this is not a credential's name; write the ID of LoadCredential=, without a path"
                .to_owned(),
        );
    }
    let directory = variables.get("CREDENTIALS_DIRECTORY").ok_or_else(|| {
        "$CREDENTIALS_DIRECTORY is not set; start lapsed by systemd with LoadCredential=".to_owned()
    })?;
    let shown = format!("the credential {}", shown(&name));
    read_file(&Path::new(directory).join(&name), &shown, |_| Ok(()))
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
