//! The form of the file, by version. A file of another program or of a later version is refused,
//! untouched.

use super::fault;
use crate::ports::{Fault, FaultKind};
use rusqlite::{Connection, TransactionBehavior};
use std::time::Duration;

const VERSION: i64 = 1;
/// "LHlg" in SQLite's header, so that `file` and a wrong path are told apart from other databases.
const APPLICATION: i64 = 0x4c48_6c67;

/// `opening` has its own table, so that a value can be erased while its entry stays.
const TABLES: &str = "
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, checkpoint TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
  idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL CHECK (length(bytes) <= 65535)
) STRICT;
CREATE TABLE opening (
  idx INTEGER NOT NULL, field TEXT NOT NULL, entry_type TEXT NOT NULL,
  salt BLOB NOT NULL CHECK (length(salt) = 32), value TEXT NOT NULL,
  PRIMARY KEY (idx, field)
) STRICT, WITHOUT ROWID;
CREATE TABLE tile (
  level INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL CHECK (length(bytes) = 8192),
  PRIMARY KEY (level, number)
) STRICT;
";

/// Tells a foreign file from ours, sets the connection up, makes the tables of a new file, and room
/// for what is written next.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    let sql = |error| fault::of("the log's file cannot be used", error);
    connection.busy_timeout(BUSY_MAX).map_err(sql)?;
    let is_new = is_empty(connection).map_err(sql)?;
    if !is_new {
        check_form(connection)?;
    }
    set_up(connection)?;
    if is_new {
        create(connection).map_err(sql)?;
    }
    make_room(connection);
    Ok(())
}

/// Lets the write-ahead log take its blocks of the disk now: an append into blocks that it has costs
/// half of one for which the file must grow. The frames of a transaction that is taken back are that
/// room; SQLite writes over them.
fn make_room(connection: &mut Connection) {
    let cache = |connection: &Connection, pages: i64| connection.pragma_update(None, "cache_size", pages);
    let spill = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(ROOM)?;
        transaction.rollback()
    };
    // With no cache to speak of, pages go to the log at once and not at a commit that never comes.
    let made = cache(connection, 1).and_then(|()| spill(connection));
    if let Err(error) = made.and(cache(connection, CACHE_KIBIBYTES)) {
        // It is a favour: a disk this full is told by the append that needs it.
        tracing::debug!(%error, "no room was made for the log");
    }
}

/// SQLite's own default, in its own sign: below zero it counts kibibytes.
const CACHE_KIBIBYTES: i64 = -2_000;

/// As much as is written between two checkpoints.
const ROOM: &str = "CREATE TABLE room (bytes BLOB); INSERT INTO room VALUES (zeroblob(16000000));";

/// Only a backup tool or a person with a shell can hold the file; the lock keeps brokers out.
const BUSY_MAX: Duration = Duration::from_secs(5);

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn check_form(connection: &Connection) -> Result<(), Fault> {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let sql = |error| fault::of("the log's file cannot be used", error);
    let (application, version) = (read("application_id").map_err(sql)?, read("user_version").map_err(sql)?);
    let sentence = match (application, version) {
        (APPLICATION, VERSION) => return Ok(()),
        (APPLICATION, later) => {
            format!("the log's file has form {later}, this program knows form {VERSION}: use the program that wrote it")
        }
        _ => "the file is a database of another program: name another file for the log".to_owned(),
    };
    Err(Fault::new(FaultKind::Permanent, sentence))
}

/// FULL: on return from a commit its bytes have been synced, not only written.
fn set_up(connection: &Connection) -> Result<(), Fault> {
    let sql = |error| fault::of("the log's file cannot be used", error);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(sql)?;
    if mode != "wal" {
        let sentence = "the log's file system has no shared memory for a write-ahead log: use a local disk";
        return Err(Fault::new(FaultKind::Permanent, sentence));
    }
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(())).map_err(sql)
}

/// 16 MB: rarer and larger than the default, because each one delays an append.
const CHECKPOINT_PAGES: u32 = 4_000;

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
