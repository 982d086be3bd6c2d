//! The state is the fold of the log. `decide` judges a command on a state and says which entries
//! follow; `apply` folds an entry into the state; `due` says which effects the state calls for.
//!
//! This file only routes: each aggregate has its own file. All of it is pure. The server, the
//! offline verifier and recovery after a crash run this same code over the same bytes.

mod actors;
pub mod agenda;
pub mod approval;
pub mod ask;
pub mod broker;
pub mod command;
pub mod counts;
pub mod erasure;
pub mod estate_group;
pub mod issue;
mod knock;
mod lane;
pub mod lease;
pub mod limits;
mod pace;
pub mod repeat;
pub mod settle;
#[cfg(feature = "snapshot")]
pub mod snapshot;
pub mod task;
pub mod token;

pub use actors::check_actor;
pub use agenda::Duty;
pub use command::{Ask, Command, Decided, Draft, Finding, Reply};
pub use lane::Lane;
pub use lease::Lease;
pub use task::Task;

use super::base::{Digest, LeaseId, Name, SpiffeId, TaskId, Time};
use super::entry::{Body, Entry};
use super::estate::{Estate, Group};
use super::judge::Judge;
use super::reason::Denial;
use imbl::{OrdMap, OrdSet};

/// What is open. Cheap to clone: the maps are persistent.
// INVARIANT: each key of `requests` stands in `bound` or in `aging`, once, as its `kept` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Number of entries folded.
    pub size: u64,
    /// Time of the last entry.
    pub time: Time,
    /// The log's own life.
    pub broker: broker::Broker,
    /// The estate in force.
    pub estate: Estate,
    /// Open tasks.
    pub tasks: OrdMap<TaskId, Task>,
    /// Unsettled leases.
    pub leases: OrdMap<LeaseId, Lease>,
    /// Requests that a repeat must find.
    pub requests: OrdMap<Digest, repeat::Remembered>,
    /// Entries by type.
    pub counts: counts::Counts,
    /// Erasures that wait for a second person, by index of the entry.
    pub erasures: OrdMap<u64, erasure::Pending>,
    /// Leases whose end is not proven within its bound.
    pub unproven: OrdSet<LeaseId>,
    /// Set where the log is only judged: see [`State::judging`].
    pub(in crate::state) judges_only: bool,
    pub(in crate::state) group: Option<Group>,
    pub(in crate::state) bound: OrdSet<(TaskId, Digest)>,
    pub(in crate::state) aging: OrdSet<(Time, Digest)>,
    pub(in crate::state) pace: OrdMap<Name, Time>,
    pub(in crate::state) agenda: OrdSet<(Time, Duty)>,
}

/// What a decision may look at besides the state.
pub struct Bench<'a> {
    /// Now.
    pub at: Time,
    /// Whether the clock can be trusted for issuing.
    pub clock_certain: bool,
    /// The rules.
    pub judge: &'a dyn Judge,
    /// Operators until the first estate names some.
    pub bootstrap: &'a [SpiffeId],
}

/// A log that breaks one of its laws. A server refuses to start on it; a verifier reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{law}: {sentence}")]
pub struct Broken {
    /// Short name of the law.
    pub law: &'static str,
    /// What was found.
    pub sentence: String,
}

impl Broken {
    pub(in crate::state) fn new(law: &'static str, sentence: impl Into<String>) -> Self {
        Self { law, sentence: sentence.into() }
    }
}

impl State {
    /// The state before the first entry, for a fold that only judges a log. It keeps what the laws look at;
    /// what only decisions look at (duties, repeats, the pace of agents) it does without.
    #[must_use]
    pub fn judging() -> Self {
        Self { judges_only: true, ..Self::default() }
    }

    /// Judges a command. No entries follow from a repeat or from a denial.
    ///
    /// # Errors
    /// A [`Denial`], which is data: it names a stable reason and the next step.
    pub fn decide(&self, command: &Command, bench: &Bench<'_>) -> Result<Decided, Denial> {
        match command {
            Command::Ask { caller, mark, ask } => {
                if let Some(reply) = self.repeated(mark, ask)? {
                    return Ok(Decided::nothing(reply));
                }
                self.decide_ask(caller, ask, bench)
            }
            Command::Found(finding) => self.decide_finding(finding, bench),
            Command::Passed(duty) => self.decide_passed(*duty, bench),
            Command::Note(body) | Command::NoteOf { body, .. } => {
                Ok(Decided::one(Draft::new(body.clone()), Reply::Done))
            }
            Command::Count => Ok(match self.count_now() {
                Some(counted) => Decided::one(Draft::new(counted), Reply::Done),
                None => Decided::nothing(Reply::Done),
            }),
        }
    }

    fn decide_ask(&self, caller: &command::Caller, ask: &Ask, bench: &Bench<'_>) -> Result<Decided, Denial> {
        self.check_role(caller, ask, bench)?;
        match ask {
            Ask::RequestTask(ask) => self.decide_request(caller, ask, bench),
            Ask::ApproveTask(ask) => self.decide_approve(caller, ask, bench),
            Ask::DenyTask(ask) => self.decide_deny(caller, ask),
            Ask::CompleteTask(task) => self.decide_complete(caller, *task),
            Ask::CancelTask(ask) => self.decide_cancel(caller, ask, bench),
            Ask::IssueSecret(ask) => self.decide_issue(caller, ask, bench),
            Ask::RenewLease(ask) => self.decide_renew(caller, ask, bench),
            Ask::RevokeLease(lease) => self.decide_revoke(caller, *lease, bench),
            Ask::ApplyEstate(ask) => self.decide_estate(ask, bench),
            Ask::EraseOpening(ask) => self.decide_erase(caller, ask, bench),
        }
    }

    fn decide_finding(&self, finding: &Finding, bench: &Bench<'_>) -> Result<Decided, Denial> {
        match finding {
            Finding::TokenMade(made) => self.decide_token_made(made, bench.at),
            Finding::TokenGone { task, token } => self.decide_token_gone(*task, *token),
            Finding::Minted(minted) => self.decide_seal(minted, bench.at),
            Finding::NotIssued { lease, why } => self.decide_not_issued(*lease, *why),
            Finding::Renewed(renewed) => self.decide_renewed(renewed),
            Finding::Accepted(lease) => self.decide_accepted(*lease),
            Finding::Gone(gone) => self.decide_gone(gone),
            Finding::Unproven { lease, missing } => self.decide_unproven(*lease, missing),
            Finding::Orphan(orphan) => Ok(self.decide_orphan(orphan)),
        }
    }

    fn decide_passed(&self, duty: Duty, bench: &Bench<'_>) -> Result<Decided, Denial> {
        let at = bench.at;
        match duty {
            Duty::ApproveByRule(task) => self.decide_rule(task, bench),
            Duty::ExpireTask(task) => self.decide_task_expired(task, at),
            Duty::ExpireLease(lease) => self.decide_lease_expired(lease, at),
            Duty::SettleLease(lease) => self.decide_settle(lease, at),
            Duty::MakeToken(_)
            | Duty::EndToken(_)
            | Duty::ProlongLease(_)
            | Duty::EndLease(_)
            | Duty::CloseIntent(_) => Ok(Decided::nothing(Reply::Done)),
        }
    }

    /// Folds one entry. `leaf` is its leaf hash. On an error the state is half changed and must be
    /// dropped.
    ///
    /// # Errors
    /// [`Broken`] if the entry cannot follow on this state.
    pub fn apply(&mut self, entry: &Entry, leaf: Digest) -> Result<(), Broken> {
        if entry.time < self.time {
            return Err(Broken::new("time", "an entry is older than the one before it"));
        }
        if self.group.is_some() && !broker::is_of_estate_group(&entry.body) {
            return Err(Broken::new("estate-group", "an estate group is not closed"));
        }
        let index = self.size;
        if index == 0 && !matches!(entry.body, Body::LogStarted(_)) {
            return Err(Broken::new("log", "a log begins with its start"));
        }
        check_actor(entry)?;
        let about = About { index, leaf, entry };
        self.time = entry.time;
        self.forget_lapsed();
        self.apply_body(&about)?;
        self.counts.add(entry.body.kind());
        self.size = index + 1;
        Ok(())
    }

    fn apply_body(&mut self, about: &About<'_>) -> Result<(), Broken> {
        match &about.entry.body {
            Body::LogStarted(body) => self.apply_log_started(about, body),
            Body::LogCounted(body) => self.apply_counted(about, body),
            Body::BrokerActivated(body) => self.apply_activated(about, body),
            Body::BrokerStopped(_) | Body::AccessDenied(_) | Body::AccessRefused(_) | Body::EvidenceRead(_) => Ok(()),
            Body::OrphanFound(body) => {
                self.apply_orphan(body);
                Ok(())
            }
            Body::EvidenceErasureRequested(body) => self.apply_erasure_requested(about, body),
            Body::EvidenceErased(body) => self.apply_erased(about, body),
            Body::EstateItemSet(body) => self.apply_item_set(body),
            Body::EstateItemRemoved(body) => self.apply_item_removed(body),
            Body::EstateApplied(body) => self.apply_estate(about, body),
            Body::TaskRequested(body) => self.apply_requested(about, body),
            Body::TaskApproved(body) => self.apply_approved(about, body),
            Body::TaskDenied(body) => self.apply_task_end(about, body.task, task::End::Denied),
            Body::TaskActivated(body) => self.apply_task_activated(about, body),
            Body::TaskCompleted(body) => self.apply_task_end(about, body.task, task::End::Completed),
            Body::TaskCancelled(body) => self.apply_task_end(about, body.task, task::End::Cancelled),
            Body::TaskExpired(body) => self.apply_task_end(about, body.task, task::End::Expired),
            Body::TokenMade(body) => self.apply_token_made(about, body),
            Body::TokenRevoked(body) => self.apply_token_revoked(body),
            Body::LeaseIntended(body) => self.apply_intended(about, body),
            Body::LeaseIssued(body) => self.apply_issued(about, body),
            Body::LeaseNotIssued(body) => self.apply_not_issued(about, body),
            Body::LeaseRenewed(body) => self.apply_renewed(about, body),
            Body::LeaseRevocationRequested(body) => self.apply_revocation_requested(about, body),
            Body::LeaseRevocationAccepted(body) => self.apply_accepted(about, body),
            Body::LeaseRevoked(body) => self.apply_revoked(body),
            Body::LeaseUnproven(body) => self.apply_unproven(about, body),
            Body::LeaseExpired(body) => self.apply_lease_expired(about, body),
        }
    }
}

/// An entry with its place in the log.
pub(in crate::state) struct About<'a> {
    /// Its index.
    pub(in crate::state) index: u64,
    /// Its leaf hash.
    pub(in crate::state) leaf: Digest,
    /// The entry.
    pub(in crate::state) entry: &'a Entry,
}

#[cfg(test)]
mod tests;
