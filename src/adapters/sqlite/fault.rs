//! What an error of SQLite lets a caller conclude.
//!
//! Nothing here is ever ambiguous: that is for the append to judge, which alone knows whether the
//! commit had begun.

use crate::ports::{Fault, FaultKind};
use rusqlite::ErrorCode;

/// Trying again helps where the cause may go away by itself; else somebody must change something.
pub(super) fn of(sentence: &str, error: rusqlite::Error) -> Fault {
    let kind = match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::SystemIoFailure,
        ) => FaultKind::Transient,
        _ => FaultKind::Permanent,
    };
    let full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
    let sentence = if full { format!("{sentence}: the disk is full") } else { sentence.to_owned() };
    Fault::new(kind, sentence).because(error)
}
