//! What was settled lately, for people who ask "and then?". History belongs to the log; this is a
//! bounded convenience in memory, empty after a start, and nothing decides on it.

use domain::base::{LeaseId, TaskId, Time};
use domain::entry::Body;
use domain::entry::bodies::lease::Assurance;
use domain::state::{Lease, Task};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// A lease that left the state.
#[derive(Debug, Clone)]
pub struct SettledLease {
    /// As it last stood in the state.
    pub lease: Lease,
    /// How it was settled.
    pub end: LeaseEnd,
    /// When.
    pub time: Time,
    /// Index of the settling entry.
    pub index: u64,
}

/// How a lease was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseEnd {
    /// Proven dead.
    Revoked(Assurance),
    /// No secret came of it.
    NotIssued,
    /// Over for the task only.
    Expired,
}

/// Settled leases and tasks, oldest forgotten first.
#[derive(Debug, Default)]
pub struct Recent {
    leases: Mutex<Bounded<LeaseId, SettledLease>>,
    tasks: Mutex<Bounded<TaskId, Task>>,
}

#[derive(Debug)]
struct Bounded<K, V> {
    order: VecDeque<K>,
    map: HashMap<K, V>,
}

const KEPT_MAX: usize = 4_096;

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { order: VecDeque::new(), map: HashMap::new() }
    }
}

impl<K: Hash + Eq + Copy, V> Bounded<K, V> {
    fn keep(&mut self, key: K, value: V) {
        if self.map.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.map.remove(&oldest);
        }
    }
}

impl LeaseEnd {
    /// The end that an entry brings, if it settles a lease.
    #[must_use]
    pub const fn of(body: &Body) -> Option<(LeaseId, Self)> {
        match body {
            Body::LeaseRevoked(body) => Some((body.lease, Self::Revoked(body.assurance))),
            Body::LeaseNotIssued(body) => Some((body.lease, Self::NotIssued)),
            Body::LeaseExpired(body) => Some((body.lease, Self::Expired)),
            _ => None,
        }
    }
}

impl Recent {
    pub(super) fn keep_lease(&self, settled: SettledLease) {
        let id = settled.lease.facts.id;
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).keep(id, settled);
    }

    pub(super) fn keep_task(&self, task: Task) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).keep(task.facts.id, task);
    }

    /// A lease that was settled lately.
    #[must_use]
    pub fn lease(&self, id: LeaseId) -> Option<SettledLease> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).map.get(&id).cloned()
    }

    /// A task that was settled lately, as it last stood in the state.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<Task> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).map.get(&id).cloned()
    }
}
