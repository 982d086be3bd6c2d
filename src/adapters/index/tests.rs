//! What holds of the file while it is used, when it is opened again, and when somebody spoils it.

use super::*;
use domain::base::{Digest, LeaseId, Time};

fn lease(second: i64) -> Mention {
    Mention::Lease(LeaseId::new(Time::from_unix_seconds(second), [3; 10]))
}

fn mark(size: u64) -> Mark {
    Mark { size, leaf: Digest::of(&[&size.to_be_bytes()]) }
}

fn hits(indices: &[u64], size: u64) -> Hits {
    Hits { indices: indices.to_vec(), size }
}

/// Entry `index` mentions the lease of its own second, and every second entry the lease of second 0.
fn run(from: u64, to: u64) -> Run {
    let own = (from..to).map(|index| (lease(i64::try_from(index).unwrap() + 1), index));
    let even = (from..to).filter(|index| index % 2 == 0).map(|index| (lease(0), index));
    Run { from, mentions: own.chain(even).collect(), mark: mark(to) }
}

async fn filled(path: &Path) -> SqliteIndex {
    let index = SqliteIndex::open(path, "log.example/test").unwrap();
    index.add(run(0, 10)).await.unwrap();
    index
}

#[tokio::test]
async fn it_finds_forwards_and_backwards_and_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db.index");
    let index = filled(&path).await;
    assert_eq!(index.find(&lease(0), Seek::From(3), 2).await.unwrap(), hits(&[4, 6], 10));
    assert_eq!(index.find(&lease(0), Seek::Before(8), 2).await.unwrap(), hits(&[6, 4], 10));
    assert_eq!(index.find(&lease(99), Seek::From(0), 2).await.unwrap(), hits(&[], 10));
    assert_eq!(index.add(run(11, 12)).await.unwrap_err().kind, FaultKind::Conflict);
    drop(index);
    let index = SqliteIndex::open(&path, "log.example/test").unwrap();
    assert_eq!(index.mark().await.unwrap(), Some(mark(10)));
    index.add(run(10, 12)).await.unwrap();
    assert_eq!(index.find(&lease(0), Seek::From(9), 9).await.unwrap(), hits(&[10], 12));
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
async fn a_file_that_is_deleted_or_damaged_while_it_is_open_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db.index");
    let index = filled(&path).await;
    assert_eq!(index.mark().await.unwrap(), Some(mark(10)));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(index.find(&lease(3), Seek::From(0), 9).await.unwrap(), hits(&[], 0), "it says that it knows nothing");
    assert_eq!(index.mark().await.unwrap(), None);
    index.add(run(0, 10)).await.unwrap();
    assert_eq!(index.find(&lease(3), Seek::From(0), 9).await.unwrap(), hits(&[2], 10));
    drop(index);
    let mut bytes = std::fs::read(&path).unwrap();
    let body = bytes.len() / 3;
    bytes[body..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let index = SqliteIndex::open(&path, "log.example/test").unwrap();
    // Damage is met at the latest when something is looked for; after that there is an empty index.
    let _met = index.find(&lease(3), Seek::From(0), 9).await;
    let _met = index.add(run(10, 11)).await;
    assert!(index.mark().await.unwrap().is_none_or(|mark| mark.size >= 10));
    index.clear().await.unwrap();
    assert_eq!(index.mark().await.unwrap(), None);
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
