//! A lawful log of any length by chance: at each step something is tried that could come next. What the fold takes
//! becomes the next entry; what it refuses is kept, with the law that it would break.

use super::bundles::{Log, ORIGIN, Row};
use leasehold::domain::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use leasehold::domain::entry::bodies::lease::{Assurance, EndCause, NotIssuedCause, Revocability};
use leasehold::domain::entry::bodies::{access, estate, evidence, lease, log, task, token};
use leasehold::domain::entry::{Actor, Body, Commitments, Entry, Opening, RequestMark};
use leasehold::domain::estate::{Document, plan};
use leasehold::domain::reason::Reason;
use leasehold::domain::state::task::Stage;
use leasehold::domain::state::{Lease, State, Task};
use leasehold::tlog::leaf_hash;
use serde_json::json;

/// A log that grows.
pub(super) struct Walk {
    /// What it folds into.
    pub(super) state: State,
    /// The log.
    pub(super) log: Log,
    /// Entries that could not follow: at which index, and the law.
    pub(super) refused: Vec<(usize, Row, &'static str)>,
    chance: Chance,
    now: Time,
    ids: u64,
}

/// Numbers that look like chance, the same for the same seed (SplitMix64).
pub(super) struct Chance(u64);

const BOTS: [&str; 2] = ["spiffe://example.org/agent/billing-bot", "spiffe://example.org/fleet/a/7"];
const PEOPLE: [&str; 4] = [
    "spiffe://example.org/people/payments-lead",
    "spiffe://example.org/people/platform-lead",
    "spiffe://example.org/people/platform-deputy",
    "spiffe://example.org/agent/billing-bot",
];
const CREDENTIALS: [&str; 6] = ["agent-cert", "ledger-ro", "ledger-rw", "motd", "pager", "nothing"];

/// `NUMBER` changes with each estate, so that a credential is declared otherwise.
const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/payments-lead", "spiffe://example.org/people/platform-deputy"]
[team.platform]
members = ["spiffe://example.org/people/platform-lead"]
[role.operator]
members = ["spiffe://example.org/people/platform-lead"]
[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/billing-bot"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices, NUMBER"
tools = ["psql", "awk"]
[agent.fleet]
spiffe_id = "spiffe://example.org/fleet/*"
owner = "platform"
class = "service"
environment = "prod"
purpose = "one of many"
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
probe = { postgres = { dsn_credential = "pager" } }
[credential.ledger-rw]
kind = "database"
path = "database/creds/ledger-rw"
max_ttl = "NUMBERm"
owner = "platform"
sensitivity = "medium"
orphans = "expiry-bounded"
[credential.motd]
kind = "kv"
path = "secret/data/motd"
max_ttl = "1h"
sensitivity = "low"
[credential.pager]
kind = "kv"
path = "secret/data/team/pager"
max_ttl = "24h"
owner = "platform"
sensitivity = "high"
"#;

impl Chance {
    /// From a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap() % bound
    }

    /// One of them.
    pub(super) fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

impl Walk {
    /// A log of so many entries.
    pub(super) fn of(seed: u64, entries: usize) -> Self {
        let mut walk = Self {
            state: State::default(),
            log: Log { rows: Vec::new() },
            refused: Vec::new(),
            chance: Chance::new(seed),
            now: Time::from_unix_seconds(1_793_505_600),
            ids: seed << 32,
        };
        walk.tell(None, log::LogStarted { mode: "dev".into(), origin: ORIGIN.into() });
        walk.tell(None, log::BrokerActivated { engine_request_seconds_max: 30, epoch: 1, version: "0".into() });
        walk.estate();
        while walk.log.rows.len() < entries {
            walk.step();
        }
        walk
    }

    fn step(&mut self) {
        let spans = [0, 1, 700, 100_000, 1_000_000, 1_000_000, 2_000_000, 4_000_000, 30_000_000];
        let span = match self.chance.below(400) {
            0 => 90_000_000_000,
            1..5 => 900_000_000,
            _ => self.chance.of(&spans),
        };
        self.now = micros_later(self.now, span);
        match self.chance.below(100) {
            0..8 => self.request(),
            8..20 => self.approve(),
            20..34 => self.token(),
            34..37 => self.end_of_task(),
            37..54 => self.intend(),
            54..68 => self.issue(),
            68..92 => self.end_of_lease(),
            92..94 => self.broker(),
            94..96 => self.access(),
            96 => self.again(),
            97..99 => self.erase(),
            _ if self.chance.below(4) == 0 => self.estate(),
            _ => drop(self.tell(None, self.state.counts.body())),
        }
    }

    fn request(&mut self) {
        if self.state.tasks.len() > 12 {
            return;
        }
        let mut credentials: Vec<&str> = (0..=self.chance.below(3)).map(|_| self.chance.of(&CREDENTIALS)).collect();
        if self.chance.below(8) > 0 {
            credentials.retain(|name| *name != "nothing");
        }
        credentials.sort_unstable();
        let mut needs = Vec::new();
        for (team, owned) in [("payments", &["ledger-ro"][..]), ("platform", &["ledger-rw", "pager"])] {
            let needed = credentials.iter().any(|name| owned.contains(name));
            if needed == (self.chance.below(15) > 0) {
                needs.push(name(team));
            }
        }
        let subject = self.chance.of(&BOTS);
        let agent = if (subject == BOTS[0]) == (self.chance.below(15) > 0) { "billing-bot" } else { "fleet" };
        let id = self.task_id();
        let requested = task::Requested {
            agent: name(agent),
            credentials: credentials.into_iter().map(name).collect(),
            estate_version: self.version(),
            needs,
            purpose_code: "walk".into(),
            subject: SpiffeId::parse(subject).unwrap(),
            task: if self.chance.below(30) == 0 { self.a_task().unwrap_or(id) } else { id },
            window_seconds: self.chance.of(&[10, 1_200, 1_200, 1_200, 7_200, 86_400, 86_401]),
        };
        let by = if self.chance.below(30) == 0 { self.chance.of(&BOTS) } else { subject };
        self.tell(Some(by), requested);
    }

    fn approve(&mut self) {
        let Some(id) = self.a_task_where(|task| task.stage == Stage::Requested) else { return };
        let facts = self.state.tasks[&id].facts.clone();
        let until = self.now.plus(Span::from_seconds(self.chance.of(&[1, 600, 3_600, 3_600, 86_400, 86_400, 86_401])));
        let digest = if self.chance.below(20) == 0 { Digest::of(&[b"other"]) } else { facts.digest };
        let approved = task::Approved { digest, rule: None, task: id, teams: facts.needs.clone(), until };
        if facts.needs.is_empty() || self.chance.below(20) == 0 {
            self.tell(None, task::Approved { rule: Some("low-sensitivity".into()), ..approved });
            return;
        }
        // Not every yes is whole: then the next team's is waited for.
        let teams = if self.chance.below(2) == 0 { facts.needs.clone() } else { vec![self.chance.of(&facts.needs)] };
        let by = match teams.as_slice() {
            [team] if self.chance.below(6) > 0 => PEOPLE[usize::from(team.as_str() == "platform")],
            _ => self.chance.of(&PEOPLE),
        };
        self.tell(Some(by), task::Approved { teams, ..approved });
    }

    fn token(&mut self) {
        let Some(id) = self.a_task_where(|task| matches!(task.stage, Stage::Approved(_))) else { return };
        let task = self.state.tasks[&id].clone();
        match self.chance.below(3) {
            0 => {
                let expires = self.now.plus(Span::from_seconds(1_200));
                let policies = vec!["leasehold".to_owned()];
                self.tell(None, token::Made { engine_request: "made".into(), expires, policies, task: id });
            }
            1 => {
                let ends = micros_later(self.now.plus(task.facts.window), self.chance.of(&[0, 0, 0, 1]));
                self.tell(None, task::Activated { ends, task: id });
            }
            _ if matches!(task.stage, leasehold::domain::state::task::Stage::Active(_)) && self.chance.below(9) > 0 => {
            }
            _ => {
                let token = task.tokens.last().map_or(3, |token| token.index);
                self.tell(None, token::Revoked { task: id, token });
            }
        }
    }

    fn end_of_task(&mut self) {
        let Some(id) = self.a_task() else { return };
        let subject = self.state.tasks[&id].facts.subject.to_string();
        match self.chance.below(8) {
            0 => self.tell(Some(PEOPLE[0]), task::Denied { task: id }),
            1 => self.tell(Some(PEOPLE[1]), task::Cancelled { task: id }),
            2 => self.tell(None, task::Expired { task: id }),
            _ => self.tell(Some(&subject), task::Completed { task: id }),
        };
    }

    fn intend(&mut self) {
        let Some(task) = self.a_task_where(|task| matches!(task.stage, Stage::Active(_))) else { return };
        let facts = self.state.tasks[&task].facts.clone();
        let scope: Vec<Name> = facts.scope.keys().cloned().collect();
        let is_other = scope.is_empty() || self.chance.below(20) == 0;
        let credential = if is_other { name("agent-cert") } else { self.chance.of(&scope) };
        let is_kv = ["motd", "pager"].contains(&credential.as_str());
        let (mut revocability, lease) =
            (if is_kv { Revocability::RotateOnly } else { Revocability::Revocable }, self.lease_id());
        if self.chance.below(25) == 0 {
            revocability = Revocability::ExpiryBounded;
        }
        let intended = lease::Intended {
            credential,
            estate_version: self.version(),
            expires: self.now.plus(Span::from_seconds(self.chance.of(&[5, 60, 60, 300, 600, 1_300, 3_600]))),
            lease: if self.chance.below(25) == 0 { self.a_lease().unwrap_or(lease) } else { lease },
            revocability,
            supersedes: self.a_lease().filter(|_| self.chance.below(5) == 0),
            task,
        };
        let subject = facts.subject.to_string();
        let by = if self.chance.below(30) == 0 { PEOPLE[0] } else { &subject };
        self.tell(Some(by), intended);
    }

    fn issue(&mut self) {
        let Some(id) = self.a_lease_where(Lease::is_intended) else { return };
        let lease = self.state.leases[&id].clone();
        if self.chance.below(4) == 0 {
            let why = [NotIssuedCause::Refused, NotIssuedCause::NothingFound, NotIssuedCause::FoundAndEnded];
            let why = self.chance.of(&why);
            self.tell(None, lease::NotIssued { lease: id, why });
            return;
        }
        let is_cert = lease.facts.credential.as_str() == "agent-cert";
        let engine = self.now.plus(Span::from_seconds(self.chance.of(&[60, 120, 2_000])));
        let expires = micros_later(lease.expires, self.chance.of(&[0, 0, 0, 0, 1]));
        let other = [lease.revocability, Revocability::ExpiryBounded, Revocability::RotateOnly];
        let engine_expires = Some(engine).filter(|_| self.chance.below(3) > 0);
        let revocability = if self.chance.below(6) == 0 { self.chance.of(&other) } else { lease.revocability };
        let issued = lease::Issued {
            engine_expires,
            engine_request: "issued".into(),
            expires,
            lease: id,
            renewable: self.chance.below(2) == 0,
            revocability,
            serial: is_cert.then(|| "3a:01".to_owned()),
            value_version: Some(3).filter(|_| self.chance.below(4) == 0),
        };
        self.tell(None, issued);
    }

    fn end_of_lease(&mut self) {
        let Some(id) = self.a_lease_where(|lease| !lease.is_intended()) else { return };
        let lease = self.state.leases[&id].clone();
        let assurances = [Assurance::AuthorityConfirmed, Assurance::EffectConfirmed, Assurance::Accepted];
        let crl = |number| lease::CrlSeen { digest: Digest::of(&[b"crl"]), number, number_before: 7 };
        match self.chance.below(9) {
            0 => self.tell(None, lease::RevocationRequested { lease: id, why: EndCause::Asked }),
            1 => self.tell(None, lease::RevocationAccepted { lease: id }),
            2 => self.tell(None, lease::Unproven { lease: id, missing: "engine".into() }),
            3 => self.tell(None, lease::Expired { lease: id, revocability: lease.revocability }),
            4 => {
                let (kind, credential) = ("account".to_owned(), lease.facts.credential.clone());
                self.tell(None, access::OrphanFound { credential, kind, lease: id })
            }
            5 => {
                let expires = self.now.plus(Span::from_seconds(self.chance.of(&[30, 300, 1_200])));
                self.tell(Some(BOTS[0]), lease::Renewed { engine_expires: expires, expires, lease: id })
            }
            _ => {
                let assurance = self.chance.of(&assurances);
                let crl = self.chance.of(&[None, Some(crl(8)), Some(crl(7)), Some(crl(6))]);
                let engine_request = Some("gone".to_owned()).filter(|_| self.chance.below(2) == 0);
                self.tell(None, lease::Revoked { assurance, crl, engine_request, known_before: true, lease: id })
            }
        };
    }

    fn broker(&mut self) {
        let epoch = self.state.broker.epoch + u64::from(self.chance.below(5) > 0);
        match self.chance.below(2) {
            0 => self.tell(None, log::BrokerStopped { epoch }),
            _ => self.tell(None, log::BrokerActivated { engine_request_seconds_max: 20, epoch, version: "1".into() }),
        };
    }

    fn access(&mut self) {
        let call = "leasehold.v1.TaskService/RequestTask".to_owned();
        let since = self.now;
        match self.chance.below(4) {
            0 => self.tell(Some(BOTS[1]), access::Denied { call, reason: Reason::NotFound, target: None }),
            1 => self.tell(None, access::Refused { counts: [("SVID_EXPIRED".to_owned(), 3)].into(), since }),
            2 => self.tell(None, log::LogStarted { mode: "dev".into(), origin: ORIGIN.into() }),
            _ => {
                self.tell(Some(PEOPLE[1]), evidence::Read { call, from: 0, limit: 9, target: Some("a\u{e9}\n".into()) })
            }
        };
    }

    fn erase(&mut self) {
        let by = self.chance.of(&PEOPLE);
        let fields = vec!["engine_lease".to_owned()];
        let waiting: Vec<(u64, u64)> = self.state.erasures.iter().map(|(index, it)| (*index, it.requested)).collect();
        if !waiting.is_empty() && self.chance.below(2) == 0 {
            let (index, requested) = self.chance.of(&waiting);
            self.tell(Some(by), evidence::Erased { fields, index, requested });
            return;
        }
        let index = self.chance.below(self.log.rows.len() + 3) as u64;
        let (lease, task) = (self.a_lease().filter(|_| self.chance.below(3) == 0), None);
        self.tell(Some(by), evidence::ErasureRequested { fields, index, lease, task });
    }

    /// Something that was done is done again, also by another.
    fn again(&mut self) {
        let row = self.chance.of(&self.log.rows);
        let bytes = serde_jcs::to_string(&row.entry).unwrap();
        let entry = Entry::read(bytes.as_bytes()).unwrap();
        let others = [None, Some(Actor::broker()), Some(self.person(PEOPLE[1]))];
        let by_other = self.chance.of(&others);
        let actor = by_other.unwrap_or(entry.actor);
        self.take(&Entry { actor, time: self.now, commitments: Commitments::new(), ..entry }, Vec::new());
    }

    /// One change of the estate; now and then something stands inside, and is refused.
    fn estate(&mut self) {
        let number = 10 + self.chance.below(40);
        let text = ESTATE.replace("NUMBER", &number.to_string());
        let cut = if self.chance.below(3) == 0 { text.find("[credential.pager]").unwrap() } else { text.len() };
        let text = if cut == text.len() {
            text
        } else {
            text[..cut].replace("probe = { postgres = { dsn_credential = \"pager\" } }", "orphans = \"expiry-bounded\"")
        };
        let plan = plan(&self.state.estate, &Document::parse(&text).unwrap());
        for change in &plan.changes {
            let (kind, name) = (change.kind.to_string(), change.name.clone());
            match &change.json {
                Some(json) => {
                    self.tell(Some(PEOPLE[1]), estate::ItemSet { item: estate::ItemJson(json.clone()), kind, name })
                }
                None => self.tell(Some(PEOPLE[1]), estate::ItemRemoved { kind, name }),
            };
            if self.chance.below(20) == 0 {
                self.tell(None, log::BrokerStopped { epoch: 1 });
            }
        }
        if !plan.changes.is_empty() {
            self.tell(Some(PEOPLE[1]), plan.seal());
        }
    }

    fn tell(&mut self, by: Option<&str>, body: impl Into<Body>) -> bool {
        let (index, body) = (self.log.rows.len(), body.into());
        let actor = by.map_or_else(Actor::broker, |id| self.person(id));
        let opening = Opening {
            entry_type: body.type_name().into(),
            field: "note".into(),
            salt: *Digest::of(&[&index.to_be_bytes()]).as_bytes(),
            value: format!("note {index}"),
        };
        let opened = self.chance.below(6) == 0;
        let commitments: Commitments = opened.then(|| ("note".to_owned(), opening.commitment())).into_iter().collect();
        let mark = || Digest::of(&[b"mark", &index.to_be_bytes()]);
        let request = by.filter(|_| body.answers_a_request()).map(|_| RequestMark { content: mark(), id: mark() });
        let entry = Entry { actor, cause: None, commitments, request, time: self.now, body };
        let disclosed = json!({ "field": "note", "salt": base64_of(&opening.salt), "value": opening.value });
        self.take(&entry, if opened { vec![disclosed] } else { Vec::new() })
    }

    fn take(&mut self, entry: &Entry, openings: Vec<serde_json::Value>) -> bool {
        let bytes = entry.write().unwrap();
        let row = Row::new(serde_json::from_slice(&bytes).unwrap(), openings);
        let mut next = self.state.clone();
        match next.apply(entry, Digest::from_bytes(*leaf_hash(&bytes).as_bytes())) {
            Ok(()) => {
                self.state = next;
                self.log.rows.push(row);
                true
            }
            Err(broken) => {
                self.refused.push((self.log.rows.len(), row, broken.law));
                false
            }
        }
    }

    fn person(&mut self, id: &str) -> Actor {
        let connection = self.chance.of(&[id.len(), id.len(), id.len(), 38]);
        let is_jwt = self.chance.below(12) == 0;
        Actor {
            connection: Some(format!("conn-019a3a70-0000-7000-8000-0000000000{connection:02x}")),
            id: id.into(),
            issuer_key: Some(Digest::of(&[b"issuer"])).filter(|_| !is_jwt),
            key_id: is_jwt.then(|| "key-1".to_owned()),
            serial: Some("0a1b2c".to_owned()).filter(|_| !is_jwt),
        }
    }

    fn version(&mut self) -> u64 {
        self.state.estate.version() + u64::from(self.chance.below(40) == 0)
    }

    fn a_task(&mut self) -> Option<TaskId> {
        let open: Vec<TaskId> = self.state.tasks.keys().copied().collect();
        (!open.is_empty()).then(|| self.chance.of(&open))
    }

    /// One that is ready for what is tried; now and then any.
    fn a_task_where(&mut self, is_ready: impl Fn(&Task) -> bool) -> Option<TaskId> {
        let ready: Vec<TaskId> =
            self.state.tasks.iter().filter(|(_, task)| is_ready(task)).map(|(id, _)| *id).collect();
        if ready.is_empty() || self.chance.below(12) == 0 { self.a_task() } else { Some(self.chance.of(&ready)) }
    }

    fn a_lease_where(&mut self, is_ready: impl Fn(&Lease) -> bool) -> Option<LeaseId> {
        let ready: Vec<LeaseId> = self.state.leases.iter().filter(|(_, it)| is_ready(it)).map(|(id, _)| *id).collect();
        if ready.is_empty() || self.chance.below(12) == 0 { self.a_lease() } else { Some(self.chance.of(&ready)) }
    }

    fn a_lease(&mut self) -> Option<LeaseId> {
        let open: Vec<LeaseId> = self.state.leases.keys().copied().collect();
        (!open.is_empty()).then(|| self.chance.of(&open))
    }

    fn task_id(&mut self) -> TaskId {
        TaskId::new(self.now, self.next_id())
    }

    fn lease_id(&mut self) -> LeaseId {
        LeaseId::new(self.now, self.next_id())
    }

    fn next_id(&mut self) -> [u8; 10] {
        self.ids += 1;
        let mut id = [0; 10];
        id[2..].copy_from_slice(&self.ids.to_be_bytes());
        id
    }
}

fn micros_later(time: Time, micros: i64) -> Time {
    Time::from_unix_micros(time.unix_micros() + micros)
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}
