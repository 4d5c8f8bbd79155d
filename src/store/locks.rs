//! Who may call, pass, mail and give: each a lock beside the database.

use super::db::lock::Lock;
use super::{Store, StoreError};

/// The suffixes of the lock files beside the database: held by the process that runs a pass on
/// everything, calls the providers, or delivers mail.
const PASS: &str = "pass";
const CALLS: &str = "lock";
const MAIL: &str = "mail";
/// The same for an import so long that passes run in between.
const GIVING: &str = "giving";

impl Store {
    /// Takes the lock for calling the providers; `None` while another process holds it.
    ///
    /// # Errors
    /// When the lock file beside the database cannot be made.
    pub fn lock(&self) -> Result<Option<Lock>, StoreError> {
        Lock::take(self.files()?, CALLS)
    }

    /// Takes the lock for a pass on everything, which does not call the providers all the time;
    /// `None` while another process holds it.
    ///
    /// # Errors
    /// When the lock file beside the database cannot be made.
    pub fn lock_pass(&self) -> Result<Option<Lock>, StoreError> {
        Lock::take(self.files()?, PASS)
    }

    /// Takes the lock for delivering the outbox; `None` while another process holds it.
    ///
    /// # Errors
    /// When the lock file beside the database cannot be made.
    pub fn lock_mail(&self) -> Result<Option<Lock>, StoreError> {
        Lock::take(self.files()?, MAIL)
    }

    /// Takes the lock of a long import: passes that run in between leave its rows to it. `None`
    /// while another process holds it.
    pub(crate) fn lock_giving(&self) -> Result<Option<Lock>, StoreError> {
        Lock::take(self.files()?, GIVING)
    }

    /// Whether a long import is running.
    pub(crate) fn is_giving(&self) -> Result<bool, StoreError> {
        Lock::is_taken(self.path(), GIVING)
    }

    /// Whether a pass on everything is running now.
    pub(crate) fn pass_runs(&self) -> Result<bool, StoreError> {
        Lock::is_taken(self.path(), PASS)
    }

    /// Whether a process is running a pass now, or calling the providers for a person.
    pub(crate) fn is_at_work(&self) -> Result<bool, StoreError> {
        Ok(self.pass_runs()? || Lock::is_taken(self.path(), CALLS)?)
    }
}
