//! The append: entries, openings, tiles and checkpoint in one transaction, or nothing.

use super::{fault, signed};
use crate::ports::{AppendError, Batch, Fault, FaultKind};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};

pub(super) fn append(connection: &mut Connection, batch: &Batch) -> Result<(), AppendError> {
    let failed = |error| AppendError::Failed(fault::of("the log cannot be written", error));
    check(batch).map_err(AppendError::Failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = size(&transaction).map_err(failed)?;
    if found != batch.expected_size {
        return Err(AppendError::Conflict { expected: batch.expected_size, found });
    }
    insert(&transaction, batch).map_err(failed)?;
    transaction.commit().map_err(judge_commit)
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
    Ok(())
}

/// A full disk cuts the commit's last frame off, and a cut frame is never read back; a busy file
/// was not touched. Any other failure may lie behind the point where the commit became readable,
/// above all a failed sync.
pub(super) fn judge_commit(error: rusqlite::Error) -> AppendError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => {
            AppendError::Failed(fault::of("the log cannot be written", error))
        }
        _ => AppendError::Ambiguous(fault::of("the log's commit failed", error)),
    }
}

fn size(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare_cached("SELECT coalesce(max(size), 0) FROM head")?;
    statement.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

fn insert(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut entry = transaction.prepare_cached("INSERT INTO entry (idx, bytes) VALUES (?, ?)")?;
    let mut opening = transaction
        .prepare_cached("INSERT INTO opening (idx, field, entry_type, salt, value) VALUES (?, ?, ?, ?, ?)")?;
    for (index, new) in (batch.expected_size..).zip(&batch.entries) {
        entry.execute(params![signed(index), new.bytes])?;
        for (_, opened) in &new.openings {
            let salt = opened.salt.as_slice();
            opening.execute(params![signed(index), opened.field, opened.entry_type, salt, opened.value])?;
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
