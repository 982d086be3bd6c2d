//! A small text in a file of its own, which nobody else has: the newest cosigned checkpoint, a witness's
//! book. A crash leaves the old text or the new one. Readable by its owner only.

use super::whole_file::{self, WholeFiles, Worth};
use ports::{Fault, FaultKind, Keepsake};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A text in a file.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    files: WholeFiles,
    /// Held as long as the claim to be its only writer is.
    _lock: Option<File>,
}

/// Bytes of the largest text.
const TEXT_BYTES_MAX: u64 = 1 << 20;

impl KeptFile {
    /// The text at `path`, in a folder that somebody else guards, such as the log's.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path, files: WholeFiles::worth(Worth::OnlyHere), _lock: None }
    }

    /// The same, and no other process may hold it: a lock beside the file says so.
    ///
    /// # Errors
    /// `Conflict` if another process holds it; else why the lock cannot be made.
    pub fn alone_at(path: PathBuf) -> Result<Self, Fault> {
        let no = |error| Worth::OnlyHere.fault("cannot be locked", &path, error);
        let lock = whole_file::owned(&whole_file::with_ending(&path, ".lock")).map_err(no)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _lock: Some(lock), ..Self::at(path) }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let sentence = format!("another process holds {}: stop it first", path.display());
                Err(Fault::new(FaultKind::Conflict, sentence))
            }
            Err(error) => Err(no(error.into())),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Keepsake for KeptFile {
    fn recall(&self) -> Result<Option<String>, Fault> {
        let Some(bytes) = whole_file::read(&self.path, TEXT_BYTES_MAX)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|error| {
            Fault::new(FaultKind::Permanent, format!("{} is no text", self.path.display())).because(error.utf8_error())
        })?;
        Ok(Some(text))
    }

    fn keep(&self, text: &str) -> Result<(), Fault> {
        if text.len() as u64 > TEXT_BYTES_MAX {
            let sentence = format!("a text of {} bytes is too long for {}", text.len(), self.path.display());
            return Err(Fault::new(FaultKind::Permanent, sentence));
        }
        self.files.replace(&self.path, &[text.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_kept_is_recalled_whole_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptFile::at(folder.path().join("text"));
        assert_eq!(kept.recall().unwrap(), None);
        for text in ["a longer first text\n", "short\n"] {
            kept.keep(text).unwrap();
            assert_eq!(kept.recall().unwrap().as_deref(), Some(text));
        }
        assert_eq!(fs::metadata(kept.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["text"], "nothing is left beside it");
    }

    #[test]
    fn what_a_crash_left_beside_it_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptFile::at(folder.path().join("text"));
        fs::write(folder.path().join("text.draft"), "half of a much longer text").unwrap();
        assert_eq!(kept.recall().unwrap(), None);
        kept.keep("whole\n").unwrap();
        assert_eq!(kept.recall().unwrap().as_deref(), Some("whole\n"));
        fs::write(folder.path().join("else"), "not to be written over").unwrap();
        std::os::unix::fs::symlink("else", folder.path().join("text.draft")).unwrap();
        kept.keep("again\n").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("else")).unwrap(), "not to be written over");
        assert!(!fs::symlink_metadata(kept.path()).unwrap().is_symlink());
    }

    #[test]
    fn a_second_holder_is_turned_away_and_a_text_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        let first = KeptFile::alone_at(path.clone()).unwrap();
        assert_eq!(KeptFile::alone_at(path.clone()).unwrap_err().kind, FaultKind::Conflict);
        drop(first);
        let again = KeptFile::alone_at(path.clone()).unwrap();
        fs::write(&path, "x".repeat(1 << 20)).unwrap();
        assert!(again.recall().is_ok());
        fs::write(&path, "x".repeat((1 << 20) + 1)).unwrap();
        assert_eq!(again.recall().unwrap_err().kind, FaultKind::Permanent);
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(again.recall().unwrap_err().kind, FaultKind::Permanent, "no text");
        again.keep(&"x".repeat(1 << 20)).unwrap();
        assert_eq!(again.keep(&"x".repeat((1 << 20) + 1)).unwrap_err().kind, FaultKind::Permanent);
        assert_eq!(again.recall().unwrap().map(|text| text.len()), Some(1 << 20), "what was there stays");
        let nowhere = KeptFile::at(folder.path().join("missing/text"));
        assert_eq!(nowhere.keep("x").unwrap_err().kind, FaultKind::Permanent);
    }
}
