//! The reads, each on the connection that cannot write. They see committed batches only, whole.

use super::{erase, fault, file_of, schema, signed};
use domain::entry::{Commitment, Opening};
use ports::{Fault, Head, StoredEntry};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

pub(super) fn head(connection: &Connection) -> Result<Option<Head>, Fault> {
    let head = |row: &Row<'_>| Ok(Head { size: unsigned(row, 0)?, checkpoint: row.get(1)? });
    let found = connection
        .prepare_cached("SELECT size, checkpoint FROM head")
        .and_then(|mut statement| statement.query_row([], head).optional())
        .map_err(|error| unreadable(connection, "its head", error))?;
    if found.is_none() && lacks_its_head(connection)? {
        return Err(fault::damaged("the log has entries and no head", file_of(connection)));
    }
    Ok(found)
}

/// One statement, because the first batch may be stored just now.
fn lacks_its_head(connection: &Connection) -> Result<bool, Fault> {
    let lacks = "SELECT EXISTS (SELECT 1 FROM entry) AND NOT EXISTS (SELECT 1 FROM head)";
    connection.query_row(lacks, [], |row| row.get(0)).map_err(|error| unreadable(connection, "its first entry", error))
}

pub(super) fn entries(connection: &Connection, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
    let entry = |row: &Row<'_>| Ok(StoredEntry { index: unsigned(row, 0)?, bytes: row.get(1)? });
    let found: Vec<StoredEntry> = connection
        .prepare_cached("SELECT idx, bytes FROM entry WHERE idx >= ? ORDER BY idx LIMIT ?")
        .and_then(|mut statement| statement.query_map(params![signed(from), limit], entry)?.collect())
        .map_err(|error| unreadable(connection, &format!("entries from {from} on"), error))?;
    match found.iter().zip(from..).find(|(entry, index)| entry.index != *index) {
        Some((_, index)) => Err(fault::damaged(&format!("entry {index} is missing from the log"), file_of(connection))),
        None => Ok(found),
    }
}

/// Between two places, and not erased.
pub(super) const OPENINGS: &str =
    "SELECT entry_type, field, salt, value, place FROM opening WHERE place >= ? AND place < ? AND salt <> ?";

pub(super) fn openings(connection: &Connection, index: u64) -> Result<Vec<(Commitment, Opening)>, Fault> {
    let (first, after) = (schema::first_place(index), schema::first_place(index.saturating_add(1)));
    connection
        .prepare_cached(OPENINGS)
        .and_then(|mut statement| statement.query_map(params![first, after, erase::ERASED], opening)?.collect())
        .map_err(|error| unreadable(connection, &format!("openings of entry {index}"), error))
}

pub(super) fn opening(row: &Row<'_>) -> rusqlite::Result<(Commitment, Opening)> {
    let (entry_type, field, salt, value) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    let opening = Opening { entry_type, field, salt, value };
    Ok((opening.commitment(), opening))
}

pub(super) fn tile(connection: &Connection, level: u8, number: u64) -> Result<Option<Vec<u8>>, Fault> {
    connection
        .prepare_cached("SELECT bytes FROM tile WHERE level = ? AND number = ?")
        .and_then(|mut statement| statement.query_row(params![level, signed(number)], |row| row.get(0)).optional())
        .map_err(|error| unreadable(connection, &format!("tile {level}/{number}"), error))
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn unreadable(connection: &Connection, what: &str, error: rusqlite::Error) -> Fault {
    fault::of(&format!("the log cannot be read ({what})"), file_of(connection), error)
}
