//! Closing an intent: finding out whether a credential came of it. "Nothing there" is proof only
//! after the engine can no longer be working on it, and only if the backend itself was looked at
//! (docs/walks/death-of-a-lease.md). The state machine sees to the wait; here is the look.

use super::World;
use super::commit::Openings;
use super::end::{opened, probe_of, unrecorded};
use super::issue::InFlight;
use super::tokens::tag_of_origin;
use crate::domain::base::LeaseId;
use crate::domain::entry::bodies::lease::NotIssuedCause;
use crate::domain::estate::{Credential, Kind};
use crate::domain::state::command::OrphanFacts;
use crate::domain::state::{Command, Finding, Lease, State, Task};
use crate::ports::{Fault, FaultKind, ProbeTarget};
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
        let tried = self.try_intent(id).await;
        if tried.is_err() && !self.in_flight.holds(id) {
            let finding = Finding::Unproven { lease: id, missing: "intent".into() };
            // If the log cannot take it now, the next try will.
            let _ = self.world.journal.propose(Command::Found(finding), Vec::new()).await;
        }
        tried
    }

    async fn try_intent(&self, id: LeaseId) -> Result<(), Fault> {
        if self.in_flight.holds(id) {
            return Err(Fault::new(FaultKind::Transient, "its own walk is still under way"));
        }
        let published = self.world.journal.published();
        let state = &published.state;
        let Some((lease, task)) = open_intent(state, id) else { return Ok(()) };
        let Some(credential) = task.facts.scope.get(&lease.facts.credential) else { return Ok(()) };
        let found = match credential.kind {
            Kind::Kv => 0,
            Kind::Database | Kind::Pki => {
                let leases = self.end_leases(state, lease, credential).await?;
                leases + self.end_accounts(state, lease, task, credential).await?
            }
        };
        let why = if found == 0 { NotIssuedCause::NothingFound } else { NotIssuedCause::FoundAndEnded };
        let finding = Command::Found(Finding::NotIssued { lease: id, why });
        self.world.journal.propose(finding, Vec::new()).await.map(|_| ()).map_err(unrecorded)
    }

    /// Leases under the credential's path that the log does not explain. They are ended only where
    /// nobody else draws from the path.
    async fn end_leases(&self, before: &State, lease: &Lease, credential: &Credential) -> Result<usize, Fault> {
        if !credential.exclusive {
            return Ok(0);
        }
        let listed = self.world.engine.leases(credential.path.as_str()).await?;
        let known = self.known(before, lease, "engine_lease").await?;
        let mut ended = 0;
        for found in listed.into_iter().filter(|found| !known.contains(&found.0)) {
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
        before: &State,
        lease: &Lease,
        task: &Task,
        credential: &Credential,
    ) -> Result<usize, Fault> {
        let Some(target) = probe_of(before, lease) else {
            return if credential.exclusive { Ok(0) } else { self.without_inventory(lease) };
        };
        let mut ended = 0;
        for token in &task.tokens {
            let Some(tag) = opened(&self.world, token.index, "tag").await? else { continue };
            if !tag.starts_with(&tag_of_origin(&before.broker.origin)) {
                continue;
            }
            ended += self.end_tagged(before, lease, &target, &tag).await?;
        }
        Ok(ended)
    }

    async fn end_tagged(&self, before: &State, lease: &Lease, target: &ProbeTarget, tag: &str) -> Result<usize, Fault> {
        let found = self.world.probe.inventory(target, tag).await?;
        let known = self.known(before, lease, "account").await?;
        let mut ended = 0;
        for account in found.into_iter().filter(|account| !known.contains(&account.name)) {
            self.note(lease, "account", &account.name).await?;
            self.world.probe.end_account(target, &account).await?;
            if !self.world.probe.look(target, &account).await?.is_gone() {
                return Err(Fault::new(FaultKind::Transient, "an account that no lease knows is not gone yet"));
            }
            ended += 1;
        }
        Ok(ended)
    }

    /// Nobody can look: it stays unproven until the engine would have ended it by itself.
    fn without_inventory(&self, lease: &Lease) -> Result<usize, Fault> {
        if self.world.clock.read().time >= lease.expires {
            return Ok(0);
        }
        Err(Fault::new(FaultKind::Transient, "no inventory is possible before the longest life is over"))
    }

    /// What the log explains of an inventory that was just taken: the opened values of one field of
    /// all leases that were open before the look or are open after it. Whatever was minted before
    /// the look has its intent in the log by now; while such a mint is under way, nothing can be
    /// told apart.
    async fn known(&self, before: &State, lease: &Lease, field: &str) -> Result<HashSet<String>, Fault> {
        let after = self.world.journal.published();
        let mint_under_way = |it: &Lease| {
            it.is_intended() && it.facts.credential == lease.facts.credential && self.in_flight.holds(it.facts.id)
        };
        if after.state.leases.values().any(mint_under_way) {
            return Err(Fault::new(FaultKind::Transient, "another secret of this credential is being made"));
        }
        let mut known = HashSet::new();
        for open in before.leases.values().chain(after.state.leases.values()) {
            if let Some(issued) = open.issued.as_ref().filter(|_| open.facts.credential == lease.facts.credential) {
                known.extend(opened(&self.world, issued.index, field).await?);
            }
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
