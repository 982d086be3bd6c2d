//! The start: from the bytes in the store to the state. Recovery after a crash is the same walk.

use super::{Parts, Published};
use crate::domain::base::Digest;
use crate::domain::entry::{Entry, NotAnEntry};
use crate::domain::state::{Broken, State};
use crate::ports::Fault;
use crate::services::witnessed::NotVouchedFor;
use crate::tlog::checkpoint::{Checkpoint, CheckpointError};
use crate::tlog::leaf_hash;
use crate::tlog::tree::Edge;

/// Why a broker refuses to start on a log.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error("the log cannot be read")]
    Store(#[from] Fault),
    /// The checkpoint is not by this key, or malformed.
    #[error("the log's checkpoint does not verify under this broker's log key")]
    Checkpoint(#[from] CheckpointError),
    /// The bytes in the store do not give the signed root.
    #[error("the entries in the store do not match the signed checkpoint at size {size}")]
    Root {
        /// Size that the checkpoint states.
        size: u64,
    },
    /// An entry is not readable.
    #[error("entry {index} cannot be read")]
    Entry {
        /// Its index.
        index: u64,
        /// Why.
        source: NotAnEntry,
    },
    /// The log breaks one of its laws.
    #[error("entry {index} breaks a law of the log")]
    Law {
        /// Index of the entry.
        index: u64,
        /// Which.
        source: Broken,
    },
    /// The log belongs to another origin or mode.
    #[error("the log is of origin {found}, this broker is configured for {configured}")]
    Origin {
        /// As in the log.
        found: String,
        /// As configured.
        configured: String,
    },
    /// Witnesses vouched for another log than this.
    #[error(transparent)]
    Vouched(#[from] NotVouchedFor),
    /// The first entry could not be appended.
    #[error("the log cannot be written")]
    Append(#[from] crate::ports::AppendError),
}

const PAGE: u32 = 1_000;

pub(super) async fn fold(parts: &Parts) -> Result<Published, StartError> {
    let mut published = Published { state: State::default(), checkpoint: String::new(), edge: Edge::new() };
    let Some(head) = parts.store.head().await? else { return Ok(published) };
    let checkpoint = Checkpoint::open(&head.checkpoint, &parts.signer.verifier())?;
    while published.state.size < checkpoint.size {
        let page = parts.store.entries(published.state.size, PAGE).await?;
        if page.is_empty() {
            return Err(StartError::Root { size: checkpoint.size });
        }
        for stored in page {
            fold_one(&mut published, stored.index, &stored.bytes)?;
        }
    }
    let last = published.state.size.saturating_sub(1);
    published.state.check_end().map_err(|source| StartError::Law { index: last, source })?;
    if published.edge.root() != checkpoint.root || published.state.size != checkpoint.size {
        return Err(StartError::Root { size: checkpoint.size });
    }
    let (found, configured) = (&published.state.broker, parts.signer.name());
    if found.origin != configured || found.mode != parts.mode {
        let found = format!("{} ({})", found.origin, found.mode);
        return Err(StartError::Origin { found, configured: format!("{configured} ({})", parts.mode) });
    }
    published.checkpoint = head.checkpoint;
    Ok(published)
}

fn fold_one(published: &mut Published, index: u64, bytes: &[u8]) -> Result<(), StartError> {
    if index != published.state.size {
        return Err(StartError::Root { size: index });
    }
    let entry = Entry::read(bytes).map_err(|source| StartError::Entry { index, source })?;
    let leaf = leaf_hash(bytes);
    // Full tiles are in the store since their append.
    drop(published.edge.push(leaf));
    let digest = Digest::from_bytes(*leaf.as_bytes());
    published.state.apply(&entry, digest).map_err(|source| StartError::Law { index, source })
}
