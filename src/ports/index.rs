//! An index over the log: where an id or a name is mentioned. Disposable and advisory: whatever is
//! wrong with it, the log is the truth, and the index is thrown away and filled anew.

use super::fault::Fault;
use async_trait::async_trait;
use domain::base::Digest;
use domain::entry::Mention;

/// How far an index goes, and of which log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Entries that are indexed: 0 to `size - 1`.
    pub size: u64,
    /// Leaf hash of the last of them.
    pub leaf: Digest,
}

/// The mentions of a run of entries without a gap.
#[derive(Debug)]
pub struct Run {
    /// Index of the first entry.
    pub from: u64,
    /// What is mentioned where; indices from `from` up to the mark's size.
    pub mentions: Vec<(Mention, u64)>,
    /// How far the index goes with this run.
    pub mark: Mark,
}

/// What was found, and how far the index went at that very moment: it may have been thrown away since
/// its mark was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// Indices of entries, in the order of the search.
    pub indices: Vec<u64>,
    /// Entries that were looked through.
    pub size: u64,
}

/// Where to begin to look, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// From this index on, ascending.
    From(u64),
    /// Before this index, descending: the latest first.
    Before(u64),
}

/// The index. Nothing here is durable by promise, and no error is of consequence but for time: an
/// implementation that meets damage, or finds its place gone, empties itself and says so by
/// [`LogIndex::mark`]. What it finds may be too much (keys are shortened), so whoever asks looks at the
/// entries; up to its mark it is never too little, but for damage that nobody can see.
#[async_trait]
pub trait LogIndex: Send + Sync {
    /// How far it goes; `None` if it is empty.
    async fn mark(&self) -> Result<Option<Mark>, Fault>;

    /// Adds a run, whole or not at all. `Conflict` if the run does not begin where the index ends.
    async fn add(&self, run: Run) -> Result<(), Fault>;

    /// Indices of entries that mention it, at most `limit`, each once.
    async fn find(&self, mention: &Mention, seek: Seek, limit: usize) -> Result<Hits, Fault>;

    /// Throws everything away.
    async fn clear(&self) -> Result<(), Fault>;
}
