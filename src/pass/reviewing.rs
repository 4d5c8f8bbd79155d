//! Notices and reviews: whether and when people may be notified, and which grants end because
//! nobody answered the review.

use super::Pass;
use crate::clock;
use crate::domain::ReviewPolicy;
use crate::notify::MailTurn;
use crate::store::{Reviews, StoreError};

impl Pass<'_> {
    /// Whether people may be notified and unanswered grants may end: not in a pass on only some
    /// targets, nor while the clock or the database is in doubt.
    pub(super) fn may_speak_of_time(&self) -> bool {
        if self.options.dry_run || !self.scope.is_everything() || self.restored.is_some() {
            return false;
        }
        let clocks = self.clocks();
        if !clocks.is_confirmed() {
            tracing::warn!(
                "no notices and no review questions are sent: no provider has confirmed this machine's clock, or one has contradicted it"
            );
        }
        clocks.is_confirmed()
    }

    /// The mail that people get of this day.
    pub(super) fn turn(&self) -> MailTurn {
        let (now, zone) = (clock::now(), &self.settings.timezone);
        match self.options.respect_backoff {
            true => MailTurn::on_line(now, &self.settings.schedule.pass, zone),
            false => MailTurn::asked_for(now, zone),
        }
    }

    pub(super) fn review_rules(&self) -> Option<ReviewPolicy> {
        self.settings.review
    }

    /// Ends what nobody answered for, so that plan and guard find it like any other end.
    pub(super) async fn end_unanswered(&self) -> Result<(), StoreError> {
        let Some(rules) = self.review_rules().filter(|rules| rules.unanswered_ends) else {
            return Ok(());
        };
        if !self.may_speak_of_time() {
            return Ok(());
        }
        let at = self.started_at;
        let ended = self
            .store
            .write(move |db| Reviews::end_unanswered(db, &rules, at))
            .await?;
        if ended > 0 {
            tracing::info!(
                ended,
                "nobody answered the review of these grants; they end"
            );
        }
        Ok(())
    }
}
