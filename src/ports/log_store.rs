//! Where the log lives. One active writer; readers may be many.

use super::fault::Fault;
use async_trait::async_trait;
use domain::entry::{Commitment, Opening};
pub use domain::state::Lane;

/// The durable end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// The signed checkpoint over exactly these entries.
    pub checkpoint: String,
}

/// One entry to append, with the openings of its commitments.
#[derive(Debug)]
pub struct NewEntry {
    /// The canonical bytes, under the leaf hash. At most 65,535.
    pub bytes: Vec<u8>,
    /// Salts and values, beside the entry.
    pub openings: Vec<(Commitment, Opening)>,
}

/// One full tile of the Merkle tree: 256 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Level: 0 holds leaf hashes, 1 holds roots of 256 leaves, and so on.
    pub level: u8,
    /// Number within its level, from 0.
    pub number: u64,
    /// 8,192 bytes.
    pub bytes: Vec<u8>,
}

/// Everything that becomes durable at once, or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    /// Whether the room that is kept for endings may be used.
    pub lane: Lane,
    /// Size of the log that this batch was decided on.
    pub expected_size: u64,
    /// The entries, in order, from index `expected_size` on.
    pub entries: Vec<NewEntry>,
    /// Tiles that these entries filled.
    pub tiles: Vec<Tile>,
    /// The signed checkpoint over `expected_size + entries.len()` entries.
    pub checkpoint: String,
    /// Openings to erase: the index of an entry that is in the log already, and names of its fields.
    pub erased: Vec<(u64, Vec<String>)>,
}

/// One entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its index, from 0.
    pub index: u64,
    /// The canonical bytes.
    pub bytes: Vec<u8>,
}

/// The three ways in which an append does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was stored, for certain; the writer may go on with another batch. A fault of kind
    /// [`Full`](super::FaultKind::Full) says that endings may still go.
    #[error("the batch was not stored")]
    Failed(#[source] Fault),
    /// Stored or not, nobody knows. The writer must stop and fold from the store.
    #[error("it is unknown whether the batch was stored")]
    Ambiguous(#[source] Fault),
    /// The head is not where the batch expected it: another writer was here. The writer must stop.
    #[error("the log has moved: expected size {expected}, found {found}")]
    Conflict {
        /// What the batch was decided on.
        expected: u64,
        /// What the store holds.
        found: u64,
    },
}

/// The log's store. On `Ok` from `append` the whole batch has reached stable storage.
///
/// What an attacker with write access to the store can do: delete or replace the log as a whole
/// (seen by anyone who holds an earlier checkpoint), never change an entry unseen.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// The durable end; `None` for a log without entries. Safe to repeat. Fails after an ambiguous
    /// append: only opening the store again tells what is in it.
    async fn head(&self) -> Result<Option<Head>, Fault>;

    /// Appends all or nothing: entries, openings, tiles and checkpoint in one transaction. A batch
    /// without entries, with an opening that does not open its commitment, with two openings of one
    /// field, or with a tile that is there already fails. After an ambiguous append all others fail
    /// until the store is opened again.
    ///
    /// **Room.** The store keeps room for endings. A batch of [`Lane::Ordinary`] is refused as
    /// `Full` while that room is not whole, and never uses it; a batch of [`Lane::Ending`] that
    /// meets a full disk uses it, in the same call, until it is used up. It is made whole again by
    /// itself once the disk has room.
    ///
    /// **Erasing.** The openings of `erased` are gone with the same transaction, and their bytes
    /// from every file of the store, on return if nobody reads just then and soon after if somebody
    /// does. What is gone already may be named again; an index that is not below `expected_size`
    /// fails.
    async fn append(&self, batch: Batch) -> Result<(), AppendError>;

    /// Up to `limit` entries from index `from`, in order, without gaps. Fewer, also none, at the end.
    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault>;

    /// The openings stored beside the entry at `index`; empty if it has none or they were erased.
    async fn openings(&self, index: u64) -> Result<Vec<(Commitment, Opening)>, Fault>;

    /// A full tile, or `None` if it is not full yet.
    async fn tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, Fault>;

    /// Whether ordinary batches are taken: the room that is kept for endings is whole, or could be
    /// made so just now.
    async fn has_room(&self) -> bool;
}
