//! The simulated log store: a disk in memory, opened as often as one likes, whose appends go wrong
//! as scripted. It passes the same contract suite as the real one.

use async_trait::async_trait;
use leasehold::domain::entry::{Commitment, Opening};
use leasehold::ports::{AppendError, Batch, Fault, FaultKind, Head, Lane, LogStore, NewEntry, StoredEntry};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::tree::Edge;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// What happens to one append.
#[derive(Debug)]
pub(crate) enum Twist {
    /// Nothing goes wrong.
    None,
    /// Nothing is stored, and the writer is told so.
    FailForCertain,
    /// Nothing is stored, and the writer is left in the dark.
    LoseTheBatch,
    /// Everything is stored, and the writer is left in the dark.
    LoseTheAnswer,
    /// Another writer comes first with this batch.
    Overtake(Batch),
}

/// What outlives the process: clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    head: Option<Head>,
    entries: Vec<NewEntry>,
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
    script: VecDeque<Twist>,
    room: Room,
}

/// In bytes of entries.
#[derive(Debug)]
struct Room {
    free: u64,
    kept: u64,
    short: bool,
}

const KEPT: u64 = 10_000;

impl Default for Room {
    fn default() -> Self {
        Self { free: u64::MAX / 2, kept: KEPT, short: false }
    }
}

impl Room {
    fn is_whole(&mut self) -> bool {
        let missing = KEPT - self.kept;
        if self.free > missing {
            (self.free, self.kept, self.short) = (self.free - missing, KEPT, false);
        }
        !self.short && self.kept == KEPT
    }

    fn take(&mut self, lane: Lane, bytes: u64) -> Result<(), AppendError> {
        let kept = match lane {
            Lane::Ordinary if !self.is_whole() => return Err(full()),
            Lane::Ordinary => 0,
            Lane::Ending => self.kept,
        };
        let over = bytes.saturating_sub(self.free);
        self.short |= over > 0;
        if over > kept {
            return Err(full());
        }
        (self.free, self.kept) = (self.free.saturating_sub(bytes), self.kept - over);
        Ok(())
    }
}

fn full() -> AppendError {
    AppendError::Failed(Fault::new(FaultKind::Full, "the simulated disk is full"))
}

/// One opening of the disk.
#[derive(Debug)]
pub(crate) struct SimStore {
    disk: SimDisk,
    uncertain: AtomicBool,
}

impl SimDisk {
    pub(crate) fn open(&self) -> SimStore {
        SimStore { disk: self.clone(), uncertain: AtomicBool::new(false) }
    }

    /// The next appends go as told, the ones after them well.
    pub(crate) fn script(&self, twists: impl IntoIterator<Item = Twist>) {
        self.content().script.extend(twists);
    }

    /// From now on appends go well.
    pub(crate) fn end_script(&self) {
        self.content().script.clear();
    }

    /// From now on so many bytes of entries fit, besides what is kept for endings.
    pub(crate) fn set_free(&self, bytes: u64) {
        self.content().room.free = bytes;
    }

    /// A copy as a backup has it that was made when the log had so many entries.
    pub(crate) fn cut(&self, size: u64, signer: &Signer) -> Self {
        let (content, mut edge) = (self.content(), Edge::new());
        let (mut entries, mut tiles) = (Vec::new(), BTreeMap::new());
        for NewEntry { bytes, openings } in content.entries.iter().take(usize::try_from(size).unwrap()) {
            let full = edge.push(leaf_hash(bytes)).into_iter();
            tiles.extend(full.map(|tile| ((tile.level, tile.number), tile.bytes)));
            entries.push(NewEntry { bytes: bytes.clone(), openings: openings.clone() });
        }
        let checkpoint = Checkpoint { origin: signer.name().to_owned(), size, root: edge.root() }.sign(signer);
        let head = Some(Head { size, checkpoint });
        let content = Content { head, entries, tiles, ..Content::default() };
        Self(Arc::new(Mutex::new(content)))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }
}

impl SimStore {
    fn check_certain(&self) -> Result<(), Fault> {
        let uncertain = self.uncertain.load(Ordering::SeqCst);
        if uncertain { Err(fault(FaultKind::Permanent)) } else { Ok(()) }
    }
}

impl Content {
    fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn append(&mut self, batch: Batch) -> Result<(), AppendError> {
        self.check(&batch)?;
        let bytes = batch.entries.iter().map(|entry| entry.bytes.len() as u64).sum();
        self.room.take(batch.lane, bytes)?;
        self.entries.extend(batch.entries);
        for (index, fields) in batch.erased {
            let openings = &mut self.entries[usize::try_from(index).unwrap()].openings;
            openings.retain(|(_, opening)| !fields.contains(&opening.field));
        }
        self.tiles.extend(batch.tiles.into_iter().map(|tile| ((tile.level, tile.number), tile.bytes)));
        self.head = Some(Head { size: self.size(), checkpoint: batch.checkpoint });
        Ok(())
    }

    fn check(&self, batch: &Batch) -> Result<(), AppendError> {
        let (expected, found) = (batch.expected_size, self.size());
        let entries_fit =
            batch.entries.iter().all(|entry| entry.bytes.len() <= 65_535 && openings_fit(&entry.openings));
        let tiles_fit =
            batch.tiles.iter().all(|t| t.bytes.len() == 8_192 && !self.tiles.contains_key(&(t.level, t.number)));
        let erased_fit = batch.erased.iter().all(|(index, _)| *index < expected);
        if batch.entries.is_empty() || !entries_fit || !tiles_fit || !erased_fit {
            return Err(AppendError::Failed(fault(FaultKind::Permanent)));
        }
        if expected == found { Ok(()) } else { Err(AppendError::Conflict { expected, found }) }
    }
}

fn openings_fit(openings: &[(Commitment, Opening)]) -> bool {
    let fields: std::collections::BTreeSet<_> = openings.iter().map(|(_, opening)| &opening.field).collect();
    fields.len() == openings.len() && openings.iter().all(|(commitment, opening)| opening.commitment() == *commitment)
}

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, "the simulated store was told to fail")
}

#[async_trait]
impl LogStore for SimStore {
    async fn head(&self) -> Result<Option<Head>, Fault> {
        self.check_certain()?;
        Ok(self.disk.content().head.clone())
    }

    async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        self.check_certain().map_err(AppendError::Failed)?;
        let mut content = self.disk.content();
        let twist = content.script.pop_front().unwrap_or(Twist::None);
        let in_the_dark = match twist {
            Twist::None => return content.append(batch),
            Twist::FailForCertain => return Err(AppendError::Failed(fault(FaultKind::Transient))),
            Twist::Overtake(other) => return content.append(other).and_then(|()| content.append(batch)),
            Twist::LoseTheBatch => Ok(()),
            Twist::LoseTheAnswer => content.append(batch),
        };
        self.uncertain.store(true, Ordering::SeqCst);
        in_the_dark.and_then(|()| Err(AppendError::Ambiguous(fault(FaultKind::Ambiguous))))
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        let content = self.disk.content();
        let entries = (0..).zip(&content.entries).skip_while(|(index, _)| *index < from).take(limit as usize);
        Ok(entries.map(|(index, entry)| StoredEntry { index, bytes: entry.bytes.clone() }).collect())
    }

    async fn openings(&self, index: u64) -> Result<Vec<(Commitment, Opening)>, Fault> {
        let index = usize::try_from(index).unwrap();
        Ok(self.disk.content().entries.get(index).map(|entry| entry.openings.clone()).unwrap_or_default())
    }

    async fn tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.disk.content().tiles.get(&(level, number)).cloned())
    }

    async fn has_room(&self) -> bool {
        self.disk.content().room.is_whole()
    }
}

mod tests {
    use super::{SimDisk, Twist};
    use crate::contract::log_store::{Bench, Ledger, log_store_contract, plain};
    use leasehold::ports::{AppendError, Batch, FaultKind, Lane, LogStore};
    use std::sync::Arc;

    impl Bench for SimDisk {
        fn open(&self) -> Arc<dyn LogStore> {
            Arc::new(SimDisk::open(self))
        }
    }

    log_store_contract!(SimDisk::default);

    async fn ledger(disk: &SimDisk) -> Ledger {
        Ledger::resume(Bench::open(disk)).await
    }

    #[tokio::test]
    async fn a_certain_failure_stores_nothing_and_the_writer_goes_on() {
        let disk = SimDisk::default();
        let mut ledger = ledger(&disk).await;
        ledger.append(3).await.unwrap();
        disk.script([Twist::FailForCertain, Twist::FailForCertain]);
        for _ in 0..2 {
            assert!(matches!(ledger.append(3).await, Err(AppendError::Failed(_))));
            assert_eq!(ledger.store.head().await.unwrap().unwrap().size, 3);
        }
        ledger.append(3).await.unwrap();
        assert_eq!(Ledger::resume(Bench::open(&disk)).await.edge.size(), 6);
    }

    #[tokio::test]
    async fn after_a_lost_answer_only_opening_again_tells_what_was_stored() {
        for (twist, found) in [(Twist::LoseTheAnswer, 6), (Twist::LoseTheBatch, 3)] {
            let disk = SimDisk::default();
            let mut old = ledger(&disk).await;
            old.append(3).await.unwrap();
            disk.script([twist]);
            assert!(matches!(old.append(3).await, Err(AppendError::Ambiguous(_))));
            assert!(old.store.head().await.is_err());
            assert!(matches!(old.append(3).await, Err(AppendError::Failed(_))));
            let mut new = ledger(&disk).await;
            assert_eq!(new.edge.size(), found);
            new.append(1).await.unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_is_overtaken_is_told_where_the_log_is() {
        let disk = SimDisk::default();
        let mut ledger = ledger(&disk).await;
        ledger.append(3).await.unwrap();
        let (other, _) = ledger.batch(2);
        disk.script([Twist::Overtake(other)]);
        let error = ledger.append(4).await.unwrap_err();
        assert!(matches!(error, AppendError::Conflict { expected: 3, found: 5 }), "{error:?}");
        assert_eq!(Ledger::resume(Bench::open(&disk)).await.edge.size(), 5);
    }

    #[tokio::test]
    async fn on_a_full_disk_endings_go_until_their_room_is_used_up_and_all_goes_when_there_is_room() {
        let disk = SimDisk::default();
        let store = Bench::open(&disk);
        let ending = |size| Batch { lane: Lane::Ending, ..plain(size, &[&[7; 1_000]]) };
        let is_full = |told: Result<(), AppendError>| matches!(told, Err(AppendError::Failed(fault)) if fault.kind == FaultKind::Full);
        store.append(plain(0, &[&[7; 1_000]])).await.unwrap();
        assert!(store.has_room().await);
        disk.set_free(500);
        assert!(is_full(store.append(plain(1, &[&[7; 1_000]])).await));
        for size in 1..11 {
            store.append(ending(size)).await.unwrap();
            assert!(!store.has_room().await);
            assert!(is_full(store.append(plain(size + 1, &[b"a"])).await), "although it is short");
        }
        assert!(is_full(store.append(ending(11)).await), "used up");
        disk.set_free(1 << 20);
        assert!(store.has_room().await);
        store.append(plain(11, &[b"a"])).await.unwrap();
    }
}
