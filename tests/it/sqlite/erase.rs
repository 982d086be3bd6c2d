//! What was erased is in none of the store's files: looked for byte by byte.

use super::Home;
use leasehold::domain::entry::Opening;
use leasehold::ports::{Batch, LogStore, NewEntry};
use std::fs;
use std::path::{Path, PathBuf};

/// Values of many lengths, some longer than a page, each with a mark that nothing else has.
fn value(index: u64) -> String {
    let length = [10, 200, 1_500, 9_000][usize::try_from(index % 4).unwrap()];
    format!("mark-{index}-{}", "v".repeat(length))
}

fn mark(index: u64) -> Vec<u8> {
    format!("mark-{index}-").into_bytes()
}

fn salt(index: u64) -> [u8; 32] {
    let mut salt = [0xa5; 32];
    salt[..8].copy_from_slice(&index.to_be_bytes());
    salt
}

fn batch(from: u64, count: u64) -> Batch {
    let entry = |index| {
        let opening = Opening {
            entry_type: "task.requested".into(),
            field: "purpose".into(),
            salt: salt(index),
            value: value(index),
        };
        NewEntry { bytes: format!("{{\"entry\":{index}}}").into(), openings: vec![(opening.commitment(), opening)] }
    };
    let checkpoint = format!("checkpoint {}\n", from + count);
    Batch { expected_size: from, entries: (from..from + count).map(entry).collect(), checkpoint, ..Batch::default() }
}

/// All files beside the log, as they are at one moment.
struct Files(Vec<(String, String)>);

impl Files {
    fn of(log: &Path) -> Self {
        let files = fs::read_dir(log.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
        let named = |file: PathBuf| (file.file_name().unwrap().to_string_lossy().into_owned(), written(&file));
        Self(files.map(named).collect())
    }

    /// Those that hold these bytes.
    fn with(&self, bytes: &[u8]) -> Vec<&str> {
        let text = letters(bytes);
        self.0.iter().filter(|(_, content)| content.contains(&text)).map(|(name, _)| name.as_str()).collect()
    }
}

/// A file without its empty stretches, most of which is room for later.
fn written(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    bytes.chunks(4_096).filter(|chunk| **chunk != [0; 4_096][..chunk.len()]).map(letters).collect()
}

/// A letter for each byte: text is searched faster than bytes.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

async fn erase(store: &dyn LogStore, size: u64, indices: &[u64]) {
    let erased = indices.iter().map(|index| (*index, vec!["purpose".to_owned()])).collect();
    store.append(Batch { erased, ..batch(size, 1) }).await.unwrap();
}

#[tokio::test]
async fn an_erased_value_is_in_no_file_of_the_log_neither_open_nor_closed_nor_opened_again() {
    let home = Home::new();
    let path = home.path();
    let store = Home::open_at(&path);
    for round in 0..15 {
        store.append(batch(round * 20, 20)).await.unwrap();
    }
    let erased = [0, 1, 2, 3, 149, 151, 153, 155, 156, 298, 299];
    let files = Files::of(&path);
    for index in erased {
        assert_ne!(files.with(&mark(index)), Vec::<&str>::new(), "{index} is there before");
        assert_ne!(files.with(&salt(index)), Vec::<&str>::new(), "{index} is there before");
    }
    erase(&*store, 300, &erased[..6]).await;
    erase(&*store, 301, &erased[6..]).await;
    let check_files = || {
        let files = Files::of(&path);
        assert_ne!(files.with(&mark(150)), Vec::<&str>::new(), "the look finds what is there");
        for index in erased {
            assert_eq!(files.with(&mark(index)), Vec::<&str>::new(), "{index}");
            assert_eq!(files.with(&salt(index)), Vec::<&str>::new(), "the salt of {index}");
        }
    };
    let check = async |store: &dyn LogStore| {
        check_files();
        for index in erased {
            assert_eq!(store.openings(index).await.unwrap(), []);
        }
        for index in [4, 148, 150, 152, 154, 297, 300, 301] {
            assert_eq!(store.openings(index).await.unwrap()[0].1.value, value(index), "{index}");
        }
    };
    check(&*store).await;
    drop(store);
    check_files();
    check(&*Home::open_at(&path)).await;
}

/// Another program that reads the twenty entries that there are, and has not finished.
fn reader(path: &Path) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN").unwrap();
    assert_eq!(other.query_row("SELECT count(*) FROM entry", [], |row| row.get::<_, i64>(0)).unwrap(), 20);
    other
}

#[tokio::test]
async fn a_reader_who_holds_the_old_bytes_only_delays_their_end() {
    let home = Home::new();
    let path = home.path();
    let store = Home::open_at(&path);
    store.append(batch(0, 20)).await.unwrap();
    // Another program that reads, such as a backup.
    let other = reader(&path);
    erase(&*store, 20, &[7]).await;
    assert_eq!(store.openings(7).await.unwrap(), [], "erased for everyone who asks the store");
    assert_ne!(Files::of(&path).with(&mark(7)), Vec::<&str>::new(), "the reader still needs it");
    other.execute_batch("COMMIT").unwrap();
    assert!(store.has_room().await);
    assert_eq!(Files::of(&path).with(&mark(7)), Vec::<&str>::new());
}

#[tokio::test]
async fn a_write_ahead_log_that_grew_long_keeps_nothing_of_it_either() {
    let home = Home::new();
    let path = home.path();
    let store = Home::open_at(&path);
    store.append(batch(0, 20)).await.unwrap();
    // While another program reads, nothing is copied back, and the write-ahead log only grows.
    let other = reader(&path);
    let mut size = 20;
    for _ in 0..30 {
        let mut long = batch(size, 15);
        long.entries.iter_mut().for_each(|entry| entry.bytes = vec![b'x'; 65_000]);
        store.append(long).await.unwrap();
        size += 15;
    }
    let last = size - 1;
    other.execute_batch("COMMIT").unwrap();
    assert_ne!(Files::of(&path).with(&mark(last)), Vec::<&str>::new(), "it is there before");
    erase(&*store, size, &[last]).await;
    assert_eq!(store.openings(last).await.unwrap(), []);
    assert_eq!(Files::of(&path).with(&mark(last)), Vec::<&str>::new());
}
