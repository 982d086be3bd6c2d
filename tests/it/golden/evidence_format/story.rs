//! A made-up log that breaks no law and holds at least one entry of each type: what a broker would have written,
//! with fixed ids, salts, times and key. Every entry is folded as it is written.

use leasehold::audit::bundle::{Disclosed, Head, Shown};
use leasehold::domain::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use leasehold::domain::entry::bodies::lease::{Assurance, EndCause, NotIssuedCause, Revocability};
use leasehold::domain::entry::bodies::{access, estate, evidence, lease, log, task, token};
use leasehold::domain::entry::{Actor, Body, Commitments, Entry, Opening, RequestMark};
use leasehold::domain::estate::{Document, plan};
use leasehold::domain::reason::Reason;
use leasehold::domain::state::State;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::note::{Signer, VerifierKey};
use leasehold::tlog::proof::{Plan, TiledNodes};
use leasehold::tlog::receipt::Receipt;
use leasehold::tlog::tree::Edge;
use std::collections::BTreeMap;

/// The log as told so far.
pub(super) struct Story {
    state: State,
    edge: Edge,
    entries: Vec<Vec<u8>>,
    openings: Vec<Vec<Opening>>,
}

type Sensitive<'a> = &'a [(&'a str, &'a str)];

const ORIGIN: &str = "log.example.org/golden";
const BOT: &str = "spiffe://example.org/agent/billing-bot";
const LEAD: &str = "spiffe://example.org/people/payments-lead";
const OPERATOR: &str = "spiffe://example.org/people/platform-lead";
const DEPUTY: &str = "spiffe://example.org/people/platform-deputy";
const AUDITOR: &str = "spiffe://example.org/people/auditor";
const STRANGER: &str = "spiffe://example.org/agent/stranger";
/// The entry that the golden receipt proves.
const PROVEN: u64 = 17;

const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/payments-lead", "spiffe://example.org/people/payments-deputy"]
[role.operator]
members = ["spiffe://example.org/people/platform-lead"]
[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/billing-bot"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices"
[credential.agent-cert]
kind = "pki"
path = "pki/sign/agent"
max_ttl = "1h"
owner = "payments"
sensitivity = "low"
[credential.ledger-ro]
kind = "database"
path = "database/creds/ledger-ro"
max_ttl = "20m"
owner = "payments"
sensitivity = "high"
probe = { postgres = { dsn_credential = "ledger-probe" } }
[credential.ledger-probe]
kind = "kv"
path = "secret/data/ledger-probe"
max_ttl = "1h"
owner = "payments"
sensitivity = "high"
[credential.motd]
kind = "kv"
path = "secret/data/motd"
max_ttl = "1h"
owner = "payments"
sensitivity = "low"
"#;

const FORMER: &str = r#"
[agent.former-bot]
spiffe_id = "spiffe://example.org/agent/former-bot"
class = "service"
environment = "prod"
purpose = "gone with the second estate"
"#;

impl Story {
    pub(super) fn told() -> Self {
        let (state, edge) = (State::default(), Edge::new());
        let mut story = Self { state, edge, entries: Vec::new(), openings: Vec::new() };
        story.begin();
        story.approved_task();
        story.leases();
        story.end();
        story.other_ends();
        story.access();
        story
    }

    pub(super) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The first opening of the log.
    pub(super) fn opening(&self) -> &Opening {
        self.openings.iter().flatten().next().unwrap()
    }

    pub(super) fn key(&self) -> VerifierKey {
        signer().verifier()
    }

    pub(super) fn receipt(&self) -> Receipt {
        let plan = Plan::inclusion(PROVEN, self.edge.size()).unwrap();
        let nodes = TiledNodes { edge: &self.edge, tiles: &BTreeMap::new() };
        Receipt { index: PROVEN, proof: plan.read(&nodes).unwrap(), checkpoint_text: self.checkpoint() }
    }

    pub(super) fn bundle(&self) -> String {
        let mut bundle = Head::new(self.checkpoint(), None).to_line();
        for (index, (entry, openings)) in (0..).zip(self.entries.iter().zip(&self.openings)) {
            let mut openings: Vec<_> = openings.iter().map(|o| Disclosed::new(&o.field, &o.salt, &o.value)).collect();
            openings.sort_by(|one, other| one.field.cmp(&other.field));
            let line = Shown { entry, index, leaf: leaf_hash(entry), openings }.to_line();
            bundle.push_str(std::str::from_utf8(&line).unwrap());
        }
        bundle
    }

    fn checkpoint(&self) -> String {
        Checkpoint { origin: ORIGIN.into(), size: self.edge.size(), root: self.edge.root() }.sign(&signer())
    }

    fn begin(&mut self) {
        self.broker(None, log::LogStarted { mode: "dev".into(), origin: ORIGIN.into() });
        self.broker(None, log::BrokerActivated { engine_request_seconds_max: 90, epoch: 1, version: "0.1.0".into() });
        self.estate(&format!("{ESTATE}{FORMER}"));
        self.estate(ESTATE);
    }

    fn estate(&mut self, text: &str) {
        let plan = plan(&self.state.estate, &Document::parse(text).unwrap());
        for change in &plan.changes {
            let (kind, name) = (change.kind.to_string(), change.name.clone());
            match &change.json {
                Some(json) => {
                    self.by(OPERATOR, None, estate::ItemSet { item: estate::ItemJson(json.clone()), kind, name })
                }
                None => self.by(OPERATOR, None, estate::ItemRemoved { kind, name }),
            };
        }
        self.by(OPERATOR, None, plan.seal());
    }

    fn approved_task(&mut self) {
        let asked = self.request(1);
        let digest = self.leaf(asked);
        let until = self.now().plus(Span::from_seconds(3_600));
        let approved = task::Approved { digest, rule: None, task: task_id(1), teams: vec![name("payments")], until };
        self.by(LEAD, Some(asked), approved);
        let made = self.token(1, asked, &["agent-cert", "ledger-ro", "motd"]);
        let ends = self.now().plus(Span::from_seconds(1_200));
        self.broker(Some(made), task::Activated { ends, task: task_id(1) });
    }

    fn leases(&mut self) {
        let (first, _) = self.database(1, None);
        let renewed = lease::Renewed { engine_expires: self.at(320), expires: self.at(900), lease: lease_id(1) };
        let renewed = self.by(BOT, Some(first), renewed);
        let (_, second) = self.database(2, Some(lease_id(1)));
        let why = EndCause::Superseded;
        let asked = self.broker(Some(second), lease::RevocationRequested { lease: lease_id(1), why });
        let accepted = self.broker(Some(asked), lease::RevocationAccepted { lease: lease_id(1) });
        let missing = "backend".to_owned();
        let unproven = self.broker(Some(accepted), lease::Unproven { lease: lease_id(1), missing });
        let found = access::OrphanFound { credential: name("ledger-ro"), kind: "account".into(), lease: lease_id(1) };
        self.tell(Actor::broker(), Some(renewed), &[("account", "lhabcdqwertyuiopas-00000001")], found);
        self.broker(Some(unproven), revoked(1, Assurance::EffectConfirmed, None));
        self.certificate(3);
        self.value(4);
        let intended = self.intend(5, "ledger-ro", Revocability::Revocable, None);
        let why = NotIssuedCause::Refused;
        self.broker(Some(intended), lease::NotIssued { lease: lease_id(5), why });
    }

    fn database(&mut self, number: u8, supersedes: Option<LeaseId>) -> (u64, u64) {
        let intended = self.intend(number, "ledger-ro", Revocability::Revocable, supersedes);
        let issued = lease::Issued {
            engine_expires: Some(self.at(200)),
            renewable: true,
            ..self.issued(number, Revocability::Revocable)
        };
        let engine_lease = format!("database/creds/ledger-ro/example{number}");
        let account = format!("lhabcdqwertyuiopas-0000000{number}");
        let sensitive = [("engine_lease", engine_lease.as_str()), ("account", &account)];
        (intended, self.tell(Actor::broker(), Some(intended), &sensitive, issued))
    }

    fn certificate(&mut self, number: u8) {
        let intended = self.intend(number, "agent-cert", Revocability::Revocable, None);
        let serial = Some("3a:01:02:03".to_owned());
        let issued = lease::Issued {
            engine_expires: Some(self.at(800)),
            serial,
            ..self.issued(number, Revocability::Revocable)
        };
        self.tell(Actor::broker(), Some(intended), &[("engine_lease", "pki/sign/agent/example")], issued);
    }

    fn value(&mut self, number: u8) {
        let intended = self.intend(number, "motd", Revocability::RotateOnly, None);
        let issued = lease::Issued { value_version: Some(3), ..self.issued(number, Revocability::RotateOnly) };
        self.broker(Some(intended), issued);
    }

    fn issued(&self, number: u8, revocability: Revocability) -> lease::Issued {
        lease::Issued {
            engine_expires: None,
            engine_request: format!("7f0c1c38-6f0e-4d3a-9d8a-0d2f7e6b001{number}"),
            expires: self.at(800),
            lease: lease_id(number),
            renewable: false,
            revocability,
            serial: None,
            value_version: None,
        }
    }

    fn end(&mut self) {
        let completed = self.by(BOT, None, task::Completed { task: task_id(1) });
        let revocability = Revocability::RotateOnly;
        self.broker(Some(completed), lease::Expired { lease: lease_id(4), revocability });
        self.broker(Some(completed), revoked(2, Assurance::AuthorityConfirmed, None));
        let digest = Digest::of(&[b"the DER of a CRL"]);
        let crl = lease::CrlSeen { digest, number: 8, number_before: 7 };
        self.broker(Some(completed), revoked(3, Assurance::AuthorityConfirmed, Some(crl)));
        let token = self.index_of("token.made");
        self.broker(Some(token), token::Revoked { task: task_id(1), token });
    }

    fn other_ends(&mut self) {
        let asked = self.request(2);
        let justification: Sensitive<'_> = &[("justification", "not this week")];
        self.tell(person(LEAD), Some(asked), justification, task::Denied { task: task_id(2) });
        let asked = self.request(3);
        self.tell(person(LEAD), Some(asked), justification, task::Cancelled { task: task_id(3) });
        let asked = self.request(4);
        self.broker(Some(asked), task::Expired { task: task_id(4) });
        self.task_by_rule();
    }

    fn task_by_rule(&mut self) {
        let low = task::Requested { credentials: vec![name("motd")], needs: Vec::new(), ..self.requested(5) };
        let asked = self.tell(person(BOT), None, &[("purpose", "read the message of the day")], low);
        let (digest, until) = (self.leaf(asked), self.now().plus(Span::from_seconds(3_600)));
        let rule = Some("low-sensitivity".to_owned());
        self.broker(Some(asked), task::Approved { digest, rule, task: task_id(5), teams: Vec::new(), until });
        let token = self.token(5, asked, &["motd"]);
        let ends = self.now().plus(Span::from_seconds(1_200));
        self.broker(Some(token), task::Activated { ends, task: task_id(5) });
        self.by(BOT, Some(asked), task::Completed { task: task_id(5) });
        self.broker(Some(token), token::Revoked { task: task_id(5), token });
    }

    fn token(&mut self, number: u8, asked: u64, credentials: &[&str]) -> u64 {
        let made = token::Made {
            engine_request: format!("7f0c1c38-6f0e-4d3a-9d8a-0d2f7e6b000{number}"),
            expires: self.now().plus(Span::from_seconds(1_200)),
            policies: credentials.iter().map(|it| format!("leasehold-cred-{it}-00000000")).collect(),
            task: task_id(number),
        };
        let sensitive = [("accessor", "accessor-of-the-token"), ("tag", "lhabcdqwertyuiopas")];
        self.tell(Actor::broker(), Some(asked), &sensitive, made)
    }

    fn access(&mut self) {
        let call = "leasehold.v1.TaskService/RequestTask".to_owned();
        let target = Some("agent billing-bot".to_owned());
        self.by(STRANGER, None, access::Denied { call, reason: Reason::AgentUnknown, target });
        let counts = BTreeMap::from([("HANDSHAKE_FAILED".to_owned(), 2), ("SVID_EXPIRED".to_owned(), 1)]);
        self.broker(None, access::Refused { counts, since: self.at(0) });
        let target = Some("credential ledger-ro".to_owned());
        let export = "leasehold.v1.EvidenceService/Export".to_owned();
        self.by(AUDITOR, None, evidence::Read { call: export, from: 0, limit: 100, target });
        let call = "leasehold.v1.EvidenceService/StreamEntries".to_owned();
        let by_token = Actor { key_id: Some("key-1".into()), issuer_key: None, serial: None, ..person(AUDITOR) };
        self.tell(by_token, None, &[], evidence::Read { call, from: 0, limit: 100, target: None });
        self.erasure();
        self.broker(None, self.state.counts.body());
        self.broker(None, log::BrokerStopped { epoch: 1 });
    }

    /// Two people erase the engine's name of a lease that is settled; its opening is in no bundle any more.
    fn erasure(&mut self) {
        let index = self.index_of("lease.issued");
        let fields = vec!["engine_lease".to_owned()];
        let (lease, task) = (Some(lease_id(1)), Some(task_id(1)));
        let asked = evidence::ErasureRequested { fields: fields.clone(), index, lease, task };
        let sensitive = [("justification", "the retention of 90 days is over")];
        let requested = self.tell(person(OPERATOR), Some(index), &sensitive, asked);
        self.by(DEPUTY, Some(requested), evidence::Erased { fields, index, requested });
        self.openings[usize::from(count(index))].retain(|opening| opening.field != "engine_lease");
    }

    fn request(&mut self, number: u8) -> u64 {
        let requested = self.requested(number);
        self.tell(person(BOT), None, &[("purpose", "reconcile invoices for 2026-10")], requested)
    }

    fn requested(&self, number: u8) -> task::Requested {
        task::Requested {
            agent: name("billing-bot"),
            credentials: ["agent-cert", "ledger-ro", "motd"].map(name).into(),
            estate_version: self.state.estate.version(),
            needs: vec![name("payments")],
            purpose_code: "reconcile-invoices".into(),
            subject: SpiffeId::parse(BOT).unwrap(),
            task: task_id(number),
            window_seconds: 1_200,
        }
    }

    fn intend(&mut self, number: u8, credential: &str, how: Revocability, supersedes: Option<LeaseId>) -> u64 {
        let intended = lease::Intended {
            credential: name(credential),
            estate_version: self.state.estate.version(),
            expires: self.at(800),
            lease: lease_id(number),
            revocability: how,
            supersedes,
            task: task_id(1),
        };
        self.by(BOT, Some(self.index_of("task.requested")), intended)
    }

    fn broker(&mut self, cause: Option<u64>, body: impl Into<Body>) -> u64 {
        self.tell(Actor::broker(), cause, &[], body)
    }

    fn by(&mut self, who: &str, cause: Option<u64>, body: impl Into<Body>) -> u64 {
        self.tell(person(who), cause, &[], body)
    }

    fn tell(&mut self, actor: Actor, cause: Option<u64>, sensitive: Sensitive<'_>, body: impl Into<Body>) -> u64 {
        let (index, body) = (self.edge.size(), body.into());
        let openings: Vec<Opening> = sensitive.iter().map(|(field, value)| open(index, &body, field, value)).collect();
        let commitments: Commitments = openings.iter().map(|o| (o.field.clone(), o.commitment())).collect();
        let mark = RequestMark {
            content: Digest::of(&[b"content", &[count(index)]]),
            id: Digest::of(&[b"id", &[count(index)]]),
        };
        let request = Some(mark).filter(|_| body.answers_a_request() && actor.id != "leasehold");
        let entry = Entry { actor, cause, commitments, request, time: self.now(), body };
        let bytes = entry.write().unwrap();
        assert_eq!(Entry::read(&bytes).unwrap(), entry);
        let leaf = leaf_hash(&bytes);
        self.state.apply(&entry, Digest::from_bytes(*leaf.as_bytes())).unwrap();
        drop(self.edge.push(leaf));
        self.entries.push(bytes);
        self.openings.push(openings);
        index
    }

    /// Each entry is a second later than the one before it.
    fn now(&self) -> Time {
        self.at(self.edge.size())
    }

    fn at(&self, seconds: u64) -> Time {
        Time::from_unix_micros(1_793_505_600_000_001).plus(Span::from_seconds(seconds))
    }

    fn leaf(&self, index: u64) -> Digest {
        Digest::from_bytes(*leaf_hash(&self.entries[usize::from(count(index))]).as_bytes())
    }

    fn index_of(&self, kind: &str) -> u64 {
        let is_kind = |bytes: &Vec<u8>| Entry::read(bytes).unwrap().body.type_name() == kind;
        self.entries.iter().position(is_kind).unwrap() as u64
    }
}

fn revoked(number: u8, assurance: Assurance, crl: Option<lease::CrlSeen>) -> lease::Revoked {
    let engine_request = Some(format!("7f0c1c38-6f0e-4d3a-9d8a-0d2f7e6b002{number}"));
    lease::Revoked { assurance, crl, engine_request, known_before: true, lease: lease_id(number) }
}

fn open(index: u64, body: &Body, field: &str, value: &str) -> Opening {
    let salt = *Digest::of(&[b"salt", &[count(index)], field.as_bytes()]).as_bytes();
    Opening { entry_type: body.type_name().into(), field: field.into(), salt, value: value.into() }
}

fn person(id: &str) -> Actor {
    Actor {
        // Each has a connection of its own: nobody approves on the requester's.
        connection: Some(format!("conn-019a3a70-0000-7000-8000-0000000000{:02x}", id.len())),
        id: id.into(),
        issuer_key: Some(Digest::of(&[b"public key of an issuer"])),
        key_id: None,
        serial: Some("0a1b2c".into()),
    }
}

fn signer() -> Signer {
    Signer::generate(ORIGIN, [7; 32]).unwrap()
}

fn count(index: u64) -> u8 {
    u8::try_from(index).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn task_id(number: u8) -> TaskId {
    TaskId::new(Time::from_unix_seconds(1_793_505_600), [number; 10])
}

fn lease_id(number: u8) -> LeaseId {
    LeaseId::new(Time::from_unix_seconds(1_793_505_600), [number; 10])
}
