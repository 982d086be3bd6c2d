//! Repeats: the same request id with the same content gets the same outcome, once.

use super::command::{Ask, Reply};
use super::{About, State, limits};
use crate::domain::base::{Digest, LeaseId, TaskId, Time};
use crate::domain::entry::RequestMark;
use crate::domain::reason::{Denial, Reason};

/// What a repeat must find.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// SHA-256(request id, canonical request).
    pub content: Digest,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A change of an open task.
    Task(TaskId),
    /// The end of a task.
    Ended(TaskId),
    /// A change of a lease of a task.
    Lease(TaskId, LeaseId),
    /// The secret of a lease.
    Secret(TaskId, LeaseId),
    /// An estate version.
    Estate(u64),
}

impl Outcome {
    const fn open_task(self) -> Option<TaskId> {
        match self {
            Self::Task(task) | Self::Lease(task, _) | Self::Secret(task, _) => Some(task),
            Self::Ended(_) | Self::Estate(_) => None,
        }
    }
}

impl State {
    /// `Some` if this request was carried out before.
    pub(super) fn repeated(&self, mark: &RequestMark, ask: &Ask) -> Result<Option<Reply>, Denial> {
        let Some(remembered) = self.requests.get(&mark.id) else { return Ok(None) };
        if remembered.content != mark.content {
            return Err(Denial::new(Reason::RequestIdReused, "this request id was used for another request"));
        }
        match (remembered.outcome, ask) {
            (Outcome::Secret(_, lease), Ask::IssueSecret(_)) => Err(self.issued_before(lease)),
            (Outcome::Task(task) | Outcome::Ended(task), _) => Ok(Some(Reply::Task(task))),
            (Outcome::Lease(_, lease) | Outcome::Secret(_, lease), _) => Ok(Some(Reply::Lease(lease))),
            (Outcome::Estate(version), _) => Ok(Some(Reply::Estate(version))),
        }
    }

    fn issued_before(&self, lease: LeaseId) -> Denial {
        // Also one whose closing is overdue: nobody can say yet that it was served.
        if self.leases.get(&lease).is_some_and(|lease| lease.issued.is_none()) {
            Denial::new(Reason::StillIntended, "the first attempt with this request id is not decided yet")
        } else {
            Denial::new(Reason::AlreadyIssued, "this request was served already")
        }
        .naming("lease", lease)
    }

    /// Remembers what came of the entry's request. Bound to an open task it lives with the task,
    /// otherwise for a day, and no more than [`limits::REMEMBERED_MAX`] of these.
    pub(super) fn remember(&mut self, about: &About<'_>, outcome: Outcome) {
        let Some(mark) = about.entry.request else { return };
        let time = about.entry.time;
        self.requests.insert(mark.id, Remembered { content: mark.content, outcome });
        match outcome.open_task().and_then(|task| self.tasks.get_mut(&task)) {
            Some(task) => task.requests.push_back(mark.id),
            None => {
                self.aging.insert((time, mark.id));
            }
        }
        self.forget_aged(time);
    }

    /// An intent that came to nothing frees its request id.
    pub(super) fn forget_request(&mut self, id: Option<Digest>) {
        if let Some(id) = id {
            self.requests.remove(&id);
        }
    }

    pub(super) fn forget_requests_of(&mut self, task: TaskId) {
        let Some(task) = self.tasks.get(&task) else { return };
        for id in &task.requests {
            self.requests.remove(id);
        }
    }

    fn forget_aged(&mut self, now: Time) {
        while let Some((time, id)) = self.aging.get_min().copied() {
            if self.aging.len() <= limits::REMEMBERED_MAX && now.since(time) < limits::REMEMBER {
                return;
            }
            self.aging.remove(&(time, id));
            self.requests.remove(&id);
        }
    }
}
