//! When the file is believed. What holds of every index is in the contract suite of the port.

use super::*;
use domain::base::{Digest, LeaseId, Time};

fn mark(size: u64) -> Mark {
    Mark { size, leaf: Digest::of(&[&size.to_be_bytes()]) }
}

async fn filled(path: &Path) -> SqliteIndex {
    let index = SqliteIndex::open(path, "log.example/test").unwrap();
    let lease = |second| Mention::Lease(LeaseId::new(Time::from_unix_seconds(second), [3; 10]));
    let mentions = (0..10).map(|at| (lease(at), at.unsigned_abs())).collect();
    index.add(Run { from: 0, mentions, mark: mark(10) }).await.unwrap();
    index
}

#[tokio::test]
async fn what_is_of_another_log_or_form_or_no_database_at_all_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db.index");
    drop(filled(&path).await);
    assert_eq!(SqliteIndex::open(&path, "log.example/test").unwrap().mark().await.unwrap(), Some(mark(10)));
    assert_eq!(SqliteIndex::open(&path, "log.example/other").unwrap().mark().await.unwrap(), None);
    std::fs::write(&path, b"no database").unwrap();
    assert_eq!(SqliteIndex::open(&path, "log.example/test").unwrap().mark().await.unwrap(), None);
    let foreign = folder.path().join("foreign.index");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(filled(&foreign).await.mark().await.unwrap(), Some(mark(10)));
}

#[tokio::test]
async fn a_machine_that_stopped_while_it_was_open_costs_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db.index");
    drop(filled(&path).await);
    let stamp = |boot: &str| {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute("UPDATE mark SET boot = ?", [boot]).unwrap();
    };
    stamp("");
    assert!(SqliteIndex::open(&path, "log.example/test").unwrap().mark().await.unwrap().is_some());
    stamp("another run of the machine");
    assert_eq!(SqliteIndex::open(&path, "log.example/test").unwrap().mark().await.unwrap(), None);
}
