//! A longer life for a lease: asked for by its caller, or one more step of the engine's clock while
//! the task lives. The engine is asked first; what it answers is recorded.

use super::World;
use super::end::{opened, unrecorded};
use super::tokens::refused;
use crate::domain::base::{LeaseId, Time};
use crate::domain::entry::RequestMark;
use crate::domain::reason::{Denial, Reason};
use crate::domain::state::command::{Caller, RenewLease, RenewedFacts};
use crate::domain::state::lease::{Stage, step};
use crate::domain::state::{Ask, Command, Duty, Finding, Reply};
use crate::ports::{EngineLease, Fault, FaultKind};

/// Prolongs leases.
#[derive(Clone)]
pub struct Renew {
    world: World,
}

impl Renew {
    /// Prolongs through the given world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world }
    }

    /// What a caller asks for, bounded as at issue and by the SVID presented now.
    ///
    /// # Errors
    /// The denial of the writer or of the engine.
    pub async fn renew(&self, caller: Caller, mark: RequestMark, ask: RenewLease) -> Result<LeaseId, Denial> {
        let id = ask.lease;
        let command = Command::Ask { caller: caller.clone(), mark, ask: Ask::RenewLease(ask) };
        let expires = match self.world.journal.propose(command, Vec::new()).await?.reply {
            Reply::Renewal(_, expires) => expires,
            _ => return Ok(id),
        };
        let engine_expires = self.prolong(id, expires).await.map_err(|fault| refused(&fault))?;
        crate::failpoint!("after_prolong");
        let facts = RenewedFacts { lease: id, engine_expires, expires: Some(expires), asked_by: Some((caller, mark)) };
        self.world.journal.propose(Command::Found(Finding::Renewed(facts)), Vec::new()).await?;
        Ok(id)
    }

    /// One more step of the engine's clock; `expires` stays, also if a caller moves it meanwhile.
    ///
    /// # Errors
    /// The engine's fault, or that of the log.
    pub async fn step(&self, id: LeaseId) -> Result<(), Fault> {
        let published = self.world.journal.published();
        let Some(lease) = published.state.leases.get(&id).filter(|lease| lease.stage == Stage::Issued) else {
            return Ok(());
        };
        if lease.is_over(self.world.clock.read().time) {
            // Nothing prolonged it in time, and the engine has ended it: what is left is the proof.
            let over = Command::Passed(Duty::ExpireLease(id));
            return self.world.journal.propose(over, Vec::new()).await.map(|_| ()).map_err(unrecorded);
        }
        let engine_expires = self.prolong(id, lease.expires).await?;
        let facts = RenewedFacts { lease: id, engine_expires, expires: None, asked_by: None };
        let recorded = self.world.journal.propose(Command::Found(Finding::Renewed(facts)), Vec::new()).await;
        match recorded {
            // It ended meanwhile: the ending walk sees to the rest.
            Ok(_) | Err(Denial { reason: Reason::LeaseEnded, .. }) => Ok(()),
            Err(denial) => Err(Fault::new(FaultKind::Transient, denial.sentence)),
        }
    }

    async fn prolong(&self, id: LeaseId, expires: Time) -> Result<Time, Fault> {
        let published = self.world.journal.published();
        let gone = || Fault::new(FaultKind::NotFound, "the lease is over");
        let lease = published.state.leases.get(&id).ok_or_else(gone)?;
        let issued = lease.issued.as_ref().ok_or_else(gone)?;
        let engine_lease = opened(&self.world, issued.index, "engine_lease").await?.ok_or_else(gone)?;
        let increment = step(self.world.clock.read().time, expires);
        self.world.engine.prolong(&EngineLease(engine_lease), increment, issued.index).await
    }
}
