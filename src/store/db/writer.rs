//! The only writer: a thread that commits all waiting jobs in one transaction, so that many durable
//! writes cost a few commits and not one each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::store::db::high_water;
use crate::store::db::open_files::{Displaced, OpenFiles};
use crate::store::{StoreError, savepoint, trail};

/// The most jobs per commit: bounds how long the first of them waits.
const MOST_AT_ONCE: usize = 512;

/// The same for patient jobs: half of the teams that are read at a time, so that the other half is
/// read while these are committed.
const PATIENT_AT_ONCE: usize = 64;

/// How long patient jobs wait for another: longer than the gaps between a provider's answers, and
/// too short to be noticed.
const PATIENCE: Duration = Duration::from_millis(5);

/// What is known of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Urgent,
    /// The commit may wait for more patient jobs.
    Patient,
    /// A call follows: the mark moves before the reply.
    BeforeCall,
}

struct Job {
    work: Work,
    kind: Kind,
}

/// Runs inside the transaction, or gets the reason why there is none; returns what to do once the
/// outcome of the commit is known.
type Work = Box<dyn FnOnce(Result<&Connection, Fault>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), Fault>) + Send>;

/// Why a transaction failed, for each job that was part of it.
#[derive(Debug, Clone)]
enum Fault {
    /// The open file is no longer at its path, so nobody else would see the change.
    Displaced(Displaced),
    Other(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Displaced(displaced) => Self::Displaced(displaced),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Displaced(displaced) => Self::Displaced(displaced),
            Fault::Other(why) => Self::NotCommitted(why),
        }
    }
}

#[derive(Debug)]
pub(in crate::store) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(in crate::store) fn start(
        mut connection: Connection,
        files: Arc<OpenFiles>,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let thread = thread::Builder::new()
            .name("lapsed-writer".to_owned())
            .spawn(move || {
                let mut is_told = false;
                while let Ok(first) = waiting.recv() {
                    commit(&mut connection, &files, first, &waiting, &mut is_told);
                }
                // Closing would delete the log by name, and that may be another database's log by
                // now.
                if !files.names_are_ours() {
                    Box::leak(Box::new(connection));
                    return;
                }
                // Closing leaves a single file behind when no other process has the database open.
                if let Err((_, error)) = connection.close() {
                    tracing::debug!(%error, "the database was not closed cleanly");
                }
            })
            .map_err(|source| StoreError::File {
                path: "the writer's thread".into(),
                source,
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(in crate::store) async fn run<T, F>(&self, kind: Kind, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => in_savepoint(connection, job),
                Err(fault) => Err(fault.into()),
            };
            Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(fault) => result.and(Err(fault.into())),
                };
                // The caller may have stopped waiting; the change stands all the same.
                let _ = sender.send(result);
            })
        });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Gone)?;
        jobs.send(Job { work, kind })
            .map_err(|_| StoreError::Gone)?;
        receiver.await.map_err(|_| StoreError::Gone)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // If the writer panicked, its jobs have already failed.
            let _ = thread.join();
        }
    }
}

/// Runs a job in a savepoint, so that its failure does not undo the other jobs of the transaction.
/// Its changes are added to the audit trail before the next job begins.
fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Drops what an earlier job has left whose savepoint could not be undone.
    trail::back_to(trail::Untold::default());
    savepoint(connection, "job", Result::is_err, || {
        catch_unwind(AssertUnwindSafe(|| job(connection)))
            .unwrap_or_else(|_| Err(StoreError::Corrupt("a change panicked".to_owned())))
            .and_then(|done| trail::tell(connection).map(|()| done))
    })
}

/// Commits a job together with those that arrive meanwhile. Checks that the open files are the ones
/// at their paths, both before and after the commit, before any caller gets its result.
fn commit(
    connection: &mut Connection,
    files: &OpenFiles,
    first: Job,
    waiting: &mpsc::Receiver<Job>,
    is_told: &mut bool,
) {
    let transaction = match begin(connection, files) {
        Ok(transaction) => transaction,
        Err(fault) => {
            for job in std::iter::once(first).chain(waiting.try_iter()) {
                (job.work)(Err(fault.clone()))(Ok(()));
            }
            return;
        }
    };
    let mut replies: Vec<Reply> = Vec::new();
    let (mut patient, mut calls) = (true, false);
    let mut next = Some(first);
    while let Some(job) = next {
        patient &= job.kind == Kind::Patient;
        calls |= job.kind == Kind::BeforeCall;
        replies.push((job.work)(Ok(&transaction)));
        next = match replies.len() {
            number if patient && number < PATIENT_AT_ONCE => waiting.recv_timeout(PATIENCE).ok(),
            number if !patient && number < MOST_AT_ONCE => waiting.try_recv().ok(),
            _ => None,
        };
    }
    let committed = transaction.commit().map_err(StoreError::from);
    let committed = committed.and_then(|()| files.check()).map_err(Fault::from);
    if calls && committed.is_ok() {
        high_water::before_call(connection, files, is_told);
    }
    for reply in replies {
        reply(committed.clone());
    }
}

fn begin<'a>(connection: &'a mut Connection, files: &OpenFiles) -> Result<Transaction<'a>, Fault> {
    files.check()?;
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    begun.map_err(|error| StoreError::from(error).into())
}

#[cfg(test)]
mod tests {
    use crate::store::{Store, StoreError};

    #[tokio::test]
    async fn a_patient_job_is_committed_with_the_next_and_fails_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.db");
        let store = Store::open(&path).unwrap();
        let note = |name: &'static str| {
            move |db: &rusqlite::Connection| {
                db.execute("INSERT INTO fact VALUES (?1, 'x')", [name])?;
                match name {
                    "bad" => Err(StoreError::Corrupt("on purpose".to_owned())),
                    _ => Ok(()),
                }
            }
        };
        let (one, bad, two, urgent) = tokio::join!(
            store.write_patiently(note("one")),
            store.write_patiently(note("bad")),
            store.write_patiently(note("two")),
            store.write(note("urgent")),
        );
        assert!(one.is_ok() && bad.is_err() && two.is_ok() && urgent.is_ok());
        drop(store);
        let again = Store::open(&path).unwrap();
        let names = again
            .read(|db| {
                let mut statement = db.prepare("SELECT name FROM fact ORDER BY name")?;
                let names = statement.query_map([], |row| row.get(0))?;
                Ok(names.collect::<Result<Vec<String>, _>>()?)
            })
            .await
            .unwrap();
        assert_eq!(names, ["one", "two", "urgent"]);
    }
}
