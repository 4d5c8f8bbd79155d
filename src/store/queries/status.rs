//! The queries of `status`, in one read transaction. Settled rows are not read, however many there
//! are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::clock;
use crate::config::Settings;
use crate::domain::TargetId;
use crate::report::Trail;
use crate::schedule;
use crate::status::{
    self, Daemon, Ends, Health, Held, Mail, Overdue, Pass, Passes, Pile, Source, Sources, Status,
};
use crate::store::queries::sql::{self, STANDS, not_outlasted};
use crate::store::queries::{self, OwedAt};
use crate::store::{
    Holds, Outbox, Store, StoreError, Targets, db::values, tables, tables::targets, trail,
};

/// The most failing sources that are named: when a provider is down, all its teams fail.
const MOST_SOURCES: usize = 20;

/// The most refused mails that are named.
const MOST_REFUSALS: u32 = 20;

impl Store {
    /// The current status. `timer` says that a timer may run the passes: then a missing daemon is
    /// no fault.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn status(&self, settings: &Settings, timer: bool) -> Result<Status, StoreError> {
        let now = clock::now();
        let unconfirmed = self.looks_restored().await?;
        let mut wanted = Wanted::new(settings, now, unconfirmed);
        wanted.owed.import_runs = self.is_giving()?;
        let beside = self.clone();
        let mut status = self
            .read(move |db| {
                let daemon = beside.daemon()?;
                let running = beside.is_at_work()?;
                gather(db, &wanted, daemon, running)
            })
            .await?;
        let slot = |after| schedule::next(&settings.schedule.pass, &settings.timezone, after);
        status.passes.next = status.daemon.and_then(|_| slot(now));
        status::judge(&mut status, timer, slot);
        Ok(status)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(in crate::store) now: Timestamp,
    unconfirmed: Option<String>,
    pub(crate) owed: OwedAt,
    /// The accounts with teams, and whether suppressed addresses are read there.
    accounts: BTreeMap<String, bool>,
    /// All accounts that are configured.
    configured: BTreeSet<String>,
}

impl Wanted {
    pub(crate) fn new(settings: &Settings, now: Timestamp, unconfirmed: Option<String>) -> Self {
        let accounts = settings.sapling.iter();
        Self {
            now,
            owed: OwedAt::new(settings, now, unconfirmed.is_some()),
            unconfirmed,
            configured: settings.accounts(),
            accounts: accounts
                .map(|a| (a.name.clone(), a.organization_id.is_some()))
                .collect(),
        }
    }

    pub(in crate::store) fn now(&self) -> i64 {
        values::stored(self.now)
    }

    /// Ends up to this moment are acted on.
    pub(in crate::store) fn cutoff(&self) -> i64 {
        values::stored(self.owed.cutoff())
    }

    pub(in crate::store) fn in_hours(&self, hours: i64) -> i64 {
        let then = self.now.checked_add(SignedDuration::from_hours(hours));
        values::stored(then.unwrap_or(Timestamp::MAX))
    }
}

/// Everything except the judgement.
pub(crate) fn gather(
    db: &Connection,
    wanted: &Wanted,
    daemon: Option<Daemon>,
    running: bool,
) -> Result<Status, StoreError> {
    let (mut overdue, held, protected) = ledger(db)?;
    let observe_only = queries::observed(db, &wanted.owed)?;
    if observe_only.is_some() {
        overdue = Overdue::default();
    } else {
        untouched(db, wanted, &mut overdue)?;
    }
    let head = trail::head(db)?;
    Ok(Status {
        verdict: Health::Well,
        reasons: Vec::new(),
        at: wanted.now,
        daemon,
        passes: passes(db, running)?,
        ends: ends(db, wanted)?,
        overdue,
        owed: queries::owed(db, &wanted.owed)?,
        observe_only,
        unconfirmed: wanted.unconfirmed.clone(),
        clocks: tables::clock::doubted(db)?,
        elsewhere: Targets::accounts_elsewhere(db, &wanted.configured)?,
        held,
        protected,
        mail: mail(db, wanted)?,
        sources: sources(db, wanted)?,
        trail: Trail {
            events: u64::try_from(head.seq).unwrap_or(0),
            head: head.hex(),
        },
    })
}

/// A run's columns, in the order of [`pass`].
const PASS: &str = "id, started_at, finished_at, outcome, counts";

fn last_whole(db: &Connection) -> Result<Option<Pass>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {PASS} FROM run WHERE {WHOLE} AND finished_at IS NOT NULL ORDER BY rowid DESC LIMIT 1"
    ))?;
    let mut rows = statement.query([])?;
    rows.next()?.map(pass).transpose()
}

fn pass(row: &Row<'_>) -> Result<Pass, StoreError> {
    let counts = serde_json::from_str(row.get_ref("counts")?.as_str()?);
    Ok(Pass {
        run: row.get("id")?,
        started_at: values::read(row.get("started_at")?),
        finished_at: values::read(row.get("finished_at")?),
        outcome: row.get("outcome")?,
        counts: counts.map_err(|e| StoreError::Corrupt(format!("a run's counts: {e}")))?,
    })
}

/// Passes on everything, which tell the whole state; not the ones in between, on some targets only.
const WHOLE: &str = "dry_run = 0 AND reach = 'everything'";

fn passes(db: &Connection, running: bool) -> Result<Passes, StoreError> {
    let newest = |sql: &str| -> Result<Option<Timestamp>, StoreError> {
        let found = db.prepare_cached(sql)?.query_row([], |row| row.get(0));
        Ok(found.optional()?.flatten().map(values::read))
    };
    // A pass on some targets may begin and end within a whole one.
    let running_since = newest(&format!(
        "SELECT started_at FROM run WHERE finished_at IS NULL AND rowid > ifnull(
            (SELECT rowid FROM run WHERE {WHOLE} AND finished_at IS NOT NULL
             ORDER BY rowid DESC LIMIT 1), 0)
         ORDER BY rowid DESC LIMIT 1"
    ))?;
    let broken_off: u64 = db
        .prepare_cached(&format!(
            "SELECT count(*) FROM run WHERE {WHOLE} AND rowid > ifnull(
                (SELECT rowid FROM run WHERE {WHOLE} AND finished_at IS NOT NULL
                 ORDER BY rowid DESC LIMIT 1), 0)"
        ))?
        .query_row([], |row| row.get(0))?;
    let running_since = running_since.filter(|_| running);
    Ok(Passes {
        running,
        running_since,
        begun: newest(&format!(
            "SELECT started_at FROM run WHERE {WHOLE} ORDER BY rowid DESC LIMIT 1"
        ))?,
        last: last_whole(db)?,
        last_success: newest(&format!(
            "SELECT finished_at FROM run WHERE {WHOLE} AND outcome = 'converged'
             ORDER BY rowid DESC LIMIT 1"
        ))?,
        broken_off: broken_off.saturating_sub(u64::from(running_since.is_some())),
        next: None,
        late_since: None,
    })
}

/// The unsettled rows of the ledger.
fn ledger(db: &Connection) -> Result<(Overdue, Held, Pile), StoreError> {
    let mut statement = db.prepare_cached(&format!(
        // A pass that tries again does not make well what has failed before.
        "SELECT CASE WHEN {STANDS} = 'planned' AND attempts > 0 THEN 'failed'
                     WHEN {STANDS} = 'unknown' AND attempts > 1 THEN 'failed' ELSE {STANDS} END AS stands,
                count(*), min(due_at) FROM action
         WHERE settled_at IS NULL GROUP BY stands"
    ))?;
    let mut rows = statement.query([])?;
    let (mut overdue, mut held, mut protected) =
        (Overdue::default(), Held::default(), Pile::default());
    while let Some(row) = rows.next()? {
        let count = row.get(1)?;
        let oldest = values::read_if_any(row.get(2)?);
        match row.get_ref(0)?.as_str()? {
            "held" => {
                held = Held {
                    count,
                    oldest,
                    run: Holds::last(db)?,
                }
            }
            "protected" => protected = Pile { count, oldest },
            state => {
                *match state {
                    "failed" => &mut overdue.failed,
                    "unknown" => &mut overdue.unknown,
                    _ => &mut overdue.planned,
                } = count;
                if matches!(state, "failed" | "unknown") {
                    overdue.failing = overdue.failing.into_iter().chain(oldest).min();
                }
                overdue.count += count;
                overdue.oldest = overdue.oldest.into_iter().chain(oldest).min();
            }
        }
    }
    Ok((overdue, held, protected))
}

fn untouched(db: &Connection, wanted: &Wanted, overdue: &mut Overdue) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT count(*), min(due), min(waits) FROM ({})",
        sql::untouched()
    ))?;
    let params = named_params! { ":now": wanted.now(), ":cutoff": wanted.cutoff() };
    statement.query_row(params, |row| {
        overdue.untouched = row.get(0)?;
        overdue.count += overdue.untouched;
        let due = values::read_if_any(row.get(1)?);
        overdue.oldest = overdue.oldest.into_iter().chain(due).min();
        overdue.untouched_since = values::read_if_any(row.get(2)?);
        Ok(())
    })?;
    Ok(())
}

fn ends(db: &Connection, wanted: &Wanted) -> Result<Ends, StoreError> {
    let coming =
        "FROM grants g INDEXED BY grants_due WHERE g.removed_at IS NULL AND g.ends_at > :now";
    let next: Option<i64> = db
        .prepare_cached(&format!(
            "SELECT g.ends_at {coming} AND {} ORDER BY g.ends_at LIMIT 1",
            not_outlasted()
        ))?
        .query_row(named_params! { ":now": wanted.now() }, |row| row.get(0))
        .optional()?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT count(*), ifnull(sum(g.ends_at <= :day), 0) {coming} AND g.ends_at <= :week AND {}",
        not_outlasted()
    ))?;
    let params = named_params! {
        ":now": wanted.now(), ":day": wanted.in_hours(24), ":week": wanted.in_hours(7 * 24),
    };
    let (within_7d, within_24h) =
        statement.query_row(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Ends {
        next: values::read_if_any(next),
        within_24h,
        within_7d,
    })
}

fn mail(db: &Connection, wanted: &Wanted) -> Result<Mail, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT count(*), ifnull(sum(state = 'failed'), 0), min(created_at), min(next_try_at) FROM outbox
         WHERE state IN ('queued', 'claimed', 'failed')",
    )?;
    let mut mail = statement.query_row([], |row| {
        Ok(Mail {
            unsent: row.get(0)?,
            failed: row.get(1)?,
            oldest: values::read_if_any(row.get(2)?),
            due: values::read_if_any(row.get(3)?).filter(|due| *due <= wanted.now),
            ..Mail::default()
        })
    })?;
    mail.refused = Outbox::refused_lately(db, wanted.now)?;
    mail.refusals = Outbox::refusals(db, wanted.now, MOST_REFUSALS)?;
    Ok(mail)
}

/// The failing ones among the sources that are read now; accounts and teams of former
/// configurations are not.
fn sources(db: &Connection, wanted: &Wanted) -> Result<Sources, StoreError> {
    let names = targets::names(db)?;
    let mut statement = db.prepare_cached(
        "SELECT s.kind, s.account, s.target, s.state, s.since, ifnull(s.detail, '') FROM source s
         LEFT JOIN target t ON t.id = s.target
         WHERE s.state <> 'complete' AND (s.target = 0 OR t.listed = 1)
         ORDER BY s.kind = 'team' AND s.state = 'forbidden', s.since, s.id",
    )?;
    let mut rows = statement.query([])?;
    let mut sources = Sources::default();
    while let Some(row) = rows.next()? {
        let (kind, state): (String, String) = (row.get(0)?, row.get(3)?);
        let account: String = row.get(1)?;
        match wanted.accounts.get(&account) {
            None => continue,
            Some(false) if kind == "suppressed" => continue,
            Some(_) => {}
        }
        // A team that the key may not read is a finding of each pass, not a fault. Suppressed
        // addresses can be read only with the provider's permission.
        if kind != "teams" && state == "forbidden" {
            sources.forbidden += 1;
        } else {
            sources.failing += 1;
        }
        *sources
            .by_account
            .entry((format!("sapling:{account}"), state.clone()))
            .or_default() += 1;
        if sources.list.len() < MOST_SOURCES {
            let team = names.get(&TargetId(row.get(2)?));
            sources.list.push(Source {
                source: match (kind.as_str(), team) {
                    ("team", Some(team)) => team.to_string(),
                    ("teams", _) => format!("sapling:{account}, the list of teams"),
                    _ => format!("sapling:{account}, suppressed addresses"),
                },
                state,
                detail: row.get(5)?,
                since: values::read(row.get(4)?),
            });
        }
    }
    Ok(sources)
}
