//! Keeps the index over the log filled, behind the log and out of the way of appends: it follows the
//! published end in pages, pauses between them, and hurries only while somebody waits for it. Nothing
//! decides on the index; what it lacks at the end of the log, a search reads from the log itself.

use super::journal::Journal;
use domain::base::Digest;
use domain::entry::{Entry, Mention};
use domain::reason::{Denial, Reason};
use ports::{Fault, LogIndex, LogStore, Mark, Run, StoredEntry};
use std::sync::Arc;
use std::time::Duration;
use tlog::leaf_hash;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The index with what fills it. Cheap to clone.
#[derive(Clone)]
pub struct Index {
    pub(super) journal: Journal,
    pub(super) store: Arc<dyn LogStore>,
    pub(super) port: Arc<dyn LogIndex>,
    /// Entries that are indexed.
    filled: Arc<watch::Sender<u64>>,
    /// Up to where somebody waits for it.
    hurry: Arc<watch::Sender<u64>>,
}

/// Entries that are read, and added, at once.
const PAGE: u32 = 1_000;
/// Entries at the end of the log that a search reads by itself.
pub(super) const TAIL_MAX: u64 = 2_000;
/// How long new entries wait for company.
const LAZY: Duration = Duration::from_secs(1);
/// Between two pages while nobody waits: with some milliseconds of work a page, most of the processor
/// stays with those who append.
const PAUSE: Duration = Duration::from_millis(20);
/// After a failure.
const RETRY: Duration = Duration::from_secs(2);
/// How long a search waits for the index.
const CATCH_UP_MAX: Duration = Duration::from_secs(5);

impl Index {
    /// An index of a journal's log.
    #[must_use]
    pub fn new(journal: Journal, store: Arc<dyn LogStore>, port: Arc<dyn LogIndex>) -> Self {
        let (filled, hurry) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(0)));
        Self { journal, store, port, filled, hurry }
    }

    /// Follows the log until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut size = self.journal.size();
        let mut hurry = self.hurry.subscribe();
        let work = async {
            loop {
                if let Err(fault) = self.fill().await {
                    tracing::warn!(error = %fault, "the index over the log could not be filled");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
                tokio::select! {
                    Ok(()) = async { size.changed().await?; tokio::time::sleep(LAZY).await; Ok::<_, watch::error::RecvError>(()) } => {}
                    Ok(()) = hurry.changed() => {}
                    else => return,
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    /// Throws the index away and begins to fill it, in a hurry. Gives its progress, and the size of the
    /// log that it will reach.
    ///
    /// # Errors
    /// `INDEX_BEHIND` if the index cannot be emptied.
    pub async fn rebuild(&self) -> Result<(watch::Receiver<u64>, u64), Denial> {
        self.port.clear().await.map_err(|fault| behind(&fault.sentence))?;
        self.filled.send_replace(0);
        let size = self.journal.published().state.size;
        // A value that nobody waits for yet: the filler must notice even if the log has not grown.
        self.hurry.send_modify(|wanted| *wanted = size.max(*wanted));
        Ok((self.filled.subscribe(), size))
    }

    /// Waits until at most [`TAIL_MAX`] of `size` entries are missing, and says how many are indexed.
    ///
    /// # Errors
    /// `INDEX_BEHIND` if that takes too long.
    pub(super) async fn reach(&self, size: u64) -> Result<u64, Denial> {
        let mut filled = self.filled.subscribe();
        let reached = async {
            loop {
                let mark = self.port.mark().await.ok().flatten().map_or(0, |mark| mark.size);
                if mark.saturating_add(TAIL_MAX) >= size {
                    return mark.min(size);
                }
                self.hurry.send_modify(|wanted| *wanted = size.max(*wanted));
                // The sender lives in `self`.
                let _ = filled.changed().await;
            }
        };
        let late = |_| behind(&format!("{} of {size} entries are indexed", *self.filled.borrow()));
        tokio::time::timeout(CATCH_UP_MAX, reached).await.map_err(late)
    }

    /// Fills up to the published end.
    async fn fill(&self) -> Result<(), Fault> {
        let mut from = self.fitting_mark().await?.map_or(0, |mark| mark.size);
        self.filled.send_replace(from);
        loop {
            let size = self.journal.published().state.size;
            let limit = PAGE.min(u32::try_from(size.saturating_sub(from)).unwrap_or(PAGE));
            let page = if limit == 0 { Vec::new() } else { self.store.entries(from, limit).await? };
            let Some(last) = page.last() else {
                // Nobody waits any more; to say so is no reason to wake the filler.
                self.hurry.send_if_modified(|wanted| {
                    *wanted = 0;
                    false
                });
                return Ok(());
            };
            let mark = Mark { size: last.index + 1, leaf: leaf(last) };
            let mentions = mentions(&page).await;
            self.port.add(Run { from, mentions, mark }).await?;
            from = mark.size;
            self.filled.send_replace(from);
            if *self.hurry.borrow() < from {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The index's mark, if it is an index of this log; else the index is emptied.
    async fn fitting_mark(&self) -> Result<Option<Mark>, Fault> {
        let Some(mark) = self.port.mark().await? else { return Ok(None) };
        let published = self.journal.published().state.size;
        let last = match mark.size.checked_sub(1).filter(|last| *last < published) {
            Some(last) => self.store.entries(last, 1).await?.pop(),
            None => None,
        };
        if last.is_some_and(|last| leaf(&last) == mark.leaf) {
            return Ok(Some(mark));
        }
        tracing::warn!(size = mark.size, "the index is of another log and is filled anew");
        self.port.clear().await?;
        Ok(None)
    }
}

/// What a page mentions. Reading entries takes the processor: others get their turn in between.
async fn mentions(page: &[StoredEntry]) -> Vec<(Mention, u64)> {
    let mut found = Vec::with_capacity(page.len() * 3);
    for chunk in page.chunks(100) {
        for stored in chunk {
            // What cannot be read is the fold's to complain of.
            let mentions = Entry::read(&stored.bytes).map(|entry| entry.mentions()).unwrap_or_default();
            found.extend(mentions.into_iter().map(|mention| (mention, stored.index)));
        }
        tokio::task::yield_now().await;
    }
    found
}

fn leaf(stored: &StoredEntry) -> Digest {
    Digest::from_bytes(*leaf_hash(&stored.bytes).as_bytes())
}

pub(super) fn behind(particulars: &str) -> Denial {
    Denial::new(Reason::IndexBehind, format!("the index over the log is being filled: {particulars}"))
}
