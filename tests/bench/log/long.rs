//! A long log in the real store: what an append costs there, how much disk it takes, how soon a broker
//! serves on it, and how soon one lease is traced in it.

use crate::plan::Size;
use crate::report::{against, bound, median, plain, quantile};
use crate::story::{self, ORIGIN, Story};
use crate::through::Through;
use anyhow::{Context as _, Result};
use leasehold::adapters::index::SqliteIndex;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::domain::base::{Digest, Time};
use leasehold::domain::entry::{Body, Entry};
use leasehold::domain::reason::Reason;
use leasehold::domain::state::Lane;
use leasehold::ports::{Batch, LogStore, NewEntry, Tile};
use leasehold::services::index::Index;
use leasehold::services::trace::{self, Subject};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::tree::Edge;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const GROWN_MAX: f64 = 1.2;
/// Of the payload, and as many bytes an entry.
const DISK_MAX: (f64, f64) = (1.2, 33.0);
const START_MILLIS_MAX: f64 = 100.0;
const TRACE_MILLIS_MAX: f64 = 5.0;
/// Traces of which the median is told.
const TRACES: usize = 201;
/// Entries that an append brings when 64 wait.
const APPENDED: usize = 64;
/// Entries behind a snapshot, at the most, while few things are open.
const TAIL: usize = 8_192;
/// Entries that are filled in at once.
const FILLED: usize = 4_096;

/// A log in a file, and the story that goes on in it.
struct Grown {
    file: PathBuf,
    store: SqliteStore,
    signer: Signer,
    story: Story,
    edge: Edge,
    payload: u64,
}

/// All of it, one after another on the same file.
pub(crate) async fn all(folder: &Path, size: &Size) -> Result<()> {
    let mut short = Grown::to(folder.join("short.db"), size.short).await?;
    let mut long = Grown::to(folder.join("long.db"), size.long).await?;
    append(&mut short, &mut long, size).await?;
    long.open_leases(size.open).await?;
    let long = long.close()?;
    disk(&long)?;
    start("10k_open", &long, START_MILLIS_MAX).await?;
    trace(&long).await?;
    Ok(())
}

/// Both take turns.
async fn append(short: &mut Grown, long: &mut Grown, size: &Size) -> Result<()> {
    let (mut at_short, mut at_long) = (Vec::new(), Vec::new());
    for round in 0..size.rounds * 40 {
        let (mut first, mut second) = ((&mut *short, &mut at_short), (&mut *long, &mut at_long));
        if round % 2 == 1 {
            std::mem::swap(&mut first, &mut second);
        }
        for (grown, walls) in [first, second] {
            walls.push(grown.append(APPENDED).await? * 1e6);
        }
    }
    plain("append.long.p99", quantile(&mut at_long, 0.99), "us");
    plain("append.short.p99", quantile(&mut at_short, 0.99), "us");
    against("append.long.p50", median(at_long), median(at_short), "us", GROWN_MAX);
    Ok(())
}

fn disk(closed: &Closed) -> Result<()> {
    let (bytes, entries) = (std::fs::metadata(&closed.file)?.len() as f64, closed.entries as f64);
    let payload = closed.payload as f64 / entries;
    against("disk.entry", bytes / entries, DISK_MAX.0 * payload + DISK_MAX.1, "B", 1.0);
    Ok(())
}

/// The second start is measured: the first one left its snapshot, and the longest tail that a broker
/// leaves behind one. Opening the store counts.
async fn start(name: &str, closed: &Closed, millis_max: f64) -> Result<()> {
    let Closed { file, now, .. } = closed;
    let through = Through::start(file, *now).await?;
    through.journal.take_snapshot()?;
    through.propose(APPENDED, TAIL).await?;
    through.stop().await?;
    let begun = Instant::now();
    let through = Through::start(file, *now).await?;
    let millis = begun.elapsed().as_secs_f64() * 1e3;
    let published = through.journal.published();
    println!("start: {} entries, {} open leases", published.edge.size(), published.state.leases.len());
    through.stop().await?;
    bound(&format!("start.{name}"), millis, "ms", millis_max);
    Ok(())
}

/// One lease in the middle of the log, again and again; the first, which fills the index, does not count.
async fn trace(closed: &Closed) -> Result<()> {
    let Closed { file, now, entries, .. } = closed;
    let through = Through::start(file, *now).await?;
    let port = Arc::new(SqliteIndex::open(&SqliteIndex::beside(file), ORIGIN)?);
    let index = Index::new(through.journal.clone(), Arc::clone(&through.store), port);
    let stop = CancellationToken::new();
    let filler = tokio::spawn(index.clone().run(stop.clone()));
    let lease = lease_after(&*through.store, entries / 2).await?;
    let begun = Instant::now();
    let mut told = trace::trace(&index, &lease, 0, 1).await;
    while told.as_ref().is_err_and(|denial| denial.reason == Reason::IndexBehind) {
        told = trace::trace(&index, &lease, 0, 1).await;
    }
    plain("index.fill", begun.elapsed().as_secs_f64() * 1e6 / *entries as f64, "us/entry");
    let mut millis = Vec::new();
    for _ in 0..TRACES {
        let begun = Instant::now();
        told = trace::trace(&index, &lease, 0, 1).await;
        millis.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let told = told.map_err(|denial| anyhow::anyhow!(denial.sentence))?;
    println!("trace: {} entries of one lease and its task among {entries}", told.gathered.steps.len());
    stop.cancel();
    filler.await?;
    drop(index);
    through.stop().await?;
    bound("trace.lease", median(millis), "ms", TRACE_MILLIS_MAX);
    Ok(())
}

/// The first lease that is intended from an index on.
async fn lease_after(store: &dyn LogStore, index: u64) -> Result<Subject> {
    let entries = store.entries(index, 1_000).await?;
    let intended = |bytes: &[u8]| match Entry::read(bytes).map(|entry| entry.body) {
        Ok(Body::LeaseIntended(body)) => Some(Subject::Lease(body.lease)),
        _ => None,
    };
    entries.iter().find_map(|stored| intended(&stored.bytes)).context("no lease in the middle of the log")
}

/// A log that nobody writes.
struct Closed {
    file: PathBuf,
    entries: u64,
    payload: u64,
    now: Time,
}

impl Grown {
    async fn to(file: PathBuf, size: u64) -> Result<Self> {
        let (store, signer) = (SqliteStore::open(&file)?, story::signer()?);
        let mut grown = Self { file, store, signer, story: Story::begin(), edge: Edge::new(), payload: 0 };
        while grown.edge.size() < size {
            grown.append(FILLED.min((size - grown.edge.size()) as usize)).await?;
        }
        Ok(grown)
    }

    /// Goes on until so many leases are open.
    async fn open_leases(&mut self, count: u64) -> Result<()> {
        while !self.story.is_between_waves() {
            self.append(1).await?;
        }
        self.story.end_nothing_more();
        let until = self.edge.size() + self.story.entries_to_open(count);
        while self.edge.size() < until {
            self.append(FILLED.min((until - self.edge.size()) as usize)).await?;
        }
        Ok(())
    }

    /// Seconds until the next entries of the story are stored.
    async fn append(&mut self, count: usize) -> Result<f64> {
        let expected_size = self.edge.size();
        let (mut entries, mut tiles) = (Vec::with_capacity(count), Vec::new());
        for _ in 0..count {
            let bytes = self.story.tell().write()?;
            let leaf = leaf_hash(&bytes);
            self.story.stands(Digest::from_bytes(*leaf.as_bytes()));
            self.payload += bytes.len() as u64;
            let full = self.edge.push(leaf).into_iter();
            tiles.extend(full.map(|tile| Tile { level: tile.level, number: tile.number, bytes: tile.bytes }));
            entries.push(NewEntry { bytes, openings: Vec::new() });
        }
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: self.edge.size(), root: self.edge.root() };
        let checkpoint = checkpoint.sign(&self.signer);
        let batch = Batch { expected_size, entries, tiles, checkpoint, lane: Lane::Ordinary, erased: Vec::new() };
        let begun = Instant::now();
        self.store.append(batch).await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    fn close(self) -> Result<Closed> {
        drop(self.store);
        Ok(Closed { file: self.file, entries: self.edge.size(), payload: self.payload, now: self.story.now() })
    }
}
