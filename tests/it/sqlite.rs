//! The embedded store: the contract of its port, and what only a real process on a real disk shows.

mod child;
mod damage;
mod disk;
mod erase;
mod index;
mod shelf;
mod torn;

use crate::contract::log_store::{Bench, Ledger, log_store_contract};
use child::{Child, Limit};
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::ports::{AppendError, FaultKind, Lane, LogStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A log file in a folder that goes with it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("log.db")
    }
}

impl Home {
    fn open_at(path: &Path) -> Arc<dyn LogStore> {
        Arc::new(SqliteStore::open(path).unwrap())
    }
}

impl Bench for Home {
    fn open(&self) -> Arc<dyn LogStore> {
        Self::open_at(&self.path())
    }
}

log_store_contract!(Home::new);

async fn ledger(path: &Path) -> Ledger {
    Ledger::resume(Arc::new(SqliteStore::open(path).unwrap())).await
}

const ENTRIES_PER_BATCH: u64 = 40;

#[tokio::test]
async fn a_killed_writer_loses_nothing_it_acknowledged_and_leaves_no_half_batch() {
    if let Some(path) = child::log_path() {
        let mut ledger = ledger(&path).await;
        loop {
            ledger.append(ENTRIES_PER_BATCH).await.unwrap();
            child::say(ledger.edge.size());
        }
    }
    let home = Home::new();
    let mut before = 0;
    for acknowledgements in [1, 2, 7, 3, 16, 1, 9, 5] {
        let name = "sqlite::a_killed_writer_loses_nothing_it_acknowledged_and_leaves_no_half_batch";
        let mut child = Child::start(name, &home.path(), Limit::None);
        let first: Vec<u64> = (0..acknowledgements).map(|_| child.hear().expect("the child goes on")).collect();
        let rest = child.kill();
        let last = *first.iter().chain(&rest).last().unwrap();
        // Reads and checks every byte that the head promises.
        let size = ledger(&home.path()).await.edge.size();
        assert!(last > before && (size == last || size == last + ENTRIES_PER_BATCH), "{size} after {last}");
        before = size;
    }
}

#[tokio::test]
async fn another_process_on_the_same_file_is_refused_with_a_clear_sentence() {
    if let Some(path) = child::log_path() {
        let _ledger = ledger(&path).await;
        child::say(0_u64);
        return std::future::pending().await;
    }
    let home = Home::new();
    let name = "sqlite::another_process_on_the_same_file_is_refused_with_a_clear_sentence";
    let mut child = Child::start(name, &home.path(), Limit::None);
    child.hear().expect("the child has the log");
    let fault = SqliteStore::open(&home.path()).err().unwrap();
    assert_eq!(fault.kind, FaultKind::Conflict);
    let sentence = format!("another process has the log {} open: stop it first", home.path().display());
    assert_eq!(fault.to_string(), sentence);
    child.kill();
    assert!(SqliteStore::open(&home.path()).is_ok(), "a killed process leaves no lock behind");
}

#[tokio::test]
async fn a_write_that_breaks_off_in_the_commit_is_ambiguous_and_stops_the_writer() {
    if let Some(path) = child::log_path() {
        let mut ledger = ledger(&path).await;
        let error = loop {
            // There is no room for endings under this limit; an ending needs none.
            match ledger.append_in(Lane::Ending, ENTRIES_PER_BATCH).await {
                Ok(()) => child::say(ledger.edge.size()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, AppendError::Ambiguous(_)), "{error:?}");
        assert!(ledger.store.head().await.is_err());
        assert!(matches!(ledger.append(1).await, Err(AppendError::Failed(_))));
        return child::say("stopped");
    }
    let home = Home::new();
    let name = "sqlite::a_write_that_breaks_off_in_the_commit_is_ambiguous_and_stops_the_writer";
    let Some(said) = Child::start(name, &home.path(), Limit::FileKilobytes(400)).finish() else { return };
    let (last, acknowledged) = said.split_last().unwrap();
    assert_eq!(last, "stopped");
    let last: u64 = acknowledged.last().unwrap().parse().unwrap();
    let size = ledger(&home.path()).await.edge.size();
    assert!(size == last || size == last + ENTRIES_PER_BATCH, "{size} after {last}");
}
