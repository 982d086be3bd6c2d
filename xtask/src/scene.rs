//! The whole scene on real parts: PostgreSQL, OpenBao, a trust domain, a broker, and people and
//! workloads who call it through the command line. The demo plays on it, and so do tests.

mod files;
mod outputs;
mod trust;

pub use trust::TrustChoice;

use crate::canary::{self, OutputFolder};
use crate::children::{Children, Running};
use crate::peers::estate::{Made, SetupOptions, setup_engine};
use crate::peers::guard::{self, Ending, Guard};
use crate::peers::openbao::{OpenBao, Options as BaoOptions, Storage};
use crate::peers::postgres::Postgres;
use crate::peers::wait_for;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use trust::Trust;

/// The identities of the scene, by the name of their socket.
pub const IDENTITIES: [(&str, &str); 6] = [
    ("broker", "spiffe://example.org/leasehold:dns=leasehold"),
    ("billing-bot", "spiffe://example.org/agent/billing-bot"),
    ("stranger", "spiffe://example.org/agent/stranger"),
    ("payments-lead", "spiffe://example.org/people/payments-lead"),
    ("operator", "spiffe://example.org/people/platform-lead"),
    ("auditor", "spiffe://example.org/people/auditor"),
];
/// The broker's SPIFFE ID.
pub const BROKER_ID: &str = "spiffe://example.org/leasehold";

/// How a scene differs from the plain one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Kills the broker at a failpoint, `name:count`; takes a binary with the feature `failpoints`.
    pub kill_at: Option<String>,
    /// Address that the broker uses for OpenBao, if not the real one (a proxy).
    pub engine_address: Option<String>,
    /// Where the broker's log lies, if not in the scene's folder.
    pub log_folder: Option<PathBuf>,
    /// `proof_within` of the broker, for example `1s`.
    pub proof_within: Option<String>,
    /// What the engine keeps its state in.
    pub storage: Storage,
    /// Who vouches for the identities.
    pub trust: TrustChoice,
    /// More of the estate, appended to the plain one.
    pub more_estate: String,
    /// More identities, as `name=spiffe://…`.
    pub more_identities: Vec<String>,
    /// More of the broker's configuration, appended to the plain one.
    pub more_config: String,
    /// Life of X.509-SVIDs, if not the issuer's own.
    pub x509_ttl_seconds: Option<u64>,
}

/// A scene. Everything is gone when it is dropped.
pub struct Scene {
    /// The engine.
    pub bao: OpenBao,
    /// The backend.
    pub postgres: Postgres,
    /// What the set-up made.
    pub made: Made,
    /// `host:port` of the broker.
    pub address: String,
    /// How it differs; taken in at each start of the broker.
    pub options: Options,
    broker: Option<Running>,
    trust: Trust,
    children: Children,
    outputs: OutputFolder,
    folder: Guard,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Scene {
    /// Starts all parts and applies the estate. `binary`: the built `leasehold`.
    ///
    /// # Errors
    /// The first part that did not start, with what it printed.
    pub fn start(binary: &Path, options: Options) -> Result<Self> {
        let mut scene = Self::without_broker(binary, options)?;
        scene.start_broker()?;
        scene.apply_estate()?;
        Ok(scene)
    }

    /// Everything but the broker.
    ///
    /// # Errors
    /// As [`Scene::start`].
    pub fn without_broker(binary: &Path, options: Options) -> Result<Self> {
        // Guarded, so that it is gone even if a test keeps its scene for ever.
        let folder = Guard::start(&guard::scratch("scene")?, Ending::Kill, None)?;
        let outputs = canary::output_folder_in("scene", folder.folder())?;
        let children = Children::new()?;
        let postgres = Postgres::start().context("PostgreSQL")?;
        let bao =
            OpenBao::start(&BaoOptions { storage: options.storage, ..BaoOptions::default() }).context("OpenBao")?;
        let trust = Trust::start(&options, binary, folder.folder(), &children, &identities(&options))?;
        files::write_estate(folder.folder(), &options.more_estate)?;
        let set_up = SetupOptions {
            jwks_url: trust.jwks_url()?,
            broker_subject: BROKER_ID.into(),
            audience: "vault".into(),
            trust_domain: "example.org".into(),
            window_max: "1h".into(),
            policies: policies(binary, folder.folder())?,
        };
        let made = setup_engine(&bao, &postgres, &set_up)?;
        outputs::register_own(&bao, &postgres, &made)?;
        let address = String::new();
        Ok(Self { bao, postgres, made, address, options, broker: None, trust, children, outputs, folder })
    }

    /// Starts the broker, or starts it again on the same log.
    ///
    /// # Errors
    /// If it does not say that it listens.
    pub fn start_broker(&mut self) -> Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.broker_log())?;
        let mut command = self.serve_command()?;
        command.stdout(Stdio::piped()).stderr(log);
        if let Some(point) = self.options.kill_at.take() {
            command.env("LEASEHOLD_KILL_AT", point);
        }
        let mut broker = self.children.start(&mut command)?;
        let out = broker.child().stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("LISTENING ") else {
            bail!("the broker did not start: {}", fs::read_to_string(self.broker_log())?.trim())
        };
        address.clone_into(&mut self.address);
        self.broker = Some(broker);
        Ok(())
    }

    /// Writes the broker's `leasehold.toml`, which [`Scene::start_broker`] also does; gives its path.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_config(&self) -> Result<PathBuf> {
        let desk = self.trust.desk("broker")?;
        files::write_config(&desk, &self.options, &self.bao.address, &self.endpoint("broker")?)?;
        Ok(desk.join("leasehold.toml"))
    }

    /// The running broker.
    ///
    /// # Errors
    /// If it was not started.
    pub fn broker(&mut self) -> Result<&mut Running> {
        self.broker.as_mut().context("the broker was not started")
    }

    /// The command that serves the scene's log, as [`Scene::start_broker`] runs it.
    ///
    /// # Errors
    /// If the configuration cannot be written.
    pub fn serve_command(&self) -> Result<Command> {
        let config = self.write_config()?;
        let mut command = self.trust.command("broker")?;
        command.args(["serve", "--config"]).arg(config);
        Ok(command)
    }

    /// Waits until the broker is gone by itself, and says how it went.
    ///
    /// # Errors
    /// If it stays.
    pub fn broker_end(&mut self) -> Result<ExitStatus> {
        let mut broker = self.broker.take().context("the broker was not started")?;
        wait_for("the broker to be gone", PATIENCE, || broker.child().try_wait().ok().flatten())
    }

    /// Tells the broker to stop (SIGTERM) and does not wait.
    ///
    /// # Errors
    /// If there is none.
    pub fn tell_broker_to_stop(&mut self) -> Result<()> {
        let id = self.broker()?.child().id().to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status().context("starting kill")?;
        Ok(())
    }

    /// Ends the trust domain: its sockets are gone.
    ///
    /// # Errors
    /// If there is none, or it is not one of development.
    pub fn end_trust(&mut self) -> Result<()> {
        self.trust.end()
    }

    /// Starts the trust domain again, on the same sockets and with new keys, and tells the engine.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_trust_again(&mut self) -> Result<()> {
        self.trust.start_again(&self.options, &self.children, &identities(&self.options))?;
        let algorithms = ["ES256", "ES384", "RS256"];
        let keys = json!({ "jwks_url": self.trust.jwks_url()?, "jwt_supported_algs": algorithms });
        self.bao.must("POST", "auth/jwt/config", &keys)?;
        Ok(())
    }

    /// Kills the broker with SIGKILL.
    ///
    /// # Errors
    /// If there is none.
    pub fn kill_broker(&mut self) -> Result<()> {
        let mut broker = self.broker.take().context("the broker was not started")?;
        broker.child().kill()?;
        broker.wait()?;
        Ok(())
    }

    /// Applies the scene's estate as its operator.
    ///
    /// # Errors
    /// What the command line says.
    pub fn apply_estate(&self) -> Result<()> {
        let estate = self.file("estate.toml");
        self.ok("operator", &["apply", &estate, "--yes"]).or_else(|_| self.ok("operator", &["apply", &estate]))?;
        Ok(())
    }

    /// Runs a verb as one of the identities.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn run(&self, who: &str, words: &[&str]) -> Result<Output> {
        let output = self.command(who, words)?.output().context("starting leasehold")?;
        outputs::register_secrets(words, &output)?;
        Ok(output)
    }

    /// The command of [`Scene::run`], for callers who need its pipes.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn command(&self, who: &str, words: &[&str]) -> Result<Command> {
        let mut command = self.trust.command(who)?;
        command.args(words).stdin(Stdio::null());
        command.env("LEASEHOLD_ADDRESS", &self.address).env("LEASEHOLD_BROKER_ID", BROKER_ID);
        command.env("SPIFFE_ENDPOINT_SOCKET", self.endpoint(who)?);
        Ok(command)
    }

    /// Runs a verb that must succeed; gives its stdout.
    ///
    /// # Errors
    /// With what it printed on stderr.
    pub fn ok(&self, who: &str, words: &[&str]) -> Result<String> {
        let output = self.run(who, words)?;
        if !output.status.success() {
            bail!("leasehold {} as {who}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a verb with `--json` that must succeed; gives its document.
    ///
    /// # Errors
    /// As [`Scene::ok`], or if it printed no JSON.
    pub fn json(&self, who: &str, words: &[&str]) -> Result<Value> {
        let mut words = words.to_vec();
        words.push("--json");
        let text = self.ok(who, &words)?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// Runs a verb that must fail with this reason; gives its stderr.
    ///
    /// # Errors
    /// If it succeeds, or fails for another reason.
    pub fn refused(&self, who: &str, words: &[&str], reason: &str) -> Result<String> {
        let output = self.run(who, words)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            bail!("leasehold {} as {who} was not refused", words.join(" "));
        }
        if said.contains(reason) { Ok(said) } else { bail!("expected {reason}, got: {}", said.trim()) }
    }

    /// Waits until a lease is settled; gives its last JSON.
    ///
    /// # Errors
    /// If it is not settled in time.
    pub fn settled(&self, who: &str, lease: &str) -> Result<Value> {
        wait_for("the lease to be settled", PATIENCE, || {
            let seen = self.json(who, &["lease", "show", lease]).ok()?;
            let state = seen.get("state")?.as_str()?.to_lowercase();
            ["revoked", "not_issued", "not issued", "expired"].iter().any(|end| state.contains(end)).then_some(seen)
        })
    }

    /// Path of a file in the scene's folder.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.folder.folder().join(name).display().to_string()
    }

    /// What to type before a verb to run it as this identity, in another terminal.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn typed(&self, who: &str) -> Result<String> {
        self.trust.typed(who)
    }

    /// Path of a file that this identity may make; the same as [`Scene::file`] in the development trust domain.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn desk_file(&self, who: &str, name: &str) -> Result<String> {
        Ok(self.trust.desk(who)?.join(name).display().to_string())
    }

    /// Where the broker's log lines go.
    #[must_use]
    pub fn broker_log(&self) -> PathBuf {
        self.folder.folder().join("broker.log")
    }

    /// Copies what the broker and its callers wrote to where `cargo xtask test` looks for canaries.
    /// Happens by itself when a scene is dropped; a scene that is kept for ever asks for it.
    ///
    /// # Errors
    /// When something cannot be copied.
    pub fn keep_outputs(&self) -> Result<()> {
        outputs::keep(self.folder.folder(), self.outputs.path())
    }

    /// Where those copies lie.
    #[must_use]
    pub fn outputs(&self) -> &Path {
        self.outputs.path()
    }

    /// Workload API endpoint of an identity.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn endpoint(&self, who: &str) -> Result<String> {
        self.trust.endpoint(who)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Err(error) = self.keep_outputs() {
            crate::not_run("canary scan of a scene", &format!("{error:#}"));
        }
    }
}

/// All identities, the plain ones first.
fn identities(options: &Options) -> Vec<(&str, &str)> {
    let more = options.more_identities.iter().filter_map(|identity| identity.split_once('='));
    IDENTITIES.into_iter().chain(more).collect()
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value.get(key).and_then(Value::as_str).with_context(|| format!("no {key} in {value}"))?.to_owned())
}

fn policies(binary: &Path, folder: &Path) -> Result<Vec<(String, String)>> {
    let output = Command::new(binary).args(["vault", "policy", "--json"]).arg(folder.join("estate.toml")).output()?;
    if !output.status.success() {
        bail!("leasehold vault policy: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    rows.iter().map(|row| Ok((text(row, "name")?, text(row, "policy")?))).collect()
}

/// The `leasehold` that was built last, in the target directory that is in force.
///
/// # Errors
/// If there is none.
pub fn built_binary() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    let binary = target.join("debug").join("leasehold");
    if binary.is_file() { Ok(binary) } else { bail!("{} is not built: run cargo build", binary.display()) }
}
