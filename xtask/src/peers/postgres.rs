//! A real PostgreSQL with its data in a temporary folder: loopback only, no Unix socket, SCRAM for
//! everybody, no fsync. It refuses to be root, so as root it runs as `postgres`, else `nobody`.

use super::guard::{Ending, Guard, scratch};
use anyhow::{Context as _, Result, bail};
use std::io::Write as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A PostgreSQL. Gone when dropped, or when this process is gone.
#[derive(Debug)]
pub struct Postgres {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Password of the superuser `postgres`.
    pub password: String,
    binaries: PathBuf,
    user: Option<ServerUser>,
    guard: Option<Guard>,
}

/// Who runs the server if we are root.
#[derive(Debug, Clone)]
struct ServerUser {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Makes a cluster, starts it and waits until it answers; tries five ports.
    ///
    /// # Errors
    /// What is missing and how to get it, or the last failure with what the server said.
    pub fn start() -> Result<Self> {
        let binaries = binaries()?;
        let user = server_user()?;
        let folder = scratch("postgres")?;
        let guard = Guard::start(&folder, Ending::Kill, None)?;
        let password = super::random_hex(16)?;
        make_cluster(&binaries, user.as_ref(), &folder, &password)?;
        guard.end_keeping_folder()?;
        let mut server = Self { port: 0, password, binaries, user, guard: None };
        let mut failure = None;
        for _ in 0..5 {
            server.port = super::free_port()?;
            match server.run_in(&folder) {
                Ok(()) => return Ok(server),
                Err(error) => failure = Some(error),
            }
        }
        std::fs::remove_dir_all(&folder)?;
        failure.map_or_else(|| bail!("PostgreSQL did not start"), Err)
    }

    fn run_in(&mut self, folder: &Path) -> Result<()> {
        let mut server = as_user(self.user.as_ref(), &self.binaries.join("postgres"));
        server.arg("-D").arg(folder.join("data")).args(["-p", &self.port.to_string()]);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        let guard = Guard::start(folder, Ending::Quit, Some(&server))?;
        let asked = super::wait_for("PostgreSQL to answer", Duration::from_secs(20), || self.psql("SELECT 1").ok());
        if let Err(error) = asked {
            let said = guard.log();
            guard.end_keeping_folder()?;
            return Err(error.context(format!("PostgreSQL said: {said}")));
        }
        self.guard = Some(guard);
        Ok(())
    }

    /// Stops it at once (`-m immediate`): open sessions break, new ones are refused.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&mut self) -> Result<()> {
        let folder = self.guard.take().context("PostgreSQL does not run")?.end_keeping_folder()?;
        self.guard = Some(Guard::start(&folder, Ending::Kill, None)?);
        Ok(())
    }

    /// Starts it again on the same port with the same data.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn start_again(&mut self) -> Result<()> {
        let folder = self.guard.take().context("PostgreSQL has no data")?.end_keeping_folder()?;
        self.run_in(&folder)
    }

    /// Runs statements as the superuser in database `postgres` and gives what they print: one row
    /// per line, columns parted by `|`.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn psql(&self, sql: &str) -> Result<String> {
        self.psql_as("postgres", &self.password, &[], sql)
    }

    /// Runs statements as anybody; `variables` become `:'name'` in them.
    ///
    /// # Errors
    /// What `psql` said, for example that the password is wrong.
    pub fn psql_as(&self, user: &str, password: &str, variables: &[(&str, &str)], sql: &str) -> Result<String> {
        // As input and not as arguments, which everybody on the machine can read.
        let set: String = variables.iter().map(|(name, value)| format!("\\set {name} '{value}'\n")).collect();
        answer_of(&mut self.psql_command(user, password), &(set + sql))
    }

    /// A `psql` that reads statements from its standard input, for sessions that stay open.
    #[must_use]
    pub fn psql_command(&self, user: &str, password: &str) -> Command {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-d", "postgres"]);
        psql.args(["-p", &self.port.to_string(), "-U", user]);
        psql.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "5").env_remove("PGHOST").env_remove("PGSERVICE");
        psql
    }

    /// A connection string as `tokio-postgres` and `libpq` read it.
    #[must_use]
    pub fn dsn(&self, user: &str, password: &str) -> String {
        format!("host=127.0.0.1 port={} user={user} password={password} dbname=postgres", self.port)
    }
}

/// The folder with `initdb` and `postgres`: what `pg_config` says, else Debian's newest.
///
/// # Errors
/// One sentence: what is missing and how to get it.
pub fn binaries() -> Result<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    folders.extend(told);
    folders
        .into_iter()
        .rev()
        .find(|folder| folder.join("initdb").is_file())
        .context("PostgreSQL's server is missing; install your system's package (Debian: `apt install postgresql`)")
}

fn server_user() -> Result<Option<ServerUser>> {
    if number(&["-u"])? != 0 {
        return Ok(None);
    }
    let name = if number(&["-u", "postgres"]).is_ok() { "postgres" } else { "nobody" };
    Ok(Some(ServerUser { uid: number(&["-u", name])?, gid: number(&["-g", name])? }))
}

fn number(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(arguments).output().context("starting id")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("no such user")
}

/// A command that runs as that user, by `setpriv`, which keeps the process id.
fn as_user(user: Option<&ServerUser>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid)).arg("--clear-groups");
    command.arg(program);
    command
}

fn make_cluster(binaries: &Path, user: Option<&ServerUser>, folder: &Path, password: &str) -> Result<()> {
    let password_file = folder.join("password");
    std::fs::write(&password_file, password)?;
    if let Some(user) = user {
        chown(folder, Some(user.uid), Some(user.gid))?;
        chown(&password_file, Some(user.uid), Some(user.gid))?;
    }
    let mut initdb = as_user(user, &binaries.join("initdb"));
    initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.arg(format!("--pwfile={}", password_file.display())).arg("-D").arg(folder.join("data"));
    answer_of(initdb.current_dir(std::env::temp_dir()), "").context("making the cluster")?;
    std::fs::remove_file(&password_file)?;
    Ok(())
}

fn answer_of(command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that leaves early closes the pipe; its status says why.
        let _left_early = pipe.write_all(input.as_bytes());
    }
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned());
    }
    bail!("{}", String::from_utf8_lossy(&stderr).trim())
}

const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "password_encryption=scram-sha-256",
    "fsync=off",
    "max_connections=200",
    "log_min_messages=warning",
    "idle_session_timeout=0",
];
