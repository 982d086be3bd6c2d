//! A real SPIRE on this machine: one server, one agent (join token), and one entry per identity,
//! told apart by the unix attestor. The counterpart of `leasehold dev trust`.
//!
//! The attestor's selectors describe a process, and SPIRE gives a process the identity of every
//! entry that it matches. So each identity needs a numeric user id of its own, and only root can
//! start processes under several. What is written here follows SPIRE 1.12 to 1.14 and its reference
//! (`doc/spire_server.md`, `doc/spire_agent.md`, `doc/plugin_agent_workloadattestor_unix.md`).

mod config;
mod jwks;
mod programs;

pub use programs::{Missing, Programs};

use crate::children::{Children, Running};
use crate::peers::{free_port, wait_for};
use anyhow::{Context as _, Result, anyhow, bail};
use config::Places;
use jwks::KeyServer;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A running SPIRE, its entries known to the agent. Gone when dropped.
#[derive(Debug)]
pub struct Spire {
    identities: Vec<Identity>,
    places: Places,
    folder: PathBuf,
    keys: KeyServer,
    _agent: Running,
    _server: Running,
}

/// Whom SPIRE knows under which user id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    name: String,
    spiffe_id: String,
    dns: Option<String>,
    uid: u32,
}

impl Spire {
    /// Starts server and agent in `folder`, which others may pass through, and registers the
    /// identities, `(name, spiffe://domain/path[:dns=NAME])`.
    ///
    /// # Errors
    /// If we are not root, or the first step that failed, with what the programs said.
    pub fn start(programs: &Programs, folder: &Path, children: &Children, identities: &[(&str, &str)]) -> Result<Self> {
        only_root()?;
        let identities: Vec<_> = identities.iter().zip(FIRST_UID..).map(|(it, uid)| Identity::of(*it, uid)).collect();
        let places = Places::below(folder, free_port()?);
        places.make()?;
        let cli = Cli { programs, places: &places };
        let server = cli.start_server(children)?;
        for identity in &identities {
            cli.register(identity)?;
        }
        // Last, because the server reads new entries only every five seconds.
        let agent = cli.start_agent(children)?;
        let keys = KeyServer::start(programs.server.clone(), places.server_socket.clone())?;
        let spire = Self { identities, places, folder: folder.to_owned(), keys, _agent: agent, _server: server };
        spire.furnish()?;
        spire.wait_for_entries(&programs.agent)?;
        Ok(spire)
    }

    /// Where OpenBao finds the keys of the JWT-SVIDs.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        self.keys.url()
    }

    /// The agent's Workload API, the same for all: it looks who calls.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.places.agent_socket.display())
    }

    /// A folder that only this identity and root may enter.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn desk(&self, who: &str) -> Result<PathBuf> {
        Ok(self.folder.join(format!("desk-{}", self.identity(who)?.name)))
    }

    /// Makes a command run as this identity: under its user id, at its desk.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn dress(&self, who: &str, command: &mut Command) -> Result<()> {
        let uid = self.identity(who)?.uid;
        command.uid(uid).gid(uid).current_dir(self.desk(who)?);
        Ok(())
    }

    /// The same for a terminal.
    ///
    /// # Errors
    /// If there is no such identity.
    pub fn typed(&self, who: &str) -> Result<String> {
        let uid = self.identity(who)?.uid;
        Ok(format!("setpriv --reuid={uid} --regid={uid} --clear-groups"))
    }

    fn identity(&self, who: &str) -> Result<&Identity> {
        self.identities.iter().find(|it| it.name == who).with_context(|| format!("no identity {who}"))
    }

    /// A desk for each.
    fn furnish(&self) -> Result<()> {
        for identity in &self.identities {
            let desk = self.desk(&identity.name)?;
            fs::create_dir(&desk)?;
            fs::set_permissions(&desk, fs::Permissions::from_mode(0o700))?;
            chown(&desk, Some(identity.uid), Some(identity.uid))?;
            let mut look = Command::new("true");
            self.dress(&identity.name, &mut look)?;
            look.status().with_context(|| {
                let (uid, desk) = (identity.uid, desk.display());
                format!("uid {uid} cannot run in {desk}: set TMPDIR to a folder that every user may pass")
            })?;
        }
        Ok(())
    }

    /// The server reads its entries every five seconds, and the agent asks it as often; until an entry came
    /// through, the agent says `no identity issued`.
    fn wait_for_entries(&self, agent: &Path) -> Result<()> {
        for identity in &self.identities {
            let what = format!("the agent to know {}", identity.spiffe_id);
            let seen = wait_for(&what, PATIENCE, || self.fetched(agent, identity).ok().filter(|ids| !ids.is_empty()))
                .with_context(|| format!("the SPIRE agent said: {}", self.places.said(AGENT_LOG)))?;
            if seen != [identity.spiffe_id.as_str()] {
                bail!("uid {} is {seen:?} to SPIRE, not {} alone", identity.uid, identity.spiffe_id);
            }
        }
        Ok(())
    }

    /// The SPIFFE IDs that the agent gives to a process of this identity.
    fn fetched(&self, agent: &Path, identity: &Identity) -> Result<Vec<String>> {
        let mut fetch = Command::new(agent);
        fetch.args(["api", "fetch", "x509", "-timeout", "10s", "-socketPath"]).arg(&self.places.agent_socket);
        fetch.stdin(Stdio::null());
        self.dress(&identity.name, &mut fetch)?;
        Ok(spiffe_ids(&String::from_utf8(fetch.output()?.stdout)?))
    }
}

impl Identity {
    fn of((name, id): (&str, &str), uid: u32) -> Self {
        let (id, dns) = id.split_once(":dns=").map_or((id, None), |(id, dns)| (id, Some(dns.to_owned())));
        Self { name: name.into(), spiffe_id: id.into(), dns, uid }
    }

    /// The arguments of `spire-server entry create`, behind the socket.
    fn entry(&self) -> Vec<String> {
        let selector = format!("unix:uid:{}", self.uid);
        let mut words = vec!["-parentID", config::NODE_ID, "-spiffeID", &self.spiffe_id, "-selector", &selector];
        words.extend(["-x509SVIDTTL", X509_TTL_SECONDS, "-jwtSVIDTTL", JWT_TTL_SECONDS]);
        words.extend(self.dns.iter().flat_map(|dns| ["-dns", dns]));
        words.into_iter().map(str::to_owned).collect()
    }
}

/// The programs' own command lines.
struct Cli<'a> {
    programs: &'a Programs,
    places: &'a Places,
}

/// One of the two programs as a daemon.
struct Daemon<'a> {
    name: &'static str,
    program: &'a Path,
    socket: &'a Path,
    log: &'static str,
}

impl Cli<'_> {
    fn start_server(&self, children: &Children) -> Result<Running> {
        let config = self.places.write("server.conf", &config::server(self.places))?;
        let socket = &self.places.server_socket;
        let server = Daemon { name: "the SPIRE server", program: &self.programs.server, socket, log: "server.log" };
        self.start(&server, children, Command::new(server.program).arg("run").arg("-config").arg(config))
    }

    fn start_agent(&self, children: &Children) -> Result<Running> {
        let bundle = self.server(&["bundle", "show"], &["-format", "pem"])?;
        fs::write(&self.places.bootstrap_bundle, bundle)?;
        let token = self.server(&["token", "generate"], &["-spiffeID", config::NODE_ID])?;
        let token = token.lines().find_map(|line| line.strip_prefix("Token:")).context("no token was made")?.trim();
        let config = self.places.write("agent.conf", &config::agent(self.places))?;
        let socket = &self.places.agent_socket;
        let agent = Daemon { name: "the SPIRE agent", program: &self.programs.agent, socket, log: AGENT_LOG };
        let mut run = Command::new(agent.program);
        // The token goes by the environment: an argument would be seen by every user of the machine.
        run.arg("run").arg("-config").arg(config).arg("-expandEnv").env(config::TOKEN_VARIABLE, token);
        self.start(&agent, children, &mut run)
    }

    fn register(&self, identity: &Identity) -> Result<()> {
        let entry = identity.entry();
        let entry: Vec<&str> = entry.iter().map(String::as_str).collect();
        self.server(&["entry", "create"], &entry).map(drop)
    }

    /// One command of `spire-server`; gives its stdout.
    fn server(&self, verb: &[&str], options: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.programs.server);
        command.args(verb).arg("-socketPath").arg(&self.places.server_socket).args(options).stdin(Stdio::null());
        let output = command.output().context("starting spire-server")?;
        if !output.status.success() {
            bail!("spire-server {}: {}", verb.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts it and waits until its own `healthcheck` is content; one that ended is not waited for.
    fn start(&self, daemon: &Daemon<'_>, children: &Children, run: &mut Command) -> Result<Running> {
        let log = fs::File::create(self.places.folder.join(daemon.log))?;
        let mut running = children.start(run.stdout(log.try_clone()?).stderr(log))?;
        let healthy_or_gone = || {
            if let Some(status) = running.child().try_wait().ok().flatten() {
                return Some(Some(status));
            }
            let mut check = Command::new(daemon.program);
            check.args(["healthcheck", "-socketPath"]).arg(daemon.socket).stdin(Stdio::null());
            check.output().is_ok_and(|output| output.status.success()).then_some(None)
        };
        let said = || format!("{} said: {}", daemon.name, self.places.said(daemon.log));
        match wait_for(daemon.name, PATIENCE, healthy_or_gone).with_context(said)? {
            None => Ok(running),
            Some(status) => Err(anyhow!("it ended with {status}").context(said())),
        }
    }
}

/// The values of the lines `SPIFFE ID:` of `spire-agent api fetch x509`.
fn spiffe_ids(told: &str) -> Vec<String> {
    told.lines().filter_map(|line| line.strip_prefix("SPIFFE ID:")).map(|id| id.trim().to_owned()).collect()
}

/// Says why, if we cannot show several identities.
///
/// # Errors
/// If we are not root.
pub fn only_root() -> Result<()> {
    if fs::metadata("/proc/self")?.uid() == 0 {
        return Ok(());
    }
    bail!(
        "only root can show this: SPIRE's unix attestor tells identities apart by user id, and only root can start \
         processes under several; run it as root, or in a container"
    )
}

/// Six numbers in a row that no account should have; they need not be in /etc/passwd.
const FIRST_UID: u32 = 61_101;
/// SPIRE's defaults, said aloud.
const X509_TTL_SECONDS: &str = "3600";
const JWT_TTL_SECONDS: &str = "300";
const PATIENCE: Duration = Duration::from_secs(40);
const AGENT_LOG: &str = "agent.log";

#[cfg(test)]
mod tests;
