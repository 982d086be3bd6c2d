//! A whole scene behind a proxy to the engine, its callers over gRPC, and the look at what must hold
//! in the end: accounts at the backend are explained by the log, and the log verifies.

mod caller;

pub(crate) use caller::{Caller, Refused, Told};

use leasehold::audit::verify;
use leasehold::proto::v1;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use leasehold::proto::v1::{LeaseState, RevocationAssurance, TaskState};
use leasehold::tlog::note::VerifierKey;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xtask::peers::proxy::Proxy;
use xtask::peers::wait_for;
use xtask::scene::{Options, Scene};

pub(crate) struct House {
    pub(crate) bot: Caller,
    pub(crate) lead: Caller,
    pub(crate) proxy: Proxy,
    pub(crate) scene: Scene,
}

/// A call that runs while the test does something else.
pub(crate) type Pending = std::thread::JoinHandle<Told<v1::IssueSecretResponse>>;

impl House {
    pub(crate) fn open() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        if !cfg!(feature = "failpoints") {
            panic!("these tests take --features failpoints (cargo xtask test has it)");
        }
        let mut scene = Scene::without_broker(binary(), options).unwrap();
        let proxy = Proxy::start(scene.bao.host()).unwrap();
        scene.options.engine_address = Some(format!("http://{}", proxy.address));
        scene.start_broker().unwrap();
        scene.apply_estate().unwrap();
        let (bot, lead) = (Caller::of(&scene, "billing-bot"), Caller::of(&scene, "payments-lead"));
        Self { bot, lead, proxy, scene }
    }

    /// Starts the broker again on the same log, to die at `point` if one is named.
    pub(crate) fn restart(&mut self, point: Option<&str>) {
        if self.scene.broker().is_ok() {
            self.scene.kill_broker().unwrap();
        }
        self.scene.options.kill_at = point.map(|name| format!("{name}:1"));
        self.scene.start_broker().unwrap();
        self.follow();
    }

    pub(crate) fn follow(&mut self) {
        self.bot.follow(&self.scene);
        self.lead.follow(&self.scene);
    }

    /// The broker has killed itself at its point.
    pub(crate) fn died(&mut self) {
        assert_eq!(self.scene.broker_end().unwrap().signal(), Some(9), "{}", self.broker_said());
    }

    pub(crate) fn broker_said(&self) -> String {
        std::fs::read_to_string(self.scene.broker_log()).unwrap()
    }

    pub(crate) fn request_task(&self) -> v1::Task {
        let request = task_request(&uuid());
        let told = self.bot.call(async |channel| TaskServiceClient::new(channel).request_task(request).await);
        told.unwrap().task.unwrap()
    }

    pub(crate) fn approve(&self, task: &v1::Task) -> Told<v1::ApproveTaskResponse> {
        let request = v1::ApproveTaskRequest {
            request_id: uuid(),
            task_id: task.id.clone(),
            request_digest: task.request_digest.clone(),
            valid_for: None,
        };
        self.lead.call(async |channel| TaskServiceClient::new(channel).approve_task(request).await)
    }

    pub(crate) fn until_active(&self, task: &str) {
        until("the task to be active", || self.bot.task(task).is_ok_and(|task| task.state() == TaskState::Active));
    }

    pub(crate) fn active_task(&self) -> String {
        let task = self.request_task();
        self.approve(&task).unwrap();
        self.until_active(&task.id);
        task.id
    }

    pub(crate) fn issue(&self, task: &str, request_id: &str) -> Told<v1::IssueSecretResponse> {
        self.bot.issue(issue_request(task, request_id))
    }

    /// The same, while the test goes on; by a caller of its own.
    pub(crate) fn issue_aside(&self, task: &str, request_id: &str) -> Pending {
        let (caller, request) = (Caller::of(&self.scene, "billing-bot"), issue_request(task, request_id));
        std::thread::spawn(move || caller.issue(request))
    }

    /// Completes the task and waits until nothing is left of it.
    pub(crate) fn finish(&self, task: &str) {
        self.bot.complete(&uuid(), task).unwrap();
        self.until_gone(task);
    }

    pub(crate) fn until_gone(&self, task: &str) {
        let is_gone = || self.bot.task(task).is_ok_and(|task| task.state() == TaskState::Gone).then_some(());
        wait_for("the task to be gone", PATIENCE, is_gone).unwrap_or_else(|error| {
            let said = self.broker_said();
            let last: Vec<_> = said.lines().rev().take(12).collect();
            panic!("{error}: {:?}\n{}", self.bot.task(task), last.join("\n"))
        });
    }

    pub(crate) fn until_lease(&self, lease: &str, state: LeaseState) -> v1::Lease {
        wait_for("the lease to change", PATIENCE, || self.bot.lease(lease).ok().filter(|seen| seen.state() == state))
            .unwrap_or_else(|error| panic!("{error}: wanted {state:?}, have {:?}", self.bot.lease(lease)))
    }

    /// The lease is dead, and the backend was looked at.
    pub(crate) fn until_dead(&self, lease: &str) {
        let seen = self.until_lease(lease, LeaseState::Revoked);
        assert_eq!(seen.assurance(), RevocationAssurance::EffectConfirmed);
    }

    /// Accounts with our tag at the backend.
    pub(crate) fn accounts(&self) -> BTreeSet<String> {
        let names = self.scene.postgres.psql("select rolname from pg_roles where rolname like 'lh%'").unwrap();
        names.lines().map(str::to_owned).collect()
    }

    pub(crate) fn log(&self) -> Log {
        let folder = self.scene.options.log_folder.clone();
        Log::read(&folder.map_or_else(|| PathBuf::from(self.scene.file("log.db")), |folder| folder.join("log.db")))
    }

    /// What must hold whatever happened: every account with our tag is that of an open lease in the
    /// log, every lease at the engine too, and the saved log verifies offline.
    pub(crate) fn check(&self) {
        until("accounts to be explained by the log", || self.accounts().is_subset(&self.log().open("account")));
        until("leases to be explained by the log", || self.engine_leases().is_subset(&self.log().open("engine_lease")));
        let bundle = self.scene.file(&format!("{}.bundle", uuid()));
        self.scene.ok("auditor", &["evidence", "export", &bundle, "--open", "*"]).unwrap();
        let said = self.scene.json("auditor", &["evidence", "checkpoint"]).unwrap();
        let key = VerifierKey::parse(said["verifier_key"].as_str().unwrap()).unwrap();
        let report = verify(BufReader::new(File::open(&bundle).unwrap()), &key);
        assert!(report.holds() && report.size > 0, "{report}");
    }

    fn engine_leases(&self) -> BTreeSet<String> {
        let path = "database/creds/ledger-ro";
        let told = self.scene.bao.call("LIST", &format!("sys/leases/lookup/{path}"), &Value::Null).unwrap();
        let keys = told.body.pointer("/data/keys").and_then(Value::as_array).cloned().unwrap_or_default();
        keys.iter().map(|key| format!("{path}/{}", key.as_str().unwrap())).collect()
    }
}

/// The log as it stands in the store, read beside the broker.
pub(crate) struct Log {
    entries: Vec<Value>,
    openings: Vec<(u32, String, String)>,
}

impl Log {
    fn read(file: &Path) -> Self {
        let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut entries = store.prepare("SELECT bytes FROM entry ORDER BY idx").unwrap();
        let entries = entries.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let entries: Vec<Value> = entries.map(|bytes| serde_json::from_slice(&bytes.unwrap()).unwrap()).collect();
        let mut openings = store.prepare("SELECT place / 256, field, value FROM opening").unwrap();
        let openings = openings.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        Self { entries, openings: openings.map(Result::unwrap).collect() }
    }

    /// Entries of a type that concern this id.
    pub(crate) fn of(&self, kind: &str, id: &str) -> Vec<&Value> {
        let concerns = |entry: &&Value| entry["what"]["lease"] == id || entry["what"]["task"] == id;
        self.entries.iter().filter(|entry| entry["type"] == kind).filter(concerns).collect()
    }

    /// Entries of a type.
    pub(crate) fn all(&self, kind: &str) -> Vec<&Value> {
        self.entries.iter().filter(|entry| entry["type"] == kind).collect()
    }

    /// The one intended lease that no entry settles.
    pub(crate) fn last_intended(&self) -> String {
        let last = self.entries.iter().rfind(|entry| entry["type"] == "lease.intended").unwrap();
        last["what"]["lease"].as_str().unwrap().to_owned()
    }

    /// Number of entries that answer a request.
    pub(crate) fn asked(&self) -> usize {
        self.entries.iter().filter(|entry| !entry["request"].is_null()).count()
    }

    pub(crate) fn size(&self) -> usize {
        self.entries.len()
    }

    /// Opened values of this field of all leases that are issued and not proven dead.
    fn open(&self, field: &str) -> BTreeSet<String> {
        let settled = |lease: &Value| {
            self.entries.iter().any(|entry| entry["type"] == "lease.revoked" && entry["what"]["lease"] == *lease)
        };
        let open = |index: u32| {
            let entry = &self.entries[index as usize];
            entry["type"] == "lease.issued" && !settled(&entry["what"]["lease"])
        };
        let values = self.openings.iter().filter(|(index, name, _)| name == field && open(*index));
        values.map(|(_, _, value)| value.clone()).collect()
    }
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_leasehold"))
}

pub(crate) fn task_request(request_id: &str) -> v1::RequestTaskRequest {
    v1::RequestTaskRequest {
        request_id: request_id.into(),
        agent: "billing-bot".into(),
        purpose: "reconcile invoices".into(),
        purpose_code: "reconcile-invoices".into(),
        credentials: vec!["ledger-ro".into()],
        window: Some(seconds(1_200)),
    }
}

pub(crate) fn issue_request(task: &str, request_id: &str) -> v1::IssueSecretRequest {
    v1::IssueSecretRequest {
        request_id: request_id.into(),
        task_id: task.into(),
        credential: "ledger-ro".into(),
        ..v1::IssueSecretRequest::default()
    }
}

pub(crate) fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

/// A fresh request id.
pub(crate) fn uuid() -> String {
    let chance = xtask::peers::random_hex(16).unwrap();
    let bytes: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&chance[2 * at..2 * at + 2], 16).unwrap()).collect();
    uuid::Builder::from_random_bytes(bytes.try_into().unwrap()).into_uuid().to_string()
}

pub(crate) fn until(what: &str, mut ask: impl FnMut() -> bool) {
    wait_for(what, PATIENCE, || ask().then_some(())).unwrap();
}

/// The lease of an answer that carries a secret.
pub(crate) fn lease_of(told: &v1::IssueSecretResponse) -> String {
    assert!(told.secret.is_some());
    told.lease.as_ref().unwrap().id.clone()
}

const PATIENCE: Duration = Duration::from_secs(45);
