//! The store on a disk that is really full: a small file system of its own, in a child of its own.

use super::child::{self, Child, Limit};
use super::{ENTRIES_PER_BATCH, Home, ledger};
use crate::contract::log_store::{Ledger, plain};
use leasehold::ports::{AppendError, Batch, FaultKind, Lane};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const DISK: Limit = Limit::DiskMegabytes(64);

fn filler(log: &Path) -> PathBuf {
    log.with_file_name("filler")
}

/// Takes every block that is left.
fn fill(log: &Path) {
    let mut file = OpenOptions::new().append(true).create(true).open(filler(log)).unwrap();
    while file.write_all(&[7; 4_096]).is_ok() {}
}

/// Appends until the disk is full; the refusal must be certain and say so.
async fn append_until_full(log: &mut Ledger) {
    let error = loop {
        if let Err(error) = log.append(ENTRIES_PER_BATCH).await {
            break error;
        }
    };
    let AppendError::Failed(fault) = &error else { panic!("{error:?}") };
    assert_eq!(fault.kind, FaultKind::Full);
    assert_eq!(fault.to_string(), "the log cannot be written: the disk is full");
    assert_eq!(log.store.head().await.unwrap().unwrap().size, log.edge.size());
}

fn is_full(told: Result<(), AppendError>) -> bool {
    matches!(told, Err(AppendError::Failed(fault)) if fault.kind == FaultKind::Full)
}

#[tokio::test]
async fn on_a_full_disk_endings_go_on_and_all_else_when_there_is_room() {
    if let Some(path) = child::log_path() {
        let mut log = ledger(&path).await;
        fill(&path);
        append_until_full(&mut log).await;
        for _ in 0..100 {
            log.append_in(Lane::Ending, 1).await.unwrap();
            assert!(is_full(log.append(1).await), "the room of endings is not for others");
            assert!(!log.store.has_room().await);
        }
        fill(&path);
        log.append_in(Lane::Ending, ENTRIES_PER_BATCH).await.unwrap();
        fs::remove_file(filler(&path)).unwrap();
        assert!(log.store.has_room().await);
        log.append(ENTRIES_PER_BATCH).await.unwrap();
        let edge = log.edge.clone();
        drop(log);
        assert_eq!(ledger(&path).await.edge, edge);
        return child::say(edge.size());
    }
    let home = Home::new();
    let name = "sqlite::disk::on_a_full_disk_endings_go_on_and_all_else_when_there_is_room";
    let Some(said) = Child::start(name, &home.path(), DISK).finish() else { return };
    assert!(said[0].parse::<u64>().unwrap() > 140);
}

#[tokio::test]
async fn a_store_that_is_opened_on_a_full_disk_takes_endings() {
    if let Some(path) = child::log_path() {
        let mut log = ledger(&path).await;
        log.append(ENTRIES_PER_BATCH).await.unwrap();
        for closed_well in [true, false, true] {
            fill(&path);
            append_until_full(&mut log).await;
            log.append_in(Lane::Ending, 1).await.unwrap();
            let edge = log.edge.clone();
            drop(log);
            if closed_well {
                // As on a machine that was started anew.
                let _gone = fs::remove_file(path.with_file_name("log.db-shm"));
            }
            fill(&path);
            log = ledger(&path).await;
            assert_eq!(log.edge, edge);
            assert!(is_full(log.append(1).await));
            log.append_in(Lane::Ending, 1).await.unwrap();
        }
        return child::say(log.edge.size());
    }
    let home = Home::new();
    let name = "sqlite::disk::a_store_that_is_opened_on_a_full_disk_takes_endings";
    let Some(said) = Child::start(name, &home.path(), DISK).finish() else { return };
    assert!(said[0].parse::<u64>().unwrap() > 40);
}

#[tokio::test]
async fn the_room_for_endings_holds_as_many_as_its_length_promises() {
    if let Some(path) = child::log_path() {
        let store = Home::open_at(&path);
        let ending = |size| Batch { lane: Lane::Ending, ..plain(size, &[&[7; 600]]) };
        store.append(ending(0)).await.unwrap();
        fill(&path);
        let mut size = 1;
        // Somebody takes whatever becomes free, between one append and the next.
        while store.append(ending(size)).await.is_ok() {
            size += 1;
            if size % 1_000 == 0 {
                fill(&path);
            }
        }
        assert!(is_full(store.append(ending(size)).await));
        assert_eq!(store.head().await.unwrap().unwrap().size, size);
        assert_eq!(store.entries(size - 1, 2).await.unwrap().len(), 1);
        return child::say(size);
    }
    let home = Home::new();
    let name = "sqlite::disk::the_room_for_endings_holds_as_many_as_its_length_promises";
    let Some(said) = Child::start(name, &home.path(), DISK).finish() else { return };
    let endings: u64 = said[0].parse().unwrap();
    println!("{endings} endings, one by one");
    assert!(endings > 20_000, "{endings}");
}

#[tokio::test]
async fn a_disk_without_the_room_for_endings_takes_no_first_entry() {
    if let Some(path) = child::log_path() {
        let big = File::create(filler(&path)).unwrap();
        rustix::fs::fallocate(&big, rustix::fs::FallocateFlags::empty(), 0, 40 << 20).unwrap();
        let mut log = ledger(&path).await;
        assert!(is_full(log.append(1).await));
        drop(big);
        fs::remove_file(filler(&path)).unwrap();
        log.append(1).await.unwrap();
        return child::say("done");
    }
    let home = Home::new();
    let name = "sqlite::disk::a_disk_without_the_room_for_endings_takes_no_first_entry";
    Child::start(name, &home.path(), DISK).finish();
}
