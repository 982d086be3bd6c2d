//! The start from a snapshot: it gives what the whole fold gives, reads no more than the tail, and
//! takes nothing for granted that lies beside the log.

mod taking;
mod unfit;

use crate::fixtures::callers::caller;
use crate::sim::shelf::SimShelf;
use crate::sim::store::{SimDisk, SimStore};
use async_trait::async_trait;
use leasehold::domain::base::{Digest, Time};
use leasehold::domain::entry::bodies::estate::{ItemJson, ItemSet};
use leasehold::domain::entry::bodies::log::BrokerStopped;
use leasehold::domain::entry::{Body, Commitment, Entry, Opening};
use leasehold::domain::estate::{Document, Estate, plan};
use leasehold::domain::judge::BuiltInRules;
use leasehold::domain::state::command::Caller;
use leasehold::domain::state::{Command, State};
use leasehold::ports::{AppendError, Batch, Clock, Fault, Head, LogStore, Reading, StoredEntry};
use leasehold::services::journal::{Journal, Parts, StartError};
use leasehold::services::snapshot::Snapshots;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const ORIGIN: &str = "leasehold.test/snapshot";
const NAME: &str = "snapshot";
const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/lead"]
[role.operator]
members = ["spiffe://example.org/people/operator"]
"#;

/// A log and its shelf, on which brokers are started one after the other.
#[derive(Clone)]
struct Site {
    disk: SimDisk,
    shelf: SimShelf,
    key: u8,
    /// Told apart from other sites by their times.
    day: i64,
    /// Entries that were read from the store.
    read: Arc<AtomicU64>,
}

/// A broker that runs until it is dropped.
struct Broker {
    journal: Journal,
    tracker: TaskTracker,
    stop: CancellationToken,
}

struct Still(Time);

impl Clock for Still {
    fn read(&self) -> Reading {
        Reading { time: self.0, certain: true }
    }
}

/// Counts what is read of a log.
struct Counting {
    store: SimStore,
    read: Arc<AtomicU64>,
}

#[async_trait]
impl LogStore for Counting {
    async fn head(&self) -> Result<Option<Head>, Fault> {
        self.store.head().await
    }

    async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        self.store.append(batch).await
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        let entries = self.store.entries(from, limit).await?;
        self.read.fetch_add(entries.len() as u64, Ordering::SeqCst);
        Ok(entries)
    }

    async fn openings(&self, index: u64) -> Result<Vec<(Commitment, Opening)>, Fault> {
        self.store.openings(index).await
    }

    async fn tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.store.tile(level, number).await
    }

    async fn has_room(&self) -> bool {
        self.store.has_room().await
    }
}

impl Site {
    fn new() -> Self {
        Self { disk: SimDisk::default(), shelf: SimShelf::default(), key: 7, day: 0, read: Arc::default() }
    }

    /// Another log of the same origin and key.
    fn other(&self) -> Self {
        Self { day: self.day + 1, disk: SimDisk::default(), shelf: SimShelf::default(), ..self.clone() }
    }

    fn signer(&self) -> Signer {
        Signer::generate(ORIGIN, [self.key; 32]).unwrap()
    }

    async fn try_start(&self) -> Result<Broker, StartError> {
        self.read.store(0, Ordering::SeqCst);
        let parts = Parts {
            store: Arc::new(Counting { store: self.disk.open(), read: Arc::clone(&self.read) }),
            shelf: Arc::new(self.shelf.clone()),
            clock: Arc::new(Still(Time::from_unix_seconds(1_800_000_000 + self.day * 86_400))),
            signer: self.signer(),
            judge: Arc::new(BuiltInRules),
            bootstrap: Vec::new(),
            mode: "dev",
            engine_request_seconds_max: 2,
            vouched: None,
        };
        let (journal, writer) = Journal::start(parts).await?;
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(writer);
        Ok(Broker { journal, tracker, stop })
    }

    async fn start(&self) -> Broker {
        self.try_start().await.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// What a whole fold of the store gives.
    async fn folded(&self) -> State {
        let mut state = State::default();
        for stored in self.disk.open().entries(0, u32::MAX).await.unwrap() {
            let digest = Digest::from_bytes(*leaf_hash(&stored.bytes).as_bytes());
            state.apply(&Entry::read(&stored.bytes).unwrap(), digest).unwrap();
        }
        state
    }

    /// A log of some entries with a snapshot over all of them but the tail.
    async fn with_tail(self, tail: u64) -> Self {
        let broker = self.start().await;
        broker.declare().await;
        broker.notes(20).await;
        broker.journal.take_snapshot().unwrap();
        broker.notes(tail).await;
        self
    }
}

impl Broker {
    fn size(&self) -> u64 {
        self.journal.published().state.size
    }

    /// An estate, so that the state holds something.
    async fn declare(&self) {
        let document = Document::parse(ESTATE).unwrap();
        let planned = plan(&Estate::default(), &document);
        for change in &planned.changes {
            let item = ItemJson(change.json.clone().unwrap());
            let set = ItemSet { item, kind: change.kind.to_string(), name: change.name.clone() };
            self.note_of_operator(set).await;
        }
        self.note_of_operator(planned.seal()).await;
    }

    async fn note_of_operator(&self, body: impl Into<Body>) {
        let note = Command::NoteOf { caller: operator(), body: body.into() };
        self.journal.propose(note, Vec::new()).await.unwrap();
    }

    async fn note(&self, body: impl Into<Body>) {
        self.journal.propose(Command::Note(body.into()), Vec::new()).await.unwrap();
    }

    async fn notes(&self, count: u64) {
        for _ in 0..count {
            self.note(BrokerStopped { epoch: 1 }).await;
        }
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.journal.clone(), self.tracker.clone())
    }

    /// Takes snapshots as a broker does, until it is dropped.
    fn run_snapshots(&self) {
        self.tracker.spawn(self.snapshots().run(self.stop.clone()));
    }
}

/// Someone who declares estates.
fn operator() -> Caller {
    let now = Time::from_unix_seconds(1_800_000_000);
    caller("spiffe://example.org/people/operator", 9, now)
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn a_start_from_a_snapshot_is_the_whole_fold_and_reads_the_tail_alone() {
    for tail in [0, 1, 255, 256, 300, 950] {
        let site = Site::new().with_tail(tail).await;
        let (whole, snapshot) = (site.folded().await, site.shelf.of(NAME).unwrap());
        let broker = site.start().await;
        assert_eq!(broker.journal.snapshot_size(), whole.size - tail);
        assert_eq!(site.read.load(Ordering::SeqCst), tail, "entries read");
        assert_eq!(broker.journal.published().state, site.folded().await, "with its own first entry");
        assert_eq!(broker.journal.published().state.estate.version(), 1);
        drop(broker);
        // The same start without it.
        site.shelf.set(NAME, None);
        let broker = site.start().await;
        assert_eq!(broker.journal.snapshot_size(), 0);
        assert!(site.read.load(Ordering::SeqCst) > whole.size);
        assert_eq!(broker.journal.published().state, site.folded().await);
        drop(broker);
        site.shelf.set(NAME, Some(snapshot));
        assert_eq!(site.start().await.journal.snapshot_size(), whole.size - tail, "an old one serves too");
    }
}

#[tokio::test]
async fn what_is_appended_after_a_start_from_a_snapshot_proves_like_any_other() {
    let site = Site::new().with_tail(10).await;
    let broker = site.start().await;
    broker.notes(600).await;
    broker.journal.take_snapshot().unwrap();
    drop(broker);
    let broker = site.start().await;
    // The edge was read twice and grew in between: its root is that of all leaves.
    let mut edge = leasehold::tlog::tree::Edge::new();
    for stored in site.disk.open().entries(0, u32::MAX).await.unwrap() {
        edge.push(leaf_hash(&stored.bytes));
    }
    assert_eq!(broker.journal.published().edge, edge);
}
