//! Looks things up for a trace: in the index, and for the last entries, which the index may not have
//! yet, in the log itself. Every entry that is told is read from the log; the index only says where.

use super::index::{Index, TAIL_MAX, behind};
use super::publish;
use domain::entry::{Entry, Mention};
use domain::reason::{Denial, Reason};
use ports::{Seek, StoredEntry};

use audit::trace::{Found, Gathering, Query, Reach, scan};
pub use audit::trace::{Gathered, Part, Step, Subject};

/// A trace with the size of the log that was looked through.
#[derive(Debug)]
pub struct Traced {
    /// Entries of the log.
    pub size: u64,
    /// What was found.
    pub gathered: Gathered,
}

/// How often a trace begins again when the index is thrown away under it.
const TRIES: u32 = 3;

/// The log as one trace sees it.
struct Lookup<'a> {
    index: &'a Index,
    /// Entries that are indexed.
    indexed: u64,
    /// The entries after them, with what they mention.
    tail: Vec<(StoredEntry, Vec<Mention>)>,
}

/// Gathers the entries that speak of `subject`, with all their openings. `from` and `limit`: which
/// stories, of a subject that has many.
///
/// # Errors
/// `INDEX_BEHIND` while the index is filled; `LOG_UNAVAILABLE` if the log cannot be read.
pub async fn trace(index: &Index, subject: &Subject, from: u64, limit: usize) -> Result<Traced, Denial> {
    let size = index.journal.published().state.size;
    let mut tries = TRIES;
    let mut gathered = loop {
        tries -= 1;
        let lookup = Lookup::of(index, size).await?;
        match lookup.gather(Gathering::new(subject, from, limit)).await {
            // Thrown away in the middle: what was found so far may lack something.
            Err(denial) if denial.reason == Reason::IndexBehind && tries > 0 => {}
            gathered => break gathered?,
        }
    };
    for step in gathered.steps.iter_mut().filter(|step| !step.entry.commitments.is_empty()) {
        step.found.openings = publish::openings_of(&*index.store, step.found.index).await?;
    }
    Ok(Traced { size, gathered })
}

/// The same from what is indexed, which may lack the log's last entries: costs next to nothing where there
/// is nothing.
///
/// # Errors
/// As [`trace`].
pub(super) async fn indexed(index: &Index, subject: &Subject, from: u64) -> Result<Gathered, Denial> {
    let (indexed, size) = (mark(index).await?, index.journal.published().state.size);
    if indexed.saturating_add(TAIL_MAX) < size {
        return Err(behind(&format!("{indexed} of {size} entries are indexed")));
    }
    let lookup = Lookup { index, indexed, tail: Vec::new() };
    lookup.gather(Gathering::new(subject, from, 1)).await
}

/// Entries that are indexed now.
async fn mark(index: &Index) -> Result<u64, Denial> {
    let mark = index.port.mark().await.map_err(|fault| behind(&fault.sentence))?;
    Ok(mark.map_or(0, |mark| mark.size))
}

impl<'a> Lookup<'a> {
    async fn of(index: &'a Index, size: u64) -> Result<Self, Denial> {
        let indexed = index.reach(size).await?;
        let mut tail = Vec::new();
        let mut next = indexed;
        while next < size {
            let limit = u32::try_from(size - next).unwrap_or(publish::PAGE);
            let page = publish::page_of(&index.journal, &*index.store, next, limit).await?;
            let Some(last) = page.last() else { break };
            next = last.index + 1;
            let read = |stored: StoredEntry| Some((Entry::read(&stored.bytes).ok()?.mentions(), stored));
            tail.extend(page.into_iter().filter_map(read).map(|(mentions, stored)| (stored, mentions)));
        }
        Ok(Self { index, indexed, tail })
    }

    async fn gather(&self, mut gathering: Gathering) -> Result<Gathered, Denial> {
        while let Some(query) = gathering.next_wanted() {
            let answer = self.answer(&query).await?;
            gathering.take(&query, answer);
        }
        Ok(gathering.finish())
    }

    async fn answer(&self, Query { mention, reach }: &Query) -> Result<Vec<Found>, Denial> {
        let mut answer = Vec::new();
        let (seek, limit) = match *reach {
            Reach::From { index, limit } => (Seek::From(index), limit),
            Reach::LastBefore(index) => (Seek::Before(index.min(self.indexed)), 1),
        };
        let hits = self.index.port.find(mention, seek, limit).await.map_err(|fault| behind(&fault.sentence))?;
        if hits.size < self.indexed {
            return Err(behind("it was begun anew"));
        }
        // The filler may have gone on meanwhile: the tail has those.
        for index in hits.indices.into_iter().filter(|index| *index < self.indexed) {
            let found =
                publish::page_of(&self.index.journal, &*self.index.store, index, 1).await?.into_iter().map(found);
            found.for_each(|found| scan::offer(*reach, &mut answer, &found));
        }
        let tail = self.tail.iter().filter(|(_, mentions)| mentions.contains(mention));
        tail.for_each(|(stored, _)| scan::offer(*reach, &mut answer, &found(stored.clone())));
        Ok(answer)
    }
}

fn found(StoredEntry { index, bytes }: StoredEntry) -> Found {
    Found { index, bytes, openings: Vec::new() }
}
