//! The append: entries, openings, tiles and checkpoint in one transaction, or nothing.

use super::{broken, number};
use crate::ports::{AppendError, Batch};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

pub(super) fn append(connection: &mut Connection, batch: &Batch) -> Result<(), AppendError> {
    let failed = |error| AppendError::Failed(broken("the log cannot be written", error));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = size(&transaction).map_err(failed)?;
    if found != batch.expected_size {
        return Err(AppendError::Conflict { expected: batch.expected_size, found });
    }
    insert(&transaction, batch).map_err(failed)?;
    // A commit that fails may still have reached the disk: nobody knows until the file is read again.
    transaction.commit().map_err(|error| AppendError::Ambiguous(broken("the log's commit failed", error)))
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
        entry.execute(params![number(index), new.bytes])?;
        for (_, opened) in &new.openings {
            let salt = opened.salt.as_slice();
            opening.execute(params![number(index), opened.field, opened.entry_type, salt, opened.value])?;
        }
    }
    let mut tile = transaction.prepare_cached("INSERT INTO tile (level, number, bytes) VALUES (?, ?, ?)")?;
    for full in &batch.tiles {
        tile.execute(params![full.level, number(full.number), full.bytes])?;
    }
    let size = batch.expected_size + batch.entries.len() as u64;
    let mut head = transaction.prepare_cached("INSERT OR REPLACE INTO head (one, size, checkpoint) VALUES (1, ?, ?)")?;
    head.execute(params![number(size), batch.checkpoint]).map(|_| ())
}
