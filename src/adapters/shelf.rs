//! Files beside the log: `<log file>.<name>`, each replaced as a whole by a new one in its place.
//!
//! They are for their owner alone like the log, and hold what the log can give again. A failed write
//! leaves what was there, and takes no room from the log.

use super::whole_file::{self, WholeFiles, Worth};
use ports::{Fault, FaultKind, Shelf};
use std::path::{Path, PathBuf};

/// The files beside one log.
pub struct FileShelf {
    log: PathBuf,
    files: WholeFiles,
}

impl FileShelf {
    /// The shelf beside this log. The log's store has looked at the folder before: nobody else can
    /// write in it.
    ///
    /// # Errors
    /// `Permanent` if the path cannot be made absolute.
    pub fn beside(log: &Path) -> Result<Self, Fault> {
        let unusable = |error| whole_file::fault(FaultKind::Permanent, "cannot be made absolute", log, error);
        Ok(Self { log: std::path::absolute(log).map_err(unusable)?, files: WholeFiles::worth(Worth::MadeAgain) })
    }

    fn file(&self, name: &str) -> PathBuf {
        whole_file::with_ending(&self.log, &format!(".{name}"))
    }
}

impl Shelf for FileShelf {
    fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
        whole_file::read(&self.file(name), bytes_max)
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> Result<(), Fault> {
        self.files.replace(&self.file(name), parts)
    }

    fn place(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }
}
