//! The index in a file: the contract of its port, with every way to spoil a file that a reader can see.

use crate::contract::index::{Bench, index_contract};
use leasehold::adapters::index::SqliteIndex;
use leasehold::ports::LogIndex;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

struct Beside(TempDir);

/// Of the file; SQLite's own choice.
const PAGE_BYTES: usize = 4_096;

impl Beside {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        SqliteIndex::beside(&self.0.path().join("log.db"))
    }
}

impl Bench for Beside {
    fn open(&self) -> Arc<dyn LogIndex> {
        Arc::new(SqliteIndex::open(&self.file(), "log.example/test").unwrap())
    }

    fn lose(&self) {
        fs::remove_file(self.file()).unwrap();
    }

    /// The file becomes nothing, or no database, or loses its end, or one page of it is written over.
    fn spoil(&self, way: usize) -> bool {
        let mut bytes = fs::read(self.file()).unwrap();
        assert!(bytes.len() >= 3 * PAGE_BYTES && bytes.len().is_multiple_of(PAGE_BYTES), "{}", bytes.len());
        match way {
            0 => bytes.clear(),
            1 => bytes = b"no database".to_vec(),
            2 => bytes.truncate(PAGE_BYTES),
            3 => bytes.truncate(PAGE_BYTES * 3 / 2),
            _ => match bytes.chunks_mut(PAGE_BYTES).nth(way - 4) {
                Some(page) => page.fill(0xa5),
                None => return false,
            },
        }
        fs::write(self.file(), bytes).unwrap();
        true
    }
}

index_contract!(Beside::new);
