//! A log that grows as a broker's does, entry by entry through the state machine, without a broker:
//! entries are made here, folded, and appended to the real store in large batches.

use anyhow::{Context as _, Result};
use leasehold::adapters::sqlite::SqliteStore;
use leasehold::domain::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use leasehold::domain::entry::bodies::lease::{Intended, Issued, Revocability};
use leasehold::domain::entry::bodies::{access, estate, log, task, token};
use leasehold::domain::entry::{Actor, Body, Commitment, Commitments, Entry, RequestMark};
use leasehold::domain::estate::{Document, Estate, plan};
use leasehold::domain::reason::Reason;
use leasehold::domain::state::{State, limits};
use leasehold::ports::{Batch, LogStore, NewEntry, Tile};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::Signer;
use leasehold::tlog::tree::Edge;
use std::path::Path;

pub(crate) struct Grower {
    store: SqliteStore,
    state: State,
    edge: Edge,
    signer: Signer,
    entries: Vec<NewEntry>,
    tiles: Vec<Tile>,
    marks: u64,
}

const BATCH: usize = 4_096;
const ORIGIN: &str = "leasehold.bench/start";
const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/lead"]
[agent.bot]
spiffe_id = "spiffe://example.org/agent/*"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices"
[credential.ledger-ro]
kind = "database"
path = "database/creds/ledger-ro"
max_ttl = "24h"
owner = "payments"
orphans = "expiry-bounded"
sensitivity = "low"
"#;

pub(crate) fn signer() -> Result<Signer> {
    Ok(Signer::generate(ORIGIN, [7; 32])?)
}

/// The time of the entries: the clock of a start goes on from here.
pub(crate) fn last() -> Time {
    Time::from_unix_seconds(1_900_000_000)
}

fn chance(number: u64) -> [u8; 10] {
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    chance
}

impl Grower {
    /// A new log with an estate in force.
    pub(crate) async fn new(log: &Path) -> Result<Self> {
        let mut grower = Self::resume(log, State::default(), Edge::new()).await?;
        let broker = Actor::broker();
        grower.add(&broker, log::LogStarted { mode: "dev".into(), origin: ORIGIN.into() })?;
        let activated = log::BrokerActivated { engine_request_seconds_max: 2, epoch: 1, version: "0".into() };
        grower.add(&broker, activated)?;
        let operator = Actor { id: "spiffe://example.org/people/operator".into(), ..Actor::broker() };
        let document = Document::parse(ESTATE).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        let planned = plan(&Estate::default(), &document);
        for change in &planned.changes {
            let item = estate::ItemJson(change.json.clone().context("nothing is removed")?);
            grower
                .add(&operator, estate::ItemSet { item, kind: change.kind.to_string(), name: change.name.clone() })?;
        }
        grower.add(&operator, planned.seal())?;
        Ok(grower)
    }

    /// Goes on with a log of which this state and edge were known.
    pub(crate) async fn resume(log: &Path, state: State, edge: Edge) -> Result<Self> {
        let store = SqliteStore::open(log)?;
        let mut grower = Self { store, state, edge, signer: signer()?, entries: vec![], tiles: vec![], marks: 0 };
        for stored in grower.store.entries(grower.edge.size(), 1_000).await? {
            grower.edge.push(leaf_hash(&stored.bytes));
        }
        anyhow::ensure!(grower.state.size == grower.edge.size(), "state and store differ");
        Ok(grower)
    }

    /// The edge of its tree, after all was appended.
    pub(crate) fn end(self) -> Edge {
        self.edge
    }

    /// So many open leases, in active tasks that are as full as may be.
    pub(crate) async fn leases(&mut self, count: u64) -> Result<()> {
        let at = last();
        let credential = Name::parse("ledger-ro")?;
        for number in 0..count {
            let task = TaskId::new(at, chance(number / limits::OPEN_LEASES_MAX as u64));
            let agent = number / (limits::OPEN_LEASES_MAX * limits::OPEN_TASKS_MAX) as u64;
            let actor = Actor { id: format!("spiffe://example.org/agent/{agent}"), ..Actor::broker() };
            if number % limits::OPEN_LEASES_MAX as u64 == 0 {
                self.task(&actor, task, &credential)?;
            }
            let (lease, expires) =
                (LeaseId::new(at, chance(number)), at.plus(Span::from_seconds(3_600 + number % 600)));
            let revocability = Revocability::Revocable;
            let credential = credential.clone();
            let (estate_version, supersedes) = (1, None);
            self.add(&actor, Intended { credential, estate_version, expires, lease, revocability, supersedes, task })?;
            let engine_expires = Some(at.plus(Span::from_seconds(120)));
            let engine_request = "0f8c3a6e-7d1b-4d7e-9a44-2f6f4f0a9a11".to_owned();
            let (renewable, serial, value_version) = (true, None, None);
            let issued = Issued {
                engine_expires,
                engine_request,
                expires,
                lease,
                renewable,
                revocability,
                serial,
                value_version,
            };
            self.add(&Actor::broker(), issued)?;
            self.append_when(BATCH).await?;
        }
        self.append_when(1).await
    }

    fn task(&mut self, actor: &Actor, task: TaskId, credential: &Name) -> Result<()> {
        let (at, broker) = (last(), Actor::broker());
        let requested = task::Requested {
            agent: Name::parse("bot")?,
            credentials: vec![credential.clone()],
            estate_version: 1,
            needs: vec![],
            purpose_code: "reconcile".into(),
            subject: SpiffeId::parse(&actor.id)?,
            task,
            window_seconds: limits::WINDOW_SECONDS_MAX,
        };
        let digest = self.add(actor, requested)?;
        let until = at.plus(limits::APPROVAL_MAX);
        self.add(&broker, task::Approved { digest, rule: Some("low-sensitivity".into()), task, teams: vec![], until })?;
        self.add(&broker, token::Made { engine_request: "r".into(), expires: until, policies: vec![], task })?;
        self.add(&broker, task::Activated { ends: at.plus(Span::from_seconds(limits::WINDOW_SECONDS_MAX)), task })?;
        Ok(())
    }

    /// So many entries that change no task and no lease.
    pub(crate) async fn filler(&mut self, count: u64) -> Result<()> {
        let actor = Actor { id: "spiffe://example.org/agent/stranger".into(), ..Actor::broker() };
        for _ in 0..count {
            let call = "leasehold.v1.IssuanceService/IssueSecret".to_owned();
            let target = Some("task-019a0000-0000-7000-8000-000000000000 ledger-ro".to_owned());
            self.add(&actor, access::Denied { call, reason: Reason::NotFound, target })?;
            self.append_when(BATCH).await?;
        }
        self.append_when(1).await
    }

    fn add(&mut self, actor: &Actor, body: impl Into<Body>) -> Result<Digest> {
        let body = body.into();
        self.marks += 1;
        let mark = Digest::of(&[&self.marks.to_be_bytes()]);
        let request = body.answers_a_request().then_some(RequestMark { content: mark, id: mark });
        let commitments = match &body {
            Body::LeaseIssued(_) => Commitments::from([
                ("account".to_owned(), Commitment::of("lease.issued", "account", &[0; 32], "v")),
                ("engine_lease".to_owned(), Commitment::of("lease.issued", "engine_lease", &[0; 32], "v")),
            ]),
            _ => Commitments::new(),
        };
        // A broker that was here in between had a clock.
        let time = self.state.time.max(last());
        let entry = Entry { actor: actor.clone(), cause: None, commitments, request, time, body };
        let bytes = entry.write()?;
        let leaf = leaf_hash(&bytes);
        let digest = Digest::from_bytes(*leaf.as_bytes());
        self.state.apply(&entry, digest)?;
        let full = self.edge.push(leaf).into_iter();
        self.tiles.extend(full.map(|tile| Tile { level: tile.level, number: tile.number, bytes: tile.bytes }));
        self.entries.push(NewEntry { bytes, openings: Vec::new() });
        Ok(digest)
    }

    /// Appends what is waiting, if that is so much.
    async fn append_when(&mut self, waiting: usize) -> Result<()> {
        if self.entries.len() < waiting {
            return Ok(());
        }
        let head = self.edge.head();
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: head.size, root: head.root }.sign(&self.signer);
        let expected_size = head.size - self.entries.len() as u64;
        let (entries, tiles) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.tiles));
        Ok(self.store.append(Batch { expected_size, entries, tiles, checkpoint, ..Batch::default() }).await?)
    }
}
