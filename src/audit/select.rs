//! Which entries of a log concern what was chosen. The same choice by the broker that exports and by
//! anyone who cuts a whole bundle down: it sees nothing but the entries, in order.

use super::bundle::Selection;
use super::parts::COMPLETE;
use domain::base::{LeaseId, TaskId};
use domain::entry::body::Type;
use domain::entry::{Body, Entry};
use std::collections::BTreeSet;

/// Follows the entries of a stretch and says which are to be shown.
#[derive(Debug)]
pub struct Selector {
    selection: Selection,
    tasks: BTreeSet<TaskId>,
    leases: BTreeSet<LeaseId>,
}

impl Selector {
    /// `task_of_lease` is the task of the chosen lease, if one is chosen: its approvals stand before
    /// the entry that names both.
    #[must_use]
    pub fn new(selection: Selection, task_of_lease: Option<TaskId>) -> Self {
        let chosen = selection.task.as_deref().and_then(|task| TaskId::parse(task).ok());
        Self { selection, tasks: chosen.into_iter().chain(task_of_lease).collect(), leases: BTreeSet::new() }
    }

    /// Takes note of an entry before the stretch: what began there may go on in it. What is settled there
    /// is forgotten, so memory does not grow with the past.
    pub fn passes(&mut self, entry: &Entry) {
        self.learn(&entry.body);
        let settled = matches!(entry.body.kind(), Type::LeaseNotIssued | Type::LeaseRevoked | Type::LeaseExpired);
        if let Some(lease) = entry.body.lease().filter(|_| settled) {
            self.leases.remove(&lease);
        }
    }

    /// Whether the entry is shown: what is counted to be complete, always; what belongs to no task or
    /// lease (the log's own life, the estate, readings), always; else what concerns the choice.
    pub fn shows(&mut self, entry: &Entry) -> bool {
        self.learn(&entry.body);
        let kind = entry.body.kind();
        if self.is_period_only() || COMPLETE.contains(&kind) || kind == Type::LogCounted {
            return true;
        }
        match (entry.body.task(), entry.body.lease()) {
            (_, Some(lease)) => self.leases.contains(&lease),
            (Some(task), None) => self.tasks.contains(&task),
            (None, None) => matches!(kind, Type::LogStarted | Type::BrokerActivated) || is_of_estate(kind),
        }
    }

    /// Whether everything is shown, so that nothing before the stretch is of interest.
    #[must_use]
    pub fn is_period_only(&self) -> bool {
        let Selection { agent, credential, lease, task, from: _, to: _ } = &self.selection;
        [agent, credential, lease, task].iter().all(|chosen| chosen.is_none())
    }

    fn learn(&mut self, body: &Body) {
        let Selection { agent, credential, lease, task, .. } = &self.selection;
        match body {
            Body::TaskRequested(body) => {
                let of_agent = agent.as_deref().is_some_and(|agent| agent == body.agent.as_str());
                let draws = |name: &str| body.credentials.iter().any(|credential| credential.as_str() == name);
                if of_agent || credential.as_deref().is_some_and(draws) {
                    self.tasks.insert(body.task);
                }
            }
            Body::LeaseIntended(body) => {
                let by_credential = credential.as_deref().is_none_or(|name| name == body.credential.as_str());
                let by_lease = lease.as_deref().is_none_or(|lease| lease == body.lease.to_string());
                let by_task = self.tasks.contains(&body.task) || (agent.is_none() && task.is_none());
                if by_credential && by_lease && by_task {
                    self.leases.insert(body.lease);
                }
            }
            _ => {}
        }
    }
}

const fn is_of_estate(kind: Type) -> bool {
    matches!(kind, Type::EstateItemSet | Type::EstateItemRemoved | Type::EstateApplied)
}
