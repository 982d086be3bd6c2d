//! A secret, in seven rooms. Verify and parse lie behind the caller; here are the other five:
//! decide and intend (one step of the writer), mint, seal, reply. Each room's output is the next
//! room's key, and none of them can be copied.
//!
//! From intent to seal the walk runs on its own: a caller who leaves closes only the last room.

use super::World;
use super::commit::Openings;
use super::journal::Durable;
use super::tokens::{HeldToken, Tokens, refused};
use domain::base::{LeaseId, Time};
use domain::entry::Opening;
use domain::entry::RequestMark;
use domain::entry::bodies::lease::{NotIssuedCause, Revocability};
use domain::estate::Kind;
use domain::reason::{Denial, Reason};
use domain::state::command::{Caller, IssueSecret, MintedFacts, Parameters};
use domain::state::lease::{Intent, step};
use domain::state::{Ask, Command, Finding, Reply, limits};
use ports::{EngineLease, FaultKind, MintOrder, MintOutcome, Minted};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::watch;

/// Issues secrets.
#[derive(Clone)]
pub struct Issue {
    world: World,
    tokens: Tokens,
    in_flight: InFlight,
}

/// Leases whose walk is between intent and seal in this process: nobody else may close them.
#[derive(Clone, Default)]
pub struct InFlight(Arc<watch::Sender<HashSet<LeaseId>>>);

struct Flight {
    all: InFlight,
    lease: LeaseId,
}

/// A secret whose record is durable: the way to room 7.
#[derive(Debug)]
pub struct Sealed {
    /// Its lease.
    pub lease: LeaseId,
    /// The secret.
    pub minted: Minted,
    /// The durable record.
    pub durable: Durable,
    /// Openings of the `lease.issued` entry.
    pub openings: Vec<Opening>,
}

impl InFlight {
    /// Whether a walk is under way.
    #[must_use]
    pub fn holds(&self, lease: LeaseId) -> bool {
        self.0.borrow().contains(&lease)
    }

    /// Waits until every walk that is under way now is over: what came of it is in the log then, or
    /// is unknown to it too. Walks that begin meanwhile are not waited for.
    pub async fn outlast(&self) {
        let now = self.0.borrow().clone();
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|later| later.is_disjoint(&now)).await;
    }

    fn enter(&self, lease: LeaseId) -> Flight {
        self.0.send_modify(|all| _ = all.insert(lease));
        Flight { all: self.clone(), lease }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.all.0.send_modify(|all| _ = all.remove(&self.lease));
    }
}

impl Issue {
    /// Issues through the given world.
    #[must_use]
    pub fn new(world: World, tokens: Tokens, in_flight: InFlight) -> Self {
        Self { world, tokens, in_flight }
    }

    /// Issues one secret. Runs to its end even if the caller leaves.
    ///
    /// # Errors
    /// The denial of the room in which it failed. `ENGINE_UNAVAILABLE` may leave an intent that is
    /// being closed; the same request id finds it.
    pub async fn issue(&self, caller: Caller, mark: RequestMark, ask: IssueSecret) -> Result<Sealed, Denial> {
        let walk = self.clone();
        let running = self.world.tracker.spawn(async move { walk.walk(caller, mark, ask).await });
        running.await.unwrap_or_else(|_| Err(Denial::new(Reason::Internal, "the walk of this request broke off")))
    }

    async fn walk(&self, caller: Caller, mark: RequestMark, ask: IssueSecret) -> Result<Sealed, Denial> {
        self.world.witnessed.allows_issuing()?;
        let _flight = self.in_flight.enter(ask.id);
        let parameters = ask.parameters.clone();
        failpoint::pass!("before_intent");
        let intent = self.intend(caller, mark, ask).await?;
        failpoint::pass!("after_intent");
        let token = self.token(&intent).await?;
        // Once more, right before a secret can exist; an intent that is left is closed by looking.
        self.world.witnessed.allows_issuing()?;
        let outcome = self.mint(&intent, &token, parameters).await?;
        failpoint::pass!("after_mint");
        let sealed = self.seal(intent, outcome).await?;
        failpoint::pass!("after_seal");
        Ok(sealed)
    }

    /// Rooms 3 and 4.
    async fn intend(&self, caller: Caller, mark: RequestMark, ask: IssueSecret) -> Result<Intent, Denial> {
        let command = Command::Ask { caller, mark, ask: Ask::IssueSecret(ask) };
        match self.world.journal.propose(command, Vec::new()).await?.reply {
            Reply::Intent(intent) => Ok(*intent),
            _ => Err(Denial::new(Reason::Internal, "the writer gave no intent")),
        }
    }

    async fn token(&self, intent: &Intent) -> Result<HeldToken, Denial> {
        match self.tokens.of(intent.task).await {
            Ok(token) => Ok(token),
            Err(denial) => Err(self.not_issued(intent.lease, denial).await),
        }
    }

    /// Room 5. What was certainly not minted is recorded as such; an unknown outcome stays intended
    /// and is closed by looking.
    async fn mint(&self, intent: &Intent, token: &HeldToken, parameters: Parameters) -> Result<MintOutcome, Denial> {
        let now = self.world.clock.read().time;
        let in_time = now.plus(limits::MINT_SEND_MAX) <= intent.at.plus(limits::SEND_MAX);
        let Some(secret) = token.secret().filter(|_| in_time) else {
            let late = Denial::new(Reason::EngineUnavailable, "the engine took too long to give the task its token");
            return Err(self.not_issued(intent.lease, late).await);
        };
        let names_version = matches!(parameters, Parameters::KeyValue(Some(_)));
        let order = order(intent, parameters, now);
        match self.world.engine.mint(secret, &order, intent.index).await {
            Ok(outcome) => Ok(outcome),
            Err(fault) if fault.kind == FaultKind::Ambiguous => {
                tracing::warn!(lease = %intent.lease, error = %fault, "the outcome of a mint is unknown; it will be looked for");
                Err(refused(&fault).naming("lease", intent.lease))
            }
            Err(fault) if fault.kind == FaultKind::NotFound && names_version => {
                let unknown = Denial::of_field("key_value.version", "the engine holds no such version");
                Err(self.not_issued(intent.lease, unknown).await)
            }
            Err(fault) => Err(self.not_issued(intent.lease, refused(&fault)).await),
        }
    }

    async fn not_issued(&self, lease: LeaseId, denial: Denial) -> Denial {
        let finding = Finding::NotIssued { lease, why: NotIssuedCause::Refused };
        // If this cannot be recorded the intent stays, and is closed by looking.
        let _ = self.world.journal.propose(Command::Found(finding), Vec::new()).await;
        denial
    }

    /// Room 6.
    async fn seal(&self, intent: Intent, outcome: MintOutcome) -> Result<Sealed, Denial> {
        let mut openings = Openings::of(&*self.world.entropy, "lease.issued");
        let MintOutcome { minted, lease: engine_lease, expires, renewable, engine_request } = outcome;
        let facts = facts(&intent, &minted, engine_lease.as_ref(), expires, renewable, engine_request, &mut openings);
        let openings = openings.into_made();
        let command = Command::Found(Finding::Minted(facts));
        match self.world.journal.propose(command, openings.clone()).await {
            Ok(durable @ Durable { reply: Reply::Sealed(true), .. }) => {
                Ok(Sealed { lease: intent.lease, minted, durable, openings })
            }
            Ok(_) => {
                Err(Denial::new(Reason::EndedMeanwhile, "the task or the secret's own time ended while it was made"))
            }
            Err(denial) => {
                self.undo(&intent, engine_lease.as_ref()).await;
                Err(denial)
            }
        }
    }

    /// A secret that cannot be recorded is ended at once; the intent in the log sees to the proof.
    async fn undo(&self, intent: &Intent, engine_lease: Option<&EngineLease>) {
        let Some(engine_lease) = engine_lease else { return };
        if let Err(fault) = self.world.engine.revoke(engine_lease, None, intent.index).await {
            tracing::error!(lease = %intent.lease, error = %fault, "a secret that could not be recorded could not be ended yet");
        }
    }
}

fn order(intent: &Intent, parameters: Parameters, now: Time) -> MintOrder {
    let path = intent.credential.path.to_string();
    match (intent.credential.kind, parameters) {
        (Kind::Pki, Parameters::Certificate(csr_pem)) => {
            MintOrder::Certificate { path, csr_pem, spiffe_id: intent.subject.clone(), ttl: intent.expires.since(now) }
        }
        (Kind::Kv, Parameters::KeyValue(version)) => MintOrder::KeyValue { path, version },
        (Kind::Kv, _) => MintOrder::KeyValue { path, version: None },
        (Kind::Database | Kind::Pki, _) => MintOrder::Database { path, ttl: step(now, intent.expires) },
    }
}

fn facts(
    intent: &Intent,
    minted: &Minted,
    engine_lease: Option<&EngineLease>,
    engine_expires: Option<Time>,
    renewable: bool,
    engine_request: String,
    openings: &mut Openings<'_>,
) -> MintedFacts {
    let mut commitments = domain::entry::Commitments::new();
    if let Some(EngineLease(id)) = engine_lease {
        commitments.insert("engine_lease".into(), openings.commit("engine_lease", id.clone()));
    }
    let (serial, value_version) = match minted {
        Minted::Database { username, .. } => {
            commitments.insert("account".into(), openings.commit("account", username.clone()));
            (None, None)
        }
        Minted::Certificate { serial, .. } => (Some(serial.clone()), None),
        Minted::KeyValue { version, .. } => (None, Some(*version)),
    };
    let revocability = match (minted, engine_lease) {
        (Minted::KeyValue { .. }, _) => Revocability::RotateOnly,
        (_, None) => Revocability::ExpiryBounded,
        (_, Some(_)) => Revocability::Revocable,
    };
    MintedFacts {
        lease: intent.lease,
        commitments,
        engine_expires,
        engine_request,
        renewable,
        revocability,
        serial,
        value_version,
    }
}

#[cfg(test)]
mod tests;
