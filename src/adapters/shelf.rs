//! Files beside the log: `<log file>.<name>`, each replaced as a whole by a new one in its place.
//!
//! They are for their owner alone like the log, and hold what the log can give again. A failed write
//! leaves what was there, and takes no room from the log.

use ports::{Fault, FaultKind, Shelf};
use rustix::fs::StatVfs;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The files beside one log.
pub struct FileShelf {
    log: PathBuf,
    /// Held while a file is written: two writers of one name would share its draft.
    writing: Mutex<()>,
}

/// What is left free for the log itself, beyond what is about to be written.
const LEFT_FREE_BYTES: u64 = 64 << 20;

impl FileShelf {
    /// The shelf beside this log. The log's store has looked at the folder before: nobody else can
    /// write in it.
    ///
    /// # Errors
    /// `Permanent` if the path cannot be made absolute.
    pub fn beside(log: &Path) -> Result<Self, Fault> {
        let unusable = |error| fault(FaultKind::Permanent, "the log's path cannot be used", error);
        Ok(Self { log: std::path::absolute(log).map_err(unusable)?, writing: Mutex::default() })
    }

    fn file(&self, name: &str) -> PathBuf {
        let mut file = self.log.clone().into_os_string();
        file.push(".");
        file.push(name);
        file.into()
    }
}

impl Shelf for FileShelf {
    fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
        let file = self.file(name);
        let no = |error| fault(FaultKind::Permanent, &format!("{} cannot be read", file.display()), error);
        let open = match File::open(&file) {
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

    fn put(&self, name: &str, parts: &[&[u8]]) -> Result<(), Fault> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, draft) = (self.file(name), self.file(&format!("{name}.draft")));
        check_room(&self.log, parts.iter().map(|part| part.len() as u64).sum())?;
        let put = write(&draft, parts).and_then(|()| {
            failpoint::pass!("in_shelf");
            fs::rename(&draft, &file)?;
            sync_folder(&file)
        });
        put.map_err(|error| {
            // It may not even be there.
            let _ = fs::remove_file(&draft);
            fault(FaultKind::Transient, &format!("{} cannot be written", file.display()), error)
        })
    }

    fn place(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }
}

/// The log comes first: what can be made again never takes the room that it needs.
fn check_room(log: &Path, bytes: u64) -> Result<(), Fault> {
    let folder = log.parent().unwrap_or(log);
    let sentence = format!("it cannot be told how much room there is in {}", folder.display());
    let StatVfs { f_bavail, f_frsize, .. } =
        rustix::fs::statvfs(folder).map_err(|error| fault(FaultKind::Transient, &sentence, error.into()))?;
    if f_bavail.saturating_mul(f_frsize) >= bytes.saturating_add(LEFT_FREE_BYTES) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Transient, format!("the disk of {} is nearly full", folder.display())))
}

fn write(draft: &Path, parts: &[&[u8]]) -> io::Result<()> {
    // Whatever a killed process left there may have other rights.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    parts.iter().try_for_each(|part| out.write_all(part))?;
    out.sync_all()
}

fn sync_folder(file: &Path) -> io::Result<()> {
    File::open(file.parent().unwrap_or(file))?.sync_all()
}

fn fault(kind: FaultKind, sentence: &str, error: io::Error) -> Fault {
    Fault::new(kind, sentence).because(error)
}
