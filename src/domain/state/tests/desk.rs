//! A writer in one line each: decides, writes the bytes, reads them back, applies.

use crate::base::{ConnectionId, Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use crate::entry::bodies::lease::{NotIssuedCause, Revocability};
use crate::entry::bodies::log;
use crate::entry::{Actor, Body, Commitment, Commitments, Entry, RequestMark};
use crate::estate::Document;
use crate::judge::BuiltInRules;
use crate::reason::Denial;
use crate::state::command::*;
use crate::state::{Bench, Duty, State};
use crate::svid::{KeyUsage, Presented, PresentedX509, Subject, admit};

pub(super) const ESTATE: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/lead", "spiffe://example.org/people/deputy"]
[team.other]
members = ["spiffe://example.org/people/other-lead"]
[role.operator]
members = ["spiffe://example.org/people/operator", "spiffe://example.org/people/second-operator"]
[agent.billing-bot]
spiffe_id = "spiffe://example.org/agent/billing-bot"
owner = "payments"
class = "ai-agent"
environment = "prod"
purpose = "reconcile invoices"
[agent.stray]
spiffe_id = "spiffe://example.org/agent/stray"
class = "ai-agent"
environment = "prod"
purpose = "nobody answers for it"
[credential.ledger-ro]
kind = "database"
path = "database/creds/ledger-ro"
max_ttl = "10m"
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

pub(super) struct Desk {
    pub(super) state: State,
    pub(super) now: Time,
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) chance: u8,
}

pub(super) fn subject(path: &str, now: Time) -> Subject {
    let leaf = PresentedX509 {
        uris: vec![format!("spiffe://example.org/{path}")],
        names_critical: true,
        subject_empty: true,
        ca: Some(false),
        key_usage: Some(KeyUsage { critical: true, digital_signature: true, key_cert_sign: false, crl_sign: false }),
        extended_key_usage: None,
        not_before: now,
        not_after: now.plus(Span::from_seconds(3_600)),
        serial: "01".into(),
        issuer_key: Digest::of(&[b"issuer"]),
    };
    admit(Presented::X509(leaf), now).unwrap()
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn task_of(reply: &Reply) -> TaskId {
    let Reply::Task(task) = reply else { panic!("{reply:?}") };
    *task
}

pub(super) fn lease_of(reply: &Reply) -> LeaseId {
    match reply {
        Reply::Intent(intent) => intent.lease,
        Reply::Lease(lease) => *lease,
        other => panic!("{other:?}"),
    }
}

fn commitment(value: &str) -> Commitment {
    Commitment::of("test", "test", &[0; 32], value)
}

impl Desk {
    pub(super) fn new() -> Self {
        let mut desk =
            Self { state: State::default(), now: Time::from_unix_seconds(1_800_000_000), bytes: vec![], chance: 0 };
        desk.note(log::LogStarted { mode: "dev".into(), origin: "test.example/log".into() });
        desk.note(log::BrokerActivated { engine_request_seconds_max: 2, epoch: 1, version: "0".into() });
        let ask = ApplyEstate { document: Document::parse(ESTATE).unwrap(), version: 0 };
        desk.ask("people/operator", 9, 200, Ask::ApplyEstate(ask)).unwrap();
        desk
    }

    pub(super) fn note(&mut self, body: impl Into<Body>) {
        self.decide(Command::Note(body.into())).unwrap();
    }

    pub(super) fn note_of(&mut self, who: &str, connection: u8, body: impl Into<Body>) {
        let connection = ConnectionId::new(self.now, [connection; 10]);
        let caller = Caller { subject: subject(who, self.now), connection };
        self.decide(Command::NoteOf { caller, body: body.into() }).unwrap();
    }

    pub(super) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Span::from_seconds(seconds));
    }

    pub(super) fn due(&self) -> Vec<Duty> {
        self.state.due(self.now).collect()
    }

    /// The state, from the bytes alone.
    pub(super) fn refolded(&self) -> State {
        let mut state = State::default();
        for bytes in &self.bytes {
            state.apply(&Entry::read(bytes).unwrap(), Digest::of(&[b"\0", bytes])).unwrap();
        }
        state
    }

    pub(super) fn decide(&mut self, command: Command) -> Result<Reply, Denial> {
        let operators = [SpiffeId::parse("spiffe://example.org/people/operator").unwrap()];
        let bench = Bench { at: self.now, clock_certain: true, judge: &BuiltInRules, bootstrap: &operators };
        let decided = self.state.decide(&command, &bench)?;
        let (actor, mark) = match &command {
            Command::Ask { caller, mark, .. }
            | Command::Found(Finding::Renewed(RenewedFacts { asked_by: Some((caller, mark)), .. })) => {
                (Actor::caller(&caller.subject, &caller.connection.to_string()), Some(*mark))
            }
            Command::NoteOf { caller, .. } => (Actor::caller(&caller.subject, &caller.connection.to_string()), None),
            _ => (Actor::broker(), None),
        };
        for Draft { body, cause, commitments } in decided.drafts {
            let request = mark.filter(|_| body.answers_a_request());
            let entry = Entry { actor: actor.clone(), cause, commitments, request, time: self.now, body };
            let bytes = entry.write().unwrap();
            let read = Entry::read(&bytes).unwrap();
            assert_eq!(read, entry);
            self.state.apply(&read, Digest::of(&[b"\0", &bytes])).unwrap();
            self.bytes.push(bytes);
        }
        Ok(decided.reply)
    }

    pub(super) fn ask(&mut self, who: &str, connection: u8, mark: u8, ask: Ask) -> Result<Reply, Denial> {
        let content = Digest::of(&[format!("{ask:?}").split("id:").last().unwrap_or_default().as_bytes()]);
        self.ask_with(who, connection, RequestMark { content, id: Digest::of(&[&[mark]]) }, ask)
    }

    pub(super) fn ask_with(&mut self, who: &str, connection: u8, mark: RequestMark, ask: Ask) -> Result<Reply, Denial> {
        let connection = ConnectionId::new(self.now, [connection; 10]);
        let caller = Caller { subject: subject(who, self.now), connection };
        self.decide(Command::Ask { caller, mark, ask })
    }

    pub(super) fn fresh(&mut self) -> u8 {
        self.chance += 1;
        self.chance
    }

    fn chance(&mut self) -> [u8; 10] {
        [self.fresh(); 10]
    }

    pub(super) fn request(&mut self, credential: &str) -> TaskId {
        let mark = self.fresh();
        task_of(&self.request_marked(mark, credential).unwrap())
    }

    pub(super) fn request_marked(&mut self, mark: u8, credential: &str) -> Result<Reply, Denial> {
        let chance = self.chance();
        self.request_with(&[mark], chance, credential)
    }

    fn request_with(&mut self, mark: &[u8], chance: [u8; 10], credential: &str) -> Result<Reply, Denial> {
        let ask = RequestTask {
            id: TaskId::new(self.now, chance),
            agent: name("billing-bot"),
            purpose_code: "reconcile".into(),
            purpose: commitment("purpose"),
            credentials: vec![name(credential)],
            window_seconds: 1_200,
        };
        let mark = RequestMark { content: Digest::of(&[credential.as_bytes()]), id: Digest::of(&[mark]) };
        self.ask_with("agent/billing-bot", 1, mark, Ask::RequestTask(ask))
    }

    /// A task that is requested and cancelled at once, one of very many.
    pub(super) fn spin(&mut self, round: u32) -> Result<(), Denial> {
        let [a, b, c, d] = round.to_be_bytes();
        let task = task_of(&self.request_with(&[a, b, c, d, 0], [a, b, c, d, 0, 0, 0, 0, 0, 0], "ledger-ro")?);
        let mark = RequestMark { content: Digest::of(&[b"cancel"]), id: Digest::of(&[&[a, b, c, d, 1]]) };
        let cancel = Ask::CancelTask(EndTask { task, justification: None });
        self.ask_with("agent/billing-bot", 1, mark, cancel).map(drop)
    }

    pub(super) fn approve(&mut self, task: TaskId) -> Result<Reply, Denial> {
        self.approve_as("people/lead", 2, task)
    }

    pub(super) fn approve_as(&mut self, who: &str, connection: u8, task: TaskId) -> Result<Reply, Denial> {
        let digest = self.state.tasks.get(&task).map(|task| task.facts.digest.to_string()).unwrap_or_default();
        let mark = self.fresh();
        self.ask(who, connection, mark, Ask::ApproveTask(ApproveTask { task, digest, valid_for: None }))
    }

    pub(super) fn token(&mut self, task: TaskId) {
        let made = TokenMade {
            task,
            accessor: commitment("accessor"),
            tag: commitment("tag"),
            expires: self.now,
            policies: vec![],
            engine_request: "r".into(),
        };
        self.decide(Command::Found(Finding::TokenMade(made))).unwrap();
    }

    /// A task with this credential, active from now.
    pub(super) fn active(&mut self, credential: &str) -> TaskId {
        let task = self.request(credential);
        if self.state.tasks[&task].facts.needs.is_empty() {
            self.pass(Duty::ApproveByRule(task));
        } else {
            self.approve(task).unwrap();
        }
        self.token(task);
        task
    }

    pub(super) fn issue(&mut self, task: TaskId, credential: &str) -> Result<LeaseId, Denial> {
        self.issue_for(task, credential, None)
    }

    pub(super) fn issue_for(&mut self, task: TaskId, credential: &str, ttl: Option<u64>) -> Result<LeaseId, Denial> {
        let mark = self.fresh();
        self.issue_marked(mark, task, credential, ttl).map(|reply| lease_of(&reply))
    }

    pub(super) fn issue_marked(
        &mut self,
        mark: u8,
        task: TaskId,
        credential: &str,
        ttl: Option<u64>,
    ) -> Result<Reply, Denial> {
        let ask = IssueSecret {
            id: LeaseId::new(self.now, self.chance()),
            task,
            credential: name(credential),
            ttl: ttl.map(Span::from_seconds),
            parameters: Parameters::None,
            supersedes: None,
        };
        let content = Digest::of(&[format!("{credential}{ttl:?}").as_bytes()]);
        let mark = RequestMark { content, id: Digest::of(&[&[mark]]) };
        self.ask_with("agent/billing-bot", 1, mark, Ask::IssueSecret(ask))
    }

    pub(super) fn supersede(&mut self, task: TaskId, credential: &str, old: LeaseId) -> Result<LeaseId, Denial> {
        let ask = IssueSecret {
            id: LeaseId::new(self.now, self.chance()),
            task,
            credential: name(credential),
            ttl: None,
            parameters: Parameters::None,
            supersedes: Some(old),
        };
        let mark = self.fresh();
        self.ask("agent/billing-bot", 1, mark, Ask::IssueSecret(ask)).map(|reply| lease_of(&reply))
    }

    pub(super) fn seal(&mut self, lease: LeaseId) -> bool {
        let kv = self.state.leases[&lease].revocability == Revocability::RotateOnly;
        let facts = MintedFacts {
            lease,
            commitments: Commitments::from([("engine_lease".into(), commitment("lease"))]),
            engine_expires: (!kv).then(|| self.now.plus(Span::from_seconds(120))),
            engine_request: "r".into(),
            renewable: !kv,
            revocability: if kv { Revocability::RotateOnly } else { Revocability::Revocable },
            serial: None,
            value_version: kv.then_some(1),
        };
        let reply = self.decide(Command::Found(Finding::Minted(facts))).unwrap();
        matches!(reply, Reply::Sealed(true))
    }

    pub(super) fn not_issued(&mut self, lease: LeaseId) {
        let why = NotIssuedCause::Refused;
        self.decide(Command::Found(Finding::NotIssued { lease, why })).unwrap();
    }

    pub(super) fn complete(&mut self, task: TaskId) -> Result<Reply, Denial> {
        let mark = self.fresh();
        self.complete_marked(mark, task)
    }

    pub(super) fn complete_marked(&mut self, mark: u8, task: TaskId) -> Result<Reply, Denial> {
        let mark = RequestMark { content: Digest::of(&[b"complete"]), id: Digest::of(&[&[mark]]) };
        self.ask_with("agent/billing-bot", 1, mark, Ask::CompleteTask(task))
    }

    pub(super) fn orphan(&mut self, lease: LeaseId) {
        let found = OrphanFacts { lease, credential: name("ledger-ro"), kind: "account", name: commitment("account") };
        self.decide(Command::Found(Finding::Orphan(found))).unwrap();
    }

    pub(super) fn gone(&mut self, lease: LeaseId) {
        let gone = GoneFacts { lease, backend_confirmed: true, known_before: true, crl: None, engine_request: None };
        self.decide(Command::Found(Finding::Gone(gone))).unwrap();
    }

    pub(super) fn token_gone(&mut self, task: TaskId) {
        let tokens: Vec<u64> = self.state.tasks[&task].tokens.iter().map(|token| token.index).collect();
        for token in tokens {
            self.decide(Command::Found(Finding::TokenGone { task, token })).unwrap();
        }
    }

    pub(super) fn pass(&mut self, duty: Duty) {
        self.decide(Command::Passed(duty)).unwrap();
    }
}
