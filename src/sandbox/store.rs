//! State on disk: one embedded database, one writer, many answers per sync.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};
use tokio::sync::oneshot;

use super::desk::{Change, Table};
use super::failed;
use crate::error::Result;

/// The most batches that share one sync.
const GROUP: usize = 512;

/// What the database may keep of its file in memory, in bytes. Everything is read
/// once, at the start, so that more would hardly help.
const CACHE: usize = 32 << 20;

/// The key of a row that has a number, so that keys have the order of numbers.
pub(super) fn row_key(number: u64) -> String {
    format!("{number:016}")
}

type Definition = TableDefinition<'static, &'static str, &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// Writes changes in the order in which they are submitted. Nobody hears that
/// a change is stored before it is synced.
pub(crate) struct Store {
    sender: Option<mpsc::Sender<Batch>>,
    writer: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
}

struct Batch {
    changes: Vec<Change>,
    done: Box<dyn FnOnce(Written) + Send>,
}

type Written = std::result::Result<(), String>;

/// Becomes known when changes are stored, to a caller that waits.
pub(crate) struct Stored(mpsc::Receiver<Written>);

impl Stored {
    pub(crate) fn wait(self) -> Written {
        self.0.recv().unwrap_or_else(|_| Err(GONE.to_owned()))
    }
}

/// The same for a caller that is async.
pub(crate) struct Storing(oneshot::Receiver<Written>);

impl Storing {
    pub(crate) async fn done(self) -> Written {
        self.0.await.unwrap_or_else(|_| Err(GONE.to_owned()))
    }
}

const GONE: &str = "the store has stopped after an earlier error; restart the sandbox";

/// The database as an earlier start left it.
pub(crate) struct Rows {
    database: Database,
    label: String,
}

impl Rows {
    /// Opens or creates the database.
    ///
    /// # Errors
    /// The file cannot be used, or another sandbox holds it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let label = path.display().to_string();
        let database = Database::builder().set_cache_size(CACHE).create(path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => {
                failed(&label, "another sandbox runs on this directory; stop it, or give this one another directory")
            }
            error => failed(&label, error),
        })?;
        prepare(&database).map_err(|error| failed(&label, error))?;
        Ok(Self { database, label })
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: Table) -> Result<usize> {
        let count = || -> std::result::Result<u64, redb::Error> {
            Ok(self.database.begin_read()?.open_table(definition(table))?.len()?)
        };
        let count = count().map_err(|error| failed(&self.label, error))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Hands every row of a table to `load`, in the order of keys, until it fails.
    /// Several threads may read at a time.
    ///
    /// # Errors
    /// The file cannot be read, or `load` has failed.
    pub(crate) fn read(&self, table: Table, load: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
        read(&self.database, table, load).map_err(|error| failed(&self.label, error))?
    }

    /// Begins to write.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn into_store(self) -> Result<Store> {
        let (sender, receiver) = mpsc::channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&stopped);
        let writer = std::thread::Builder::new()
            .name("hongbao-sandbox-store".to_owned())
            .spawn(move || write_all(&self.database, &receiver, &tell))
            .map_err(|error| failed("the store's thread", error))?;
        Ok(Store { sender: Some(sender), writer: Some(writer), stopped })
    }
}

impl Store {
    /// Whether a change could not be stored. What is in memory since then was
    /// never written down.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Queues changes; the order of calls is the order on disk.
    pub(crate) fn submit(&self, changes: Vec<Change>) -> Stored {
        let (sender, stored) = mpsc::channel();
        self.queue(changes, Box::new(move |written| drop(sender.send(written))));
        Stored(stored)
    }

    /// As [`submit`](Self::submit), for async callers.
    pub(crate) fn submit_async(&self, changes: Vec<Change>) -> Storing {
        let (sender, stored) = oneshot::channel();
        self.queue(changes, Box::new(move |written| drop(sender.send(written))));
        Storing(stored)
    }

    /// As [`submit_async`](Self::submit_async), and known only when all that was
    /// submitted before is stored as well, even if this is nothing.
    pub(crate) fn submit_behind_all(&self, changes: Vec<Change>) -> Storing {
        let (sender, stored) = oneshot::channel();
        self.send(changes, Box::new(move |written| drop(sender.send(written))));
        Storing(stored)
    }

    fn queue(&self, changes: Vec<Change>, done: Box<dyn FnOnce(Written) + Send>) {
        if changes.is_empty() { done(Ok(())) } else { self.send(changes, done) }
    }

    fn send(&self, changes: Vec<Change>, done: Box<dyn FnOnce(Written) + Send>) {
        if let Some(sender) = &self.sender {
            // A writer that is gone drops the batch and with it `done`, which
            // the waiter notices.
            let _ = sender.send(Batch { changes, done });
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn prepare(database: &Database) -> std::result::Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for table in Table::ALL {
        transaction.open_table(definition(table))?;
    }
    transaction.commit()?;
    Ok(())
}

/// Reads rows until `load` fails.
fn read(
    database: &Database,
    table: Table,
    mut load: impl FnMut(&str, &[u8]) -> Result<()>,
) -> std::result::Result<Result<()>, redb::Error> {
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(definition(table))?;
    for row in rows.iter()? {
        let (key, value) = row?;
        if let Err(error) = load(key.value(), value.value()) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

fn write_all(database: &Database, receiver: &mpsc::Receiver<Batch>, stopped: &AtomicBool) {
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = receiver.try_recv()
        {
            group.push(next);
        }
        let result = write(database, &group).map_err(|error| error.to_string());
        let broken = result.is_err();
        // Before anybody hears of the error, so that who does finds it so.
        stopped.store(broken, Ordering::Release);
        for batch in group {
            (batch.done)(result.clone());
        }
        if broken {
            // What follows may build on what was not stored: stop, so that
            // every later request hears of it.
            tracing::error!("the sandbox's store has stopped after an error; restart the sandbox");
            return;
        }
    }
}

fn write(database: &Database, group: &[Batch]) -> std::result::Result<(), redb::Error> {
    if group.iter().all(|batch| batch.changes.is_empty()) {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    for table in Table::ALL {
        let mut changes =
            group.iter().flat_map(|batch| &batch.changes).filter(|change| change.table == table).peekable();
        if changes.peek().is_none() {
            continue;
        }
        let mut rows = transaction.open_table(definition(table))?;
        for change in changes {
            match &change.value {
                Some(value) => rows.insert(change.key.as_str(), value.as_slice())?,
                None => rows.remove(change.key.as_str())?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;

    use super::*;

    /// A disk that is full from a moment on.
    #[derive(Debug)]
    struct Disk {
        memory: InMemoryBackend,
        full: Arc<AtomicBool>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> std::io::Result<u64> {
            self.memory.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
            self.memory.read(offset, out)
        }

        fn set_len(&self, len: u64) -> std::io::Result<()> {
            self.memory.set_len(len)
        }

        fn sync_data(&self) -> std::io::Result<()> {
            if self.full.load(Ordering::Acquire) {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.memory.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
            self.memory.write(offset, data)
        }
    }

    /// A store on a disk, and the word that makes it full.
    pub(in crate::sandbox) fn on_a_disk() -> (Store, Arc<AtomicBool>) {
        let full = Arc::new(AtomicBool::new(false));
        let disk = Disk { memory: InMemoryBackend::new(), full: Arc::clone(&full) };
        let database = Database::builder().create_with_backend(disk).unwrap();
        prepare(&database).unwrap();
        (Rows { database, label: "disk".to_owned() }.into_store().unwrap(), full)
    }

    #[test]
    fn a_store_that_could_not_write_once_writes_no_more() {
        let (store, full) = on_a_disk();
        let change = || vec![Change { table: Table::State, key: "clock".to_owned(), value: Some(vec![0]) }];
        store.submit(change()).wait().unwrap();
        assert!(!store.has_stopped());
        full.store(true, Ordering::Release);
        store.submit(change()).wait().unwrap_err();
        assert!(store.has_stopped());
        full.store(false, Ordering::Release);
        assert_eq!(store.submit(change()).wait().unwrap_err(), GONE);
        assert!(store.has_stopped());
    }

    #[tokio::test]
    async fn behind_all_is_behind_all() {
        let directory = tempfile::tempdir().unwrap();
        let store = Rows::open(&directory.path().join("sandbox.redb")).unwrap().into_store().unwrap();
        for n in 0..20 {
            let change = Change { table: Table::State, key: n.to_string(), value: Some(vec![0]) };
            let earlier = store.submit(vec![change]);
            store.submit_behind_all(Vec::new()).done().await.unwrap();
            assert_eq!(earlier.0.try_recv(), Ok(Ok(())), "{n}");
        }
    }
}
