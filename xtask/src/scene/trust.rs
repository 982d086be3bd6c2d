//! Who vouches for the scene's identities: the development trust domain, where a socket is an
//! identity, or SPIRE, where a user id is one. The steps of the story are the same on both.

use super::Options;
use crate::children::{Children, Running};
use crate::spire::{Programs, Spire};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Which of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrustChoice {
    /// `leasehold dev trust`.
    #[default]
    Development,
    /// `spire-server` and `spire-agent`.
    Spire(Programs),
}

/// A running source of trust.
pub(super) enum Trust {
    Development { sockets: Value, folder: PathBuf, binary: PathBuf, process: Running },
    Spire { spire: Box<Spire>, binary: PathBuf },
}

impl Trust {
    /// Starts it for these identities, `(name, spiffe://domain/path[:dns=NAME])`.
    pub(super) fn start(
        options: &Options,
        binary: &Path,
        folder: &Path,
        children: &Children,
        identities: &[(&str, &str)],
    ) -> Result<Self> {
        match &options.trust {
            TrustChoice::Development => development(options, binary, folder, children, identities),
            TrustChoice::Spire(programs) => spire(programs, binary, folder, children, identities),
        }
    }

    /// Where OpenBao finds the keys of the JWT-SVIDs.
    pub(super) fn jwks_url(&self) -> Result<String> {
        match self {
            Self::Development { sockets, .. } => {
                Ok(sockets["jwks_url"].as_str().context("no jwks_url was announced")?.to_owned())
            }
            Self::Spire { spire, .. } => Ok(spire.jwks_url().to_owned()),
        }
    }

    /// Workload API endpoint of an identity.
    pub(super) fn endpoint(&self, who: &str) -> Result<String> {
        match self {
            Self::Development { sockets, .. } => {
                let found = sockets.pointer(&format!("/identities/{who}/endpoint")).and_then(Value::as_str);
                Ok(found.with_context(|| format!("no socket for {who} in {sockets}"))?.to_owned())
            }
            Self::Spire { spire, .. } => Ok(spire.endpoint()),
        }
    }

    /// Ends it, as if it had crashed. Only one of development can be ended alone.
    pub(super) fn end(&mut self) -> Result<()> {
        match self {
            Self::Development { process, .. } => Ok(process.end().map(drop)?),
            Self::Spire { .. } => bail!("SPIRE ends with its scene"),
        }
    }

    /// Starts an ended one again, at the same place with new keys.
    pub(super) fn start_again(
        &mut self,
        options: &Options,
        children: &Children,
        identities: &[(&str, &str)],
    ) -> Result<()> {
        if let Self::Development { folder, binary, .. } = self {
            *self = development(options, &binary.clone(), &folder.clone(), children, identities)?;
        }
        Ok(())
    }

    /// A folder in which this identity may write.
    pub(super) fn desk(&self, who: &str) -> Result<PathBuf> {
        match self {
            Self::Development { folder, .. } => Ok(folder.clone()),
            Self::Spire { spire, .. } => spire.desk(who),
        }
    }

    /// What to type before a verb to run it as this identity, in another terminal.
    pub(super) fn typed(&self, who: &str) -> Result<String> {
        let socket = format!("SPIFFE_ENDPOINT_SOCKET={}", self.endpoint(who)?);
        Ok(match self {
            Self::Development { .. } => format!("{socket} leasehold"),
            Self::Spire { spire, binary } => format!("{socket} {} {}", spire.typed(who)?, binary.display()),
        })
    }

    /// `leasehold`, to be run as this identity.
    pub(super) fn command(&self, who: &str) -> Result<Command> {
        match self {
            Self::Development { binary, .. } => Ok(Command::new(binary)),
            Self::Spire { spire, binary } => {
                let mut command = Command::new(binary);
                spire.dress(who, &mut command)?;
                Ok(command)
            }
        }
    }
}

fn development(
    options: &Options,
    binary: &Path,
    folder: &Path,
    children: &Children,
    identities: &[(&str, &str)],
) -> Result<Trust> {
    let mut command = Command::new(binary);
    command.args(["dev", "trust", "--trust-domain", "example.org", "--dir"]).arg(folder);
    for (name, id) in identities {
        command.args(["--identity", &format!("{name}={id}")]);
    }
    if let Some(seconds) = options.x509_ttl_seconds {
        command.args(["--x509-ttl-seconds", &seconds.to_string()]);
    }
    command.stdout(Stdio::piped()).stderr(fs::File::create(folder.join("trust.log"))?);
    let mut process = children.start(&mut command)?;
    let mut lines = BufReader::new(process.child().stdout.take().context("no stdout")?).lines();
    let announced = lines.next().transpose()?.unwrap_or_default();
    let ready = lines.next().transpose()?.unwrap_or_default();
    if ready != "READY" {
        bail!("the trust domain did not start: {announced}{ready} {}", fs::read_to_string(folder.join("trust.log"))?);
    }
    let sockets = serde_json::from_str(&announced)?;
    Ok(Trust::Development { sockets, folder: folder.to_owned(), binary: binary.to_owned(), process })
}

/// Copies of the programs that other user ids run, because a build folder is often private.
fn spire(
    programs: &Programs,
    binary: &Path,
    folder: &Path,
    children: &Children,
    identities: &[(&str, &str)],
) -> Result<Trust> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
    let lend = |program: &Path, name: &str| -> Result<PathBuf> {
        let copy = folder.join(name);
        fs::copy(program, &copy).with_context(|| format!("copying {}", program.display()))?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
        Ok(copy)
    };
    let programs = Programs { server: programs.server.clone(), agent: lend(&programs.agent, "spire-agent")? };
    let binary = lend(binary, "leasehold")?;
    let spire = Box::new(Spire::start(&programs, folder, children, identities)?);
    Ok(Trust::Spire { spire, binary })
}
