//! Entries for readers, in order and without gaps. Readers pull by index; nobody pushes into
//! queues. What a reader does not take, waits in the store, not in memory.

use super::World;
use super::journal::Journal;
use domain::entry::{Entry, Opening};
use domain::reason::{Denial, Reason};
use ports::{LogStore, StoredEntry};

/// Entries in one page.
pub const PAGE: u32 = 256;

/// An entry with those of its openings that the reader may see.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The entry.
    pub stored: StoredEntry,
    /// Its openings.
    pub openings: Vec<Opening>,
}

/// The next page from `from`; empty at the present end.
///
/// # Errors
/// `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn page(world: &World, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Denial> {
    page_of(&world.journal, &*world.store, from, limit).await
}

pub(super) async fn page_of(
    journal: &Journal,
    store: &dyn LogStore,
    from: u64,
    limit: u32,
) -> Result<Vec<StoredEntry>, Denial> {
    // Only what is published: the store may already hold a batch whose checkpoint is not out.
    let size = journal.published().state.size;
    let limit = limit.min(PAGE).min(u32::try_from(size.saturating_sub(from)).unwrap_or(u32::MAX));
    if limit == 0 {
        return Ok(Vec::new());
    }
    store.entries(from, limit).await.map_err(|error| unreadable(&error))
}

/// The same page with openings.
///
/// # Errors
/// `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn page_with_openings(world: &World, from: u64, limit: u32) -> Result<Vec<Shown>, Denial> {
    let mut shown = Vec::new();
    for stored in page(world, from, limit).await? {
        let openings = openings(world, stored.index).await?;
        shown.push(Shown { stored, openings });
    }
    Ok(shown)
}

/// The openings of one entry.
///
/// # Errors
/// `LOG_UNAVAILABLE` if the store cannot be read.
pub async fn openings(world: &World, index: u64) -> Result<Vec<Opening>, Denial> {
    openings_of(&*world.store, index).await
}

pub(super) async fn openings_of(store: &dyn LogStore, index: u64) -> Result<Vec<Opening>, Denial> {
    let openings = store.openings(index).await.map_err(|error| unreadable(&error))?;
    Ok(openings.into_iter().map(|(_, opening)| opening).collect())
}

/// An entry of our own log, read back.
///
/// # Errors
/// `INTERNAL` if it cannot be read: the start has read it, or wrote it.
pub fn entry(stored: &StoredEntry) -> Result<Entry, Denial> {
    Entry::read(&stored.bytes).map_err(|error| {
        tracing::error!(index = stored.index, %error, "an entry of the log cannot be read");
        Denial::new(Reason::Internal, format!("entry {} cannot be read", stored.index))
    })
}

fn unreadable(error: &dyn std::error::Error) -> Denial {
    tracing::error!(%error, "the log could not be read");
    Denial::new(Reason::LogUnavailable, "the log could not be read")
}
