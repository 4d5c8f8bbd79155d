//! What ends when: the first ends of the weeks and days ahead, and how many each of them has.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, named_params};

use super::{MOST_ROWS, PageReader};
use crate::report::{ReportLine, WEEKS};
use crate::store::queries::report::removals;
use crate::store::queries::sql::not_outlasted;
use crate::store::{StoreError, db::values};

/// Days of the calendar.
const DAYS: usize = 7;
/// Ends that are shown of a day.
const MOST_OF_A_DAY: usize = 50;

/// A week or a day of the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DateSpan {
    /// Its first day.
    pub(crate) starts: Date,
    /// From this moment; of today, only what is left of it.
    from: Timestamp,
    until: Timestamp,
}

/// A day, and its first ends.
#[derive(Debug)]
pub(crate) struct Day {
    pub(crate) span: DateSpan,
    pub(crate) ends: Vec<ReportLine>,
}

/// The coming weeks in this zone, the first from today on.
pub(crate) fn weeks(now: Timestamp, zone: &TimeZone) -> Vec<DateSpan> {
    spans(now, zone, WEEKS, 7)
}

/// The coming days in this zone, the first of them today.
pub(crate) fn days(now: Timestamp, zone: &TimeZone) -> Vec<DateSpan> {
    spans(now, zone, DAYS, 1)
}

fn spans(now: Timestamp, zone: &TimeZone, count: usize, length: usize) -> Vec<DateSpan> {
    let today = now.to_zoned(zone.clone()).date();
    let first_day = |span: usize| today.saturating_add(((span * length) as i64).days());
    let midnight = |day: Date| {
        let at = day.to_zoned(zone.clone());
        at.map_or(Timestamp::MAX, |at| at.timestamp())
    };
    (0..count)
        .map(|span| DateSpan {
            starts: first_day(span),
            from: midnight(first_day(span)).max(now),
            until: midnight(first_day(span + 1)),
        })
        .collect()
}

/// The ends between two moments that are ends of access.
fn ends() -> String {
    format!(
        "FROM grants g INDEXED BY grants_due
         WHERE g.removed_at IS NULL AND g.ends_at >= :from AND g.ends_at < :until AND {}",
        not_outlasted()
    )
}

fn first_ends() -> String {
    format!(
        "SELECT g.email, g.target, g.ends_at, g.owner {} ORDER BY g.ends_at LIMIT :most",
        ends()
    )
}

/// How many ends a span has. Read span by span: with a million ends, each takes a while.
pub(crate) fn ends_in(db: &Connection, span: DateSpan) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT count(*) {}", ends()))?;
    let params = named_params! {
        ":from": values::stored(span.from), ":until": values::stored(span.until),
    };
    Ok(statement.query_row(params, |row| row.get(0))?)
}

impl PageReader<'_> {
    /// The first ends of the weeks that are drawn.
    pub(super) fn ending(&self, zone: &TimeZone) -> Result<Vec<ReportLine>, StoreError> {
        let weeks = weeks(self.wanted.now, zone);
        let now = self.wanted.now;
        let until = weeks.last().map_or(now, |week| week.until);
        self.ends_between(now, until, MOST_ROWS)
    }

    /// The first ends of each coming day.
    pub(super) fn days(&self, zone: &TimeZone) -> Result<Vec<Day>, StoreError> {
        let days = days(self.wanted.now, zone).into_iter();
        let read = |span: DateSpan| {
            let ends = self.ends_between(span.from, span.until, MOST_OF_A_DAY)?;
            Ok(Day { span, ends })
        };
        days.map(read).collect()
    }

    fn ends_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<ReportLine>, StoreError> {
        let mut statement = self.db.prepare_cached(&first_ends())?;
        let params = named_params! {
            ":from": values::stored(from), ":until": values::stored(until), ":most": most,
        };
        let rows = statement.query_map(params, |row| {
            Ok(ReportLine {
                at: values::read(row.get(2)?),
                email: row.get(0)?,
                target: Some(removals::target(&self.names, row.get(1)?)),
                owner: row.get(3)?,
                ..ReportLine::default()
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, steps_of};

    #[tokio::test]
    async fn the_first_ends_are_found_in_order_by_the_index_of_ends() {
        let steps = steps_of(&first_ends()).await;
        assert!(
            steps[0].contains("USING INDEX grants_due (ends_at>? AND ends_at<?)"),
            "{steps:?}"
        );
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
    }

    #[tokio::test]
    async fn each_end_is_in_the_week_of_its_local_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("lapsed.db")).unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 23:30 UTC on the 21st is the 22nd in Berlin: the first week starts on the 22nd.
        let now: Timestamp = "2026-11-21T23:30:00Z".parse().unwrap();
        let ends = [
            "2026-11-21T23:29:59Z", // over
            "2026-11-21T23:30:00Z",
            "2026-11-28T22:59:59.999Z",
            "2026-11-28T23:00:00Z",
            "2027-02-20T22:59:59.999Z",
            "2027-02-20T23:00:00Z", // beyond
        ];
        let ends = ends.map(|end| values::stored(end.parse().unwrap()));
        let insert = move |db: &Connection| {
            db.execute_batch("INSERT INTO target (id, provider, account, name) VALUES (1, 'sentius', 'acme', '')")?;
            for end in ends {
                db.execute(
                    "INSERT INTO grants (target, email, email_key, person, starts_at, ends_at, recorded_at)
                     VALUES (1, :email, :email, :email, 0, :end, 0)",
                    named_params! { ":email": end.to_string(), ":end": end },
                )?;
            }
            Ok(())
        };
        store.write(insert).await.unwrap();

        let weeks = weeks(now, &zone);

        let days: Vec<String> = weeks.iter().map(|week| week.starts.to_string()).collect();
        assert_eq!(
            (days[0].as_str(), days[12].as_str()),
            ("2026-11-22", "2027-02-14")
        );
        let mut counts = Vec::new();
        for week in weeks {
            counts.push(store.read(move |db| ends_in(db, week)).await.unwrap());
        }
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let mut counts = Vec::new();
        for day in super::days(now, &zone) {
            let count = store.read(move |db| ends_in(db, day)).await.unwrap();
            counts.push((day.starts.day(), count));
        }
        let wanted = [
            (22, 1),
            (23, 0),
            (24, 0),
            (25, 0),
            (26, 0),
            (27, 0),
            (28, 1),
        ];
        assert_eq!(counts, wanted);
    }
}
