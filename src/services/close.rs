//! Closing an intent: finding out whether a credential came of it. "Nothing there" is proof only
//! after the engine can no longer be working on it, and only if the backend itself was looked at
//! (docs/walks/death-of-a-lease.md). The state machine sees to the wait; here is the look.

use super::World;
use super::commit::Openings;
use super::end::{lost, opened, probe_of, unrecorded};
use super::issue::InFlight;
use super::tokens::tag_of_origin;
use domain::base::{LeaseId, Span};
use domain::entry::bodies::lease::NotIssuedCause;
use domain::estate::{Credential, Kind};
use domain::state::command::OrphanFacts;
use domain::state::{Command, Finding, Lease, State, Task};
use ports::{EngineLease, Fault, FaultKind, ProbeTarget};
use std::collections::HashSet;

/// Closes intents.
#[derive(Clone)]
pub struct Close {
    world: World,
    in_flight: InFlight,
}

impl Close {
    /// Closes through the given world.
    #[must_use]
    pub fn new(world: World, in_flight: InFlight) -> Self {
        Self { world, in_flight }
    }

    /// Tries once to close an intent whose wait is over. What cannot be closed stands as unproven.
    ///
    /// # Errors
    /// A fault: it is not known yet and must be tried again.
    pub async fn intent(&self, id: LeaseId) -> Result<(), Fault> {
        if self.in_flight.holds(id) {
            return Err(Fault::new(FaultKind::Transient, "its own walk is still under way"));
        }
        let tried = self.try_intent(id).await;
        if tried.is_err() {
            let finding = Finding::Unproven { lease: id, missing: "intent".into() };
            // If the log cannot take it now, the next try will.
            let _ = self.world.journal.propose(Command::Found(finding), Vec::new()).await;
        }
        tried
    }

    async fn try_intent(&self, id: LeaseId) -> Result<(), Fault> {
        let published = self.world.journal.published();
        let state = &published.state;
        let Some((lease, task)) = open_intent(state, id) else { return Ok(()) };
        let Some(credential) = task.facts.scope.get(&lease.facts.credential) else { return Ok(()) };
        let found = match credential.kind {
            Kind::Kv => 0,
            Kind::Database | Kind::Pki => {
                let leases = self.end_leases(lease, credential).await?;
                leases + self.end_accounts(state, lease, task, credential).await?
            }
        };
        failpoint::pass!("in_close");
        let why = if found == 0 { NotIssuedCause::NothingFound } else { NotIssuedCause::FoundAndEnded };
        let finding = Command::Found(Finding::NotIssued { lease: id, why });
        self.world.journal.propose(finding, Vec::new()).await.map(|_| ()).map_err(unrecorded)
    }

    /// Leases under the credential's path that the log does not explain. They are ended only where
    /// nobody else draws from the path.
    async fn end_leases(&self, lease: &Lease, credential: &Credential) -> Result<usize, Fault> {
        if !credential.exclusive {
            return Ok(0);
        }
        let path = credential.path.as_str();
        let first = self.world.engine.leases(path).await?.into_iter().map(|EngineLease(name)| name).collect();
        let unknown = self.unexplained("engine_lease", first).await?;
        if unknown.is_empty() {
            return Ok(0);
        }
        let mut ended = 0;
        for found in self.world.engine.leases(path).await?.into_iter().filter(|found| unknown.contains(&found.0)) {
            self.note(lease, "lease", &found.0).await?;
            let proof = self.world.engine.revoke(&found, None, lease.facts.index).await?;
            if !proof.gone_after {
                return Err(Fault::new(FaultKind::Transient, "a lease that the log does not explain is not gone yet"));
            }
            ended += 1;
        }
        Ok(ended)
    }

    /// Accounts at the backend with the tag of one of the task's tokens that no lease explains.
    async fn end_accounts(
        &self,
        state: &State,
        lease: &Lease,
        task: &Task,
        credential: &Credential,
    ) -> Result<usize, Fault> {
        let Some(target) = probe_of(state, lease) else {
            return self.without_inventory(state, lease, credential);
        };
        let mut ended = 0;
        for token in &task.tokens {
            let tag = opened(&self.world, token.index, "tag").await?.ok_or_else(|| lost("a token's tag"))?;
            if !tag.starts_with(&tag_of_origin(&state.broker.origin)) {
                continue;
            }
            ended += self.end_tagged(lease, &target, &tag).await?;
        }
        Ok(ended)
    }

    async fn end_tagged(&self, lease: &Lease, target: &ProbeTarget, tag: &str) -> Result<usize, Fault> {
        let first = self.world.probe.inventory(target, tag).await?.into_iter().map(|account| account.name).collect();
        let unknown = self.unexplained("account", first).await?;
        if unknown.is_empty() {
            return Ok(0);
        }
        let mut ended = 0;
        let second = self.world.probe.inventory(target, tag).await?;
        for account in second.into_iter().filter(|account| unknown.contains(&account.name)) {
            self.note(lease, "account", &account.name).await?;
            self.world.probe.end_account(target, &account).await?;
            if !self.world.probe.look(target, &account).await?.is_gone() {
                return Err(Fault::new(FaultKind::Transient, "an account that no lease knows is not gone yet"));
            }
            ended += 1;
        }
        Ok(ended)
    }

    /// Of what a first look showed, what neither the log nor a mint in flight explains. All of it was
    /// made by walks that had begun by then: once these are over, the log knows what they made. What the
    /// log no longer knows because it was proven dead is not there any more at a second look.
    async fn unexplained(&self, field: &str, mut first: HashSet<String>) -> Result<HashSet<String>, Fault> {
        if first.is_empty() {
            return Ok(first);
        }
        self.in_flight.outlast().await;
        let known = self.known(&self.world.journal.published().state, field).await?;
        first.retain(|name| !known.contains(name));
        Ok(first)
    }

    /// Nobody can look: it stays unproven until the engine would have ended it by itself. Where all
    /// leases of a path are known a certificate cannot be overlooked; an account without a lease can,
    /// and its mint was never cut down to the life that was granted.
    fn without_inventory(&self, state: &State, lease: &Lease, credential: &Credential) -> Result<usize, Fault> {
        let over = match credential.kind {
            Kind::Database => {
                let latest = state.broker.closable(lease.facts.intended);
                latest.plus(Span::from_seconds(credential.max_ttl_seconds))
            }
            Kind::Pki | Kind::Kv if credential.exclusive => return Ok(0),
            Kind::Pki | Kind::Kv => lease.expires,
        };
        if self.world.clock.read().time >= over {
            return Ok(0);
        }
        Err(Fault::new(FaultKind::Transient, "no inventory is possible before the longest life is over"))
    }

    /// What the log explains: the opened values of one field of all open leases.
    async fn known(&self, state: &State, field: &str) -> Result<HashSet<String>, Fault> {
        let mut known = HashSet::new();
        for issued in state.leases.values().filter_map(|lease| lease.issued.as_ref()) {
            known.extend(opened(&self.world, issued.index, field).await?);
        }
        Ok(known)
    }

    async fn note(&self, lease: &Lease, kind: &'static str, name: &str) -> Result<(), Fault> {
        let mut openings = Openings::of(&*self.world.entropy, "orphan.found");
        let field = if kind == "lease" { "engine_lease" } else { "account" };
        let name = openings.commit(field, name);
        let orphan = OrphanFacts { lease: lease.facts.id, credential: lease.facts.credential.clone(), kind, name };
        let command = Command::Found(Finding::Orphan(orphan));
        self.world.journal.propose(command, openings.into_made()).await.map(|_| ()).map_err(unrecorded)
    }
}

fn open_intent(state: &State, id: LeaseId) -> Option<(&Lease, &Task)> {
    let lease = state.leases.get(&id).filter(|lease| lease.issued.is_none())?;
    Some((lease, state.tasks.get(&lease.facts.task)?))
}
