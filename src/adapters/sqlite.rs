//! The embedded log store: one SQLite file, write-ahead log, `synchronous=FULL`, one writer thread.
//!
//! A second process on the same file is refused by a lock beside it. Whoever can write the file can
//! destroy the log, and anyone who holds an older checkpoint sees that; changing an entry unseen
//! is not possible.

mod schema;
mod write;

use crate::domain::entry::{Commitment, Opening};
use crate::ports::{AppendError, Batch, Fault, FaultKind, Head, LogStore, StoredEntry};
use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The store. Two threads own one connection each: one writes, one reads.
pub struct SqliteStore {
    writer: mpsc::Sender<Job>,
    reader: mpsc::Sender<Job>,
    _lock: File,
}

impl SqliteStore {
    /// Opens or makes the file, mode 0600, and locks it.
    ///
    /// # Errors
    /// `Conflict` if another process has it; `Permanent` if it is not a log of a known form.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| broken("the log's folder cannot be made", error))?;
        }
        let lock = lock(path)?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| broken("the log's file cannot be opened", error))?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::prepare(&mut connection)?;
        let reading = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { writer: own("log-writer", connection)?, reader: own("log-reader", reading)?, _lock: lock })
    }

    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, read) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(answer.send(look(connection))));
        self.reader.send(job).map_err(|_| gone())?;
        read.await.map_err(|_| gone())?.map_err(|error| broken("the log cannot be read", error))
    }
}

#[async_trait]
impl LogStore for SqliteStore {
    async fn head(&self) -> Result<Option<Head>, Fault> {
        self.read(|connection| {
            connection
                .query_row("SELECT size, checkpoint FROM head", [], |row| {
                    Ok(Head { size: row.get::<_, i64>(0)?.unsigned_abs(), checkpoint: row.get(1)? })
                })
                .optional()
        })
        .await
    }

    async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        let (answer, appended) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(answer.send(write::append(connection, &batch))));
        self.writer.send(job).map_err(|_| AppendError::Failed(gone()))?;
        appended.await.unwrap_or_else(|_| Err(AppendError::Ambiguous(gone())))
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT idx, bytes FROM entry WHERE idx >= ? ORDER BY idx LIMIT ?")?;
            let rows = statement.query_map(params![number(from), limit], |row| {
                Ok(StoredEntry { index: row.get::<_, i64>(0)?.unsigned_abs(), bytes: row.get(1)? })
            })?;
            rows.collect()
        })
        .await
    }

    async fn openings(&self, index: u64) -> Result<Vec<(Commitment, Opening)>, Fault> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT entry_type, field, salt, value FROM opening WHERE idx = ? ORDER BY field")?;
            let rows = statement.query_map([number(index)], |row| {
                let opening = Opening {
                    entry_type: row.get(0)?,
                    field: row.get(1)?,
                    salt: row.get::<_, [u8; 32]>(2)?,
                    value: row.get(3)?,
                };
                Ok((opening.commitment(), opening))
            })?;
            rows.collect()
        })
        .await
    }

    async fn tile(&self, level: u8, number_: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT bytes FROM tile WHERE level = ? AND number = ?")?
                .query_row(params![level, number(number_)], |row| row.get(0))
                .optional()
        })
        .await
    }
}

/// Indices stay far below 2⁶³.
fn number(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn lock(path: &Path) -> Result<File, Fault> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(|error| broken("the log's lock cannot be opened", error))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Fault::new(FaultKind::Conflict, format!("another process writes the log {}: stop it first", path.display()))
    })?;
    Ok(file)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| broken("the log's file cannot be opened", error))
}

/// Gives the connection to a thread of its own, which ends with the store.
fn own(name: &str, mut connection: Connection) -> Result<mpsc::Sender<Job>, Fault> {
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name(name.into())
        .spawn(move || jobs.into_iter().for_each(|job| job(&mut connection)))
        .map_err(|error| broken("no thread for the log", error))?;
    Ok(sender)
}

fn broken(sentence: &str, error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::new(FaultKind::Transient, sentence).because(error)
}

fn gone() -> Fault {
    Fault::new(FaultKind::Permanent, "the log's thread is gone")
}
