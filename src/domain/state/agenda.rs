//! What must happen next. Each aggregate says its one next duty; the agenda keeps them in order of
//! time, so that asking costs no more than what is due.

use super::State;
use super::lease::Lease;
use super::task::Task;
use crate::base::{LeaseId, TaskId, Time};

/// An effect or a deadline that the state calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Revoke a lease and prove it.
    EndLease(LeaseId),
    /// Find out whether a secret came of an intent.
    CloseIntent(LeaseId),
    /// Revoke the tokens of a task whose leases are settled.
    EndToken(TaskId),
    /// A task's deadline passed.
    ExpireTask(TaskId),
    /// A lease's time is over.
    ExpireLease(LeaseId),
    /// A lease that cannot be ended early is over for its task.
    SettleLease(LeaseId),
    /// Set the engine's clock one step further.
    ProlongLease(LeaseId),
    /// A rule approves the task.
    ApproveByRule(TaskId),
    /// Make the task's engine token.
    MakeToken(TaskId),
}

impl Duty {
    /// Ending goes before issuing, in a lane of its own.
    #[must_use]
    pub const fn is_ending(self) -> bool {
        !matches!(self, Self::ApproveByRule(_) | Self::MakeToken(_) | Self::ProlongLease(_))
    }

    /// Whether the writer alone can do it: a deadline, not an effect on the outside.
    #[must_use]
    pub const fn is_deadline(self) -> bool {
        matches!(self, Self::ApproveByRule(_) | Self::ExpireTask(_) | Self::ExpireLease(_) | Self::SettleLease(_))
    }
}

impl State {
    /// Duties due at `now`, earliest first.
    pub fn due(&self, now: Time) -> impl Iterator<Item = Duty> + '_ {
        self.agenda.iter().take_while(move |(when, _)| *when <= now).map(|(_, duty)| *duty)
    }

    /// When the next duty after `now` falls due.
    #[must_use]
    pub fn next_deadline(&self, now: Time) -> Option<Time> {
        self.agenda.iter().map(|(when, _)| *when).find(|when| *when > now)
    }

    /// Whether a duty still stands on the agenda, due or not.
    #[must_use]
    pub fn still_due(&self, duty: Duty, now: Time) -> bool {
        let task = |id: &TaskId| self.tasks.get(id).and_then(Task::duty);
        let lease = |id: &LeaseId| self.leases.get(id).and_then(Lease::duty);
        let found = match &duty {
            Duty::EndToken(id) | Duty::ExpireTask(id) | Duty::ApproveByRule(id) | Duty::MakeToken(id) => task(id),
            Duty::EndLease(id)
            | Duty::CloseIntent(id)
            | Duty::ExpireLease(id)
            | Duty::SettleLease(id)
            | Duty::ProlongLease(id) => lease(id),
        };
        found.is_some_and(|(when, what)| what == duty && when <= now)
    }

    /// Puts a new task into the state and its duty on the agenda.
    pub(super) fn put_task(&mut self, task: Task) {
        self.reschedule(None, task.duty());
        self.tasks.insert(task.facts.id, task);
    }

    /// Changes a task where it stands (a copy would share its lists, and cost theirs too), takes it out
    /// of the state once it is settled, and keeps the agenda in step.
    pub(super) fn change_task(&mut self, id: TaskId, change: impl FnOnce(&mut Task)) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let old = task.duty();
        change(task);
        let (new, settled) = (task.duty(), task.is_settled());
        self.reschedule(old, new.filter(|_| !settled));
        if settled && let Some(task) = self.tasks.remove(&id) {
            self.part_with_requests_of(&task);
        }
    }

    /// Puts a new lease into the state and its duty on the agenda.
    pub(super) fn put_lease(&mut self, lease: Lease) {
        self.reschedule(None, lease.duty());
        if lease.is_unproven() {
            self.unproven.insert(lease.facts.id);
        }
        self.leases.insert(lease.facts.id, lease);
    }

    /// Changes a lease where it stands, and keeps the agenda in step.
    pub(super) fn change_lease(&mut self, id: LeaseId, change: impl FnOnce(&mut Lease)) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        let (old, was_unproven) = (lease.duty(), lease.is_unproven());
        change(lease);
        let (new, is_unproven) = (lease.duty(), lease.is_unproven());
        self.reschedule(old, new);
        match (was_unproven, is_unproven) {
            (false, true) => drop(self.unproven.insert(id)),
            (true, false) => drop(self.unproven.remove(&id)),
            _ => {}
        }
    }

    /// Takes a settled lease out of the state and out of its task.
    pub(super) fn settle_lease(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.remove(&id) else { return };
        self.reschedule(lease.duty(), None);
        if lease.is_unproven() {
            self.unproven.remove(&id);
        }
        self.change_task(lease.facts.task, |task| {
            task.open_leases.remove(&id);
        });
    }

    fn reschedule(&mut self, old: Option<(Time, Duty)>, new: Option<(Time, Duty)>) {
        if old == new || self.judges_only {
            return;
        }
        if let Some(old) = old {
            self.agenda.remove(&old);
        }
        if let Some(new) = new {
            self.agenda.insert(new);
        }
    }
}
