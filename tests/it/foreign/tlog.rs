//! Other people's readers, witness and witness client (`tests/foreign/tlog`), as child processes.

use super::scene::soon;
use super::stranger::here;
use leasehold::tlog::cosignature::WitnessKey;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use xtask::foreign;

/// The program, ready to run.
pub(crate) struct Tlog {
    program: PathBuf,
}

impl Tlog {
    /// Built, or nothing and a line that says why.
    pub(crate) fn here() -> Option<Self> {
        Some(Self { program: here(foreign::go_tlog())? })
    }

    /// What it prints, if it succeeds.
    pub(crate) async fn says(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments, "").await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What it complains about, if it fails as it should.
    pub(crate) async fn complains(&self, arguments: &[&str]) -> String {
        self.complains_of("", arguments).await
    }

    /// The same, while one bit is flipped of what it reads under this path.
    pub(crate) async fn complains_of(&self, spoiled: &str, arguments: &[&str]) -> String {
        let output = self.run(arguments, spoiled).await;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{arguments:?} with {spoiled:?} spoiled succeeded: {said}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A witness that knows one log, and whose memory ends with it.
    pub(crate) async fn witness(&self, name: &str, log_key: &str) -> ForeignWitness {
        let mut child = self.command(&["witness", name, log_key]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = soon("the witness listens", lines.next_line()).await.unwrap().expect("its address and key");
        let said: Value = serde_json::from_str(&line).unwrap();
        let key = WitnessKey::parse(said["key"].as_str().unwrap()).unwrap();
        ForeignWitness { url: format!("http://{}", said["address"].as_str().unwrap()), key, _child: child }
    }

    async fn run(&self, arguments: &[&str], spoiled: &str) -> Output {
        let mut command = self.command(arguments);
        soon("it ends", command.env("LEASEHOLD_SPOIL", spoiled).output()).await.unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).kill_on_drop(true).stdin(Stdio::null());
        command
    }
}

/// A witness of other people's making; killed when dropped.
pub(crate) struct ForeignWitness {
    pub(crate) url: String,
    pub(crate) key: WitnessKey,
    _child: Child,
}

impl ForeignWitness {
    /// Its line in a policy.
    pub(crate) fn line(&self, name: &str) -> String {
        format!("witness {name} {} {}\n", self.key, self.url)
    }
}
