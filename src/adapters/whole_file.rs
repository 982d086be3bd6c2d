//! Files that are replaced as a whole, for their owner only: a draft is written beside, made durable, and
//! renamed into the place, so that a crash leaves the old file or the new one.
//!
//! The one core of both ports for small files, [`Keepsake`](ports::Keepsake) and
//! [`Shelf`](ports::Shelf). In what they differ, they say by a [`Worth`]. The folder is somebody
//! else's to guard, such as the log's store.

use ports::{Fault, FaultKind};
use rustix::fs::StatVfs;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a file is worth, and so what it may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// The log can give it again: it takes no room that the log may need, and whatever kept it from being
    /// written is `Transient`, because its owner goes on without it and tries again.
    MadeAgain,
    /// Nobody else has it: it may take the last room there is, and what will not pass by itself is
    /// `Permanent`, because its owner cannot go on.
    OnlyHere,
}

/// Replaces files, one after another.
#[derive(Debug)]
pub(super) struct WholeFiles {
    worth: Worth,
    /// Held while a file is written: two writers of one path would share its draft.
    writing: Mutex<()>,
}

/// What is left free for the log itself, beyond what is about to be written.
const LEFT_FREE_BYTES: u64 = 64 << 20;

impl WholeFiles {
    pub(super) fn worth(worth: Worth) -> Self {
        Self { worth, writing: Mutex::default() }
    }

    /// Puts these parts, one after another, in the place of what was there; on `Ok` they are on stable
    /// storage. After a fault the file is the old one or the new one, and no draft takes room.
    pub(super) fn replace(&self, file: &Path, parts: &[&[u8]]) -> Result<(), Fault> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.worth == Worth::MadeAgain {
            check_room(folder_of(file), parts.iter().map(|part| part.len() as u64).sum())?;
        }
        let draft = with_ending(file, ".draft");
        let replaced = write(&draft, parts).and_then(|()| {
            failpoint::pass!("before_rename");
            fs::rename(&draft, file)?;
            File::open(folder_of(file))?.sync_all()
        });
        replaced.map_err(|error| {
            // It may not even be there.
            let _ = fs::remove_file(&draft);
            self.worth.fault("cannot be written", file, error)
        })
    }
}

impl Worth {
    /// What a failed change of such a file means.
    pub(super) fn fault(self, what: &str, file: &Path, error: io::Error) -> Fault {
        let passes = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::Interrupted);
        let kind = if self == Self::MadeAgain || passes { FaultKind::Transient } else { FaultKind::Permanent };
        fault(kind, what, file, error)
    }
}

/// All of a file; `None` if there is none. `Permanent` if it has more than `bytes_max` bytes, or is no file.
pub(super) fn read(file: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
    let no = |error| fault(FaultKind::Permanent, "cannot be read", file, error);
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(no(error)),
    };
    let found = open.metadata().map_err(no)?;
    if !found.is_file() || found.len() > bytes_max {
        let sentence = format!("{} is not a file of at most {bytes_max} bytes", file.display());
        return Err(Fault::new(FaultKind::Permanent, sentence));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    open.take(bytes_max).read_to_end(&mut bytes).map_err(no)?;
    Ok(Some(bytes))
}

/// Opens a file for its owner only; makes it if there is none.
pub(super) fn owned(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(file)
}

pub(super) fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(super) fn fault(kind: FaultKind, what: &str, file: &Path, error: io::Error) -> Fault {
    Fault::new(kind, format!("{} {what}", file.display())).because(error)
}

const OWNER_ONLY: u32 = 0o600;

/// The log comes first: what can be made again never takes the room that it needs.
fn check_room(folder: &Path, bytes: u64) -> Result<(), Fault> {
    let StatVfs { f_bavail, f_frsize, .. } = rustix::fs::statvfs(folder)
        .map_err(|error| fault(FaultKind::Transient, "does not tell how much room it has", folder, error.into()))?;
    if f_bavail.saturating_mul(f_frsize) >= bytes.saturating_add(LEFT_FREE_BYTES) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Transient, format!("the disk of {} is nearly full", folder.display())))
}

fn write(draft: &Path, parts: &[&[u8]]) -> io::Result<()> {
    // Whatever a killed process left there may have other rights, or be a link to elsewhere.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(draft)?;
    parts.iter().try_for_each(|part| out.write_all(part))?;
    out.sync_all()
}

/// `open("")` is an error: a bare name lies in the folder the process stands in.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
