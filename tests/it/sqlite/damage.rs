//! A bit that fell over in any page of the log's file: the store says that its file is damaged, or
//! whoever reads sees that it is not what was signed. Never a panic, never in silence.

use super::{Home, ledger};
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::ports::{Fault, LogStore};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::VerifierKey;
use leasehold::tlog::tree::Edge;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PAGE: usize = 4_096;
const SIZE: u64 = 600;

/// Everything that a reader can see of a log.
#[derive(PartialEq, Eq)]
struct Seen {
    checkpoint: String,
    size: u64,
    entries: Vec<Vec<u8>>,
    openings: Vec<Vec<String>>,
    tiles: Vec<Option<Vec<u8>>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The bit was in no one's way.
    Harmless,
    /// The store itself refused, to open or to read.
    Refused,
    /// The signature, a hash or a commitment does not fit.
    DoesNotFit,
}

async fn read(store: &dyn LogStore) -> Result<Option<Seen>, Fault> {
    let Some(head) = store.head().await? else { return Ok(None) };
    let entries = store.entries(0, 10_000).await?.into_iter().map(|entry| entry.bytes).collect();
    let mut openings = Vec::new();
    for index in 0..SIZE {
        let mut shown: Vec<String> = store
            .openings(index)
            .await?
            .into_iter()
            .map(|(commitment, opening)| format!("{} {:?}", opening.field, commitment))
            .collect();
        shown.sort();
        openings.push(shown);
    }
    let tiles = [store.tile(0, 0).await?, store.tile(0, 1).await?];
    Ok(Some(Seen { checkpoint: head.checkpoint, size: head.size, entries, openings, tiles: tiles.into() }))
}

/// Opens, reads all, and holds it against what it was.
async fn outcome(path: &Path, before: &Seen, key: &VerifierKey, faults: &mut Vec<String>) -> Outcome {
    let found = match SqliteStore::open(path) {
        Ok(store) => read(&store).await,
        Err(fault) => Err(fault),
    };
    let now = match found {
        Err(fault) => {
            faults.push(fault.to_string());
            return Outcome::Refused;
        }
        Ok(None) => panic!("a log with entries is taken for an empty one"),
        Ok(Some(now)) => now,
    };
    if now == *before {
        return Outcome::Harmless;
    }
    let mut edge = Edge::new();
    now.entries.iter().for_each(|bytes| drop(edge.push(leaf_hash(bytes))));
    let signed = Checkpoint::open(&now.checkpoint, key)
        .is_ok_and(|signed| (signed.size, signed.root) == (edge.size(), edge.root()) && signed.size == now.size);
    let opened = now.openings == before.openings;
    assert!(!(signed && opened && now.tiles == before.tiles), "something else changed");
    Outcome::DoesNotFit
}

#[tokio::test]
async fn a_bit_that_fell_over_in_any_page_is_seen_or_does_no_harm() {
    let home = Home::new();
    let mut log = ledger(&home.path()).await;
    let key = VerifierKey::parse(&log.verifier().to_string()).unwrap();
    log.append(SIZE).await.unwrap();
    let before = read(&*log.store).await.unwrap().unwrap();
    drop(log);
    let whole = fs::read(home.path()).unwrap();
    assert!(whole.len() > 20 * PAGE && !home.path().with_file_name("log.db-wal").exists(), "a closed log is one file");
    let (mut outcomes, mut faults) = (BTreeMap::<Outcome, u32>::new(), Vec::new());
    for page in 0..whole.len() / PAGE {
        // The page's own header, its pointers, and its content; of the first page the file's header too.
        let places: &[usize] = if page == 0 { &[0, 17, 31, 60, 70, 100, 101, 103, 108] } else { &[3, 8, 2_100, 3_900] };
        for inside in places {
            let mut bytes = whole.clone();
            bytes[page * PAGE + inside] ^= 1 << (page % 8);
            fs::write(home.path(), &bytes).unwrap();
            *outcomes.entry(outcome(&home.path(), &before, &key, &mut faults).await).or_default() += 1;
            for ending in ["-wal", "-shm"] {
                let _gone = fs::remove_file(format!("{}{ending}", home.path().display()));
            }
        }
    }
    println!("{} pages: {outcomes:?}", whole.len() / PAGE);
    assert!(outcomes[&Outcome::Refused] > 20 && outcomes[&Outcome::DoesNotFit] > 20, "{outcomes:?}");
    let clear = |fault: &&String| {
        ["is damaged", "another program", "has form", "cannot be used", "cannot be read"]
            .iter()
            .any(|w| fault.contains(w))
    };
    let unclear: Vec<_> = faults.iter().filter(|fault| !clear(fault)).collect();
    assert!(unclear.is_empty(), "{unclear:#?}");
    let damaged = faults.iter().filter(|fault| fault.contains("is damaged: stop the broker, keep this file")).count();
    println!("{damaged} of {} refusals name the damaged file", faults.len());
    fs::write(home.path(), &whole).unwrap();
    assert_eq!(ledger(&home.path()).await.edge.size(), SIZE, "the file itself is well");
}
