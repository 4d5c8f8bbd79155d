//! Records access that is there already, and calls nobody.

use jiff::Timestamp;

use super::command::{Desk, GiveError, Given, told};
use crate::clock;
use crate::domain::ProvisionState;
use crate::store::{Db, Grants, Imported, NewGrant, Same, Standing, StoreError};

impl Desk<'_> {
    /// Records grants, all of them or none.
    ///
    /// # Errors
    /// Only of the database.
    pub async fn note(&self, grants: Vec<NewGrant>, same: Same) -> Result<Vec<Given>, GiveError> {
        let restored = self.store.looks_restored().await?;
        let at = clock::now();
        let job = move |db: &_| note(db, &grants, same, at);
        let given = self.store.write(job).await?;
        self.store.set_mark_unless(restored.as_ref()).await?;
        Ok(given)
    }

    /// What `note` would do.
    ///
    /// # Errors
    /// The same.
    pub async fn rehearse_note(
        &self,
        grants: Vec<NewGrant>,
        same: Same,
    ) -> Result<Vec<Given>, GiveError> {
        let at = clock::now();
        let job = move |db: &_| note(db, &grants, same, at);
        Ok(self.store.rehearse(job).await?)
    }
}

fn note(db: &Db, grants: &[NewGrant], same: Same, at: Timestamp) -> Result<Vec<Given>, StoreError> {
    let mut given = Vec::with_capacity(grants.len());
    for grant in grants {
        let recorded = Grants::note(db, grant, same, at)?;
        let state = match recorded.imported {
            Imported::Unchanged => ProvisionState::Unchanged,
            _ => ProvisionState::Recorded,
        };
        let standing = Standing {
            state,
            result: None,
            detail: None,
        };
        given.push(told(recorded, Some(standing), at));
    }
    Ok(given)
}
