//! What no durable log can do without: hash, write and sync into blocks that the file has already; and
//! for one entry, a commit of the same row in SQLite as the store sets it up.

use anyhow::Result;
use leasehold::tlog::leaf_hash;
use rusqlite::{Connection, params};
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

/// A file whose blocks were all written once.
pub(crate) struct RawFile {
    file: File,
    bytes: u64,
    at: u64,
}

/// A table in a file of its own, on the same disk.
pub(crate) struct PlainTable {
    connection: Connection,
    rows: i64,
}

/// As much as the store's own room, see `src/adapters/sqlite/schema.rs`.
const ROOM: &str = "CREATE TABLE room (bytes BLOB); INSERT INTO room VALUES (zeroblob(16000000));";

impl RawFile {
    pub(crate) fn of(path: &Path, bytes: u64) -> Result<Self> {
        let mut file = File::options().read(true).write(true).create_new(true).open(path)?;
        let block = vec![0; 1 << 20];
        for _ in 0..bytes.div_ceil(1 << 20) {
            file.write_all(&block)?;
        }
        file.sync_all()?;
        Ok(Self { file, bytes, at: 0 })
    }

    /// Seconds for these batches, one after another.
    pub(crate) fn append(&mut self, batches: &[Vec<Vec<u8>>]) -> Result<f64> {
        let begun = Instant::now();
        let mut buffer = Vec::new();
        for batch in batches {
            buffer.clear();
            for entry in batch {
                black_box(leaf_hash(entry));
                buffer.extend_from_slice(entry);
            }
            if self.at + buffer.len() as u64 > self.bytes {
                self.at = 0;
            }
            self.file.write_all_at(&buffer, self.at)?;
            self.file.sync_data()?;
            self.at += buffer.len() as u64;
        }
        Ok(begun.elapsed().as_secs_f64())
    }
}

impl PlainTable {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 4_000, |_| Ok(()))?;
        connection.execute_batch("CREATE TABLE entry (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")?;
        connection.pragma_update(None, "cache_size", 1)?;
        let room = connection.transaction()?;
        room.execute_batch(ROOM)?;
        room.rollback()?;
        connection.pragma_update(None, "cache_size", -2_000)?;
        Ok(Self { connection, rows: 0 })
    }

    /// Seconds for one row and its commit.
    pub(crate) fn commit(&mut self, bytes: &[u8]) -> Result<f64> {
        let begun = Instant::now();
        let transaction = self.connection.transaction()?;
        transaction
            .prepare_cached("INSERT INTO entry (idx, bytes) VALUES (?, ?)")?
            .execute(params![self.rows, bytes])?;
        transaction.commit()?;
        self.rows += 1;
        Ok(begun.elapsed().as_secs_f64())
    }
}
