//! A broker as `app` wires it, on the fixtures' trust domain.

use super::engine::{MemoryEngine, NoProbe};
use crate::fixtures::forge::Identity;
use crate::fixtures::ports::{TestClock, TestEntropy};
use crate::fixtures::world::{WORKLOAD, World as Grounds, connect};
use crate::sim::shelf::SimShelf;
use hyper_util::rt::TokioIo;
use leasehold::adapters::index::SqliteIndex;
use leasehold::adapters::spire::ClientCertificate;
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::domain::base::{Span, SpiffeId};
use leasehold::domain::entry::Entry;
use leasehold::domain::judge::BuiltInRules;
use leasehold::ports::{LogStore, TrustSource};
use leasehold::proto::v1;
use leasehold::proto::v1::estate_service_client::EstateServiceClient;
use leasehold::proto::v1::evidence_service_client::EvidenceServiceClient;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;
use leasehold::proto::v1::signal_service_client::SignalServiceClient;
use leasehold::proto::v1::status_service_client::StatusServiceClient;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use leasehold::services::World;
use leasehold::services::close::Close;
use leasehold::services::duties::{Driver, Verbs};
use leasehold::services::end::End;
use leasehold::services::index::Index;
use leasehold::services::issue::{InFlight, Issue};
use leasehold::services::journal::{Journal, Parts};
use leasehold::services::renew::Renew;
use leasehold::services::tokens::Tokens;
use leasehold::services::view::View;
use leasehold::services::witnessed::Witnessed;
use leasehold::surfaces::grpc::{self, GrpcParts};
use leasehold::surfaces::tls::{Door, DoorLimits, Registry};
use leasehold::tlog::note::Signer;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

pub(super) const OPERATOR: &str = "spiffe://example.org/people/operator";
pub(super) const DEPUTY: &str = "spiffe://example.org/people/deputy";
pub(super) const AUDITOR: &str = "spiffe://example.org/people/auditor";
pub(super) const SCORER: &str = "spiffe://example.org/scorer";
pub(super) const APPROVER: &str = "spiffe://example.org/people/lead";
pub(super) const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/lead"]
[role.operator]
members = ["spiffe://example.org/people/operator", "spiffe://example.org/people/deputy"]
[role.auditor]
members = ["spiffe://example.org/people/auditor"]
[role.scorer]
members = ["spiffe://example.org/scorer"]
[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/a"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices"
[credential.api-key]
kind = "kv"
path = "secret/data/app/key"
max_ttl = "20m"
owner = "payments"
sensitivity = "low"
[credential.ledger-key]
kind = "kv"
path = "secret/data/ledger/key"
max_ttl = "20m"
owner = "payments"
sensitivity = "high"
"#;

/// A broker that serves, and the grounds it stands on.
pub(super) struct Broker {
    pub(super) grounds: Grounds,
    pub(super) world: World,
    pub(super) engine: Arc<MemoryEngine>,
    pub(super) key: String,
    pub(super) stop: CancellationToken,
    pub(super) address: SocketAddr,
    pub(super) index_file: PathBuf,
    requests: AtomicU64,
    _stop: DropGuard,
    pub(super) folder: tempfile::TempDir,
}

impl Broker {
    /// With an empty estate: only the bootstrap operator may do anything.
    pub(super) async fn new() -> Self {
        Self::over(tempfile::tempdir().unwrap(), Witnessed::default()).await
    }

    /// Over the log in this folder, which may be there already and is not asked whence it comes.
    pub(super) async fn over(folder: tempfile::TempDir, witnessed: Witnessed) -> Self {
        let grounds = Grounds::new().await;
        let clock: Arc<TestClock> = Arc::clone(&grounds.clock);
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&folder.path().join("log.db")).unwrap());
        let signer = log_key();
        let key = signer.verifier().to_string();
        let operator = SpiffeId::parse(OPERATOR).unwrap();
        let parts = Parts {
            store: Arc::clone(&store),
            shelf: Arc::new(SimShelf::default()),
            clock: clock.clone(),
            signer,
            judge: Arc::new(BuiltInRules),
            bootstrap: vec![operator.clone()],
            mode: "dev",
            engine_request_seconds_max: 2,
            vouched: None,
        };
        let (journal, writer) = Journal::start(parts).await.unwrap();
        grounds.tasks.spawn(writer);
        let engine = Arc::new(MemoryEngine { clock: clock.clone(), sealed: AtomicBool::new(false) });
        let world = World {
            journal,
            clock,
            entropy: Arc::new(TestEntropy::default()),
            store,
            engine: engine.clone(),
            probe: Arc::new(NoProbe),
            witnessed,
            tracker: grounds.tasks.clone(),
        };
        let stop = CancellationToken::new();
        let index_file = SqliteIndex::beside(&folder.path().join("log.db"));
        let port = Arc::new(SqliteIndex::open(&index_file, "leasehold.test/wire").unwrap());
        let index = Index::new(world.journal.clone(), Arc::clone(&world.store), port);
        grounds.tasks.spawn(index.clone().run(stop.clone()));
        let address = open(&grounds, &world, index, operator, &stop).await;
        let (requests, guard) = (AtomicU64::new(1), stop.clone().drop_guard());
        Self { grounds, world, engine, key, stop, address, index_file, requests, _stop: guard, folder }
    }

    /// With the estate of the tests in force.
    pub(super) async fn with_estate() -> Self {
        Self::new().await.applying_the_estate().await
    }

    pub(super) async fn applying_the_estate(self) -> Self {
        let broker = self;
        let request = v1::ApplyEstateRequest { request_id: broker.request_id(), document: ESTATE.into(), version: 0 };
        let applied = broker.estate(OPERATOR).apply_estate(request).await.unwrap().into_inner();
        assert_eq!(applied.version, 1);
        broker
    }

    /// A fresh random UUID, as far as anyone can tell.
    pub(super) fn request_id(&self) -> String {
        format!("7f1b4c1e-6a52-4a53-9a4e-{:012x}", self.requests.fetch_add(1, Ordering::SeqCst))
    }

    /// A connection of its own for this identity.
    pub(super) fn channel(&self, id: Option<&str>) -> Channel {
        channel(self.address, id.map(|id| self.grounds.home.identity(id)))
    }

    pub(super) fn estate(&self, id: &str) -> EstateServiceClient<Channel> {
        EstateServiceClient::new(self.channel(Some(id)))
    }

    pub(super) fn tasks(&self, id: &str) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.channel(Some(id)))
    }

    pub(super) fn issuance(&self, id: &str) -> IssuanceServiceClient<Channel> {
        IssuanceServiceClient::new(self.channel(Some(id)))
    }

    pub(super) fn evidence(&self, id: &str) -> EvidenceServiceClient<Channel> {
        EvidenceServiceClient::new(self.channel(Some(id)))
    }

    pub(super) fn signals(&self, id: &str) -> SignalServiceClient<Channel> {
        SignalServiceClient::new(self.channel(Some(id)))
    }

    pub(super) fn status(&self, id: &str) -> StatusServiceClient<Channel> {
        StatusServiceClient::new(self.channel(Some(id)))
    }

    /// A task of the workload, as it was recorded.
    pub(super) async fn task(&self, credential: &str) -> v1::Task {
        let request = self.task_request(credential);
        self.tasks(WORKLOAD).request_task(request).await.unwrap().into_inner().task.unwrap()
    }

    /// A task that a person approved, and a lease of it.
    pub(super) async fn issued(&self) -> (String, String) {
        let task = self.task("ledger-key").await;
        let yes = v1::ApproveTaskRequest {
            request_id: self.request_id(),
            task_id: task.id.clone(),
            request_digest: task.request_digest.clone(),
            valid_for: None,
        };
        self.tasks(APPROVER).approve_task(yes).await.unwrap();
        self.until(WORKLOAD, &task.id, v1::TaskState::Active).await;
        let request = v1::IssueSecretRequest {
            request_id: self.request_id(),
            task_id: task.id.clone(),
            credential: "ledger-key".into(),
            ..Default::default()
        };
        let lease = self.issuance(WORKLOAD).issue_secret(request).await.unwrap().into_inner().lease.unwrap().id;
        (task.id, lease)
    }

    /// Completes a task, and waits until nothing of it is left.
    pub(super) async fn complete(&self, task: &str) {
        let done = v1::CompleteTaskRequest { request_id: self.request_id(), task_id: task.to_owned() };
        self.tasks(WORKLOAD).complete_task(done).await.unwrap();
        self.until(WORKLOAD, task, v1::TaskState::Gone).await;
    }

    pub(super) fn task_request(&self, credential: &str) -> v1::RequestTaskRequest {
        v1::RequestTaskRequest {
            request_id: self.request_id(),
            agent: "billing-bot".into(),
            purpose: "reconcile invoices for October".into(),
            purpose_code: "reconcile".into(),
            credentials: vec![credential.into()],
            window: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        }
    }

    /// Watches a task until it stands where it should.
    pub(super) async fn until(&self, id: &str, task: &str, state: v1::TaskState) -> v1::Task {
        let request = v1::WatchTaskRequest { task_id: task.into() };
        let mut watch = self.tasks(id).watch_task(request).await.unwrap().into_inner();
        let seen = async {
            while let Some(seen) = watch.message().await.unwrap() {
                let task = seen.task.unwrap();
                if task.state() == state {
                    return task;
                }
            }
            panic!("the watch ended before {state:?}");
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), seen).await.expect("within 10 s")
    }

    /// All entries of the log so far.
    pub(super) async fn entries(&self) -> Vec<Entry> {
        let stored = self.world.store.entries(0, 10_000).await.unwrap();
        stored.iter().map(|stored| Entry::read(&stored.bytes).unwrap()).collect()
    }
}

/// The key of every log in these tests.
pub(super) fn log_key() -> Signer {
    Signer::generate("leasehold.test/wire", [7; 32]).unwrap()
}

/// The reason code of a refusal.
pub(super) fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

fn channel(address: SocketAddr, identity: Option<Identity>) -> Channel {
    let connector = tower::service_fn(move |_| {
        let identity = identity.clone();
        async move {
            let tls = connect(address, identity.as_ref(), &[b"h2"]).await;
            tls.map(TokioIo::new).ok_or_else(|| std::io::Error::other("the door stays shut"))
        }
    });
    Endpoint::from_static("http://leasehold").connect_with_connector_lazy(connector)
}

async fn open(
    grounds: &Grounds,
    world: &World,
    index: Index,
    operator: SpiffeId,
    stop: &CancellationToken,
) -> SocketAddr {
    let tokens = Tokens::new(world.clone());
    let in_flight = InFlight::default();
    let verbs = Verbs {
        end: End::new(world.clone(), tokens.clone(), Span::from_seconds(60)),
        close: Close::new(world.clone(), in_flight.clone()),
        renew: Renew::new(world.clone()),
        tokens: tokens.clone(),
    };
    let renew = verbs.renew.clone();
    grounds.tasks.spawn(Driver::new(world.clone(), verbs).run(stop.clone()));
    let trust: Arc<dyn TrustSource> = grounds.trust.clone();
    let registry = Registry::new(trust.clone(), grounds.clock.clone(), Arc::new(TestEntropy::default()));
    grounds.tasks.spawn(Arc::clone(&registry).watch(stop.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = grounds.trust.server_config(grounds.clock.clone(), ClientCertificate::Optional, &[b"h2"]).unwrap();
    let door = Door { tls, registry: Arc::clone(&registry), limits: DoorLimits::default() };
    let sessions = door.open(TcpListenerStream::new(listener), &grounds.tasks, stop.clone());
    let parts = GrpcParts {
        world: world.clone(),
        view: View::new(world.clone(), index.clone(), vec![operator]),
        index,
        issue: Issue::new(world.clone(), tokens, in_flight),
        renew,
        trust,
        registry,
    };
    let served = grpc::serve(parts, sessions, stop.clone());
    grounds.tasks.spawn(async move { served.await.unwrap() });
    address
}
