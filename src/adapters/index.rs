//! The index over the log: one SQLite file beside the log's, thrown away at the first doubt.
//!
//! One thread owns the connection. The file names the log's origin and its own form; the mark in it
//! says how far it goes. It is written without waiting for the disk: when the machine stopped without
//! closing it, or anything about it fails, it is deleted and begun anew with a warning. Whoever can
//! write the file can hide entries from a search, never from the log.

mod file;

use super::thread::Thread;
use async_trait::async_trait;
use domain::entry::Mention;
use file::IndexFile;
use ports::{Fault, FaultKind, Hits, LogIndex, Mark, Run, Seek};
use std::path::{Path, PathBuf};

/// The index in a file.
pub struct SqliteIndex {
    thread: Thread<IndexFile>,
}

impl SqliteIndex {
    /// Where the index of a log's file lives: beside it, with `.index` at the end of its name.
    #[must_use]
    pub fn beside(log_file: &Path) -> PathBuf {
        let mut name = log_file.as_os_str().to_owned();
        name.push(".index");
        name.into()
    }

    /// Opens the index of the log `origin`, or begins a new one if there is none that fits. A file that
    /// can neither be used nor replaced is tried again at each use.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn open(path: &Path, origin: &str) -> Result<Self, Fault> {
        Ok(Self { thread: Thread::start("log-index", IndexFile::open(path, origin))? })
    }

    async fn with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut IndexFile) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let gone = |_| Fault::new(FaultKind::Permanent, "the index's thread is gone");
        self.thread.run(job).await.map_err(gone)?
    }
}

#[async_trait]
impl LogIndex for SqliteIndex {
    async fn mark(&self) -> Result<Option<Mark>, Fault> {
        self.with(IndexFile::mark).await
    }

    async fn add(&self, run: Run) -> Result<(), Fault> {
        self.with(move |file| file.add(&run)).await
    }

    async fn find(&self, mention: &Mention, seek: Seek, limit: usize) -> Result<Hits, Fault> {
        let (kind, key) = (mention.kind(), mention.key());
        self.with(move |file| file.find(kind, key, seek, limit)).await
    }

    async fn clear(&self) -> Result<(), Fault> {
        self.with(IndexFile::clear).await
    }
}

#[cfg(test)]
mod tests;
