//! Where `spire-server` and `spire-agent` come from: the folder in `LEASEHOLD_SPIRE_BIN`, else `PATH`.
//! No package registry has them, so nothing is fetched; what is missing is said in one line.

use crate::peers::on_path;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// Names the folder with both programs.
const VARIABLE: &str = "LEASEHOLD_SPIRE_BIN";

/// Both programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// `spire-server`.
    pub server: PathBuf,
    /// `spire-agent`.
    pub agent: PathBuf,
}

/// What is missing, where it was looked for, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    programs: Vec<&'static str>,
    folder: Option<PathBuf>,
}

impl Programs {
    /// Looks where the environment says.
    ///
    /// # Errors
    /// [`Missing`], if one of them is not there.
    pub fn find() -> Result<Self, Missing> {
        Self::find_in(std::env::var_os(VARIABLE).as_deref(), on_path)
    }

    pub(super) fn find_in(folder: Option<&OsStr>, on_path: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, Missing> {
        let folder = folder.filter(|folder| !folder.is_empty()).map(Path::new);
        let look = |name: &str| match folder {
            Some(folder) => Some(folder.join(name)).filter(|file| file.is_file()),
            None => on_path(name),
        };
        match (look(SERVER), look(AGENT)) {
            (Some(server), Some(agent)) => Ok(Self { server, agent }),
            (server, agent) => {
                let missing = [server.is_none().then_some(SERVER), agent.is_none().then_some(AGENT)];
                Err(Missing { programs: missing.into_iter().flatten().collect(), folder: folder.map(Path::to_owned) })
            }
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.folder {
            Some(folder) => format!("in {} ({VARIABLE})", folder.display()),
            None => format!("on PATH, and {VARIABLE} names no folder"),
        };
        write!(
            f,
            "there is no {} {place}; no package registry has them: unpack a release of spiffe/spire from GitHub and \
             set {VARIABLE} to its bin folder",
            self.programs.join(" and no ")
        )
    }
}

impl std::error::Error for Missing {}

const SERVER: &str = "spire-server";
const AGENT: &str = "spire-agent";
