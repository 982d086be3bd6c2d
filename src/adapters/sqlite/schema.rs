//! The form of the file, by version. A file of another program or of a later version is refused,
//! untouched.

use super::{fault, file_of, place, signed};
use ports::{Fault, FaultKind};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

const VERSION: i64 = 2;
/// "LHlg" in SQLite's header, so that `file` and a wrong path are told apart from other databases.
const APPLICATION: i64 = 0x4c48_6c67;

/// `opening` has its own table, so that a value can be erased while its entry stays. Its rows are only
/// ever added at the end and never deleted: so SQLite never moves one, and no page keeps a stale copy
/// of a value (`erase.rs`).
const TABLES: &str = "
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, checkpoint TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
  idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL CHECK (length(bytes) <= 65535)
) STRICT;
CREATE TABLE opening (
  place INTEGER PRIMARY KEY, field TEXT NOT NULL, entry_type TEXT NOT NULL,
  salt BLOB NOT NULL CHECK (length(salt) = 32), value TEXT NOT NULL
) STRICT;
CREATE TABLE tile (
  level INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL CHECK (length(bytes) = 8192),
  PRIMARY KEY (level, number)
) STRICT;
";

/// Tells a foreign file from ours, sets the connection up, makes the tables of a new file, and room
/// for what is written next.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    connection.busy_timeout(BUSY_MAX).map_err(|error| unusable(connection, error))?;
    let is_new = is_new(connection).map_err(|error| unusable(connection, error))?;
    if !is_new {
        check_form(connection)?;
    }
    set_up(connection)?;
    if is_new {
        create(connection).map_err(|error| unusable(connection, error))?;
    }
    start_anew(connection);
    Ok(())
}

/// The openings of one entry stand in places that belong to it alone.
pub(super) const OPENINGS_MAX: usize = 256;

/// The place of an entry's first opening. Indices stay far below 2⁵⁵.
pub(super) fn first_place(index: u64) -> i64 {
    signed(index).saturating_mul(256)
}

/// The entry beside which a place is.
pub(super) fn index_of(place: i64) -> u64 {
    place.unsigned_abs() / 256
}

/// Lets the write-ahead log begin anew, and overwrites what stood in it. Says whether that could be
/// done: not while somebody reads from it, nor where the log's file has no room to grow.
pub(super) fn start_anew(connection: &mut Connection) -> bool {
    // Room is made up to a length: what stands behind that is given back.
    let anew = restart(connection, if is_long(connection) { "TRUNCATE" } else { "RESTART" });
    make_room(connection);
    anew
}

/// Whether the write-ahead log is longer than what `make_room` overwrites: it grows while somebody reads.
fn is_long(connection: &Connection) -> bool {
    let log = place::name_beside(Path::new(file_of(connection)), "-wal");
    std::fs::metadata(log).is_ok_and(|found| found.len() > ROOM_BYTES)
}

/// Copies what can be copied into the log's file. That it cannot is told by whoever needs the room.
pub(super) fn copy_back(connection: &Connection) {
    restart(connection, "PASSIVE");
}

fn restart(connection: &Connection, how: &str) -> bool {
    let wait = connection.busy_timeout(READER_MAX);
    let done = connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get::<_, i64>(0));
    let done = wait.and(connection.busy_timeout(BUSY_MAX)).and(done);
    done.is_ok_and(|busy| busy == 0)
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

/// As much as is written between two checkpoints, and a little more than the first 4,062 pages: the
/// index in `-shm` grows with the page after them, and must not do so in the midst of a commit that
/// meets a full disk.
const ROOM: &str = "CREATE TABLE room (bytes BLOB); INSERT INTO room VALUES (zeroblob(17000000));";
const ROOM_BYTES: u64 = 17_000_000;

/// The store's own reads are a matter of milliseconds; nobody else's are waited for.
const READER_MAX: Duration = Duration::from_millis(200);

/// Only a backup tool or a person with a shell can hold the file; the lock keeps brokers out.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// A damaged file can look as if it had no tables: only one that never was anything is made a log.
fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let has_tables: bool = connection.query_row("SELECT count(*) > 0 FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(number("page_count")? <= 1 && number("application_id")? == 0 && !has_tables)
}

pub(super) fn check_form(connection: &Connection) -> Result<(), Fault> {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let sql = |error| unusable(connection, error);
    let (application, version) = (read("application_id").map_err(sql)?, read("user_version").map_err(sql)?);
    let sentence = match (application, version) {
        (APPLICATION, VERSION) => return check_tables(connection),
        (APPLICATION, later) => {
            format!("the log's file has form {later}, this program knows form {VERSION}: use the program that wrote it")
        }
        _ => "the file is a database of another program: name another file for the log".to_owned(),
    };
    Err(Fault::new(FaultKind::Permanent, sentence))
}

fn check_tables(connection: &Connection) -> Result<(), Fault> {
    let names = "SELECT count(*) = 4 FROM sqlite_schema WHERE name IN ('entry', 'head', 'opening', 'tile')";
    let all_there = connection.query_row(names, [], |row| row.get(0)).map_err(|error| unusable(connection, error))?;
    if all_there { Ok(()) } else { Err(fault::damaged("the log lacks a table", file_of(connection))) }
}

/// FULL: on return from a commit its bytes have been synced, not only written.
fn set_up(connection: &Connection) -> Result<(), Fault> {
    let sql = |error| unusable(connection, error);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(sql)?;
    if mode != "wal" {
        let sentence = "the log's file system has no shared memory for a write-ahead log: use a local disk";
        return Err(Fault::new(FaultKind::Permanent, sentence));
    }
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    connection.pragma_update(None, "secure_delete", true).map_err(sql)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(())).map_err(sql)
}

/// 16 MB: rarer and larger than the default, because each one delays an append.
const CHECKPOINT_PAGES: u32 = 4_000;

fn unusable(connection: &Connection, error: rusqlite::Error) -> Fault {
    fault::of("the log's file cannot be used", file_of(connection), error)
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
