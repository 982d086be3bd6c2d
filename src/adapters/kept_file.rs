//! A small text in a file: written beside, made durable, and renamed into its place, so that a crash
//! leaves the old text or the new one. Readable by its owner only.

use ports::{Fault, FaultKind, Keepsake};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A text in a file.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    /// Held as long as the claim to be its only writer is.
    _lock: Option<File>,
}

/// Bytes of the largest text.
const TEXT_BYTES_MAX: u64 = 1 << 20;

impl KeptFile {
    /// The text at `path`, in a folder that somebody else guards, such as the log's.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path, _lock: None }
    }

    /// The same, and no other process may hold it: a lock beside the file says so.
    ///
    /// # Errors
    /// `Conflict` if another process holds it, `Permanent` if the lock cannot be made.
    pub fn alone_at(path: PathBuf) -> Result<Self, Fault> {
        let lock = owned(&with_ending(&path, ".lock")).map_err(|error| fault("cannot be locked", &path, error))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, _lock: Some(lock) }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let sentence = format!("another process holds {}: stop it first", path.display());
                Err(Fault::new(FaultKind::Conflict, sentence))
            }
            Err(error) => Err(fault("cannot be locked", &path, error.into())),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let beside = with_ending(&self.path, ".new");
        let mut out = owned(&beside)?;
        out.set_len(0)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&beside, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Keepsake for KeptFile {
    fn recall(&self) -> Result<Option<String>, Fault> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("cannot be read", &self.path, error)),
        };
        let mut text = String::new();
        let read = file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text);
        let read = read.map_err(|error| fault("cannot be read", &self.path, error))?;
        if read as u64 > TEXT_BYTES_MAX {
            return Err(fault("cannot be read", &self.path, io::Error::other("it is longer than 1 MiB")));
        }
        Ok(Some(text))
    }

    fn keep(&self, text: &str) -> Result<(), Fault> {
        self.replace(text).map_err(|error| fault("cannot be written", &self.path, error))
    }
}

fn owned(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn fault(what: &str, path: &Path, error: io::Error) -> Fault {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::Interrupted => FaultKind::Transient,
        _ => FaultKind::Permanent,
    };
    Fault::new(kind, format!("{} {what}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        fs::write(folder.path().join("text.new"), "half of a much longer text").unwrap();
        assert_eq!(kept.recall().unwrap(), None);
        kept.keep("whole\n").unwrap();
        assert_eq!(kept.recall().unwrap().as_deref(), Some("whole\n"));
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
        assert!(again.recall().is_err());
        let nowhere = KeptFile::at(folder.path().join("missing/text"));
        assert_eq!(nowhere.keep("x").unwrap_err().kind, FaultKind::Permanent);
    }
}
