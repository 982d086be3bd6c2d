//! Erasing openings: one person asks, a second one agrees within a day, and nothing goes that an open
//! task or lease may still need. Whoever asked must still be an operator when the second one agrees. The
//! entry and every proof stay as they are.

use super::command::{Caller, Concerns, Decided, Draft, EraseOpening, Reply};
use super::repeat::Outcome;
use super::{About, Bench, Broken, State, limits};
use crate::base::{LeaseId, SpiffeId, TaskId, Time};
use crate::entry::Actor;
use crate::entry::bodies::evidence as body;
use crate::reason::{Denial, Reason};

/// An erasure that waits for the second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Who asked.
    pub by: Actor,
    /// When.
    pub since: Time,
    /// Index of `evidence.erasure_requested`.
    pub requested: u64,
    /// Names of the commitments, ascending.
    pub fields: Vec<String>,
    /// The task that the entry is about.
    pub task: Option<TaskId>,
    /// The lease that the entry is about.
    pub lease: Option<LeaseId>,
}

impl Pending {
    fn lapsed(&self, at: Time) -> bool {
        at.since(self.since) >= limits::PENDING_MAX
    }

    fn is_of(&self, actor: &Actor) -> bool {
        self.by.id == actor.id || self.by.connection == actor.connection
    }
}

impl State {
    pub(super) fn decide_erase(
        &self,
        caller: &Caller,
        ask: &EraseOpening,
        bench: &Bench<'_>,
    ) -> Result<Decided, Denial> {
        let Some(concerns) = ask.concerns else { return Ok(Decided::nothing(Reply::MayAsk)) };
        if self.is_open(concerns.task, concerns.lease) {
            return Err(Denial::new(Reason::OpeningInUse, "the task or the lease of this entry is not settled"));
        }
        self.check_room_for_estate(bench.at)?;
        let pending = self.erasures.get(&ask.index).filter(|pending| pending.fields == ask.fields);
        match pending.filter(|pending| !pending.lapsed(bench.at) && self.still_asks(pending, bench)) {
            Some(pending) if pending.is_of(&Actor::caller(&caller.subject, &caller.connection.to_string())) => {
                Err(Denial::new(Reason::SelfApproval, "whoever asked for the erasure cannot agree to it"))
            }
            Some(pending) => {
                let body = body::Erased { fields: ask.fields.clone(), index: ask.index, requested: pending.requested };
                Ok(Decided::one(Draft::new(body).caused_by(pending.requested), Reply::Erasure { done: true }))
            }
            None => self.request_erasure(ask, concerns, bench.at),
        }
    }

    /// Who lost the office since does not count as one of the two; whoever comes next is the first again.
    fn still_asks(&self, pending: &Pending, bench: &Bench<'_>) -> bool {
        SpiffeId::parse(&pending.by.id).is_ok_and(|by| self.is_operator(&by, bench))
    }

    fn request_erasure(&self, ask: &EraseOpening, concerns: Concerns, at: Time) -> Result<Decided, Denial> {
        if self.erasures.values().filter(|pending| !pending.lapsed(at)).count() >= limits::ERASURES_MAX {
            return Err(Denial::new(Reason::Overloaded, "as many erasures wait for a second person as may"));
        }
        let (EraseOpening { fields, index, .. }, Concerns { task, lease }) = (ask, concerns);
        let body = body::ErasureRequested { fields: fields.clone(), index: *index, lease, task };
        let draft = Draft::new(body).caused_by(*index).committing("justification", ask.justification);
        Ok(Decided::one(draft, Reply::Erasure { done: false }))
    }

    fn is_open(&self, task: Option<TaskId>, lease: Option<LeaseId>) -> bool {
        task.is_some_and(|task| self.tasks.contains_key(&task))
            || lease.is_some_and(|lease| self.leases.contains_key(&lease))
    }

    pub(super) fn apply_erasure_requested(
        &mut self,
        about: &About<'_>,
        asked: &body::ErasureRequested,
    ) -> Result<(), Broken> {
        if asked.index >= about.index || self.is_open(asked.task, asked.lease) {
            return Err(Broken::new("erasure", "asked for what does not stand in the log, or is not settled"));
        }
        let now = about.entry.time;
        let lapsed: Vec<u64> = self.erasures.iter().filter(|(_, p)| p.lapsed(now)).map(|(index, _)| *index).collect();
        for index in lapsed {
            self.erasures.remove(&index);
        }
        let pending = Pending {
            by: about.entry.actor.clone(),
            since: now,
            requested: about.index,
            fields: asked.fields.clone(),
            task: asked.task,
            lease: asked.lease,
        };
        self.erasures.insert(asked.index, pending);
        self.remember(about, Outcome::Erasure { done: false });
        Ok(())
    }

    pub(super) fn apply_erased(&mut self, about: &About<'_>, erased: &body::Erased) -> Result<(), Broken> {
        let pending = self.erasures.remove(&erased.index).filter(|pending| {
            pending.requested == erased.requested
                && pending.fields == erased.fields
                && !pending.lapsed(about.entry.time)
        });
        let pending = pending.ok_or_else(|| Broken::new("erasure", "openings were erased that nobody asked for"))?;
        if pending.is_of(&about.entry.actor) {
            return Err(Broken::new("erasure", "openings were erased by one person alone"));
        }
        if self.is_open(pending.task, pending.lease) {
            return Err(Broken::new("erasure", "openings of an open task or lease were erased"));
        }
        self.remember(about, Outcome::Erasure { done: true });
        Ok(())
    }
}
