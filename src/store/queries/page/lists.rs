//! Lists of the page that the report has too: access without an end, and invites by age.

use rusqlite::{Connection, Row, named_params};

use super::{MOST_ROWS, PageReader};
use crate::report::ReportLine;
use crate::store::queries::report::removals;
use crate::store::{StoreError, db::values};

/// Grants without an end; the index has them in the order in which they were recorded.
const NEVER_ENDS: &str =
    "FROM grants INDEXED BY grants_due WHERE removed_at IS NULL AND ends_at IS NULL";
/// Invites that nobody accepted yet.
const INVITES: &str = "FROM invite INDEXED BY invite_age WHERE gone_at IS NULL";
/// Grants that are counted in one read: passes read in between.
const COUNTED: usize = 50_000;

fn never_ends() -> String {
    format!("SELECT email, target, starts_at, owner {NEVER_ENDS} ORDER BY id LIMIT :most")
}

fn invites() -> String {
    format!(
        "SELECT email, target, first_seen,
                CASE WHEN confirmed THEN 'confirmed' WHEN registered THEN 'registered' ELSE 'not registered' END
         {INVITES} ORDER BY first_seen LIMIT :most"
    )
}

fn some_endless() -> String {
    format!(
        "SELECT count(*), max(id) FROM (SELECT id {NEVER_ENDS} AND id > :after ORDER BY id LIMIT :most)"
    )
}

/// How many of the next grants without an end after one there are, and the last of them; absent where
/// there are no more.
pub(crate) fn some_never_end(
    db: &Connection,
    after: i64,
) -> Result<Option<(u64, i64)>, StoreError> {
    let mut statement = db.prepare_cached(&some_endless())?;
    let params = named_params! { ":after": after, ":most": COUNTED };
    let (count, last): (u64, Option<i64>) =
        statement.query_row(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(last.map(|last| (count, last)))
}

/// How many invites are pending.
pub(super) fn pending_invites(db: &Connection) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT count(*) {INVITES}"))?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

impl PageReader<'_> {
    /// The first grants without an end.
    pub(super) fn never_ends(&self) -> Result<Vec<ReportLine>, StoreError> {
        self.list(&never_ends(), |row, line| {
            line.owner = row.get(3)?;
            Ok(())
        })
    }

    /// The oldest invites.
    pub(super) fn invites(&self) -> Result<Vec<ReportLine>, StoreError> {
        self.list(&invites(), |row, line| {
            line.state = row.get(3)?;
            Ok(())
        })
    }

    /// The lines of a query for an address, a target and a moment, which `fill` completes.
    fn list(
        &self,
        sql: &str,
        fill: impl Fn(&Row<'_>, &mut ReportLine) -> rusqlite::Result<()>,
    ) -> Result<Vec<ReportLine>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(named_params! { ":most": MOST_ROWS }, |row| {
            let mut line = ReportLine {
                at: values::read(row.get(2)?),
                email: row.get(0)?,
                target: Some(removals::target(&self.names, row.get(1)?)),
                ..ReportLine::default()
            };
            fill(row, &mut line)?;
            Ok(line)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::steps_of;

    #[tokio::test]
    async fn the_first_rows_are_found_in_order_by_an_index_and_nothing_is_sorted() {
        for (sql, index) in [(never_ends(), "grants_due"), (invites(), "invite_age")] {
            let steps = steps_of(&sql).await;
            assert_eq!(steps.len(), 1, "{steps:?}");
            assert!(steps[0].contains(index), "{steps:?}");
        }
        let steps = steps_of(&some_endless()).await;
        let wanted = "SEARCH grants USING INDEX grants_due (ends_at=? AND rowid>?)";
        assert!(steps.iter().any(|step| step == wanted), "{steps:?}");
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
    }
}
