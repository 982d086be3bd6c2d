//! Writes a bundle: the log, or what is chosen of it with everything else folded into hashes. Reads
//! page by page; what is not taken waits in the store, not in memory.

use super::World;
use super::journal::Published;
use super::witnessed::Vouched;
use super::{publish, receipt};
pub use audit::bundle::Selection;
use audit::bundle::{Disclosed, Head, Shown, folded_line};
use audit::select::Selector;
use domain::base::{Span, TaskId, Time};
use domain::entry::body::Type;
use domain::entry::{Body, Entry};
use domain::reason::{Denial, Reason};
use domain::state::limits;
use ports::StoredEntry;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tlog::leaf_hash;
use tlog::peaks::{Folds, Subtree};

/// What to export.
#[derive(Debug, Default)]
pub struct Choice {
    /// Which entries; `None`: all.
    pub selection: Option<Selection>,
    /// Names of the commitments whose openings are shown; `*` for all.
    pub opening_fields: Vec<String>,
    /// Entries from then on, and before then.
    pub period: (Option<Time>, Option<Time>),
}

/// A bundle that is being written.
pub struct Export {
    world: World,
    /// Its edge knows every subtree of the bundle's tree.
    published: Arc<Published>,
    /// Entries of the bundle's log.
    size: u64,
    opening_fields: Vec<String>,
    selector: Option<Selector>,
    head: Option<Head>,
    /// What is left to be read one by one.
    range: Range<u64>,
    folds: Folds,
}

/// How long a bundle waits for its checkpoint to be cosigned, where witnesses are at work.
const COSIGNED_WITHIN: Duration = Duration::from_secs(4);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// From the request of a task until it ends, at the most: it waits for its approval, that for its start,
/// and it has its window. A lease that outlives it is one that could not be proven gone.
const LIFE_MAX: Span =
    Span::from_seconds(limits::PENDING_MAX.seconds() + limits::APPROVAL_MAX.seconds() + limits::WINDOW_SECONDS_MAX);
/// Bytes of a piece: it is given out once it is that long.
const PIECE_BYTES: usize = 128 * 1024;
/// No entry is added to a piece of so many: with the last one it stays below what a client of gRPC takes,
/// 4 MiB, however large entries are.
const PIECE_BYTES_MAX: usize = 1 << 20;

impl Export {
    /// Opens the bundle of what is published now, at the least, and under a checkpoint that enough
    /// witnesses cosigned, if there is one in time.
    ///
    /// # Errors
    /// `NOT_FOUND` if the chosen lease is not in the log; `LOG_UNAVAILABLE` if it cannot be read.
    pub async fn open(world: &World, published: Arc<Published>, choice: Choice) -> Result<Self, Denial> {
        let vouched = tokio::time::timeout(COSIGNED_WITHIN, cosigned(world, published.state.size)).await;
        let (published, size, checkpoint) = match vouched {
            Ok(Some(vouched)) => (world.journal.published(), vouched.checkpoint.size, vouched.text.clone()),
            _ => (Arc::clone(&published), published.state.size, published.checkpoint.clone()),
        };
        let mut it = Self {
            world: world.clone(),
            opening_fields: choice.opening_fields,
            selector: None,
            head: Some(Head::new(checkpoint, choice.selection.clone())),
            range: 0..size,
            folds: Folds::default(),
            published,
            size,
        };
        if let Some(mut selection) = choice.selection {
            let until = it.stretch(choice.period).await?;
            // So far it is proven that nothing was left out; the log may have gone on since.
            selection.to = until.map_or(selection.to, |until| Some(until.to_string()));
            it.head = it.head.map(|head| Head { selection: Some(selection.clone()), ..head });
            let past = it.past().await?;
            let task = it.task_of(selection.lease.as_deref(), past.start).await?;
            let mut selector = Selector::new(selection, task);
            if !selector.is_period_only() {
                let passes = |entry: Entry| {
                    selector.passes(&entry);
                    None::<()>
                };
                it.search(past, passes).await?;
            }
            it.selector = Some(selector);
        }
        Ok(it)
    }

    /// The next piece, in whole lines; `None` at the end.
    ///
    /// # Errors
    /// `LOG_UNAVAILABLE` if the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Denial> {
        let mut piece = Vec::new();
        if let Some(head) = self.head.take() {
            piece.extend(head.to_line().into_bytes());
            self.fold_away(0..self.range.start).await?;
        }
        while piece.len() < PIECE_BYTES && !self.range.is_empty() {
            for stored in self.page().await? {
                self.range.start = stored.index + 1;
                self.take(stored, &mut piece).await?;
                if piece.len() >= PIECE_BYTES_MAX {
                    break;
                }
            }
            if self.range.is_empty() {
                self.fold_away(self.range.end..self.size).await?;
                self.write_folds(&mut piece);
            }
        }
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    async fn page(&self) -> Result<Vec<StoredEntry>, Denial> {
        let limit = u32::try_from(self.range.end - self.range.start).unwrap_or(u32::MAX);
        let page = publish::page(&self.world, self.range.start, limit).await?;
        // The log never shrinks, so an empty page inside of it cannot be; going on would spin.
        let gone = || Denial::new(Reason::LogUnavailable, "entries are missing in the store");
        if page.is_empty() { Err(gone()) } else { Ok(page) }
    }

    async fn take(&mut self, stored: StoredEntry, piece: &mut Vec<u8>) -> Result<(), Denial> {
        let (index, leaf) = (stored.index, leaf_hash(&stored.bytes));
        let entry = publish::entry(&stored)?;
        if !self.selector.as_mut().is_none_or(|selector| selector.shows(&entry)) {
            self.folds.push(Subtree { from: index, height: 0, root: leaf });
            return Ok(());
        }
        self.write_folds(piece);
        let openings = self.openings(index, &entry).await?;
        piece.extend(Shown { entry: &stored.bytes, index, leaf, openings }.to_line());
        Ok(())
    }

    async fn openings(&self, index: u64, entry: &Entry) -> Result<Vec<Disclosed>, Denial> {
        let chosen = |field: &str| self.opening_fields.iter().any(|wanted| wanted == "*" || wanted == field);
        if !entry.commitments.keys().any(|field| chosen(field)) {
            return Ok(Vec::new());
        }
        let mut openings = publish::openings(&self.world, index).await?;
        openings.retain(|opening| chosen(&opening.field));
        openings.sort_by(|one, other| one.field.cmp(&other.field));
        Ok(openings.iter().map(|opening| Disclosed::new(&opening.field, &opening.salt, &opening.value)).collect())
    }

    fn write_folds(&mut self, piece: &mut Vec<u8>) {
        piece.extend(self.folds.take().flat_map(|subtree| folded_line(&subtree)));
    }

    async fn fold_away(&mut self, range: Range<u64>) -> Result<(), Denial> {
        for subtree in receipt::subtrees(&self.world, &self.published, range).await? {
            self.folds.push(subtree);
        }
        Ok(())
    }

    /// Reads from the last count before the period to the first one after it. Where the log has none there,
    /// it ends with the log's last count, whose time it gives: what follows on that cannot be counted.
    async fn stretch(&mut self, (from, to): (Option<Time>, Option<Time>)) -> Result<Option<Time>, Denial> {
        let from = match from {
            Some(from) => self.first_since(from).await?,
            None => 0,
        };
        let start = self.last_count(from).await?.map_or(0, |(start, _)| start);
        let mut end = match to {
            Some(to) => self.first_since(to).await?,
            None => self.size,
        };
        while end < self.size {
            let high = end.saturating_add(u64::from(publish::PAGE)).min(self.size);
            if let Some((count, _)) = self.counts(end..high).await?.first() {
                self.range = start..(count + 1).max(start);
                return Ok(None);
            }
            end = high;
        }
        let last = self.last_count(self.size).await?.filter(|(count, _)| count + 1 < self.size);
        self.range = start..last.map_or(self.size, |(count, _)| count + 1).max(start);
        Ok(last.map(|(_, time)| time))
    }

    /// The last `log.counted` before an index.
    async fn last_count(&self, mut before: u64) -> Result<Option<(u64, Time)>, Denial> {
        while before > 0 {
            let low = before.saturating_sub(u64::from(publish::PAGE));
            if let Some(count) = self.counts(low..before).await?.pop() {
                return Ok(Some(count));
            }
            before = low;
        }
        Ok(None)
    }

    /// Index of the first entry that is not older.
    async fn first_since(&self, time: Time) -> Result<u64, Denial> {
        let (mut low, mut high) = (0, self.size);
        while low < high {
            let middle = low.midpoint(high);
            let stored = publish::page(&self.world, middle, 1).await?;
            let older = stored.first().map(publish::entry).transpose()?.is_some_and(|entry| entry.time < time);
            if older { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    async fn counts(&self, range: Range<u64>) -> Result<Vec<(u64, Time)>, Denial> {
        let limit = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        let mut found = Vec::new();
        for stored in publish::page(&self.world, range.start, limit).await? {
            let entry = publish::entry(&stored)?;
            if entry.body.kind() == Type::LogCounted {
                found.push((stored.index, entry.time));
            }
        }
        Ok(found)
    }

    /// What stands before the stretch and may go on in it: as much as a task can live.
    async fn past(&self) -> Result<Range<u64>, Denial> {
        let first = publish::page(&self.world, self.range.start, 1).await?;
        let time = first.first().map(publish::entry).transpose()?.map_or(Time::default(), |entry| entry.time);
        Ok(self.first_since(time.minus(LIFE_MAX)).await?..self.range.start)
    }

    /// The task of a lease: its approvals stand before the entry that names both.
    async fn task_of(&self, lease: Option<&str>, from: u64) -> Result<Option<TaskId>, Denial> {
        let Some(lease) = lease else { return Ok(None) };
        let intended = |entry: Entry| match entry.body {
            Body::LeaseIntended(body) if body.lease.to_string() == lease => Some(body.task),
            _ => None,
        };
        self.search(from..self.range.end, intended).await?.map(Some).ok_or_else(Denial::not_found)
    }

    /// Reads on until something is found.
    async fn search<T: Send>(
        &self,
        mut range: Range<u64>,
        mut find: impl FnMut(Entry) -> Option<T> + Send,
    ) -> Result<Option<T>, Denial> {
        while !range.is_empty() {
            let limit = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
            let page = publish::page(&self.world, range.start, limit).await?;
            let Some(last) = page.last() else { break };
            range.start = last.index + 1;
            for stored in &page {
                if let Some(found) = find(publish::entry(stored)?) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }
}

/// The checkpoint of so many entries or more that enough witnesses cosigned; `None` where none ever has.
async fn cosigned(world: &World, size: u64) -> Option<Arc<Vouched>> {
    loop {
        let newest = world.witnessed.newest()?;
        if newest.checkpoint.size >= size {
            return Some(newest);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
