//! Events of version 1 have person and target outside their hash: both are compared with what the
//! payload says, which the hash covers.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use serde_json::Value;

use crate::domain::{Email, TargetId};
use crate::store::{StoreError, tables::targets};

#[derive(Default)]
pub(super) struct Agreement {
    /// The targets as payloads name them, by number, with the first event that does.
    named: HashMap<(i64, String), i64>,
    /// The names that teams had, by number.
    teams: HashMap<i64, HashSet<String>>,
}

impl Agreement {
    /// Compares an event of version 1 with its payload.
    pub(super) fn of_old(
        &mut self,
        seq: i64,
        target: Option<i64>,
        email: Option<&str>,
        body: &Value,
    ) -> Result<(), String> {
        let named = body["email"].as_str().or_else(|| {
            // Of a mail: its recipient.
            body.get("message_id").and(body["to"].as_str())
        });
        if let Some(named) = named {
            // Older versions matched in lower case, which the upgrade has made canonical.
            let is = |text: &str| email == Some(Email::observed(text).key());
            if !is(named) && !is(&named.to_lowercase()) {
                return Err(
                    "its person (event_payload.email_key) is not the one that its payload names"
                        .to_owned(),
                );
            }
        }
        if let Some(written) = body["target"].as_str() {
            let Some(target) = target else {
                return Err(
                    "where it happened (event_payload.target) is gone, and its payload names it"
                        .to_owned(),
                );
            };
            self.named
                .entry((target, written.to_owned()))
                .or_insert(seq);
        }
        Ok(())
    }

    /// Notes a team's name that an event contains.
    pub(super) fn team_is_named(&mut self, target: i64, name: String) {
        self.teams.entry(target).or_default().insert(name);
    }

    /// The first event whose payload names another target than its column. Teams may be renamed,
    /// and the number that one had before it was first seen may no longer exist.
    pub(super) fn broken(&self, db: &Connection) -> Result<Option<(i64, String)>, StoreError> {
        let shown = targets::names(db)?;
        let mut ids = HashMap::new();
        let mut statement = db.prepare("SELECT id, name, remote_id FROM target")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let names: [Option<String>; 2] = [row.get(1)?, row.get(2)?];
            ids.insert(row.get::<_, i64>(0)?, names);
        }
        let mut broken: Option<(i64, String)> = None;
        for ((target, written), seq) in &self.named {
            let Some(known) = shown.get(&TargetId(*target)) else {
                continue;
            };
            let is = match written.split_once('/') {
                None => known.written() == *written,
                Some((account, team)) => {
                    let own = known.written();
                    own.split_once('/').is_some_and(|(own, _)| own == account)
                        && (ids[target].iter().flatten().any(|name| name == team)
                            || self.teams.get(target).is_some_and(|t| t.contains(team)))
                }
            };
            if !is && broken.as_ref().is_none_or(|(first, _)| seq < first) {
                let why = format!(
                    "where it happened (event_payload.target: {}) is not where its payload says: {written}",
                    known.written()
                );
                broken = Some((*seq, why));
            }
        }
        Ok(broken)
    }
}
