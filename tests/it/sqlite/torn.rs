//! A killed broker's write-ahead log, cut or changed: an untouched one loses nothing, and of one that
//! was touched nothing acknowledged is lost in silence.

use super::child::{self, Child, Limit};
use super::{ENTRIES_PER_BATCH, Home, ledger};
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::ports::FaultKind;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HEADER: usize = 32;
const FRAME: usize = 24 + 4_096;

/// The files of a broker that was killed after its last batch was acknowledged.
struct Wreck {
    database: Vec<u8>,
    wal: Vec<u8>,
    index: Vec<u8>,
    acknowledged: u64,
    /// Length up to the end of the last commit.
    end: usize,
}

impl Wreck {
    fn make(test: &str, batches: usize) -> Self {
        let home = Home::new();
        let mut child = Child::start(test, &home.path(), Limit::None);
        let acknowledged = (0..batches).map(|_| child.hear().unwrap()).last().unwrap();
        assert_eq!(child.kill(), [0; 0], "it waits");
        let read = |ending: &str| fs::read(format!("{}{ending}", home.path().display())).unwrap();
        let (wal, index) = (read("-wal"), read("-shm"));
        let frames = u32::from_ne_bytes(index[16..20].try_into().unwrap()) as usize;
        Self { database: read(""), end: HEADER + frames * FRAME, wal, index, acknowledged }
    }

    /// The same files elsewhere; the write-ahead log as given, if any.
    fn copy(&self, wal: Option<&[u8]>, with_index: bool) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let write = |ending: &str, bytes: &[u8]| {
            let file = format!("{}{ending}", path.display());
            fs::write(&file, bytes).unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        write("", &self.database);
        wal.into_iter().for_each(|wal| write("-wal", wal));
        if with_index {
            write("-shm", &self.index);
        }
        (folder, path)
    }
}

fn refusal(path: &Path) -> String {
    let fault = SqliteStore::open(path).err().expect("the log must not open");
    assert_eq!(fault.kind, FaultKind::Permanent);
    fault.to_string()
}

async fn child_part() -> bool {
    let Some(path) = child::log_path() else { return false };
    let mut ledger = ledger(&path).await;
    for _ in 0..3 {
        ledger.append(ENTRIES_PER_BATCH).await.unwrap();
        child::say(ledger.edge.size());
    }
    std::future::pending().await
}

#[tokio::test]
async fn an_untouched_write_ahead_log_loses_nothing_with_or_without_its_index() {
    if child_part().await {
        return;
    }
    let wreck = Wreck::make("sqlite::torn::an_untouched_write_ahead_log_loses_nothing_with_or_without_its_index", 3);
    let garbage = [&wreck.wal[..wreck.end], &vec![0xa5; 3 * FRAME][..]].concat();
    for wal in [&wreck.wal, &wreck.wal[..wreck.end], &garbage] {
        for with_index in [true, false] {
            let (_folder, path) = wreck.copy(Some(wal), with_index);
            assert_eq!(ledger(&path).await.edge.size(), wreck.acknowledged);
        }
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_is_cut_changed_or_gone_is_refused_and_nothing_is_touched() {
    if child_part().await {
        return;
    }
    let name = "sqlite::torn::a_write_ahead_log_that_is_cut_changed_or_gone_is_refused_and_nothing_is_touched";
    let wreck = Wreck::make(name, 3);
    let frames = (wreck.end - HEADER) / FRAME;
    assert!(frames > 8, "{frames}");
    let cuts = (0..frames).flat_map(|frame| [0, 23, 2_000].map(|inside| HEADER + frame * FRAME + inside));
    let cut: Vec<Vec<u8>> = [0, 5, 31].into_iter().chain(cuts).map(|end| wreck.wal[..end].to_vec()).collect();
    let flip = |at: usize| {
        let mut wal = wreck.wal.clone();
        wal[at] ^= 0x10;
        wal
    };
    let flips = (0..frames).flat_map(|frame| [0, 17, 3_000].map(|inside| HEADER + frame * FRAME + inside));
    let flipped = [0, 9, 17, 25].into_iter().chain(flips).map(flip);
    let mut tried = 0;
    for wal in cut.into_iter().chain(flipped) {
        let (_folder, path) = wreck.copy(Some(&wal), true);
        for _ in 0..2 {
            let sentence = refusal(&path);
            assert!(sentence.starts_with("what was stored last is gone: "), "{sentence}");
            assert!(sentence.contains("log.db-wal is missing, cut or changed"), "{sentence}");
        }
        assert_eq!(fs::read(path.with_file_name("log.db-wal")).unwrap(), wal);
        tried += 1;
    }
    println!("{tried} cut or changed write-ahead logs over {frames} frames");
    let (_folder, path) = wreck.copy(None, true);
    assert!(refusal(&path).contains("log.db-wal is missing"));
    // Put back, it is whole again.
    fs::write(path.with_file_name("log.db-wal"), &wreck.wal).unwrap();
    assert_eq!(ledger(&path).await.edge.size(), wreck.acknowledged);
}

#[tokio::test]
async fn without_the_index_a_cut_write_ahead_log_gives_an_older_whole_log() {
    if child_part().await {
        return;
    }
    let wreck = Wreck::make("sqlite::torn::without_the_index_a_cut_write_ahead_log_gives_an_older_whole_log", 3);
    let frames = (wreck.end - HEADER) / FRAME;
    let mut sizes = Vec::new();
    for frame in 0..=frames {
        for inside in [0, 500] {
            let (_folder, path) = wreck.copy(Some(&wreck.wal[..HEADER + frame * FRAME + inside]), false);
            // Reads and checks every byte that the head promises.
            sizes.push(ledger(&path).await.edge.size());
        }
    }
    assert!(sizes.is_sorted() && sizes.iter().all(|size| size.is_multiple_of(ENTRIES_PER_BATCH)), "{sizes:?}");
    assert_eq!((sizes[0], *sizes.last().unwrap()), (0, wreck.acknowledged));
}
