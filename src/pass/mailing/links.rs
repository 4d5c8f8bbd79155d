//! The links that owners answer by, in the mails of one turn.

use jiff::Timestamp;

use crate::domain::Email;
use crate::notify::links::{AnswerLink, LinkKind, LinkSecret};
use crate::pass::Pass;
use crate::report::letter::AnswerPage;
use crate::store::{Links, StoreError};

/// What links are made of, where owners can reach the listener.
pub(super) struct LinkMaker {
    secret: LinkSecret,
    base: String,
    now: Timestamp,
}

impl LinkMaker {
    pub(super) async fn of(pass: &Pass<'_>, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let status = pass.settings.status.as_ref();
        let Some(base) = status.and_then(|status| status.public_url.clone()) else {
            return Ok(None);
        };
        let secret = pass.store.write(Links::secret_or_new).await?;
        Ok(Some(Self { secret, base, now }))
    }

    /// A new link for an owner.
    pub(super) fn make(
        &self,
        kind: LinkKind,
        owner: &Email,
        expires_at: Timestamp,
    ) -> Result<AnswerLink, StoreError> {
        loop {
            let link = AnswerLink {
                id: Links::new_id()?,
                kind,
                owner: owner.clone(),
                asked_at: self.now,
                expires_at,
            };
            // Programs that make text into links leave a dash or the like at the end out.
            let token = link.token(&self.secret).unwrap_or_default();
            if !token.ends_with(['-', '_']) {
                return Ok(link);
            }
        }
    }

    /// The link as it stands in the mail, if the mail has one.
    pub(super) fn page(maker: Option<&Self>, link: Option<&AnswerLink>) -> Option<AnswerPage> {
        let (maker, link) = maker.zip(link)?;
        let token = link.token(&maker.secret)?;
        Some(AnswerPage {
            url: format!("{}/answer?t={token}", maker.base),
            until: link.expires_at,
        })
    }
}
