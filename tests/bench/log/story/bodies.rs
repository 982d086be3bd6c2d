//! Who acts in the story, and what each entry says.

use leasehold::domain::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use leasehold::domain::entry::bodies::lease::{Assurance, EndCause, Revocability};
use leasehold::domain::entry::bodies::{estate, lease, log, task, token};
use leasehold::domain::entry::{Actor, Body};
use leasehold::domain::estate::{Document, plan};
use leasehold::domain::state::State;
use std::collections::VecDeque;

/// Everybody, and names that are written again and again.
pub(super) struct Cast {
    pub(super) bot: Actor,
    pub(super) lead: Actor,
    operator: Actor,
    subject: SpiffeId,
    agent: Name,
    credential: Name,
    team: Name,
}

/// An open task and where its entries stand.
pub(super) struct Task {
    id: TaskId,
    ends: Time,
    pub(super) index: u64,
    pub(super) digest: Digest,
    pub(super) token: u64,
    pub(super) leases: Vec<Lease>,
}

/// A lease and where its entries stand.
#[derive(Clone, Copy)]
pub(super) struct Lease {
    id: LeaseId,
    expires: Time,
    pub(super) intended: u64,
    /// The entry that last changed it.
    pub(super) last: u64,
}

const BOT: &str = "spiffe://example.org/agent/billing-bot";
const LEAD: &str = "spiffe://example.org/people/payments-lead";
const OPERATOR: &str = "spiffe://example.org/people/platform-lead";
const WINDOW: Span = Span::from_seconds(1_800);
const TTL: Span = Span::from_seconds(1_200);
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
"#;

impl Default for Lease {
    fn default() -> Self {
        Self { id: LeaseId::new(Time::default(), [0; 10]), expires: Time::default(), intended: 0, last: 0 }
    }
}

impl Cast {
    pub(super) fn new() -> Self {
        Self {
            bot: person(BOT, 1),
            lead: person(LEAD, 2),
            operator: person(OPERATOR, 3),
            subject: SpiffeId::parse(BOT).unwrap_or_else(|_| unreachable!("a good id")),
            agent: name("billing-bot"),
            credential: name("ledger-ro"),
            team: name("payments"),
        }
    }

    /// The log begins, a broker takes it over, the estate is applied.
    pub(super) fn beginning(&self) -> VecDeque<(Actor, Body)> {
        let Ok(document) = Document::parse(ESTATE) else { unreachable!("a good estate") };
        let plan = plan(&State::default().estate, &document);
        let started = log::LogStarted { mode: "dev".into(), origin: super::ORIGIN.into() };
        let activated = log::BrokerActivated { engine_request_seconds_max: 90, epoch: 1, version: "0.1.0".into() };
        let items = plan.changes.iter().map(|change| {
            let item = estate::ItemJson(change.json.clone().unwrap_or_default());
            estate::ItemSet { item, kind: change.kind.to_string(), name: change.name.clone() }.into()
        });
        let group = items.chain([plan.seal().into()]).map(|body| (self.operator.clone(), body));
        let before = [started.into(), activated.into()].map(|body| (Actor::broker(), body));
        before.into_iter().chain(group).collect()
    }

    pub(super) fn task(&self, now: Time, number: u64) -> Task {
        let lease = |lease: u64| Lease {
            id: LeaseId::new(now, chance(number * super::LEASES + lease)),
            expires: now.plus(TTL),
            ..Lease::default()
        };
        Task {
            id: TaskId::new(now, chance(number)),
            ends: now.plus(WINDOW),
            index: 0,
            digest: Digest::of(&[]),
            token: 0,
            leases: (0..super::LEASES).map(lease).collect(),
        }
    }

    pub(super) fn requested(&self, task: &Task) -> Body {
        let requested = task::Requested {
            agent: self.agent.clone(),
            credentials: vec![self.credential.clone()],
            estate_version: 1,
            needs: vec![self.team.clone()],
            purpose_code: "reconcile-invoices".into(),
            subject: self.subject.clone(),
            task: task.id,
            window_seconds: WINDOW.seconds(),
        };
        requested.into()
    }

    pub(super) fn approved(&self, task: &Task, now: Time) -> Body {
        let teams = vec![self.team.clone()];
        let until = now.plus(Span::from_seconds(3_600));
        task::Approved { digest: task.digest, rule: None, task: task.id, teams, until }.into()
    }

    pub(super) fn token_made(&self, task: &Task, now: Time) -> Body {
        let policies = vec!["leasehold-cred-ledger-ro-f8c236f0".into()];
        token::Made { engine_request: request(task.index), expires: now.plus(WINDOW), policies, task: task.id }.into()
    }

    pub(super) fn activated(&self, task: &Task, now: Time) -> Body {
        task::Activated { ends: task.ends.max(now), task: task.id }.into()
    }

    pub(super) fn intended(&self, task: &Task, lease: Lease, now: Time) -> Body {
        let intended = lease::Intended {
            credential: self.credential.clone(),
            estate_version: 1,
            expires: lease.expires.max(now),
            lease: lease.id,
            revocability: Revocability::Revocable,
            supersedes: None,
            task: task.id,
        };
        intended.into()
    }

    pub(super) fn issued(&self, lease: Lease, now: Time) -> Body {
        let issued = lease::Issued {
            engine_expires: Some(now.plus(Span::from_seconds(120))),
            engine_request: request(lease.intended),
            expires: lease.expires,
            lease: lease.id,
            renewable: true,
            revocability: Revocability::Revocable,
            serial: None,
            value_version: None,
        };
        issued.into()
    }

    pub(super) fn renewed(&self, lease: Lease, now: Time) -> Body {
        let engine_expires = now.plus(Span::from_seconds(120));
        lease::Renewed { engine_expires, expires: lease.expires, lease: lease.id }.into()
    }

    pub(super) fn asked(&self, lease: Lease) -> Body {
        lease::RevocationRequested { lease: lease.id, why: EndCause::Asked }.into()
    }

    pub(super) fn revoked(&self, lease: Lease) -> Body {
        let revoked = lease::Revoked {
            assurance: Assurance::EffectConfirmed,
            crl: None,
            engine_request: Some(request(lease.last)),
            known_before: true,
            lease: lease.id,
        };
        revoked.into()
    }

    pub(super) fn completed(&self, task: &Task) -> Body {
        task::Completed { task: task.id }.into()
    }

    pub(super) fn token_revoked(&self, task: &Task) -> Body {
        token::Revoked { task: task.id, token: task.token }.into()
    }
}

fn person(id: &str, connection: u8) -> Actor {
    Actor {
        connection: Some(format!("conn-019a3a70-0000-7000-8000-0000000000{connection:02x}")),
        id: id.into(),
        issuer_key: Some(Digest::of(&[b"public key of an issuer"])),
        key_id: None,
        serial: Some("3f1a0c55d2e94b7786aa10b2c4d6e8f0".into()),
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|_| unreachable!("a good name"))
}

/// The engine's id of a request.
fn request(index: u64) -> String {
    format!("7f0c1c38-6f0e-4d3a-9d8a-{index:012x}")
}

fn chance(number: u64) -> [u8; 10] {
    let mut chance = [0; 10];
    let [_, _, rest @ ..] = &mut chance;
    *rest = number.to_be_bytes();
    chance
}
