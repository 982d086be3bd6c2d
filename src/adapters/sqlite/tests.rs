//! Tests of the store that need to see inside it; what every store keeps is in `tests/it/contract`.

use super::*;
use ports::NewEntry;
use rusqlite::ErrorCode;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

fn batch(expected_size: u64, entries: usize, length: usize) -> Batch {
    let entry = || NewEntry { bytes: vec![b'e'; length], openings: Vec::new() };
    let checkpoint = format!("checkpoint {}", expected_size + entries as u64);
    let entries = (0..entries).map(|_| entry()).collect();
    Batch { expected_size, entries, checkpoint, ..Batch::default() }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn refusal(path: &Path) -> (FaultKind, String) {
    let fault = SqliteStore::open(path).err().expect("the log must not open");
    (fault.kind, fault.sentence)
}

async fn size(store: &SqliteStore) -> u64 {
    store.head().await.unwrap().map_or(0, |head| head.size)
}

#[tokio::test]
async fn a_new_log_and_its_folder_are_for_their_owner_alone() {
    let folder = folder();
    let path = folder.path().join("a/b/log.db");
    let store = SqliteStore::open(&path).unwrap();
    store.append(batch(0, 1, 10)).await.unwrap();
    for name in ["log.db", "log.db-wal", "log.db-shm", "log.db.lock", "log.db.reserve"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&folder.path().join("a")), 0o700);
}

#[tokio::test]
async fn an_append_finds_its_blocks_there_and_the_room_for_them_holds_nothing() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let store = SqliteStore::open(&path).unwrap();
    let length = || fs::metadata(path.with_file_name("log.db-wal")).unwrap().len();
    let room = length();
    assert!(room > 16_000_000, "{room} bytes");
    for number in 0..20 {
        store.append(batch(number * 10, 10, 1_000)).await.unwrap();
    }
    assert_eq!(length(), room);
    assert!(fs::metadata(&path).unwrap().len() < 1_000_000, "the room is not the log's");
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(size(&store).await, 200);
    assert_eq!(store.entries(0, 300).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_log_that_others_could_read_or_replace_is_refused() {
    let folder = folder();
    let path = folder.path().join("log.db");
    SqliteStore::open(&path).unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();

    set(&path, 0o640);
    let (kind, sentence) = refusal(&path);
    assert_eq!(kind, FaultKind::Permanent);
    assert!(sentence.contains("(mode 0640): chmod 600 it"), "{sentence}");
    set(&path, 0o600);

    for mode in [0o770, 0o777, 0o1777] {
        set(folder.path(), mode);
        let (kind, sentence) = refusal(&path);
        assert_eq!(kind, FaultKind::Permanent);
        assert!(sentence.contains("chmod go-w it"), "{sentence}");
    }
    set(folder.path(), 0o755);
    assert!(SqliteStore::open(&path).is_ok());

    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(refusal(&link).1.contains("is not a plain file"));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    if rustix::process::geteuid().is_root() {
        println!("NOT RUN: a folder without the right to write: root may write everywhere");
    } else {
        let folder = folder();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
        let (_, sentence) = refusal(&folder.path().join("log.db"));
        assert!(sentence.starts_with("the log's file cannot be made (/"), "{sentence}");
    }
    let (kind, sentence) = refusal(Path::new("/proc/no-such-place/log.db"));
    assert_eq!(kind, FaultKind::Permanent);
    let expected =
        "the log's folder cannot be made (/proc/no-such-place): is its folder there, and may this user write in it?";
    assert_eq!(sentence, expected);
}

#[tokio::test]
async fn a_file_that_only_looks_empty_is_not_made_a_new_log() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let store = SqliteStore::open(&path).unwrap();
    store.append(batch(0, 5, 10)).await.unwrap();
    drop(store);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema").unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let (kind, sentence) = refusal(&path);
    assert_eq!(kind, FaultKind::Permanent);
    assert!(sentence.starts_with("the log lacks a table"), "{sentence}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_log_whose_file_was_moved_takes_nothing_new_until_it_is_back() {
    let folder = folder();
    let (path, away) = (folder.path().join("log.db"), folder.path().join("away.db"));
    let store = SqliteStore::open(&path).unwrap();
    store.append(batch(0, 1, 10)).await.unwrap();
    fs::rename(&path, &away).unwrap();
    let AppendError::Failed(fault) = store.append(batch(1, 1, 10)).await.unwrap_err() else { panic!("it is certain") };
    assert!(fault.sentence.contains("was moved or removed while the broker runs"), "{fault}");
    fs::rename(&away, &path).unwrap();
    store.append(batch(1, 1, 10)).await.unwrap();
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_left() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let first = SqliteStore::open(&path).unwrap();
    let (kind, sentence) = refusal(&path);
    assert_eq!(kind, FaultKind::Conflict);
    assert_eq!(sentence, format!("another process has the log {} open: stop it first", path.display()));
    first.append(batch(0, 1, 10)).await.unwrap();
    drop(first);
    assert_eq!(size(&SqliteStore::open(&path).unwrap()).await, 1);
}

#[tokio::test]
async fn a_file_of_another_form_is_refused_and_left_as_it_was() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let write = |sql: &str| {
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    };
    drop(SqliteStore::open(&path).unwrap());
    assert!(SqliteStore::open(&path).is_ok());
    write("PRAGMA user_version = 3");
    let sentence = "the log's file has form 3, this program knows form 2: use the program that wrote it";
    assert_eq!(refusal(&path), (FaultKind::Permanent, sentence.into()));
    write("PRAGMA user_version = 2");
    assert!(SqliteStore::open(&path).is_ok());

    fs::remove_file(&path).unwrap();
    write("CREATE TABLE cake (slice TEXT)");
    let before = fs::read(&path).unwrap();
    let sentence = "the file is a database of another program: name another file for the log";
    assert_eq!(refusal(&path), (FaultKind::Permanent, sentence.into()));
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::write(&path, [b'x'; 4096]).unwrap();
    let (kind, sentence) = refusal(&path);
    assert_eq!(kind, FaultKind::Permanent);
    assert!(sentence.starts_with(&format!("the log's file cannot be used: the file {} is damaged", path.display())));
}

#[tokio::test]
async fn a_full_disk_fails_for_certain_and_the_log_goes_on_after_it() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let store = SqliteStore::open_bounded(&path, Some(40)).unwrap();
    store.append(batch(0, 1, 1_000)).await.unwrap();
    let AppendError::Failed(fault) = store.append(batch(1, 10, 60_000)).await.unwrap_err() else {
        panic!("a full disk is no riddle")
    };
    assert_eq!(fault.kind, FaultKind::Full);
    assert_eq!(fault.sentence, "the log cannot be written: the disk is full");
    assert_eq!(size(&store).await, 1);
    assert_eq!(store.entries(0, 10).await.unwrap().len(), 1);
    store.append(batch(1, 1, 1_000)).await.unwrap();
    assert_eq!(size(&store).await, 2);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    store.append(batch(2, 10, 60_000)).await.unwrap();
    assert_eq!(size(&store).await, 12);
}

#[test]
fn only_a_full_or_busy_file_makes_a_failed_commit_certain() {
    let error = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
    let certain = [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_BUSY];
    for code in certain {
        assert!(matches!(write::judge_commit("log.db", error(code)), AppendError::Failed(_)), "{code}");
    }
    let codes = [
        rusqlite::ffi::SQLITE_IOERR_FSYNC,
        rusqlite::ffi::SQLITE_IOERR_WRITE,
        rusqlite::ffi::SQLITE_IOERR_SHMMAP,
        rusqlite::ffi::SQLITE_NOMEM,
        rusqlite::ffi::SQLITE_CORRUPT,
    ];
    for code in codes {
        assert!(matches!(write::judge_commit("log.db", error(code)), AppendError::Ambiguous(_)), "{code}");
    }
}

#[tokio::test]
async fn a_hole_in_the_log_is_named_not_skipped() {
    let folder = folder();
    let path = folder.path().join("log.db");
    let store = SqliteStore::open(&path).unwrap();
    store.append(batch(0, 5, 10)).await.unwrap();
    assert_eq!(store.entries(0, 10).await.unwrap().len(), 5);
    Connection::open(&path).unwrap().execute("DELETE FROM entry WHERE idx = 2", []).unwrap();
    assert_eq!(store.entries(0, 2).await.unwrap().len(), 2);
    for from in [0, 2] {
        let fault = store.entries(from, 10).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Permanent);
        assert!(fault.sentence.starts_with("entry 2 is missing from the log"), "{fault}");
    }
}

#[tokio::test]
async fn reading_cannot_write() {
    let folder = folder();
    let store = SqliteStore::open(&folder.path().join("log.db")).unwrap();
    store.append(batch(0, 1, 10)).await.unwrap();
    let written = store.reader.run(|connection| connection.execute("DELETE FROM entry", [])).await.unwrap();
    assert_eq!(written.unwrap_err().sqlite_error_code(), Some(ErrorCode::ReadOnly));
}

#[tokio::test]
async fn a_job_whose_thread_dies_has_an_unknown_outcome_and_later_appends_are_refused() {
    let folder = folder();
    let store = SqliteStore::open(&folder.path().join("log.db")).unwrap();
    let died = store.writer.run(|_| panic!("this panic is part of the test")).await;
    assert_eq!(died, Err::<(), _>(Lost::NotAnswered));
    store.writer.ended().await;
    let later = store.append(batch(0, 1, 10)).await;
    assert!(matches!(later, Err(AppendError::Failed(fault)) if fault.kind == FaultKind::Permanent));
}

#[tokio::test]
async fn after_an_unknown_outcome_neither_head_nor_append_answers() {
    let folder = folder();
    let store = SqliteStore::open(&folder.path().join("log.db")).unwrap();
    store.append(batch(0, 1, 10)).await.unwrap();
    store.uncertain.store(true, Ordering::SeqCst);
    assert!(store.head().await.is_err());
    assert!(matches!(store.append(batch(1, 1, 10)).await, Err(AppendError::Failed(_))));
    assert_eq!(store.entries(0, 10).await.unwrap().len(), 1);
}
