//! The append: entries, openings, tiles and checkpoint in one transaction, or nothing; and what is
//! erased with it. What an error lets a caller conclude is judged here.

use super::place::Anchor;
use super::reserve::Reserve;
use super::{erase, fault, schema, signed};
use domain::entry::{Commitment, Opening};
use ports::{AppendError, Batch, Fault, FaultKind, Lane};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use std::collections::BTreeSet;

/// What the thread that appends owns.
pub(super) struct Writing {
    pub(super) connection: Connection,
    pub(super) reserve: Reserve,
    /// Where the log is, for those who read what went wrong.
    pub(super) file: String,
    pub(super) anchor: Anchor,
    /// Whether the write-ahead log may still hold bytes that were erased.
    pub(super) unclean: bool,
}

impl Writing {
    /// Appends by the rules of its lane.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        let appended = match batch.lane {
            Lane::Ordinary => self.append_ordinary(batch),
            Lane::Ending => self.append_ending(batch),
        };
        if appended.is_ok() && !batch.erased.is_empty() {
            self.unclean = true;
            self.clean();
        }
        appended
    }

    /// Overwrites what was erased in the write-ahead log, if that was not possible yet.
    pub(super) fn clean(&mut self) {
        if self.unclean {
            self.unclean = !schema::start_anew(&mut self.connection);
        }
    }

    fn append_ordinary(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if !self.reserve.refill() {
            return Err(AppendError::Failed(fault::full(UNWRITABLE)));
        }
        self.anchor.check().map_err(AppendError::Failed)?;
        let appended = store(&mut self.connection, &self.file, batch);
        if is_full(&appended) {
            self.reserve.is_needed();
        }
        appended
    }

    fn append_ending(&mut self, batch: &Batch) -> Result<(), AppendError> {
        loop {
            let appended = store(&mut self.connection, &self.file, batch);
            if !is_full(&appended) || !self.reserve.free_slice() {
                return appended;
            }
            // Pages that reach the log's file make room in the write-ahead log, whose blocks are ours.
            schema::copy_back(&self.connection);
        }
    }
}

fn is_full(appended: &Result<(), AppendError>) -> bool {
    matches!(appended, Err(AppendError::Failed(fault)) if fault.kind == FaultKind::Full)
}

const UNWRITABLE: &str = "the log cannot be written";

fn store(connection: &mut Connection, file: &str, batch: &Batch) -> Result<(), AppendError> {
    let failed = |error| AppendError::Failed(fault::of(UNWRITABLE, file, error));
    check(batch).map_err(AppendError::Failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = size(&transaction).map_err(failed)?;
    if found != batch.expected_size {
        return Err(AppendError::Conflict { expected: batch.expected_size, found });
    }
    insert(&transaction, batch).map_err(failed)?;
    erase::openings(&transaction, &batch.erased).map_err(failed)?;
    transaction.commit().map_err(|error| judge_commit(file, error))
}

/// What a caller must never send; the tables hold the lengths.
fn check(batch: &Batch) -> Result<(), Fault> {
    let no = |sentence| Err(Fault::new(FaultKind::Permanent, sentence));
    if batch.entries.is_empty() {
        return no("a batch has at least one entry");
    }
    let mut openings = batch.entries.iter().flat_map(|entry| &entry.openings);
    if openings.any(|(commitment, opening)| opening.commitment() != *commitment) {
        return no("an opening does not open its commitment");
    }
    if !batch.entries.iter().all(|entry| opens_each_field_once(&entry.openings)) {
        return no("a field has two openings");
    }
    if batch.erased.iter().any(|(index, _)| *index >= batch.expected_size) {
        return no("what is not in the log cannot be erased");
    }
    Ok(())
}

/// At most as many as there are places beside one entry.
fn opens_each_field_once(openings: &[(Commitment, Opening)]) -> bool {
    let fields: BTreeSet<_> = openings.iter().map(|(_, opening)| opening.field.as_str()).collect();
    fields.len() == openings.len() && openings.len() <= schema::OPENINGS_MAX
}

/// A full disk cuts the commit's last frame off, and a cut frame is never read back; a busy file
/// was not touched. Any other failure may lie behind the point where the commit became readable,
/// above all a failed sync.
pub(super) fn judge_commit(file: &str, error: rusqlite::Error) -> AppendError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => AppendError::Failed(fault::of(UNWRITABLE, file, error)),
        _ => AppendError::Ambiguous(fault::of("the log's commit failed", file, error)),
    }
}

fn size(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare_cached("SELECT coalesce(max(size), 0) FROM head")?;
    statement.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

fn insert(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut entry = transaction.prepare_cached("INSERT INTO entry (idx, bytes) VALUES (?, ?)")?;
    let mut opening = transaction
        .prepare_cached("INSERT INTO opening (place, field, entry_type, salt, value) VALUES (?, ?, ?, ?, ?)")?;
    for (index, new) in (batch.expected_size..).zip(&batch.entries) {
        entry.execute(params![signed(index), new.bytes])?;
        for (place, (_, opened)) in (schema::first_place(index)..).zip(&new.openings) {
            let salt = opened.salt.as_slice();
            opening.execute(params![place, opened.field, opened.entry_type, salt, opened.value])?;
        }
    }
    let mut tile = transaction.prepare_cached("INSERT INTO tile (level, number, bytes) VALUES (?, ?, ?)")?;
    for full in &batch.tiles {
        tile.execute(params![full.level, signed(full.number), full.bytes])?;
    }
    let size = batch.expected_size + batch.entries.len() as u64;
    let mut head =
        transaction.prepare_cached("INSERT OR REPLACE INTO head (one, size, checkpoint) VALUES (1, ?, ?)")?;
    head.execute(params![signed(size), batch.checkpoint]).map(|_| ())
}
