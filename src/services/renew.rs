//! A longer life for a lease: asked for by its caller, or one more step of the engine's clock while
//! the task lives. The engine is asked first; what it answers is recorded.

use super::World;
use super::end::{opened, unrecorded};
use super::tokens::refused;
use domain::base::{LeaseId, Time};
use domain::entry::RequestMark;
use domain::reason::{Denial, Reason};
use domain::state::command::{Caller, RenewLease, RenewedFacts};
use domain::state::lease::{Stage, step};
use domain::state::{Ask, Command, Duty, Finding, Reply};
use ports::{EngineLease, Fault, FaultKind};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::watch;

/// Prolongs leases.
#[derive(Clone)]
pub struct Renew {
    world: World,
    turns: Turns,
}

/// Leases whose clock is being set. One at a time each: else the log could name the answers in another
/// order than the engine gave them, and its last word would not be the engine's.
#[derive(Clone, Default)]
struct Turns(Arc<watch::Sender<HashSet<LeaseId>>>);

struct Turn {
    all: Turns,
    lease: LeaseId,
}

impl Turns {
    async fn take(&self, lease: LeaseId) -> Turn {
        let mut changes = self.0.subscribe();
        while !self.0.send_if_modified(|all| all.insert(lease)) {
            // The sender lives as long as `self`.
            let _ = changes.wait_for(|all| !all.contains(&lease)).await;
        }
        Turn { all: self.clone(), lease }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.0.send_modify(|all| _ = all.remove(&self.lease));
    }
}

impl Renew {
    /// Prolongs through the given world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world, turns: Turns::default() }
    }

    /// What a caller asks for, bounded as at issue and by the SVID presented now. Who may not ask is
    /// told at once, and who leaves while others have their turn is forgotten; from the engine on it runs
    /// to its end, because what was granted must be recorded.
    ///
    /// # Errors
    /// The denial of the writer or of the engine.
    pub async fn renew(&self, caller: Caller, mark: RequestMark, ask: RenewLease) -> Result<LeaseId, Denial> {
        let id = ask.lease;
        if self.judged(&caller, mark, &ask).await?.is_none() {
            return Ok(id);
        }
        let turn = self.turns.take(id).await;
        let walk = self.clone();
        let running = self.world.tracker.spawn(async move {
            let _turn = turn;
            walk.walk(caller, mark, ask).await
        });
        running.await.unwrap_or_else(|_| Err(Denial::new(Reason::Internal, "the walk of this renewal broke off")))
    }

    async fn walk(&self, caller: Caller, mark: RequestMark, ask: RenewLease) -> Result<LeaseId, Denial> {
        let id = ask.lease;
        // Again: while it waited, the lease may have ended, or a repeat of this very request was served.
        let Some(expires) = self.judged(&caller, mark, &ask).await? else { return Ok(id) };
        let engine_expires = self.prolong(id, expires).await.map_err(|fault| not_prolonged(&fault))?;
        failpoint::pass!("after_prolong");
        let facts = RenewedFacts { lease: id, engine_expires, expires: Some(expires), asked_by: Some((caller, mark)) };
        self.world.journal.propose(Command::Found(Finding::Renewed(facts)), Vec::new()).await?;
        Ok(id)
    }

    /// Until when the lease may live now; `None` if the request was served before.
    async fn judged(&self, caller: &Caller, mark: RequestMark, ask: &RenewLease) -> Result<Option<Time>, Denial> {
        let command = Command::Ask { caller: caller.clone(), mark, ask: Ask::RenewLease(*ask) };
        Ok(match self.world.journal.propose(command, Vec::new()).await?.reply {
            Reply::Renewal(_, expires) => Some(expires),
            _ => None,
        })
    }

    /// One more step of the engine's clock; `expires` stays, also if a caller moves it meanwhile.
    ///
    /// # Errors
    /// The engine's fault, or that of the log.
    pub async fn step(&self, id: LeaseId) -> Result<(), Fault> {
        let _turn = self.turns.take(id).await;
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

/// The engine ends a lease that nobody prolonged in time, or that somebody ended there.
fn not_prolonged(fault: &Fault) -> Denial {
    match fault.kind {
        FaultKind::NotFound => Denial::new(Reason::LeaseEnded, "the engine does not know the lease any more"),
        _ => refused(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_lease_has_one_turn_at_a_time_and_no_other_waits_for_it() {
        let turns = Turns::default();
        let [one, other] = [1, 2].map(|number| LeaseId::new(Time::from_unix_seconds(1_800_000_000), [number; 10]));
        let first = turns.take(one).await;
        assert!(turns.take(other).now_or_never().is_some(), "another lease has its own turn");
        let mut second = Box::pin(turns.take(one));
        assert!((&mut second).now_or_never().is_none(), "the same lease waits");
        drop(first);
        let second = second.await;
        drop(second);
        assert!(turns.take(one).now_or_never().is_some(), "a turn that is over is free");
    }
}
