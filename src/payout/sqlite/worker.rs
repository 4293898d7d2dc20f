//! Who owns the connection: a thread that commits what waits in one
//! transaction, or, in memory, whoever calls.

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::{self, Fault, Result};
use super::schema;
use crate::error::{Error, Result as Answer};
use crate::payout::ledger::unusable;

/// The most operations that share one commit.
const GROUP: usize = 256;

/// A connection and its owner.
pub(super) enum Worker {
    /// A thread of its own; `None` once it was told to end.
    Thread(Option<mpsc::Sender<Order>>, Option<JoinHandle<()>>),
    /// The caller, at once.
    Inline(Mutex<Connection>),
}

/// An operation for the thread.
pub(super) struct Order {
    job: Box<dyn Job>,
    writes: bool,
}

impl Worker {
    pub(super) fn open(path: &Path) -> Answer<Self> {
        let connection = schema::open(path)?;
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("hongbao-ledger".to_owned())
            .spawn(move || serve(&connection, &receiver))
            .map_err(|error| unusable(error, "let this process start another thread"))?;
        Ok(Self::Thread(Some(sender), Some(thread)))
    }

    pub(super) fn in_memory() -> Answer<Self> {
        Ok(Self::Inline(Mutex::new(schema::in_memory()?)))
    }

    /// Reads; sees all that was confirmed.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        self.run(false, work).await
    }

    /// Writes, and answers when that is durable. The work may be done twice if
    /// the first transaction fails because of its neighbours.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        self.run(true, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        writes: bool,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let (sender, receiver) = oneshot::channel();
        let order = Order { job: Box::new(Task { work, result: None, sender }), writes };
        match self {
            Self::Inline(connection) => {
                perform(&connection.lock().unwrap_or_else(PoisonError::into_inner), vec![order]);
            }
            Self::Thread(queue, _) => {
                queue.as_ref().and_then(|queue| queue.send(order).ok()).ok_or_else(gone)?;
            }
        }
        receiver.await.map_err(|_| gone())?
    }
}

fn gone() -> Error {
    unusable("its thread has ended", "restart the program; what was confirmed is stored")
}

/// Ends the thread when all that waits is done, so that the file is closed.
impl Drop for Worker {
    fn drop(&mut self) {
        if let Self::Thread(queue, thread) = self {
            drop(queue.take());
            if let Some(thread) = thread.take() {
                // It ended, one way or the other.
                let _ = thread.join();
            }
        }
    }
}

/// What the thread knows of an operation.
trait Job: Send {
    /// Does it and keeps the result; whether it succeeded.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Forgets the result and keeps this error.
    fn fail(&mut self, error: Error);
    /// Tells the result.
    fn answer(self: Box<Self>);
}

struct Task<W, T> {
    work: W,
    result: Option<Result<T>>,
    sender: oneshot::Sender<Answer<T>>,
}

impl<W, T> Job for Task<W, T>
where
    W: FnMut(&Connection) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.result.insert((self.work)(connection)).is_ok()
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(Fault::Refused(error)));
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // Whoever asked may have gone.
            let _ = self.sender.send(result.map_err(Error::from));
        }
    }
}

fn serve(connection: &Connection, orders: &mpsc::Receiver<Order>) {
    while let Ok(first) = orders.recv() {
        let mut waiting = vec![first];
        while waiting.len() < GROUP
            && let Ok(next) = orders.try_recv()
        {
            waiting.push(next);
        }
        perform(connection, waiting);
    }
}

/// Reads first: none of them waits for a write that was not confirmed.
fn perform(connection: &Connection, orders: Vec<Order>) {
    let (writes, reads): (Vec<_>, Vec<_>) = orders.into_iter().partition(|order| order.writes);
    for Order { mut job, .. } in reads {
        // One view of the file, even if it takes several statements.
        match execute(connection, "BEGIN") {
            Ok(()) => drop(job.run(connection)),
            Err(failure) => job.fail(fault::store(&failure)),
        }
        roll_back(connection);
        job.answer();
    }
    let mut jobs: Vec<_> = writes.into_iter().map(|order| order.job).collect();
    commit_all(connection, &mut jobs);
    for job in jobs {
        job.answer();
    }
}

/// One transaction for all; each in turn alone if that one fails.
fn commit_all(connection: &Connection, jobs: &mut [Box<dyn Job>]) {
    if jobs.is_empty() {
        return;
    }
    if let Err(failure) = execute(connection, "BEGIN IMMEDIATE") {
        jobs.iter_mut().for_each(|job| job.fail(fault::store(&failure)));
        return;
    }
    let written = match &mut *jobs {
        // Alone it needs no savepoint, for which SQLite copies each page that it changes.
        [job] => attempt(connection, job.as_mut()) == Some(true),
        jobs => jobs.iter_mut().all(|job| apart(connection, job.as_mut())),
    };
    let committed = if written { execute(connection, "COMMIT").err() } else { None };
    if written && committed.is_none() {
        return;
    }
    roll_back(connection);
    match (jobs, committed) {
        ([job], Some(failure)) => job.fail(fault::store(&failure)),
        // It has its own error.
        ([_], None) => {}
        (jobs, _) => jobs.iter_mut().for_each(|job| commit_all(connection, std::slice::from_mut(job))),
    }
}

/// An operation that undoes only itself if it fails; `false` if SQLite gave up
/// the whole transaction with it.
fn apart(connection: &Connection, job: &mut dyn Job) -> bool {
    if let Err(failure) = execute(connection, "SAVEPOINT operation") {
        job.fail(fault::store(&failure));
        return false;
    }
    let Some(done) = attempt(connection, job) else { return false };
    let undone = done || execute(connection, "ROLLBACK TO operation").is_ok();
    match execute(connection, "RELEASE operation") {
        Ok(()) => undone,
        Err(failure) => {
            job.fail(fault::store(&failure));
            false
        }
    }
}

/// Does an operation; whether it succeeded, `None` if SQLite gave up the
/// transaction meanwhile.
fn attempt(connection: &Connection, job: &mut dyn Job) -> Option<bool> {
    let done = job.run(connection);
    if connection.is_autocommit() {
        if done {
            job.fail(unusable("SQLite gave a transaction up without a word", "repeat it"));
        }
        return None;
    }
    Some(done)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // SQLite gives the transaction up in any case.
        let _ = execute(connection, "ROLLBACK");
    }
}
