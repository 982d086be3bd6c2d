//! The test binary once more as a child, so that it can be killed or starved. A test that finds
//! [`log_path`] set is the child: it does its part and returns.

use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdout, Command, Stdio};

const LOG_PATH: &str = "LEASEHOLD_TEST_CHILD_LOG";
const MARK: &str = "SAID ";
const NO_ROOM: &str = "NO ROOM";

/// Set in the child: the log that it works on.
pub(super) fn log_path() -> Option<PathBuf> {
    std::env::var_os(LOG_PATH).map(PathBuf::from)
}

/// From the child to its parent.
pub(super) fn say(what: impl std::fmt::Display) {
    println!("\n{MARK}{what}");
}

/// What the child has too little of.
pub(super) enum Limit {
    None,
    /// The longest file that it can write.
    FileKilobytes(u32),
    /// A disk of its own for the folder of its log, gone with it.
    DiskMegabytes(u32),
}

pub(super) struct Child {
    process: process::Child,
    lines: Lines<BufReader<ChildStdout>>,
    limit: &'static str,
}

impl Child {
    /// Runs the test of this full name again, on that log.
    pub(super) fn start(test: &str, log: &Path, limit: Limit) -> Self {
        let (mut command, name) = match limit {
            Limit::None => (Command::new(std::env::current_exe().unwrap()), "a plain child"),
            // The signal would end the child before the write could fail.
            Limit::FileKilobytes(kilobytes) => {
                (shell("sh", &[], &format!("trap '' XFSZ && ulimit -f {}", kilobytes * 2)), "a limit on file size")
            }
            Limit::DiskMegabytes(megabytes) => {
                let mount = format!("mount -t tmpfs -o size={megabytes}m,mode=700 none \"${LOG_PATH}_FOLDER\"");
                (shell("unshare", &["-rm", "sh"], &mount), "a small disk (unshare, mount)")
            }
        };
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        command.env(LOG_PATH, log).env(format!("{LOG_PATH}_FOLDER"), log.parent().unwrap());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines, limit: name }
    }

    /// The next number that the child says; `None` once it has ended.
    pub(super) fn hear(&mut self) -> Option<u64> {
        self.hear_text().map(|said| said.parse().unwrap())
    }

    /// Ends the child with signal 9. Returns what it had said until then and was not heard yet.
    pub(super) fn kill(mut self) -> Vec<u64> {
        self.process.kill().unwrap();
        let rest = std::iter::from_fn(|| self.hear()).collect();
        assert_eq!(self.process.wait().unwrap().signal(), Some(9));
        rest
    }

    /// Waits for the child to end well. `None`, and said so, where the limit cannot be set here.
    pub(super) fn finish(mut self) -> Option<Vec<String>> {
        let said: Vec<String> = std::iter::from_fn(|| self.hear_text()).collect();
        let ended = self.process.wait().unwrap();
        if said.first().is_some_and(|said| said == NO_ROOM) {
            xtask::not_run(&format!("log store under {}", self.limit), "this machine does not let the test set it");
            return None;
        }
        assert!(ended.success(), "{ended}");
        Some(said)
    }

    fn hear_text(&mut self) -> Option<String> {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix(MARK).map(str::to_owned))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A failed assertion leaves nothing running; a child that has ended is not there to be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The test binary under a shell that first does `setting`, or says that it could not.
fn shell(program: &str, arguments: &[&str], setting: &str) -> Command {
    let mut command = Command::new(program);
    let script = format!("{{ {setting}; }} 2>/dev/null || {{ echo '{MARK}{NO_ROOM}'; exit 0; }}; exec \"$0\" \"$@\"");
    command.args(arguments).args(["-c", &script]).arg(std::env::current_exe().unwrap());
    command
}
