//! What a person is told of a log on which no broker may start: which file it is, that nothing was
//! changed, and what to do next.

use super::config::Log;
use crate::ports::AppendError;
use crate::services::journal::StartError;
use anyhow::Error;

/// The error with a sentence about these files before it.
pub(super) fn explain(error: StartError, log: &Log) -> Error {
    let (file, key) = (log.file.display(), log.key_file.display());
    let context = match &error {
        StartError::Checkpoint(_) => format!(
            "the end of the log {file} is not signed by the key {key}: if this is not the log's own key, put that back; \
             if it is, the file is damaged: put a copy in its place. Nothing was changed"
        ),
        StartError::Root { .. } | StartError::Entry { .. } | StartError::Law { .. } => format!(
            "the log {file} is not what was signed: keep this file, put a copy in its place, and try the copy with \
             leasehold log check, which also names what differs here. Nothing was changed"
        ),
        StartError::Origin { .. } => {
            format!(
                "the log {file} belongs to another broker: name this broker's own in log.store. Nothing was changed"
            )
        }
        StartError::Append(AppendError::Conflict { .. }) => {
            format!("the log {file} says two things about its size: look at it with leasehold log check")
        }
        _ => format!("the broker cannot start on the log {file}"),
    };
    Error::new(error).context(context)
}
