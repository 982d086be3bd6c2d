//! A broker that behaves: tasks are approved, secrets issued once, leases proven dead a moment
//! after their end. What it is asked is remembered; what it should refuse next can be arranged.

mod issuance;
mod others;
mod tasks;

use leasehold::proto::v1::{self, Lease, LeaseState, Task, TaskState};
use prost_types::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

pub(crate) const TASK: &str = "task-00000000-0000-7000-8000-000000000001";
pub(crate) const DIGEST: &str = "W2cU0tAKd8QKvRl4cS9vCq4H2nIDpKjk0m1rQ4yNn5c";

pub(crate) type Stream<T> = Pin<Box<dyn futures_util::Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) leases: BTreeMap<String, Lease>,
    /// Calls so far: name and request id.
    pub(crate) calls: Vec<(&'static str, String)>,
    /// Said instead of serving the next calls.
    pub(crate) refusals: VecDeque<Status>,
    /// Said after serving the next issues: the answer is lost.
    pub(crate) lost_answers: VecDeque<Status>,
    /// What a request id came to.
    pub(crate) done: HashMap<String, String>,
    /// Whether tasks need no yes.
    pub(crate) approves_at_once: bool,
    /// Whether settled leases are forgotten.
    pub(crate) forgets: bool,
    /// Streams close with this once.
    pub(crate) interruptions: VecDeque<Status>,
    /// Justifications of ends and refusals.
    pub(crate) justifications: Vec<String>,
    /// Estate changes that were applied.
    pub(crate) estate_version: u64,
    /// Names in requests for certificates.
    pub(crate) csr: Option<String>,
    /// Seconds of life that an issue gives; ten minutes if not set.
    pub(crate) life_seconds: Option<i64>,
    log: u64,
    looks: HashMap<String, u32>,
}

impl Fake {
    /// Serves on loopback until the test's runtime ends.
    pub(crate) async fn serve() -> (Arc<Self>, SocketAddr) {
        let fake = Arc::new(Self { state: Arc::default(), changes: watch::channel(0).0 });
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let server = Server::builder()
            .add_service(v1::task_service_server::TaskServiceServer::from_arc(fake.clone()))
            .add_service(v1::issuance_service_server::IssuanceServiceServer::from_arc(fake.clone()))
            .add_service(v1::estate_service_server::EstateServiceServer::from_arc(fake.clone()))
            .add_service(v1::evidence_service_server::EvidenceServiceServer::from_arc(fake.clone()))
            .add_service(v1::signal_service_server::SignalServiceServer::from_arc(fake.clone()))
            .add_service(v1::status_service_server::StatusServiceServer::from_arc(fake.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        (fake, address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn approve_at_once(&self) {
        self.state().approves_at_once = true;
    }

    pub(crate) fn refuse_next(&self, status: Status) {
        self.state().refusals.push_back(status);
    }

    /// Names of the calls so far.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state().calls.iter().map(|(name, _)| *name).collect()
    }

    /// Request ids of the calls of this name.
    pub(crate) fn request_ids(&self, name: &str) -> Vec<String> {
        self.state().calls.iter().filter(|(call, _)| *call == name).map(|(_, id)| id.clone()).collect()
    }

    /// Changes a task and wakes who watches.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Task)) {
        self.state().tasks.get_mut(id).map(change).unwrap();
        self.changes.send_modify(|count| *count += 1);
    }

    fn enter(&self, name: &'static str, request_id: &str) -> Result<MutexGuard<'_, State>, Status> {
        let mut state = self.state();
        state.calls.push((name, request_id.to_owned()));
        match state.refusals.pop_front() {
            Some(status) => Err(status),
            None => Ok(state),
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

impl State {
    fn append(&mut self) -> u64 {
        self.log += 1;
        self.log
    }

    /// A task is gone when nothing of it is open.
    fn settle(&mut self, task_id: &str) {
        let open = |lease: &&Lease| lease.task_id == task_id && !settled(lease);
        let open: Vec<String> = self.leases.values().filter(open).map(|lease| lease.id.clone()).collect();
        let Some(task) = self.tasks.get_mut(task_id) else { return };
        if task.state() == TaskState::Ending && open.is_empty() {
            task.set_state(TaskState::Gone);
        }
        task.open_leases = open;
    }
}

pub(crate) fn settled(lease: &Lease) -> bool {
    matches!(lease.state(), LeaseState::Revoked | LeaseState::Expired | LeaseState::NotIssued)
}

/// 2026-11-21T10:00:00.000001Z and so many seconds.
pub(crate) fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_795_255_200 + seconds, nanos: 1_000 })
}

/// A denial as the broker words it.
pub(crate) fn denial(code: Code, reason: &str, message: &str) -> Status {
    detailed(code, reason, message, |_| {})
}

/// An outage that says when to come back.
pub(crate) fn outage() -> Status {
    detailed(Code::Unavailable, "ENGINE_UNAVAILABLE", "vault cannot be reached", |details| {
        details.set_retry_info(Some(Duration::from_millis(3)));
    })
}

pub(crate) fn detailed(code: Code, reason: &str, message: &str, more: impl FnOnce(&mut ErrorDetails)) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "leasehold", HashMap::new());
    more(&mut details);
    Status::with_error_details(code, message, details)
}

fn not_found() -> Status {
    denial(Code::NotFound, "NOT_FOUND", "no such thing, or not yours")
}
