//! A log's file, opened to be looked at: by people who doubt it, beside its broker or without one, but
//! never in the broker's own process (closing a file there would free SQLite's locks on it).
//! Takes no lock, makes nothing, and writes nothing but the index that SQLite keeps in `-shm`.

use super::{connect, erase, fault, file_of, read, schema, torn};
use domain::entry::{Commitment, Opening};
use ports::{Fault, FaultKind, Head, StoredEntry};
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;

/// A file that is only read.
pub struct LogFile(Connection);

/// Most faults that one look at the pages names.
const PAGE_FAULTS_MAX: u32 = 20;

impl LogFile {
    /// Opens a log that is there.
    ///
    /// # Errors
    /// If it is not there, cannot be read, or is no log of a known form.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        if !path.is_file() {
            let sentence = format!("there is no log {}: name the log's file itself", path.display());
            return Err(Fault::new(FaultKind::NotFound, sentence));
        }
        torn::check(path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::check_form(&connection)?;
        Ok(Self(connection))
    }

    /// What `SQLite` finds wrong with the pages of the file; nothing if they are well.
    ///
    /// # Errors
    /// If not even that can be looked at.
    pub fn page_faults(&self) -> Result<Vec<String>, Fault> {
        let unreadable = |error| fault::of("the pages cannot be looked at", file_of(&self.0), error);
        let look = format!("PRAGMA integrity_check({PAGE_FAULTS_MAX})");
        let mut look = self.0.prepare(&look).map_err(unreadable)?;
        let found = look.query_map([], |row| row.get::<_, String>(0)).map_err(unreadable)?;
        let found: Vec<String> = found.collect::<Result<_, _>>().map_err(unreadable)?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// The durable end, and the number of entries that stand in the file at the same moment.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn head(&self) -> Result<(Option<Head>, u64), Fault> {
        let unreadable = |error| fault::of("the log cannot be read (its head)", file_of(&self.0), error);
        let moment = self.0.unchecked_transaction().map_err(unreadable)?;
        let head = read::head(&moment)?;
        let last = "SELECT coalesce(max(idx) + 1, 0) FROM entry";
        let entries = moment.query_row(last, [], |row| read::unsigned(row, 0)).map_err(unreadable)?;
        Ok((head, entries))
    }

    /// As `LogStore::entries`.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        read::entries(&self.0, from, limit)
    }

    /// The openings beside the entries from index `from` to before `to`, each with the entry's index.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn openings(&self, from: u64, to: u64) -> Result<Vec<(u64, Commitment, Opening)>, Fault> {
        let opening = |row: &rusqlite::Row<'_>| {
            let (commitment, opening) = read::opening(row)?;
            Ok((schema::index_of(row.get(4)?), commitment, opening))
        };
        let (first, after) = (schema::first_place(from), schema::first_place(to));
        self.0
            .prepare_cached(read::OPENINGS)
            .and_then(|mut statement| statement.query_map(params![first, after, erase::ERASED], opening)?.collect())
            .map_err(|error| {
                let sentence = format!("the log cannot be read (openings of entries from {from} on)");
                fault::of(&sentence, file_of(&self.0), error)
            })
    }

    /// As `LogStore::tile`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        read::tile(&self.0, level, number)
    }
}
