//! The embedded log store: one SQLite file, write-ahead log, `synchronous=FULL`.
//!
//! Two threads own one connection each: one appends, one reads. A second process on the same file
//! is refused by a lock beside it; room for endings is kept in another file beside it. Whoever can write the file can destroy the log, and anyone who
//! holds an older checkpoint sees that; changing an entry unseen is not possible. No table here is
//! an index of anything: what can be computed from the log is kept elsewhere.

mod check;
mod erase;
mod fault;
mod place;
mod read;
mod reserve;
mod schema;
mod torn;
mod write;

pub use check::LogFile;
pub use reserve::room_is_whole;

use super::thread::{Lost, Thread};
use async_trait::async_trait;
use domain::entry::{Commitment, Opening};
use place::{Anchor, Lock};
use ports::{AppendError, Batch, Fault, FaultKind, Head, LogStore, StoredEntry};
use reserve::Reserve;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use write::Writing;

/// The store. Dropping it waits for what is under way, then gives the file free.
pub struct SqliteStore {
    reader: Thread<Connection>,
    // INVARIANT: after the reader: who closes last copies everything into the log's one file, and the
    // reader cannot write.
    writer: Thread<Writing>,
    /// Set by the first append whose outcome is unknown, and never cleared: only opening the file
    /// again tells what is in it, because the operating system may show what the disk has lost.
    uncertain: Arc<AtomicBool>,
    // INVARIANT: the last field, so that both connections are closed before the lock is.
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the log, or makes it with mode 0600 if there is none; its folder too, with mode 0700.
    ///
    /// # Errors
    /// `Conflict` if another process has it. `Permanent` if others could read or replace it, or if
    /// the file is not a log of a known form. The sentence says what to do.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Self::open_bounded(path, None)
    }

    /// `pages_max` bounds the file; that is how a full disk is tested.
    fn open_bounded(path: &Path, pages_max: Option<u32>) -> Result<Self, Fault> {
        let path = place::prepare(path)?;
        let lock = Lock::take(&path)?;
        let mut reserve = Reserve::open(&path, reserve::LENGTH)?;
        let connection = open_for_writing(&path, &mut reserve)?;
        if let Some(pages) = pages_max {
            connection
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .map_err(|error| fault::of("the log's file cannot be bounded", &path.to_string_lossy(), error))?;
        }
        let reading = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let file = path.to_string_lossy().into();
        let writing = Writing { connection, reserve, file, anchor: Anchor::drop_at(&path)?, unclean: false };
        Ok(Self {
            writer: Thread::start("log-writer", writing)?,
            reader: Thread::start("log-reader", reading)?,
            uncertain: Arc::default(),
            _lock: lock,
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.reader.run(|connection| look(connection)).await.map_err(|_| thread_gone())?
    }

    fn check_certain(&self) -> Result<(), Fault> {
        let sentence = "an earlier append has an unknown outcome: open the log again";
        let uncertain = self.uncertain.load(Ordering::SeqCst);
        if uncertain { Err(Fault::new(FaultKind::Permanent, sentence)) } else { Ok(()) }
    }
}

#[async_trait]
impl LogStore for SqliteStore {
    async fn head(&self) -> Result<Option<Head>, Fault> {
        self.check_certain()?;
        self.read(read::head).await
    }

    async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        self.check_certain().map_err(AppendError::Failed)?;
        let uncertain = Arc::clone(&self.uncertain);
        let appended = self.writer.run(move |writing| {
            let appended = writing.append(&batch);
            // In the thread, so that it also holds for a caller who has left.
            uncertain.fetch_or(matches!(appended, Err(AppendError::Ambiguous(_))), Ordering::SeqCst);
            appended
        });
        match appended.await {
            Ok(appended) => appended,
            Err(Lost::NotAsked) => Err(AppendError::Failed(thread_gone())),
            Err(Lost::NotAnswered) => {
                self.uncertain.store(true, Ordering::SeqCst);
                Err(AppendError::Ambiguous(thread_gone()))
            }
        }
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        self.read(move |connection| read::entries(connection, from, limit)).await
    }

    async fn openings(&self, index: u64) -> Result<Vec<(Commitment, Opening)>, Fault> {
        self.read(move |connection| read::openings(connection, index)).await
    }

    async fn tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.read(move |connection| read::tile(connection, level, number)).await
    }

    async fn has_room(&self) -> bool {
        let whole = self.writer.run(|writing| {
            writing.clean();
            writing.reserve.refill()
        });
        whole.await.unwrap_or(false)
    }
}

/// The room for endings is taken first, so that a new log's own room is not at its cost; on a full disk
/// it is what the files beside the log are made of.
fn open_for_writing(path: &Path, reserve: &mut Reserve) -> Result<Connection, Fault> {
    let open = || {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::prepare(&mut connection).map(|()| connection)
    };
    torn::check(path)?;
    reserve.refill();
    loop {
        match open() {
            Err(fault) if fault.kind == FaultKind::Full && reserve.free_slice() => {}
            opened => return opened,
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| fault::of("the log's file cannot be opened", &path.to_string_lossy(), error))
}

/// The file that a connection is on.
fn file_of(connection: &Connection) -> &str {
    connection.path().unwrap_or_default()
}

/// Sizes and indices as SQLite has them. They stay far below 2⁶³.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn thread_gone() -> Fault {
    Fault::new(FaultKind::Permanent, "the log's thread is gone")
}

#[cfg(test)]
mod tests;
