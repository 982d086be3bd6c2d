//! Repeats: the same request id with the same content gets the same outcome, once.
//!
//! What was asked within a task is remembered with it. What outlives a task (that it was requested,
//! that it was ended) and what belongs to none is remembered for a day of log time. Nothing is
//! forgotten sooner: at the bound no task is opened, and no request is ever carried out twice.

use super::command::{Ask, Reply};
use super::task::{End, Stage, Task};
use super::{About, State, limits};
use crate::base::{Digest, LeaseId, TaskId, Time};
use crate::entry::RequestMark;
use crate::reason::{Denial, Reason};

/// What a repeat must find.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// SHA-256(request id, canonical request).
    pub content: Digest,
    /// What came of it.
    pub outcome: Outcome,
    /// For how long.
    pub kept: Kept,
}

/// For how long a request is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// As long as this task.
    With(TaskId),
    /// For [`limits::REMEMBER`] since then.
    Since(Time),
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A task, or its end: this outlives the task.
    Task(TaskId),
    /// The same, of a task that is gone.
    Over(Over),
    /// A yes to a task.
    Approval(TaskId),
    /// A change of a lease of a task.
    Lease(TaskId, LeaseId),
    /// The secret of a lease.
    Secret(TaskId, LeaseId),
    /// An estate version.
    Estate(u64),
    /// An erasure, asked for or done.
    Erasure {
        /// Whether it is done.
        done: bool,
    },
}

/// A task that is gone: over, and nothing of it is left to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Its id.
    pub task: TaskId,
    /// Index of `task.requested`, where the log tells the rest.
    pub index: u64,
    /// How it ended.
    pub end: End,
    /// When.
    pub since: Time,
}

impl Outcome {
    pub(super) const fn open_task(self) -> Option<TaskId> {
        match self {
            Self::Task(task) | Self::Approval(task) | Self::Lease(task, _) | Self::Secret(task, _) => Some(task),
            Self::Over(_) | Self::Estate(_) | Self::Erasure { .. } => None,
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
            (Outcome::Task(task) | Outcome::Approval(task), _) => Ok(Some(Reply::Task(task))),
            (Outcome::Over(over), _) => Ok(Some(Reply::Over(over))),
            (Outcome::Lease(_, lease) | Outcome::Secret(_, lease), _) => Ok(Some(Reply::Lease(lease))),
            (Outcome::Estate(version), _) => Ok(Some(Reply::Estate(version))),
            (Outcome::Erasure { done }, _) => Ok(Some(Reply::Erasure { done })),
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

    /// Whether one more task may be opened at `at`: its request and its end will be remembered.
    pub(super) fn check_room_for_task(&self, at: Time) -> Result<(), Denial> {
        self.check_room(limits::MARKS_PER_TASK, limits::REMEMBERED_MAX - limits::REMEMBERED_FOR_OPERATORS, at)
    }

    /// Whether one more estate may be applied at `at`.
    pub(super) fn check_room_for_estate(&self, at: Time) -> Result<(), Denial> {
        self.check_room(1, limits::REMEMBERED_MAX, at)
    }

    /// Open tasks have their room already: no end is ever refused for want of it.
    fn check_room(&self, wanted: usize, most: usize, at: Time) -> Result<(), Denial> {
        let taken = self.aging.len() + self.tasks.len() * limits::MARKS_PER_TASK;
        let excess = (taken + wanted).saturating_sub(most);
        // What has lapsed is forgotten when the next entry is folded.
        if self.aging.iter().take_while(|(since, _)| lapsed(*since, at)).take(excess).count() == excess {
            return Ok(());
        }
        Err(Denial::new(Reason::Overloaded, "as many requests of the last 24 hours are remembered as may be"))
    }

    /// Remembers what came of the entry's request.
    pub(super) fn remember(&mut self, about: &About<'_>, outcome: Outcome) {
        let Some(RequestMark { id, content }) = about.entry.request.filter(|_| !self.judges_only) else { return };
        // A log of an older broker may hold an id twice: the later one is meant.
        self.forget_request(Some(id));
        let kept = match outcome.open_task() {
            Some(task) => {
                if let Some(task) = self.tasks.get_mut(&task) {
                    task.asked = task.asked.saturating_add(1);
                }
                self.bound.insert((task, id));
                Kept::With(task)
            }
            None => {
                self.aging.insert((about.entry.time, id));
                Kept::Since(about.entry.time)
            }
        };
        self.requests.insert(id, Remembered { content, outcome, kept });
    }

    /// An intent that came to nothing frees its request id.
    pub(super) fn forget_request(&mut self, id: Option<Digest>) {
        let Some((id, remembered)) = id.and_then(|id| Some((id, self.requests.remove(&id)?))) else { return };
        match remembered.kept {
            Kept::With(task) => drop(self.bound.remove(&(task, id))),
            Kept::Since(time) => drop(self.aging.remove(&(time, id))),
        }
    }

    /// A task leaves the state: how it began and how it ended is remembered for a day from now on,
    /// and nothing else of it.
    pub(super) fn part_with_requests_of(&mut self, task: &Task) {
        let Stage::Ending(since, end) = task.stage else { return };
        if self.judges_only {
            return;
        }
        let over = Over { task: task.facts.id, index: task.facts.index, end, since };
        let (first, last) = (Digest::from_bytes([0; 32]), Digest::from_bytes([0xff; 32]));
        let ids: Vec<Digest> = self.bound.range((over.task, first)..=(over.task, last)).map(|(_, id)| *id).collect();
        for id in ids {
            self.bound.remove(&(over.task, id));
            match self.requests.get_mut(&id) {
                Some(remembered) if remembered.outcome == Outcome::Task(over.task) => {
                    (remembered.outcome, remembered.kept) = (Outcome::Over(over), Kept::Since(self.time));
                    self.aging.insert((self.time, id));
                }
                _ => drop(self.requests.remove(&id)),
            }
        }
    }

    /// Forgets what is older than a day of log time.
    pub(super) fn forget_lapsed(&mut self) {
        while let Some((since, id)) = self.aging.get_min().copied().filter(|(since, _)| lapsed(*since, self.time)) {
            self.aging.remove(&(since, id));
            self.requests.remove(&id);
        }
    }
}

/// Whether the task may ask for one more secret or renewal. Its end, and that of its leases, it may
/// always ask for.
pub(super) fn check_not_spent(task: &Task) -> Result<(), Denial> {
    if task.asked < limits::ASKED_OF_A_TASK_MAX {
        return Ok(());
    }
    Err(Denial::new(Reason::TaskSpent, format!("{} requests were made within this task", task.asked)))
}

fn lapsed(since: Time, now: Time) -> bool {
    now.since(since) >= limits::REMEMBER
}
