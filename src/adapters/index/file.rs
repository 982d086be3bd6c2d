//! The file: its form, and when it is believed. What it holds is found by (kind, key, index), in one
//! table that is its own B-tree.

use domain::base::Digest;
use ports::{Fault, FaultKind, Hits, Mark, Run, Seek};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub(super) struct IndexFile {
    path: PathBuf,
    origin: String,
    // INVARIANT: `Some` but while it is replaced.
    open: Option<Connection>,
    /// The inode that is open: a file that was deleted meanwhile is no index any more.
    inode: u64,
}

/// Counts forms of the file; another form is thrown away.
const FORM: i64 = 1;
/// "LHix" in SQLite's header.
const APPLICATION: i64 = 0x4c48_6978;

const TABLES: &str = "
CREATE TABLE mark (
  one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, boot TEXT NOT NULL,
  size INTEGER NOT NULL, leaf BLOB NOT NULL
) STRICT;
CREATE TABLE mention (
  kind INTEGER NOT NULL, key BLOB NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (kind, key, idx)
) STRICT, WITHOUT ROWID;
";

impl IndexFile {
    /// Never fails: what cannot be opened now is tried again at each use.
    pub(super) fn open(path: &Path, origin: &str) -> Self {
        let mut file = Self { path: path.into(), origin: origin.into(), open: None, inode: 0 };
        let believed = file.connect().map_err(|error| error.to_string()).and_then(|()| file.believe());
        if let Err(why) = believed {
            if fs::metadata(path).is_ok_and(|found| found.len() > 0) {
                tracing::warn!(%why, "the index over the log is thrown away and filled anew");
            }
            if let Err(fault) = file.begin_anew() {
                tracing::warn!(error = %fault, "there is no index over the log for now");
            }
        }
        file
    }

    pub(super) fn mark(&mut self) -> Result<Option<Mark>, Fault> {
        self.attempt(|connection| {
            let mark = connection
                .prepare_cached("SELECT size, leaf FROM mark")?
                .query_row([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, Vec<u8>>(1)?)))
                .optional()?;
            let leaf = |bytes: Vec<u8>| Some(Digest::from_bytes(bytes.try_into().ok()?));
            Ok(mark.and_then(|(size, bytes)| Some(Mark { size, leaf: leaf(bytes)? })).filter(|mark| mark.size > 0))
        })
    }

    pub(super) fn add(&mut self, run: &Run) -> Result<(), Fault> {
        let added = self.attempt(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let end: i64 = transaction.query_row("SELECT size FROM mark", [], |row| row.get(0))?;
            if end.unsigned_abs() != run.from {
                return Ok(Err(end));
            }
            let mut insert =
                transaction.prepare_cached("INSERT OR IGNORE INTO mention (kind, key, idx) VALUES (?, ?, ?)")?;
            for (mention, index) in &run.mentions {
                insert.execute(params![mention.kind(), mention.key().as_slice(), signed(*index)])?;
            }
            drop(insert);
            let leaf = run.mark.leaf.as_bytes().as_slice();
            transaction.execute("UPDATE mark SET size = ?, leaf = ?", params![signed(run.mark.size), leaf])?;
            transaction.commit()?;
            Ok(Ok(()))
        })?;
        added.map_err(|end| {
            let sentence = format!("the index ends at {end}, not at {}", run.from);
            Fault::new(FaultKind::Conflict, sentence)
        })
    }

    pub(super) fn find(&mut self, kind: u8, key: [u8; 16], seek: Seek, limit: usize) -> Result<Hits, Fault> {
        let (sql, bound) = match seek {
            Seek::From(index) => {
                ("SELECT idx FROM mention WHERE kind = ? AND key = ? AND idx >= ? ORDER BY idx LIMIT ?", index)
            }
            Seek::Before(index) => {
                ("SELECT idx FROM mention WHERE kind = ? AND key = ? AND idx < ? ORDER BY idx DESC LIMIT ?", index)
            }
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.attempt(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![kind, key.as_slice(), signed(bound), limit], |row| {
                row.get::<_, i64>(0).map(i64::unsigned_abs)
            })?;
            let indices = rows.collect::<rusqlite::Result<_>>()?;
            // Nobody else writes: the thread that reads is the one that fills.
            let size = connection.prepare_cached("SELECT size FROM mark")?.query_row([], |row| row.get::<_, i64>(0))?;
            Ok(Hits { indices, size: size.unsigned_abs() })
        })
    }

    pub(super) fn clear(&mut self) -> Result<(), Fault> {
        self.begin_anew()
    }

    /// Tries once; after any failure there is a new, empty file.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        if inode(&self.path) != Some(self.inode) {
            tracing::warn!("the file of the index over the log is gone; it is filled anew");
            self.begin_anew()?;
        }
        let connection = self.open.as_mut().ok_or_else(|| unusable("the index is not open"))?;
        work(connection).map_err(|error| {
            tracing::warn!(%error, "the index over the log is thrown away and filled anew");
            match self.begin_anew() {
                Ok(()) => Fault::new(FaultKind::Transient, "the index failed and is filled anew").because(error),
                Err(fault) => fault,
            }
        })
    }

    /// Opens what is there, or an empty file.
    fn connect(&mut self) -> rusqlite::Result<()> {
        let made =
            fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path);
        if let Err(error) = made {
            return Err(rusqlite::Error::ToSqlConversionFailure(error.into()));
        }
        let connection = Connection::open(&self.path)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "off")?;
        connection.pragma_update(None, "cache_size", CACHE_KIBIBYTES)?;
        self.inode = inode(&self.path).unwrap_or(0);
        self.open = Some(connection);
        Ok(())
    }

    /// Why the open file is not believed, if so.
    fn believe(&self) -> Result<(), String> {
        let connection = self.open.as_ref().ok_or("it is not open")?;
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap_or(-1);
        if (pragma("application_id"), pragma("user_version")) != (APPLICATION, FORM) {
            return Err("it has another form".into());
        }
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let mark = connection.query_row("SELECT origin, boot FROM mark", [], read);
        let (origin, written_in) = mark.map_err(|error| error.to_string())?;
        if origin != self.origin {
            return Err(format!("it is of the log {origin}"));
        }
        let now = boot();
        if !written_in.is_empty() && written_in != now {
            return Err("the machine stopped while it was open".into());
        }
        connection.execute("UPDATE mark SET boot = ?", [now]).map(|_| ()).map_err(|error| error.to_string())
    }

    fn begin_anew(&mut self) -> Result<(), Fault> {
        self.open = None;
        for end in ["", "-wal", "-shm"] {
            let mut name = self.path.as_os_str().to_owned();
            name.push(end);
            match fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(unusable("the file of the index cannot be deleted").because(error));
                }
                _ => {}
            }
        }
        self.connect().and_then(|()| self.create()).map_err(|error| unusable("the index cannot be made").because(error))
    }

    fn create(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = self.open.as_mut() else { return Ok(()) };
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.execute(
            "INSERT INTO mark (one, origin, boot, size, leaf) VALUES (1, ?, ?, 0, x'')",
            params![self.origin, boot()],
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORM)?;
        transaction.commit()
    }

    /// What was written reaches the disk, and only then the file says that it needs no suspicion.
    fn close_in_order(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = self.open.take() else { return Ok(()) };
        connection.pragma_update(None, "synchronous", "full")?;
        let checkpoint =
            |connection: &Connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        checkpoint(&connection)?;
        connection.execute("UPDATE mark SET boot = ''", [])?;
        checkpoint(&connection)
    }
}

impl Drop for IndexFile {
    fn drop(&mut self) {
        if inode(&self.path) == Some(self.inode)
            && let Err(error) = self.close_in_order()
        {
            tracing::debug!(%error, "the index over the log was not closed in order");
        }
    }
}

/// In its own sign: below zero it counts kibibytes.
const CACHE_KIBIBYTES: i64 = -8_000;

/// Names this run of the machine; what was not synced does not outlive it. Empty where the system does
/// not tell.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.ino())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unusable(sentence: &str) -> Fault {
    Fault::new(FaultKind::Permanent, sentence)
}
