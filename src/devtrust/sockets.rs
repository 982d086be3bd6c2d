//! The directory of Unix sockets: `<dir>/sockets/<name>.sock`, mode 0600 in a directory of mode
//! 0700. Whatever was made here is removed on drop; what was there before stays.
//!
//! Beside each socket stands a symbolic link, `spiffe@<name>.sock`, and endpoints name the link.
//! gRPC C-core (Python, C++, Ruby) sends a socket's path as `:authority`, percent-encoded, and h2
//! refuses a `%` there. It accepts one before an `@`, and C-core leaves an `@` as it is. So with
//! the link those clients work unchanged, and for all others it is a path like any other.

use super::DevTrustError;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// A directory of sockets. Removes them, and the directories that it made, when dropped.
pub(super) struct SocketDir {
    path: PathBuf,
    /// Sockets and links that are ours.
    bound: BTreeSet<PathBuf>,
    /// Directories that were not there before, outermost first.
    made: Vec<PathBuf>,
}

impl SocketDir {
    /// Opens `<dir>/sockets`, making what is missing.
    pub(super) fn open(dir: &Path) -> Result<Self, DevTrustError> {
        let dir = std::path::absolute(dir).map_err(DevTrustError::io("find the directory of the sockets"))?;
        let mut sockets = Self { path: dir.join("sockets"), bound: BTreeSet::new(), made: Vec::new() };
        sockets.make(&dir)?;
        sockets.make(&dir.join("sockets"))?;
        fs::set_permissions(&sockets.path, fs::Permissions::from_mode(0o700))
            .map_err(DevTrustError::io(format!("make {} private", sockets.path.display())))?;
        Ok(sockets)
    }

    /// Where the socket of this name is, or would be.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.sock"))
    }

    /// The socket's other name, which clients in every language can use.
    pub(super) fn link_of(&self, name: &str) -> PathBuf {
        self.path.join(format!("spiffe@{name}.sock"))
    }

    /// Listens on the socket of this name. One that a killed process left is replaced.
    pub(super) fn bind(&mut self, name: &str) -> Result<UnixListener, DevTrustError> {
        let (path, link) = (self.path_of(name), self.link_of(name));
        clear_stale(&path)?;
        let shown = path.display();
        let listener = UnixListener::bind(&path).map_err(DevTrustError::io(format!("listen on {shown}")))?;
        self.bound.insert(path.clone());
        // The directory is private, so nobody got in before this.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(DevTrustError::io(format!("make {shown} private")))?;
        // Nobody listens on the socket any more, so its link is nobody's either.
        if link.is_symlink() {
            fs::remove_file(&link).map_err(DevTrustError::io(format!("replace {}", link.display())))?;
        }
        symlink(format!("{name}.sock"), &link).map_err(DevTrustError::io(format!("link {shown}")))?;
        self.bound.insert(link);
        Ok(listener)
    }

    fn make(&mut self, dir: &Path) -> Result<(), DevTrustError> {
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => self.made.push(dir.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(error) => return Err(DevTrustError::io(format!("make the directory {}", dir.display()))(error)),
        }
        Ok(())
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        for file in &self.bound {
            let _ = fs::remove_file(file);
        }
        // Only what we made, and only if nobody else put something into it.
        for dir in self.made.iter().rev() {
            let _ = fs::remove_dir(dir);
        }
    }
}

/// Removes a socket on which nobody listens; anything else in the way is an error.
fn clear_stale(path: &Path) -> Result<(), DevTrustError> {
    let looking = |error| DevTrustError::io(format!("look at {}", path.display()))(error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(looking(error)),
        Ok(there) if !there.file_type().is_socket() => Err(DevTrustError::InTheWay(path.to_owned())),
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(looking),
            Err(error) => Err(looking(error)),
            Ok(_) => Err(DevTrustError::InUse(path.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests;
