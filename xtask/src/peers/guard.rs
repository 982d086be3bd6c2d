//! One started server and its folder. A small shell stands beside the server and waits on a pipe:
//! when the owner drops it, or dies in any way (also by SIGKILL), the pipe closes, the shell ends
//! the server and removes the folder. A parent-death signal would not do: it follows the thread
//! that started the server, and test threads come and go.

use anyhow::{Context as _, Result, bail};
use std::fs::DirBuilder;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What ends a server.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// SIGKILL: it has nothing to tidy up.
    Kill,
    /// SIGQUIT, and SIGKILL after five seconds: `PostgreSQL`'s immediate shutdown.
    Quit,
}

/// A folder that vanishes with its owner, and the server that may run in it.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    folder: PathBuf,
    pid: Option<u32>,
}

const SCRIPT: &str = r#"
folder=$1 signal=$2; shift 2
child=
if [ $# -gt 0 ]; then
    "$@" </dev/null >>"$folder/log" 2>&1 &
    child=$!
    echo "$child"
fi
exec >/dev/null 2>&1
order=
read -r order
if [ -n "$child" ]; then
    kill -s "$signal" "$child"
    kill -s CONT "$child"
    if [ "$signal" != KILL ]; then
        (sleep 5; kill -s KILL "$child") &
        late=$!
    fi
    wait "$child"
    [ "$signal" = KILL ] || kill "$late"
fi
# Whoever still writes here has two seconds to end (crate::children).
[ "$order" = keep ] || rm -rf "$folder" || { sleep 3; rm -rf "$folder"; }
"#;

/// Makes a folder of our own (mode 0700) in the system's place for temporary files.
///
/// # Errors
/// When it cannot be made.
pub fn scratch(name: &str) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("leasehold-{name}-{}", super::random_hex(6)?));
    DirBuilder::new().mode(0o700).create(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

impl Guard {
    /// Starts `program` (its output goes to `log` in the folder), or only guards the folder.
    ///
    /// # Errors
    /// When the shell or the program cannot be started.
    pub fn start(folder: &Path, ending: Ending, program: Option<&Command>) -> Result<Self> {
        let signal = match ending {
            Ending::Kill => "KILL",
            Ending::Quit => "QUIT",
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "guard"]).arg(folder).arg(signal).current_dir(std::env::temp_dir());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        if let Some(program) = program {
            shell.arg(program.get_program()).args(program.get_args());
            for (name, value) in program.get_envs() {
                match value {
                    Some(value) => shell.env(name, value),
                    None => shell.env_remove(name),
                };
            }
        }
        let mut shell = shell.spawn().context("starting the guarding shell")?;
        let mut line = String::new();
        let told = shell.stdout.take().context("the shell's output")?;
        BufReader::new(told).read_line(&mut line)?;
        let pid = line.trim().parse().ok();
        if program.is_some() && pid.is_none() {
            bail!("the guarding shell did not start the server");
        }
        Ok(Self { shell, folder: folder.to_path_buf(), pid })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the server has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Sends a signal, such as `STOP` or `CONT`, to the server.
    ///
    /// # Errors
    /// When there is no server, or it is gone.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid.context("no server runs")?;
        let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status()?;
        if sent.success() { Ok(()) } else { bail!("the server is gone") }
    }

    /// Stops the server where it is. The signal alone is no answer: on a busy machine threads of it ran on
    /// and served a whole request before the stop reached them.
    ///
    /// # Errors
    /// When there is no server, or it does not stop.
    pub fn pause(&self) -> Result<()> {
        self.signal("STOP")?;
        let threads = PathBuf::from(format!("/proc/{}/task", self.pid.context("no server runs")?));
        super::wait_for("every thread of the server to stand still", STANDSTILL_MAX, || all_stopped(&threads))
    }

    /// Ends the server and keeps the folder, which the caller owns again.
    ///
    /// # Errors
    /// When the shell cannot be told.
    pub fn end_keeping_folder(mut self) -> Result<PathBuf> {
        if let Some(pipe) = self.shell.stdin.as_mut() {
            writeln!(pipe, "keep")?;
        }
        self.shell.wait()?;
        Ok(self.folder.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell ends by itself, whether or not we can wait for it.
        let _ended = self.shell.wait();
    }
}

/// `Some` when the system calls each thread stopped (`T`); the state follows the name in parentheses.
fn all_stopped(threads: &Path) -> Option<()> {
    let mut threads = std::fs::read_dir(threads).ok()?.flatten();
    let is_stopped = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
    // A thread that is gone meanwhile does nothing either.
    threads.all(|thread| std::fs::read_to_string(thread.path().join("stat")).map_or(true, is_stopped)).then_some(())
}

const STANDSTILL_MAX: Duration = Duration::from_secs(20);
