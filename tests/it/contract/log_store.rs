//! What every `LogStore` keeps.

use leasehold::domain::entry::Opening;
use leasehold::ports::{AppendError, Batch, Head, Lane, LogStore, NewEntry, StoredEntry, Tile};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::{Signer, VerifierKey};
use leasehold::tlog::tile::TileId;
use leasehold::tlog::tree::{Edge, TreeHead};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One log, opened as often as a test likes.
pub(crate) trait Bench: Send + Sync {
    /// Opens the log. Only after the store of an earlier call has been dropped.
    fn open(&self) -> Arc<dyn LogStore>;
}

/// A log as the journal keeps it: real entries, openings, tiles and signed checkpoints.
pub(crate) struct Ledger {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) edge: Edge,
    signer: Signer,
}

impl Ledger {
    /// Reads the log, checks all of it, and goes on at its end.
    pub(crate) async fn resume(store: Arc<dyn LogStore>) -> Self {
        let signer = Signer::generate("log.example/test", [7; 32]).unwrap();
        let edge = match store.head().await.unwrap() {
            Some(head) => check(&*store, &head, &signer.verifier()).await,
            None => Edge::new(),
        };
        Self { store, edge, signer }
    }

    pub(crate) fn verifier(&self) -> VerifierKey {
        self.signer.verifier()
    }

    /// The next `count` entries, each with two openings.
    pub(crate) fn batch(&self, count: u64) -> (Batch, Edge) {
        let (expected_size, mut edge) = (self.edge.size(), self.edge.clone());
        let mut tiles = Vec::new();
        let entries = (expected_size..expected_size + count).map(|index| {
            let full = edge.push(leaf_hash(&bytes(index)));
            tiles.extend(full.into_iter().map(|t| Tile { level: t.level, number: t.number, bytes: t.bytes }));
            let openings = openings(index).into_iter().map(|opening| (opening.commitment(), opening)).collect();
            NewEntry { bytes: bytes(index), openings }
        });
        let entries = entries.collect();
        let TreeHead { size, root } = edge.head();
        let checkpoint = Checkpoint { origin: self.signer.name().into(), size, root }.sign(&self.signer);
        (Batch { expected_size, entries, tiles, checkpoint, ..Batch::default() }, edge)
    }

    /// Appends the next `count` entries.
    pub(crate) async fn append(&mut self, count: u64) -> Result<(), AppendError> {
        self.append_in(Lane::Ordinary, count).await
    }

    /// Appends the next `count` entries in a lane.
    pub(crate) async fn append_in(&mut self, lane: Lane, count: u64) -> Result<(), AppendError> {
        let (batch, edge) = self.batch(count);
        self.store.append(Batch { lane, ..batch }).await?;
        self.edge = edge;
        Ok(())
    }
}

/// Everything that the head promises is there, and it is what was appended.
async fn check(store: &dyn LogStore, head: &Head, key: &VerifierKey) -> Edge {
    let checkpoint = Checkpoint::open(&head.checkpoint, key).unwrap();
    assert_eq!(checkpoint.size, head.size);
    for StoredEntry { index, bytes: found } in all_entries(store, head.size).await {
        assert_eq!(found, bytes(index), "entry {index}");
        assert_eq!(opened(store, index).await, openings(index), "openings of {index}");
    }
    let mut tiles = BTreeMap::new();
    for id in Edge::tiles_to_resume(head.size) {
        let bytes = store.tile(id.level, id.number).await.unwrap();
        tiles.insert(id, bytes.unwrap_or_else(|| panic!("{id:?} is missing at size {}", head.size)));
    }
    let leaves: Vec<_> = (head.size - head.size % 256..head.size).map(|index| leaf_hash(&bytes(index))).collect();
    Edge::resume(&checkpoint.head(), &tiles, &leaves).unwrap()
}

async fn all_entries(store: &dyn LogStore, size: u64) -> Vec<StoredEntry> {
    let mut all: Vec<StoredEntry> = Vec::new();
    loop {
        let page = store.entries(all.len() as u64, 100).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let expected: Vec<u64> = (0..size).collect();
    assert_eq!(all.iter().map(|entry| entry.index).collect::<Vec<_>>(), expected);
    all
}

async fn opened(store: &dyn LogStore, index: u64) -> Vec<Opening> {
    let mut openings = store.openings(index).await.unwrap();
    openings.sort_by(|(_, a), (_, b)| a.field.cmp(&b.field));
    assert!(openings.iter().all(|(commitment, opening)| opening.commitment() == *commitment));
    openings.into_iter().map(|(_, opening)| opening).collect()
}

fn bytes(index: u64) -> Vec<u8> {
    format!("{{\"entry\":{index}}}").into_bytes()
}

fn openings(index: u64) -> Vec<Opening> {
    let opening = |field: &str| Opening {
        entry_type: "lease.issued".into(),
        field: field.into(),
        salt: *leaf_hash(field.as_bytes()).as_bytes(),
        value: format!("{field} of {index}"),
    };
    vec![opening("accessor"), opening("engine_lease")]
}

pub(crate) fn plain(expected_size: u64, entries: &[&[u8]]) -> Batch {
    let entries: Vec<_> =
        entries.iter().map(|bytes| NewEntry { bytes: bytes.to_vec(), openings: Vec::new() }).collect();
    let checkpoint = format!("checkpoint {}\n", expected_size + entries.len() as u64);
    Batch { expected_size, entries, checkpoint, ..Batch::default() }
}

fn tile(number: u64) -> Tile {
    Tile { level: 0, number, bytes: vec![7; 8_192] }
}

async fn size(store: &dyn LogStore) -> u64 {
    store.head().await.unwrap().map_or(0, |head| head.size)
}

pub(crate) async fn a_log_without_entries_has_nothing(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(store.head().await.unwrap(), None);
    assert_eq!(store.entries(0, 10).await.unwrap(), []);
    assert_eq!(store.openings(0).await.unwrap(), []);
    assert_eq!(store.tile(0, 0).await.unwrap(), None);
}

pub(crate) async fn a_batch_is_read_back_whole(bench: &dyn Bench) {
    let mut ledger = Ledger::resume(bench.open()).await;
    let (batch, _) = ledger.batch(600);
    let checkpoint = batch.checkpoint.clone();
    ledger.append(600).await.unwrap();
    assert_eq!(ledger.store.head().await.unwrap(), Some(Head { size: 600, checkpoint }));
    for tile in batch.tiles {
        assert_eq!(ledger.store.tile(tile.level, tile.number).await.unwrap(), Some(tile.bytes));
    }
    assert_eq!(ledger.store.tile(0, 2).await.unwrap(), None, "not full yet");
    assert_eq!(ledger.store.openings(600).await.unwrap(), []);
    assert_eq!(Ledger::resume(Arc::clone(&ledger.store)).await.edge, ledger.edge);
}

pub(crate) async fn what_was_acknowledged_is_there_after_opening_again(bench: &dyn Bench) {
    let mut edge = Edge::new();
    for count in [1, 255, 1, 300, 7] {
        let mut ledger = Ledger::resume(bench.open()).await;
        assert_eq!(ledger.edge, edge);
        ledger.append(count).await.unwrap();
        edge = ledger.edge;
    }
    assert_eq!(Ledger::resume(bench.open()).await.edge, edge);
}

pub(crate) async fn a_batch_on_another_size_is_a_conflict_and_changes_nothing(bench: &dyn Bench) {
    let store = bench.open();
    store.append(plain(0, &[b"a", b"b"])).await.unwrap();
    for wrong in [0, 1, 3, 1 << 40] {
        let error = store.append(plain(wrong, &[b"c"])).await.unwrap_err();
        let AppendError::Conflict { expected, found } = error else { panic!("{error:?}") };
        assert_eq!((expected, found), (wrong, 2));
    }
    assert_eq!(store.head().await.unwrap(), Some(Head { size: 2, checkpoint: "checkpoint 2\n".into() }));
    assert_eq!(store.entries(0, 10).await.unwrap().len(), 2);
    store.append(plain(2, &[b"c"])).await.unwrap();
    assert_eq!(size(&*store).await, 3);
}

pub(crate) async fn of_many_appends_on_one_size_one_wins(bench: &dyn Bench) {
    let store = bench.open();
    for round in 0..5 {
        let appends = (0..8_u8).map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.append(plain(round, &[&[writer]])).await })
        });
        let mut won = 0;
        for append in appends.collect::<Vec<_>>() {
            match append.await.unwrap() {
                Ok(()) => won += 1,
                Err(AppendError::Conflict { expected, found }) => assert_eq!((expected, found), (round, round + 1)),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((won, size(&*store).await), (1, round + 1));
    }
}

pub(crate) async fn a_batch_with_one_bad_part_is_refused_whole(bench: &dyn Bench) {
    let store = bench.open();
    store.append(Batch { tiles: vec![tile(0)], ..plain(0, &[b"a"]) }).await.unwrap();
    let good = || plain(1, &[b"b", b"c"]);
    let [opening, other] = openings(1).try_into().unwrap();
    let mut swapped = good();
    swapped.entries[1].openings.push((other.commitment(), opening.clone()));
    let mut twice = good();
    twice.entries[1].openings = vec![(opening.commitment(), opening.clone()), (opening.commitment(), opening)];
    let bad = [
        ("no entries", plain(1, &[])),
        ("an entry too long", plain(1, &[b"b", &[7; 65_536]])),
        ("a tile too short", Batch { tiles: vec![Tile { bytes: vec![7; 8_191], ..tile(1) }], ..good() }),
        ("a tile that is there", Batch { tiles: vec![tile(1), tile(0)], ..good() }),
        ("an opening of something else", swapped),
        ("an opening twice", twice),
    ];
    for (what, batch) in bad {
        let error = store.append(batch).await.expect_err(what);
        assert!(matches!(error, AppendError::Failed(_)), "{what}: {error:?}");
        assert_eq!(size(&*store).await, 1, "{what}");
        assert_eq!(store.entries(0, 10).await.unwrap().len(), 1, "{what}");
        assert_eq!(store.tile(0, 1).await.unwrap(), None, "{what}");
        assert_eq!(store.openings(2).await.unwrap(), [], "{what}");
    }
    store.append(Batch { tiles: vec![tile(1)], ..good() }).await.unwrap();
    assert_eq!(size(&*store).await, 3);
}

pub(crate) async fn the_longest_and_the_shortest_entry_are_kept(bench: &dyn Bench) {
    let store = bench.open();
    store.append(plain(0, &[&[7; 65_535], b"", b"\0\xff"])).await.unwrap();
    let found: Vec<_> = store.entries(0, 3).await.unwrap().into_iter().map(|entry| entry.bytes).collect();
    assert_eq!(found, [vec![7; 65_535], vec![], vec![0, 255]]);
}

pub(crate) async fn entries_come_in_order_from_any_index_up_to_the_limit(bench: &dyn Bench) {
    let mut ledger = Ledger::resume(bench.open()).await;
    ledger.append(20).await.unwrap();
    for (from, limit, expected) in [
        (0, 5, 0..5),
        (5, 5, 5..10),
        (18, 5, 18..20),
        (20, 5, 20..20),
        (7, 0, 7..7),
        (1 << 40, 5, 0..0),
        (u64::MAX, u32::MAX, 0..0),
        (0, u32::MAX, 0..20),
    ] {
        let found = ledger.store.entries(from, limit).await.unwrap();
        let expected: Vec<_> = expected.map(|index| StoredEntry { index, bytes: bytes(index) }).collect();
        assert_eq!(found, expected, "{limit} from {from}");
    }
}

pub(crate) async fn a_reader_never_sees_half_a_batch(bench: &dyn Bench) {
    let mut ledger = Ledger::resume(bench.open()).await;
    let (store, key) = (Arc::clone(&ledger.store), ledger.signer.verifier());
    let (sizes, mut seen) = tokio::sync::watch::channel(0);
    let reader = tokio::spawn(async move {
        let mut last = 0;
        while last < 400 {
            if let Some(head) = store.head().await.unwrap() {
                assert!(head.size >= last && head.size.is_multiple_of(40), "{} after {last}", head.size);
                assert_eq!(Checkpoint::open(&head.checkpoint, &key).unwrap().size, head.size);
                assert_eq!(store.entries(head.size - 40, 40).await.unwrap().len(), 40);
                assert_eq!(opened(&*store, head.size - 1).await.len(), 2);
                last = head.size;
                sizes.send_replace(last);
            }
            tokio::task::yield_now().await;
        }
    });
    for round in 0..10 {
        ledger.append(40).await.unwrap();
        seen.wait_for(|size| *size > 40 * round).await.unwrap();
    }
    reader.await.unwrap();
}

pub(crate) async fn many_readers_are_all_answered(bench: &dyn Bench) {
    let mut ledger = Ledger::resume(bench.open()).await;
    ledger.append(300).await.unwrap();
    let reads = (0..300).map(|index| {
        let store = Arc::clone(&ledger.store);
        tokio::spawn(async move { store.entries(index, 1).await.unwrap().pop().unwrap().index })
    });
    for (index, read) in reads.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(read.await.unwrap(), index as u64);
    }
    assert!(ledger.store.tile(TileId { level: 0, number: 0 }.level, 0).await.unwrap().is_some());
}

pub(crate) async fn what_is_erased_is_gone_and_everything_else_stays(bench: &dyn Bench) {
    let mut ledger = Ledger::resume(bench.open()).await;
    ledger.append(300).await.unwrap();
    let erasing = |size, erased: &[(u64, &[&str])]| Batch {
        erased: erased
            .iter()
            .map(|(index, fields)| (*index, fields.iter().map(|f| (*f).to_owned()).collect()))
            .collect(),
        ..plain(size, &[b"erased"])
    };
    let store = &ledger.store;
    for beyond in [300, 301, u64::MAX] {
        let error = store.append(erasing(300, &[(3, &["accessor"]), (beyond, &["accessor"])])).await.unwrap_err();
        assert!(matches!(error, AppendError::Failed(_)), "{error:?}");
        assert_eq!(opened(&**store, 3).await, openings(3), "nothing of a refused batch is erased");
    }
    store.append(erasing(300, &[(3, &["accessor"]), (299, &["accessor", "engine_lease"])])).await.unwrap();
    store.append(erasing(301, &[(3, &["accessor"]), (4, &["no such field"]), (300, &["none"])])).await.unwrap();
    assert_eq!(opened(&**store, 3).await, openings(3)[1..], "the other field stays");
    assert_eq!(opened(&**store, 299).await, []);
    for index in [2, 4, 298] {
        assert_eq!(opened(&**store, index).await, openings(index), "{index}");
    }
    assert_eq!(store.entries(3, 1).await.unwrap()[0].bytes, bytes(3));
}

pub(crate) async fn endings_and_all_else_are_stored_alike_while_there_is_room(bench: &dyn Bench) {
    let store = bench.open();
    for (size, lane) in [Lane::Ending, Lane::Ordinary, Lane::Ending, Lane::Ordinary].into_iter().enumerate() {
        assert!(store.has_room().await);
        store.append(Batch { lane, ..plain(size as u64, &[b"a"]) }).await.unwrap();
    }
    assert_eq!(size(&*store).await, 4);
}

macro_rules! log_store_contract {
    ($bench:path) => {
        $crate::contract::log_store::log_store_contract! { $bench:
            a_log_without_entries_has_nothing
            a_batch_is_read_back_whole
            what_was_acknowledged_is_there_after_opening_again
            a_batch_on_another_size_is_a_conflict_and_changes_nothing
            of_many_appends_on_one_size_one_wins
            a_batch_with_one_bad_part_is_refused_whole
            the_longest_and_the_shortest_entry_are_kept
            entries_come_in_order_from_any_index_up_to_the_limit
            a_reader_never_sees_half_a_batch
            many_readers_are_all_answered
            what_is_erased_is_gone_and_everything_else_stays
            endings_and_all_else_are_stored_alike_while_there_is_room
        }
    };
    ($bench:path: $($sentence:ident)*) => {$(
        #[tokio::test]
        async fn $sentence() {
            $crate::contract::log_store::$sentence(&$bench()).await;
        }
    )*};
}
pub(crate) use log_store_contract;
