//! The one writer: a thread that commits what has gathered in one transaction, so that durable
//! notes cost a few commits and not one each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::StoreError;

/// The most that is committed at once: bounds how long the first of them waits.
const MOST_AT_ONCE: usize = 512;

/// Runs inside the transaction, or hears why there is none, and returns what to do once it is known
/// whether that was committed.
type Job = Box<dyn FnOnce(Result<&Connection, String>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;

#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let thread = thread::Builder::new()
            .name("lapsed-writer".to_owned())
            .spawn(move || {
                while let Ok(first) = waiting.recv() {
                    let mut batch = vec![first];
                    batch.extend(waiting.try_iter().take(MOST_AT_ONCE - 1));
                    commit(&mut connection, batch);
                }
                // Leaves a single file behind when nobody else has the database open.
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

    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => in_savepoint(connection, job),
                Err(why) => Err(StoreError::NotCommitted(why)),
            };
            Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(why) => result.and(Err(StoreError::NotCommitted(why))),
                };
                // Whoever asked may have stopped waiting; the change stands all the same.
                let _ = sender.send(result);
            })
        });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Gone)?;
        jobs.send(job).map_err(|_| StoreError::Gone)?;
        receiver.await.map_err(|_| StoreError::Gone)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has already failed the jobs that it concerned.
            let _ = thread.join();
        }
    }
}

/// One job's failure must not undo the others in its transaction.
fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.prepare_cached("SAVEPOINT job")?.execute([])?;
    let result = catch_unwind(AssertUnwindSafe(|| job(connection)))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("a change panicked".to_owned())));
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    connection.prepare_cached("RELEASE job")?.execute([])?;
    result
}

fn commit(connection: &mut Connection, batch: Vec<Job>) {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            let why = StoreError::from(error).to_string();
            for job in batch {
                job(Err(why.clone()))(Ok(()));
            }
            return;
        }
    };
    let replies: Vec<Reply> = batch.into_iter().map(|job| job(Ok(&transaction))).collect();
    let committed = transaction
        .commit()
        .map_err(|error| StoreError::from(error).to_string());
    for reply in replies {
        reply(committed.clone());
    }
}
