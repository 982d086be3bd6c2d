//! Handing secrets to one child: a sealed memory file, a pipe, or (with a warning) a variable.
//!
//! Memory files never touch a disk. Only the one child inherits the descriptors: they are opened
//! close-on-exec, and opened up just before it is spawned.

use crate::complaint::{Complaint, Result};
use domain::base::Secret;
use rustix::fs::{MemfdFlags, OFlags, SealFlags, SeekFrom, fcntl_add_seals, fcntl_setfl, memfd_create, seek};
use rustix::io::{Errno, FdFlags, fcntl_setfd, write};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use tokio::process::Command;

/// How a secret is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Way {
    /// A sealed memory file: can be read again, by seeking or through /proc/self/fd.
    Memfd,
    /// A pipe: can be read once.
    Pipe,
    /// An environment variable.
    #[value(skip)]
    Variable,
}

/// Everything for one child.
#[derive(Default)]
pub(super) struct Handover {
    descriptors: Vec<(String, OwnedFd)>,
    variables: Vec<(String, Secret)>,
}

/// Decides the way and the variable's name for each credential of the task.
pub(super) fn ways(credentials: &[String], variables: &[String], by: Way) -> Result<Vec<(String, Way, String)>> {
    let mut ways: Vec<(String, Way, String)> =
        credentials.iter().map(|credential| (credential.clone(), by, variable_of(credential))).collect();
    for option in variables {
        let first = credentials.first().map(String::as_str).unwrap_or_default();
        let (name, credential) = option.split_once('=').unwrap_or((option, first));
        let Some(entry) = ways.iter_mut().find(|(known, ..)| known == credential) else {
            let known = credentials.join(", ");
            let what = format!("--env {option}: the task has no credential \"{credential}\"");
            return Err(Complaint::usage(what, format!("name one of the task's credentials: {known}")));
        };
        if name.is_empty() {
            return Err(Complaint::usage(format!("--env {option} names no variable"), "write --env NAME=CREDENTIAL"));
        }
        (entry.1, entry.2) = (Way::Variable, name.to_owned());
    }
    let mut names = BTreeSet::new();
    match ways.iter().find(|(_, _, name)| !names.insert(name.as_str())) {
        None => Ok(ways),
        Some((credential, _, name)) => Err(Complaint::usage(
            format!("two secrets would be handed over as ${name}"),
            format!("give one of them another name: --env NAME={credential}"),
        )),
    }
}

impl Handover {
    /// Takes one secret over.
    pub(super) fn add(&mut self, credential: &str, way: Way, variable: String, secret: Secret) -> Result<()> {
        let descriptor = match way {
            Way::Memfd => memory_file(&secret),
            Way::Pipe => pipe(&secret),
            Way::Variable if secret.reveal().contains(&0) => {
                let what = format!("{credential} holds a zero byte, which no environment variable can");
                return Err(Complaint::failed(what, "hand it over without --env"));
            }
            Way::Variable => {
                self.variables.push((variable, secret));
                return Ok(());
            }
        };
        let descriptor = descriptor.map_err(|error| {
            let what = format!("cannot hand {credential} over: {error}");
            Complaint::failed(what, "use --by memfd on Linux 3.17 or later, or --env NAME as a last resort")
        })?;
        self.descriptors.push((variable, descriptor));
        Ok(())
    }

    /// Opens the descriptors up for the child that `command` is about to become. The caller spawns
    /// at once, then drops `self`.
    pub(super) fn give(&self, command: &mut Command) -> std::io::Result<()> {
        for (place, (variable, descriptor)) in self.descriptors.iter().enumerate() {
            fcntl_setfd(descriptor, FdFlags::empty())?;
            let number = descriptor.as_raw_fd().to_string();
            if place == 0 {
                command.env("LEASEHOLD_FD", &number);
            }
            command.env(variable, number);
        }
        for (variable, secret) in &self.variables {
            command.env(variable, OsString::from_vec(secret.reveal().to_vec()));
        }
        Ok(())
    }
}

/// `ledger-ro` is handed over as `LEASEHOLD_FD_LEDGER_RO`.
fn variable_of(credential: &str) -> String {
    let name: String =
        credential.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("LEASEHOLD_FD_{name}")
}

fn memory_file(secret: &Secret) -> std::io::Result<OwnedFd> {
    let descriptor = memfd_create("leasehold", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(descriptor);
    file.write_all(secret.reveal())?;
    let descriptor = OwnedFd::from(file);
    fcntl_add_seals(&descriptor, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    seek(&descriptor, SeekFrom::Start(0))?;
    Ok(descriptor)
}

/// The whole secret is in the pipe before the child starts, so nobody has to stay and write.
fn pipe(secret: &Secret) -> std::io::Result<OwnedFd> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    if secret.reveal().len() > PIPE_BYTES {
        fcntl_setpipe_size(&writer, secret.reveal().len())?;
    }
    fcntl_setfl(&writer, OFlags::NONBLOCK)?;
    match write(&writer, secret.reveal()) {
        Ok(written) if written == secret.reveal().len() => Ok(reader),
        Ok(_) => Err(Errno::NOBUFS.into()),
        Err(error) => Err(error.into()),
    }
}

/// What a pipe holds on Linux without being asked for more.
const PIPE_BYTES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn each_credential_has_a_way_and_a_name() {
        let credentials = names(&["ledger-ro", "web.tls"]);
        let ways = ways(&credentials, &names(&["DB", "TLS=web.tls"]), Way::Memfd).unwrap();
        assert_eq!(ways[0], ("ledger-ro".into(), Way::Variable, "DB".into()));
        assert_eq!(ways[1], ("web.tls".into(), Way::Variable, "TLS".into()));
        let ways = super::ways(&credentials, &[], Way::Pipe).unwrap();
        assert_eq!(ways[1], ("web.tls".into(), Way::Pipe, "LEASEHOLD_FD_WEB_TLS".into()));
    }

    #[test]
    fn names_that_meet_or_do_not_exist_are_refused() {
        assert!(ways(&names(&["a-b"]), &[], Way::Memfd).is_ok());
        let text = ways(&names(&["a-b", "a.b"]), &[], Way::Memfd).unwrap_err().text();
        assert!(text.contains("two secrets would be handed over as $LEASEHOLD_FD_A_B"), "{text}");
        assert!(ways(&names(&["a"]), &names(&["X=b"]), Way::Memfd).unwrap_err().text().contains("no credential \"b\""));
        assert!(ways(&names(&["a"]), &names(&["=a"]), Way::Memfd).is_err());
    }

    #[test]
    fn a_memory_file_reads_back_and_cannot_be_changed() {
        let mut file = File::from(memory_file(&Secret::from_text("s3cret".into())).unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "s3cret");
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn a_pipe_gives_the_whole_secret_once() {
        for length in [0, 7, PIPE_BYTES, PIPE_BYTES + 1, 1 << 20] {
            let secret = Secret::new(vec![b'x'; length]);
            let mut read = Vec::new();
            File::from(pipe(&secret).unwrap()).read_to_end(&mut read).unwrap();
            assert_eq!(read.len(), length);
        }
    }
}
