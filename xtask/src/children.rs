//! Child processes in one process group, which is ended when their owner is gone, however it went.
//!
//! A small shell, the warden, leads the group and waits on a pipe. When the owner returns, panics, is
//! interrupted or is killed, the kernel closes the pipe, and the warden ends the group. So nothing here
//! handles signals: Ctrl-C ends the owner, and that is enough.

use anyhow::{Context as _, Result};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The group. Ends what is left in it when dropped.
#[derive(Debug)]
pub struct Children {
    warden: Child,
}

/// A child that is ended, and waited for, when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

/// SIGTERM for all, and two seconds later SIGKILL for those who did not listen, the warden too.
const WARDEN: &str = "trap '' TERM INT HUP; cat >/dev/null; kill -s TERM -- -$$; sleep 2; kill -s KILL -- -$$";
/// How long a child may take to end itself.
const PATIENCE: Duration = Duration::from_secs(5);

impl Children {
    /// Starts the warden.
    ///
    /// # Errors
    /// When there is no `sh`.
    pub fn new() -> Result<Self> {
        let mut warden = Command::new("sh");
        warden.args(["-c", WARDEN]).process_group(0);
        warden.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { warden: warden.spawn().context("starting sh, which stands by to end what is started")? })
    }

    /// Starts a child in the group, without input.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&self, command: &mut Command) -> Result<Running> {
        let group = i32::try_from(self.warden.id())?;
        let program = command.get_program().display().to_string();
        let child = command.stdin(Stdio::null()).process_group(group).spawn();
        Ok(Running { child: child.with_context(|| format!("starting {program}"))? })
    }

    /// Runs a child in the group to its end.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        Ok(self.start(command)?.wait()?)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        // The warden does the rest alone; nobody has to wait for its two seconds.
        drop(self.warden.stdin.take());
    }
}

impl Running {
    /// The child, for its pipes and its id.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Sends SIGTERM, waits, and sends SIGKILL when the patience is over.
    ///
    /// # Errors
    /// When the system cannot say how it ended.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        let id = self.child.id().to_string();
        // One that is gone meanwhile is no failure; `wait` below tells.
        let _told = Command::new("kill").args(["-s", "TERM", &id]).stderr(Stdio::null()).status();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The warden is behind us if this fails.
        let _ended = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_child_that_ends_by_itself_says_how() {
        let children = Children::new().unwrap();
        assert_eq!(children.run(&mut shell("exit 3")).unwrap().code(), Some(3));
        assert!(children.run(&mut Command::new("no-such-program-anywhere")).is_err());
    }

    #[test]
    fn a_dropped_child_is_ended() {
        let children = Children::new().unwrap();
        let mut running = children.start(Command::new("sleep").arg("60")).unwrap();
        assert!(running.child().try_wait().unwrap().is_none());
        assert_eq!(running.end().unwrap().signal(), Some(15));
    }

    #[test]
    fn children_and_their_children_end_with_the_owner_also_stubborn_ones() {
        let children = Children::new().unwrap();
        let mut gentle = children.start(Command::new("sleep").arg("60")).unwrap();
        // Its own child holds the pipe open: the pipe ends only when both are gone.
        let mut stubborn = shell("trap '' TERM; echo ready; sleep 60; sleep 60");
        let mut stubborn = children.start(stubborn.stdout(Stdio::piped())).unwrap();
        let mut said = io::BufReader::new(stubborn.child().stdout.take().unwrap());
        let mut line = String::new();
        io::BufRead::read_line(&mut said, &mut line).unwrap();
        drop(children);
        assert_eq!(gentle.wait().unwrap().signal(), Some(15));
        assert_eq!(stubborn.wait().unwrap().signal(), Some(9));
        assert_eq!(io::Read::read_to_end(&mut said, &mut Vec::new()).unwrap(), 0);
    }
}
