//! `leasehold witness` as a process of its own, on a free port of loopback.

use leasehold::tlog::cosignature::WitnessKey;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use xtask::children::{Children, Running};

/// A witness that runs, or ran.
pub(crate) struct WitnessProcess {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) key: WitnessKey,
    name: String,
    logs: Vec<String>,
    running: Option<Running>,
    children: Children,
}

impl WitnessProcess {
    /// A new witness of these logs.
    pub(crate) fn start(name: &str, logs: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let children = Children::new().unwrap();
        let logs: Vec<String> = logs.iter().map(|log| (*log).to_owned()).collect();
        let mut command = command(folder.path(), "127.0.0.1:0", name, &logs);
        let (running, address) = launch(&children, &mut command, folder.path()).unwrap_or_else(|said| panic!("{said}"));
        let said = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
        let key = said.lines().find_map(|line| line.strip_prefix("witness ")?.split(' ').nth(1)).expect("its key");
        let key = WitnessKey::parse(key).unwrap();
        Self { folder, address, key, name: name.to_owned(), logs, running: Some(running), children }
    }

    /// Its line in a policy.
    pub(crate) fn line(&self, name: &str) -> String {
        format!("witness {name} {} http://{}\n", self.key, self.address)
    }

    /// Kills it with SIGKILL, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        running.child().kill().unwrap();
        running.wait().unwrap();
    }

    /// Halts it where it is: it takes connections and answers nothing, until it goes on.
    pub(crate) fn halt(&mut self) {
        self.tell("STOP");
    }

    pub(crate) fn go_on(&mut self) {
        self.tell("CONT");
    }

    fn tell(&mut self, signal: &str) {
        let id = self.running.as_mut().expect("it runs").child().id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    /// Tells it to stop, and says how it went.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.running.take().expect("it runs").end().unwrap()
    }

    /// Starts it again on its files and its address.
    pub(crate) fn start_again(&mut self) {
        let again = self.try_again();
        again.unwrap_or_else(|said| panic!("{said}"));
    }

    /// The same; what it said if it does not start.
    pub(crate) fn try_again(&mut self) -> Result<(), String> {
        let mut command = command(self.folder.path(), &self.address.to_string(), &self.name, &self.logs);
        let (running, _) = launch(&self.children, &mut command, self.folder.path())?;
        self.running = Some(running);
        Ok(())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn command(folder: &Path, listen: &str, name: &str, logs: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.args(["witness", "--listen", listen, "--name", name]);
    command.arg("--state").arg(folder.join("state")).arg("--key").arg(folder.join("key"));
    logs.iter().for_each(|log| _ = command.args(["--log", log]));
    command
}

fn launch(children: &Children, command: &mut Command, folder: &Path) -> Result<(Running, SocketAddr), String> {
    let stderr = folder.join("stderr");
    command.stdout(Stdio::piped()).stderr(std::fs::File::create(&stderr).unwrap());
    let mut running = children.start(command).unwrap();
    let mut line = String::new();
    BufReader::new(running.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
    match line.trim().strip_prefix("LISTENING ") {
        Some(address) => Ok((running, address.parse().unwrap())),
        None => Err(std::fs::read_to_string(stderr).unwrap()),
    }
}
