//! A real OpenBao in development mode: one unseal key, an audit file, a short longest request; its
//! storage in memory, or on disk as in production. Talks to it as its root, which only set-up and tests may do.

mod install;

use super::guard::{Ending, Guard, scratch};
use super::http::{self, Answer};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub use install::binary;

/// How to start it.
#[derive(Debug, Clone)]
pub struct Options {
    /// `default_max_request_duration`, for example `2s`: how long a mint can be in flight.
    pub request_duration_max: String,
    /// What it keeps its state in.
    pub storage: Storage,
}

/// Storage of an OpenBao.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Storage {
    /// Its development mode's own: nothing is durable.
    #[default]
    Memory,
    /// Integrated storage (Raft, one node): each write is on disk before it is answered.
    Raft,
}

/// A running OpenBao. Gone when dropped, or when this process is gone.
#[derive(Debug)]
pub struct OpenBao {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    /// The root token.
    pub root_token: String,
    /// What its audit device writes.
    pub audit_file: PathBuf,
    guard: Guard,
}

impl Default for Options {
    fn default() -> Self {
        Self { request_duration_max: "2s".into(), storage: Storage::default() }
    }
}

impl OpenBao {
    /// Starts one and waits until it is unsealed; tries five ports.
    ///
    /// # Errors
    /// The last failure, with what the server said.
    pub fn start(options: &Options) -> Result<Self> {
        let mut failure = None;
        for _ in 0..5 {
            match Self::start_once(options) {
                Ok(server) => return Ok(server),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or_else(|| bail!("OpenBao did not start"), Err)
    }

    fn start_once(options: &Options) -> Result<Self> {
        let bao = binary()?;
        let folder = scratch("openbao")?;
        let audit_file = folder.join("audit.log");
        let host = format!("127.0.0.1:{}", super::free_port()?);
        let config = folder.join("server.hcl");
        let storage = storage_text(options.storage, &folder)?;
        std::fs::write(&config, config_text(options, &audit_file)? + &storage)?;
        let root_token = format!("root-{}", super::random_hex(16)?);
        let mut server = Command::new(&bao);
        server.args(["server", "-dev", "-dev-no-store-token"]).arg(format!("-config={}", config.display()));
        server.env("BAO_DEV_ROOT_TOKEN_ID", &root_token).env("VAULT_DEV_ROOT_TOKEN_ID", &root_token);
        server.env("BAO_DEV_LISTEN_ADDRESS", &host).env("VAULT_DEV_LISTEN_ADDRESS", &host).env("HOME", &folder);
        let guard = Guard::start(&folder, Ending::Kill, Some(&server))?;
        let server = Self { address: format!("http://{host}"), root_token, audit_file, guard };
        super::wait_for("OpenBao to be unsealed", Duration::from_secs(15), || server.is_ready().then_some(()))
            .with_context(|| format!("OpenBao said: {}", server.guard.log()))?;
        Ok(server)
    }

    fn is_ready(&self) -> bool {
        // The log line comes after the root token exists; health alone comes before it.
        self.guard.log().contains("Root Token: ") && self.health().is_ok_and(|answer| answer.status == 200)
    }

    /// `sys/health`, as anybody may ask.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn health(&self) -> Result<Answer> {
        http::call(self.host(), "GET", "/v1/sys/health", &[], &Value::Null)
    }

    /// `host:port`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.guard.folder()
    }

    /// One call with a token, for example `("PUT", "sys/leases/revoke", …)`.
    ///
    /// # Errors
    /// When it cannot be reached. A refusal is an answer, not an error.
    pub fn call_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Result<Answer> {
        http::call(self.host(), method, &format!("/v1/{path}"), &[("X-Vault-Token", token)], body)
    }

    /// One call as root.
    ///
    /// # Errors
    /// As [`Self::call_as`].
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        self.call_as(&self.root_token, method, path, body)
    }

    /// One call as root that must succeed.
    ///
    /// # Errors
    /// Also when OpenBao refuses it.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let answer = self.call(method, path, body)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        bail!("{method} {path} was answered {}: {}", answer.status, answer.body)
    }

    /// Stops the process where it is: it accepts connections and answers nothing.
    ///
    /// # Errors
    /// When it is gone.
    pub fn pause(&self) -> Result<()> {
        self.guard.pause()
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resume(&self) -> Result<()> {
        self.guard.signal("CONT")
    }

    /// Seals it.
    ///
    /// # Errors
    /// When it refuses.
    pub fn seal(&self) -> Result<()> {
        self.must("PUT", "sys/seal", &Value::Null).map(drop)
    }

    /// Unseals it with the key that it printed at its start, and waits until it is active.
    ///
    /// # Errors
    /// When it stays sealed.
    pub fn unseal(&self) -> Result<()> {
        let log = self.guard.log();
        let key = log.lines().find_map(|line| line.strip_prefix("Unseal Key: ")).context("no unseal key in the log")?;
        self.must("PUT", "sys/unseal", &json!({ "key": key.trim() }))?;
        super::wait_for("OpenBao to be active", Duration::from_secs(10), || self.is_ready().then_some(()))
    }
}

fn storage_text(storage: Storage, folder: &Path) -> Result<String> {
    if storage == Storage::Memory {
        return Ok(String::new());
    }
    let data = folder.join("raft");
    std::fs::create_dir(&data)?;
    let cluster = super::free_port()?;
    let data = data.display();
    Ok(format!(
        "\nstorage \"raft\" {{\n  path = \"{data}\"\n  node_id = \"one\"\n}}\ncluster_addr = \"http://127.0.0.1:{cluster}\"\n"
    ))
}

/// The example configuration, with our longest request and our audit file.
fn config_text(options: &Options, audit_file: &Path) -> Result<String> {
    let example = crate::peers::repository().join("deploy/openbao/server.hcl");
    let text = std::fs::read_to_string(&example).with_context(|| format!("reading {}", example.display()))?;
    let (duration, file) = ("\"30s\"", "/var/log/openbao/audit.log");
    if !text.contains(duration) || !text.contains(file) {
        bail!("{} no longer says {duration} and {file}", example.display());
    }
    let text = text.replace(duration, &format!("\"{}\"", options.request_duration_max));
    Ok(text.replace(file, &audit_file.to_string_lossy()))
}
