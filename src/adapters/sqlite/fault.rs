//! What an error of SQLite lets a caller conclude, and what a person reads of it: which file, what was
//! being done, what to do next.
//!
//! Nothing here is ever ambiguous: that is for the append to judge, which alone knows whether the
//! commit had begun.

use ports::{Fault, FaultKind};
use rusqlite::{ErrorCode, ffi};

/// `sentence` says what could not be done, `file` on which file. Trying again helps where the cause
/// may go away by itself; else somebody must change something.
pub(super) fn of(sentence: &str, file: &str, error: rusqlite::Error) -> Fault {
    let code = error.sqlite_error_code();
    let (kind, sentence) = match code {
        _ if is_full(&error) => return full(sentence).because(error),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => return damaged(sentence, file).because(error),
        Some(ErrorCode::SystemIoFailure) => {
            (FaultKind::Transient, format!("{sentence}: the disk or file system of {file} reports an error"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            let sentence = format!(
                "{sentence}: {file} cannot be opened for writing: is its folder there, and may this user write in it?"
            );
            (FaultKind::Permanent, sentence)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (FaultKind::Transient, format!("{sentence}: another program holds {file}"))
        }
        Some(ErrorCode::OutOfMemory) => (FaultKind::Transient, format!("{sentence}: there is no memory left")),
        _ => (FaultKind::Permanent, sentence.to_owned()),
    };
    Fault::new(kind, sentence).because(error)
}

/// A full disk.
pub(super) fn full(sentence: &str) -> Fault {
    Fault::new(FaultKind::Full, format!("{sentence}: the disk is full"))
}

/// A file whose bytes are not what was written.
pub(super) fn damaged(sentence: &str, file: &str) -> Fault {
    let sentence = format!(
        "{sentence}: the file {file} is damaged: stop the broker, keep this file, put a copy in its place and try the \
         copy with leasehold log check"
    );
    Fault::new(FaultKind::Permanent, sentence)
}

/// Also where the index of the write-ahead log cannot grow, which has a code of its own.
fn is_full(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull) || code == Some(ffi::SQLITE_IOERR_SHMSIZE)
}
