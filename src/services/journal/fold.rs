//! The start: from the bytes in the store to the state. Recovery after a crash is the same walk. With
//! a snapshot it begins there and reads the entries behind it; without one it reads all of them.
//!
//! What is folded must give the signed root at the end, from wherever it began: the root holds every
//! entry before, so a snapshot of another log cannot pass.

use super::{Parts, Published, snapshot};
use crate::witnessed::NotVouchedFor;
use domain::base::Digest;
use domain::entry::{Entry, NotAnEntry};
use domain::state::{Broken, State};
use ports::{Fault, Head, StoredEntry};
use tlog::checkpoint::{Checkpoint, CheckpointError};
use tlog::leaf_hash;
use tlog::tree::{Edge, TreeHead};

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
    /// This broker has vouched for more than the store holds.
    #[error(
        "the log has {found} entries, but its own key has signed a snapshot of {signed}: the log was rolled back; put the newer log back, or, if it is lost and this older one is meant, keep {place} under another name as evidence and start again"
    )]
    RolledBack {
        /// Entries in the store.
        found: u64,
        /// Entries in the snapshot.
        signed: u64,
        /// The snapshot.
        place: String,
    },
    /// This broker has vouched for other entries than the store holds.
    #[error(
        "the first {signed} entries of the log are not those that its own key has signed a snapshot of: the log was replaced; put the right log back, or, if this one is meant, keep {place} under another name as evidence and start again"
    )]
    Replaced {
        /// Entries in the snapshot.
        signed: u64,
        /// The snapshot.
        place: String,
    },
    /// The first entry could not be appended.
    #[error("the log cannot be written")]
    Append(#[from] ports::AppendError),
}

/// A log that is ready to be written on.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) published: Published,
    /// Size of the snapshot that it was folded from; 0: from none.
    pub(super) snapshot: u64,
}

/// A snapshot by this log's key.
struct Found {
    head: TreeHead,
    /// `None` if nothing can be folded on: why is logged.
    start: Option<Published>,
}

const PAGE: u32 = 1_000;

/// The thread is busy meanwhile: nobody is served yet.
pub(super) async fn fold(parts: &Parts) -> Result<Folded, StartError> {
    let (head, found) = (parts.store.head().await?, look(parts));
    let open = |head: &Head| Checkpoint::open(&head.checkpoint, &parts.signer.verifier());
    let checkpoint = head.as_ref().map(open).transpose()?;
    let vouched = found.as_ref().map(|found| found.head);
    let size = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    if let Some(TreeHead { size: signed, .. }) = vouched.filter(|head| head.size > size) {
        return Err(StartError::RolledBack { found: size, signed, place: parts.shelf.place(snapshot::NAME) });
    }
    let (Some(head), Some(checkpoint)) = (head, checkpoint) else { return Ok(Folded::default()) };
    let onward = match found.and_then(|found| found.start) {
        Some(start) => fold_onward(parts, &checkpoint, start).await?,
        None => None,
    };
    let mut folded = match onward {
        Some(folded) => folded,
        None => fold_whole(parts, &checkpoint, vouched).await?,
    };
    folded.published.checkpoint = head.checkpoint;
    check_origin(parts, &folded.published.state)?;
    tracing::info!(entries = size, from_snapshot = folded.snapshot, "the log is folded");
    Ok(folded)
}

/// What lies on the shelf, if this log's key signed it.
fn look(parts: &Parts) -> Option<Found> {
    let ignored = |why: &dyn std::error::Error| {
        let place = parts.shelf.place(snapshot::NAME);
        let cause = why.source().map(ToString::to_string);
        tracing::warn!(place, %why, cause, "the snapshot is not used, the log is folded whole");
    };
    let file = parts.shelf.get(snapshot::NAME, snapshot::BYTES_MAX).map_err(|fault| ignored(&fault)).ok()??;
    let vouched = snapshot::open(&file, &parts.signer.verifier()).map_err(|unfit| ignored(&unfit)).ok()?;
    let start = vouched.read().map_err(|unfit| ignored(&unfit)).ok();
    Some(Found { head: vouched.head, start })
}

/// Folds what is behind a snapshot; `None` if that does not lead to the signed root, which only the
/// whole log can explain.
async fn fold_onward(parts: &Parts, checkpoint: &Checkpoint, start: Published) -> Result<Option<Folded>, StartError> {
    let snapshot = start.state.size;
    match fold_from(parts, checkpoint, start, |_| {}).await {
        Ok(published) => Ok(Some(Folded { published, snapshot })),
        Err(StartError::Store(fault)) => Err(fault.into()),
        Err(error) => {
            tracing::warn!(%error, "the snapshot does not lead to the log's end, the log is folded whole");
            Ok(None)
        }
    }
}

/// Folds every entry. On the way the log shows whether it is the one that a snapshot was signed of.
async fn fold_whole(parts: &Parts, checkpoint: &Checkpoint, vouched: Option<TreeHead>) -> Result<Folded, StartError> {
    let mut replaced = None;
    let seen = |edge: &Edge| {
        let other = vouched.filter(|head| head.size == edge.size() && head.root != edge.root());
        replaced = replaced.or(other);
    };
    let published = fold_from(parts, checkpoint, Published::default(), seen).await?;
    match replaced {
        None => Ok(Folded { published, snapshot: 0 }),
        Some(TreeHead { size: signed, .. }) => {
            Err(StartError::Replaced { signed, place: parts.shelf.place(snapshot::NAME) })
        }
    }
}

/// Folds on to the signed end, and checks that it is reached.
async fn fold_from(
    parts: &Parts,
    checkpoint: &Checkpoint,
    mut published: Published,
    mut seen: impl FnMut(&Edge),
) -> Result<Published, StartError> {
    let mut page = parts.store.entries(published.state.size, PAGE).await?;
    while published.state.size < checkpoint.size {
        let Some(last) = page.last() else { return Err(StartError::Root { size: checkpoint.size }) };
        // The store reads the next page while this one is folded.
        let next = parts.store.entries(last.index + 1, PAGE);
        let fold = async {
            for StoredEntry { index, bytes } in &page {
                fold_one(&mut published, *index, bytes)?;
                seen(&published.edge);
            }
            Ok::<_, StartError>(())
        };
        let (next, folded) = tokio::join!(next, fold);
        folded?;
        page = next?;
    }
    let last = published.state.size.saturating_sub(1);
    published.state.check_end().map_err(|source| StartError::Law { index: last, source })?;
    if published.edge.root() != checkpoint.root || published.state.size != checkpoint.size {
        return Err(StartError::Root { size: checkpoint.size });
    }
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

fn check_origin(parts: &Parts, state: &State) -> Result<(), StartError> {
    let (found, configured) = (&state.broker, parts.signer.name());
    if found.origin == configured && found.mode == parts.mode {
        return Ok(());
    }
    let found = format!("{} ({})", found.origin, found.mode);
    Err(StartError::Origin { found, configured: format!("{configured} ({})", parts.mode) })
}
