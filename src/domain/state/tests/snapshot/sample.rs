//! One of everything that a state can hold, made by hand.

use super::super::desk::name;
use crate::base::{Digest, LeaseId, Span, SpiffeId, TaskId, Time};
use crate::entry::Actor;
use crate::entry::bodies::lease::Revocability;
use crate::estate::{Document, Estate};
use crate::state::approval::Yes;
use crate::state::erasure::Pending;
use crate::state::lease::{self, Issued};
use crate::state::repeat::{Kept, Outcome, Over, Remembered};
use crate::state::task::{self, End};
use crate::state::token::Token;
use crate::state::{Lease, State, Task};
use std::sync::Arc;

/// The estate of the sample alone: other tests need other ones by and by.
const DECLARED: &str = r#"
[team.payments]
members = ["spiffe://example.org/people/lead", "spiffe://example.org/people/deputy"]
[team.other]
members = ["spiffe://example.org/people/other-lead"]
[role.operator]
members = ["spiffe://example.org/people/operator"]
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

/// One of everything, made by hand: what the fold makes of the same entries may change, this does not.
pub(super) fn sample() -> State {
    let document = Document::parse(DECLARED).unwrap();
    let mut state = State { size: 1_234_567, time: at(0), ..State::default() };
    state.broker.origin = "test.example/log".into();
    state.broker.mode = "prod".into();
    state.broker.epoch = 7;
    state.broker.engine_request_max = Span::from_seconds(90);
    let rows: Vec<_> = document.items().rows().collect();
    let rows = rows.iter().map(|row| (row.kind.as_str(), row.name.as_str(), row.json.as_str()));
    state.estate = Estate::of_rows(3, rows).unwrap();
    let counts = [("log.started", 1), ("lease.issued", 1_234_560), ("evidence.erased", 6)];
    state.counts = crate::state::counts::Counts::of_names(1_230_000, counts).unwrap();
    state.pace.insert(name("billing-bot"), at(40));
    erasures(&mut state);
    tasks(&mut state);
    leases(&mut state);
    requests(&mut state);
    state
}

fn at(seconds: i64) -> Time {
    Time::from_unix_seconds(1_800_000_000 + seconds)
}

fn task_id(number: u8) -> TaskId {
    TaskId::new(at(number.into()), [number; 10])
}

fn lease_id(number: u8) -> LeaseId {
    LeaseId::new(at(number.into()), [number; 10])
}

fn erasures(state: &mut State) {
    let by = Actor {
        connection: Some("conn-1".into()),
        id: "spiffe://example.org/people/operator".into(),
        issuer_key: Some(Digest::of(&[b"key"])),
        key_id: None,
        serial: Some("0a".into()),
    };
    let fields = vec!["justification".to_owned(), "purpose".to_owned()];
    let asked = Pending { by, since: at(1), requested: 900, fields, task: Some(task_id(90)), lease: None };
    let other = Pending { by: Actor::broker(), task: None, lease: Some(lease_id(91)), ..asked.clone() };
    state.erasures.insert(17, asked);
    state.erasures.insert(300, other);
}

fn tasks(state: &mut State) {
    let ending = |end| task::Stage::Ending(at(30), end);
    let stages = [
        task::Stage::Requested,
        task::Stage::Approved(at(10)),
        task::Stage::Active(at(1_000)),
        ending(End::Completed),
        ending(End::Cancelled),
        ending(End::Expired),
        ending(End::Denied),
    ];
    for (number, stage) in (1..).zip(stages) {
        let credential = if number == 1 { "motd" } else { "ledger-ro" };
        let declared = state.estate.credential(&name(credential)).unwrap().clone();
        let facts = task::Facts {
            id: task_id(number),
            agent: name("billing-bot"),
            subject: SpiffeId::parse("spiffe://example.org/agent/billing-bot").unwrap(),
            connection: (number != 2).then(|| format!("conn-{number}")),
            index: 100 + u64::from(number),
            digest: Digest::of(&[&[number]]),
            requested: at(5),
            window: Span::from_seconds(1_200),
            purpose_code: "reconcile".into(),
            needs: if number == 1 { vec![] } else { vec![name("payments")] },
            scope: [(name(credential), declared)].into(),
        };
        let yes = |by: &str| Yes { by: by.into(), teams: vec![name("payments")], until: at(5_000) };
        let token = |gone| Token { index: 200, expires: at(6_000), gone };
        state.put_task(Task {
            facts: Arc::new(facts),
            stage,
            approvals: [yes("spiffe://example.org/people/lead"), yes("rule:low-sensitivity")].into(),
            tokens: [token(true), token(false)].into(),
            open_leases: imbl::OrdSet::new(),
            asked: number.into(),
        });
    }
}

fn leases(state: &mut State) {
    let stages = [
        lease::Stage::Intended(at(60)),
        lease::Stage::Issued,
        lease::Stage::Ending(at(61), false),
        lease::Stage::Ending(at(62), true),
        lease::Stage::Unproven(at(63)),
    ];
    let ways = [Revocability::Revocable, Revocability::ExpiryBounded, Revocability::RotateOnly];
    for (number, (stage, revocability)) in (1..).zip(stages.into_iter().zip(ways.into_iter().cycle())) {
        let facts = lease::Facts {
            id: lease_id(number),
            task: task_id(3),
            credential: name("ledger-ro"),
            index: 400 + u64::from(number),
            intended: at(50),
            supersedes: (number == 2).then(|| lease_id(92)),
            request: (number != 3).then(|| Digest::of(&[b"request", &[number]])),
        };
        let issued = Issued {
            index: 500,
            time: at(51),
            engine_expires: (number != 3).then(|| at(70)),
            renewable: number == 2,
            serial: (number == 4).then(|| Arc::from("0a:ff")),
        };
        let mut of = state.tasks[&task_id(3)].clone();
        of.open_leases.insert(lease_id(number));
        state.put_task(of);
        state.put_lease(Lease {
            facts: Arc::new(facts),
            stage,
            revocability,
            expires: at(90),
            issued: (number != 1).then_some(issued),
            outlived: number == 5,
            changed: 600 + u64::from(number),
        });
    }
}

fn requests(state: &mut State) {
    let task = task_id(3);
    let over = Over { task: task_id(93), index: 7, end: End::Completed, since: at(2) };
    let outcomes = [
        (Outcome::Task(task), Kept::With(task)),
        (Outcome::Approval(task), Kept::With(task)),
        (Outcome::Lease(task, lease_id(1)), Kept::With(task)),
        (Outcome::Secret(task, lease_id(94)), Kept::With(task)),
        (Outcome::Over(over), Kept::Since(at(3))),
        (Outcome::Estate(2), Kept::Since(at(4))),
        (Outcome::Erasure { done: true }, Kept::Since(at(4))),
        (Outcome::Erasure { done: false }, Kept::Since(at(3))),
    ];
    for (number, (outcome, kept)) in (1_u8..).zip(outcomes) {
        let id = Digest::of(&[b"request", &[number]]);
        match kept {
            Kept::With(task) => drop(state.bound.insert((task, id))),
            Kept::Since(since) => drop(state.aging.insert((since, id))),
        }
        state.requests.insert(id, Remembered { content: Digest::of(&[b"content"]), outcome, kept });
    }
    super::super::repeats::check_lists(state);
}
