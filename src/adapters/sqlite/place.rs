//! Where the file lies: who else could read, replace or open it.
//!
//! The log's openings are private and its head must have one writer, so the file is for its owner
//! alone, its folder is writable by nobody else, and a lock beside it admits one process at a time.

use ports::{Fault, FaultKind};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Makes folder and file if they are missing, durably, and checks them if they are there.
/// Returns the absolute path.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, Fault> {
    let path = std::path::absolute(path).map_err(|error| unusable("the log's path cannot be used", path, error))?;
    let Some(folder) = path.parent() else { return Err(refused("the log's path names no file".into())) };
    make_folder(folder).map_err(|error| unusable("the log's folder cannot be made", folder, error))?;
    check_folder(folder)?;
    make_file(&path).map_err(|error| unusable("the log's file cannot be made", &path, error))?;
    check_file(&path)?;
    sync(folder).map_err(|error| unusable("the log's folder cannot be made durable", folder, error))?;
    Ok(path)
}

/// The claim to be the only process on this log, for as long as it is held.
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, Fault> {
        let file = beside(path, ".lock").map_err(|error| unusable("the log's lock cannot be opened", path, error))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let sentence = format!("another process has the log {} open: stop it first", path.display());
                Err(Fault::new(FaultKind::Conflict, sentence))
            }
            Err(error) => Err(unusable("the log cannot be locked", path, error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that is just being started shares the open file until it
        // runs its own program. Should it fail, the closing unlocks a moment later.
        let _ = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}

/// New folders are for their owner alone, and survive a power cut like the file in them.
fn make_folder(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|ancestor| !ancestor.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.ancestors().skip(1).take(missing).try_for_each(sync)
}

/// A file for its owner alone whose name is the log's with an ending.
pub(super) fn beside(path: &Path, ending: &str) -> io::Result<File> {
    owned_file(&name_beside(path, ending))
}

/// The log's name with an ending.
pub(super) fn name_beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Which file a name led to. What is appended to one that was moved or removed is lost with it.
pub(super) struct Anchor {
    path: PathBuf,
    file: (u64, u64),
}

impl Anchor {
    pub(super) fn drop_at(path: &Path) -> Result<Self, Fault> {
        let file = fs::metadata(path).map_err(|error| unusable("the log's file cannot be read", path, error))?;
        Ok(Self { path: path.to_owned(), file: (file.dev(), file.ino()) })
    }

    /// Whether the name still leads to that file.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == self.file => Ok(()),
            _ => Err(refused(format!(
                "the log's file {} was moved or removed while the broker runs: put it back, with the files beside it; \
                 until then nothing new is recorded or issued",
                self.path.display()
            ))),
        }
    }
}

fn make_file(path: &Path) -> io::Result<()> {
    owned_file(path).map(drop)
}

fn owned_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn check_folder(folder: &Path) -> Result<(), Fault> {
    let found = fs::metadata(folder).map_err(|error| unusable("the log's folder cannot be read", folder, error))?;
    check_owner(folder, &found)?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let folder = folder.display();
    Err(refused(format!("others can write in the log's folder {folder} (mode {mode:04o}): chmod go-w it")))
}

fn check_file(path: &Path) -> Result<(), Fault> {
    let found = fs::symlink_metadata(path).map_err(|error| unusable("the log's file cannot be read", path, error))?;
    if !found.is_file() {
        return Err(refused(format!("{} is not a plain file: name the log's file itself", path.display())));
    }
    check_owner(path, &found)?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(refused(format!("others can open the log's file {} (mode {mode:04o}): chmod 600 it", path.display())))
}

fn check_owner(path: &Path, found: &Metadata) -> Result<(), Fault> {
    let own = rustix::process::geteuid().as_raw();
    if [own, 0].contains(&found.uid()) {
        return Ok(());
    }
    let (path, owner) = (path.display(), found.uid());
    Err(refused(format!("{path} belongs to user {owner}, this process runs as user {own}: chown it")))
}

fn refused(sentence: String) -> Fault {
    Fault::new(FaultKind::Permanent, sentence)
}

fn unusable(sentence: &str, path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    let sentence = format!("{sentence} ({}): is its folder there, and may this user write in it?", path.display());
    Fault::new(FaultKind::Permanent, sentence).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_up_is_free_although_a_child_still_shares_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let lock = Lock::take(&path).unwrap();
        assert_eq!(Lock::take(&path).err().unwrap().kind, FaultKind::Conflict);
        let _shared = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(Lock::take(&path).is_ok());
    }
}
