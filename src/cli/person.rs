//! What commands ask of people: who asks; the address of the person it is about, and the message
//! about an unknown one.

use nix::unistd::{Uid, User};

use super::exit::Failure;
use crate::domain::Email;
use crate::store::queries::person::meant;

/// The address that was asked for. Whatever stands on record can be asked for.
pub(super) fn person(text: &str) -> Result<Email, Failure> {
    match text.trim() {
        "" => Err(Failure::usage("EMAIL: the address is empty")),
        text => Ok(Email::observed(text)),
    }
}

/// The message that nobody of this address is on record, with similar addresses.
pub(super) fn unknown(email: &Email, near: &[String]) -> String {
    crate::text::one_line(&format!(
        "{email} is not on record: no grant, no membership, no invite, and no event of the audit trail{}",
        meant(near)
    ))
}

/// Who asks, where they do not say so: the one who became root by sudo, else the user's name.
pub(super) fn asker(stated: Option<&str>) -> String {
    if let Some(stated) = stated {
        return stated.to_owned();
    }
    if let Some(user) = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| !name.is_empty())
    {
        return user;
    }
    let uid = Uid::current();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}
