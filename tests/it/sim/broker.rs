//! The real services on simulated ports, wired as `app` wires them, with one estate in force: a database
//! credential that is probed. Everything runs on the caller's runtime and its paused clock.

use super::engine::Outside;
use super::faults::Plan;
use super::peers::{Peers, Role};
use super::seed::{Chance, SeededEntropy, SimClock};
use super::shelf::SimShelf;
use super::store::SimDisk;
use crate::fixtures::callers::caller;
use leasehold::domain::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use leasehold::domain::entry::{Opening, RequestMark};
use leasehold::domain::estate::Document;
use leasehold::domain::judge::BuiltInRules;
use leasehold::domain::reason::Denial;
use leasehold::domain::state::ask::{ApplyEstate, ApproveTask, RequestTask};
use leasehold::domain::state::command::{Caller, IssueSecret, Parameters};
use leasehold::domain::state::{Ask, Command, Reply, task};
use leasehold::domain::vault_policy::policy_name;
use leasehold::services::World;
use leasehold::services::close::Close;
use leasehold::services::commit::Openings;
use leasehold::services::duties::{Driver, Verbs};
use leasehold::services::end::End;
use leasehold::services::issue::{InFlight, Issue, Sealed};
use leasehold::services::journal::{Journal, Parts, StartError};
use leasehold::services::renew::Renew;
use leasehold::services::tokens::Tokens;
use leasehold::services::witnessed::Witnessed;
use leasehold::tlog::note::Signer;
use std::cell::Cell;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(super) const AGENT: &str = "spiffe://example.org/agent/billing-bot";
const OPERATOR: &str = "spiffe://example.org/people/operator";
const LEAD: &str = "spiffe://example.org/people/lead";
const CREDENTIAL: &str = "ledger-ro";
const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/lead"]
[role.operator]
members = ["spiffe://example.org/people/operator"]
[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/billing-bot"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices"
[credential.ledger-ro]
kind = "database"
path = "database/creds/ledger-ro"
max_ttl = "20m"
owner = "payments"
sensitivity = "high"
exclusive = true
probe = { postgres = { dsn_credential = "ledger-probe" } }
[credential.ledger-probe]
kind = "kv"
path = "secret/data/ledger-probe"
max_ttl = "1h"
owner = "payments"
sensitivity = "high"
"#;

/// Longest time that the engine works on one request, in seconds.
pub(super) const ENGINE_REQUEST_SECONDS_MAX: u64 = 2;

/// What outlives a broker: the log's disk and shelf, and everything outside.
pub(super) struct Site {
    pub(super) seed: u64,
    pub(super) disk: SimDisk,
    pub(super) outside: Outside,
    shelf: SimShelf,
    lives: Cell<u32>,
}

/// A broker that runs until it is dropped.
pub(super) struct Broker<'a> {
    pub(super) site: &'a Site,
    world: World,
    issue: Issue,
    asked: Cell<u32>,
    death: Arc<Notify>,
    _stop: DropGuard,
}

impl Site {
    /// `default_ttl`: what the engine's role gives, in seconds. Needs a runtime, for its clock.
    pub(super) fn new(seed: u64, plan: Plan, default_ttl: u64) -> Self {
        let mut peers = Peers::default();
        let (default_ttl, max_ttl) = (Span::from_seconds(default_ttl), Span::from_seconds(3_600));
        peers.write_role("database/creds/ledger-ro", Role::Database { default_ttl, max_ttl });
        let outside = Outside::new(SimClock::start(), peers, plan);
        Self { seed, disk: SimDisk::default(), outside, shelf: SimShelf::default(), lives: Cell::new(0) }
    }

    /// The ordinary start, which is also the recovery. Time goes on from `time`.
    pub(super) async fn start(&self, time: Time) -> Result<Broker<'_>, StartError> {
        let (clock, tracker) = (SimClock::going_on(time), TaskTracker::new());
        let death = self.outside.begin_life(clock);
        self.lives.set(self.lives.get() + 1);
        let store = Arc::new(self.disk.open());
        let parts = Parts {
            store: store.clone(),
            shelf: Arc::new(self.shelf.clone()),
            clock: Arc::new(clock),
            signer: Signer::generate("leasehold.test/sim", [7; 32]).unwrap(),
            judge: Arc::new(BuiltInRules),
            bootstrap: vec![SpiffeId::parse(OPERATOR).unwrap()],
            mode: "dev",
            engine_request_seconds_max: ENGINE_REQUEST_SECONDS_MAX,
            vouched: None,
        };
        let (journal, writer) = Journal::start(parts).await?;
        let lost = Arc::clone(&death);
        // Without a writer the process stops.
        tracker.spawn(async move {
            writer.await;
            lost.notify_one();
        });
        let world = World {
            journal,
            clock: Arc::new(clock),
            entropy: Arc::new(SeededEntropy::new(Chance::of(self.seed, "the broker's", self.lives.get()).next())),
            store,
            engine: Arc::new(self.outside.clone()),
            probe: Arc::new(self.outside.clone()),
            witnessed: Witnessed::default(),
            tracker,
        };
        let (issue, stop) = run(&world);
        Ok(Broker { site: self, world, issue, asked: Cell::new(0), death, _stop: stop })
    }

    /// How many brokers there were.
    pub(super) fn lives(&self) -> u32 {
        self.lives.get()
    }
}

impl Broker<'_> {
    /// Waits until it dies.
    pub(super) async fn dies(&self) {
        self.death.notified().await;
    }

    /// The estate, and at the engine what an operator writes from it.
    pub(super) async fn declare(&self) {
        let document = Document::parse(ESTATE).unwrap();
        let ask = Ask::ApplyEstate(ApplyEstate { document, version: 0 });
        self.ask(OPERATOR, ask, Vec::new()).await.unwrap();
        let published = self.world.journal.published();
        for (name, credential) in published.state.estate.credentials() {
            let path = credential.path.to_string();
            self.site.outside.with(|peers| peers.write_policy(&policy_name(name, credential), &[&path]));
        }
    }

    async fn ask(&self, who: &str, ask: Ask, openings: Vec<Opening>) -> Result<Reply, Denial> {
        let command = Command::Ask { caller: self.caller(who), mark: self.mark(), ask };
        self.world.journal.propose(command, openings).await.map(|durable| durable.reply)
    }

    /// A task for the database credential, with a window of ten minutes.
    pub(super) async fn request_task(&self) -> Result<TaskId, Denial> {
        let mut openings = Openings::of(&*self.world.entropy, "task.requested");
        let purpose = openings.commit("purpose", "reconcile invoices for October");
        let id = TaskId::new(self.world.clock.read().time, self.chance());
        let ask = RequestTask {
            id,
            agent: Name::parse("billing-bot").unwrap(),
            purpose_code: "reconcile".into(),
            purpose,
            credentials: vec![Name::parse(CREDENTIAL).unwrap()],
            window_seconds: 600,
        };
        self.ask(AGENT, Ask::RequestTask(ask), openings.into_made()).await.map(|_| id)
    }

    pub(super) async fn approve(&self, task: TaskId) -> Result<Reply, Denial> {
        let digest = self.task(task).map(|task| task.facts.digest.to_string()).unwrap_or_default();
        self.ask(LEAD, Ask::ApproveTask(ApproveTask { task, digest, valid_for: None }), Vec::new()).await
    }

    pub(super) async fn issue(&self, task: TaskId) -> Result<Sealed, Denial> {
        let id = LeaseId::new(self.world.clock.read().time, self.chance());
        let credential = Name::parse(CREDENTIAL).unwrap();
        let ask = IssueSecret { id, task, credential, ttl: None, parameters: Parameters::None, supersedes: None };
        self.issue.issue(self.caller(AGENT), self.mark(), ask).await
    }

    pub(super) async fn complete(&self, task: TaskId) -> Result<Reply, Denial> {
        self.ask(AGENT, Ask::CompleteTask(task), Vec::new()).await
    }

    /// As it stands in the state; `None` once it is settled.
    pub(super) fn task(&self, id: TaskId) -> Option<task::Task> {
        self.world.journal.published().state.tasks.get(&id).cloned()
    }

    /// Ids of requests are new each time.
    fn mark(&self) -> RequestMark {
        let number = self.chance::<8>();
        RequestMark { content: Digest::of(&[b"content", &number]), id: Digest::of(&[b"id", &number]) }
    }

    fn chance<const N: usize>(&self) -> [u8; N] {
        self.asked.set(self.asked.get() + 1);
        let mut chance = Chance::of(self.site.seed, "the callers'", self.site.lives() << 16 | self.asked.get());
        [0; N].map(|_: u8| chance.next().to_be_bytes()[0])
    }

    fn caller(&self, who: &str) -> Caller {
        let now = self.world.clock.read().time;
        let number = u8::try_from(who.len()).unwrap();
        caller(who, number, now)
    }
}

fn run(world: &World) -> (Issue, DropGuard) {
    let (tokens, in_flight, stop) = (Tokens::new(world.clone()), InFlight::default(), CancellationToken::new());
    let verbs = Verbs {
        end: End::new(world.clone(), tokens.clone(), Span::from_seconds(60)),
        close: Close::new(world.clone(), in_flight.clone()),
        renew: Renew::new(world.clone()),
        tokens: tokens.clone(),
    };
    world.tracker.spawn(Driver::new(world.clone(), verbs).run(stop.clone()));
    (Issue::new(world.clone(), tokens, in_flight), stop.drop_guard())
}
