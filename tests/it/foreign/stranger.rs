//! A SPIFFE client in another language, as a child process (`tests/foreign`). Go and Python take the
//! same arguments and print the same JSON lines, so one set of tests holds for both.

use super::scene::soon;
use leasehold::devtrust::DevTrust;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use xtask::foreign::{self, Missing};

/// A client that is ready to run.
pub(crate) struct Stranger {
    program: PathBuf,
    script: Option<PathBuf>,
}

impl Stranger {
    /// go-spiffe, or nothing and a line that says so.
    pub(crate) fn go() -> Option<Self> {
        let program = here(foreign::go_client())?;
        Some(Self { program, script: None })
    }

    /// PyPI `spiffe`, or nothing and a line that says so.
    pub(crate) fn python() -> Option<Self> {
        let client = here(foreign::py_client())?;
        Some(Self { program: client.python, script: Some(client.script) })
    }

    /// Runs it to its end, with the identity of this name.
    pub(crate) async fn run(&self, trust: &DevTrust, identity: &str, arguments: &[&str]) -> Output {
        self.run_at(&trust.endpoint(identity), arguments).await
    }

    /// Runs it to its end, with an endpoint of its own.
    pub(crate) async fn run_at(&self, endpoint: &str, arguments: &[&str]) -> Output {
        soon("the client ends", self.command(endpoint, arguments).output()).await.unwrap()
    }

    /// What it prints, if it succeeds.
    pub(crate) async fn prints(&self, trust: &DevTrust, identity: &str, arguments: &[&str]) -> Value {
        let output = self.run(trust, identity, arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What it complains about, if it fails as it should.
    pub(crate) async fn complains(&self, trust: &DevTrust, identity: &str, arguments: &[&str]) -> String {
        let output = self.run(trust, identity, arguments).await;
        assert!(!output.status.success(), "{arguments:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Lets it watch its X.509 updates.
    pub(crate) fn watch(&self, trust: &DevTrust, identity: &str) -> Watcher {
        let mut child = self.command(&trust.endpoint(identity), &["watch"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Watcher { lines, _child: child }
    }

    fn command(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.script).args(arguments).kill_on_drop(true).stdin(Stdio::null());
        command.env("SPIFFE_ENDPOINT_SOCKET", endpoint).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// A client that watches; killed when dropped.
pub(crate) struct Watcher {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// One X.509 update, as the client saw it.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Update {
    pub(crate) spiffe_id: String,
    pub(crate) serial: String,
    /// Authorities by trust domain.
    pub(crate) bundles: BTreeMap<String, usize>,
}

impl Watcher {
    /// The next update that is as described; earlier ones are passed over.
    pub(crate) async fn until(&mut self, what: &str, fits: impl Fn(&Update) -> bool) -> Update {
        let look = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("the client watches until it is killed");
                let update: Update = serde_json::from_str(&line).unwrap();
                if fits(&update) {
                    return update;
                }
            }
        };
        soon(what, look).await
    }
}

/// The client, or nothing and a line that says why.
pub(super) fn here<T>(client: anyhow::Result<T>) -> Option<T> {
    match client.map_err(anyhow::Error::downcast::<Missing>) {
        Ok(client) => Some(client),
        Err(Ok(missing)) => {
            println!("NOT RUN: {missing}");
            None
        }
        Err(Err(broken)) => panic!("{broken:#}"),
    }
}
