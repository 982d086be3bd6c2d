//! A task: requested → approved → active → ending → gone.

use super::agenda::Duty;
use super::approval::Yes;
use super::command::{Caller, Decided, Draft, EndTask, Reply, RequestTask};
use super::repeat::Outcome;
use super::token::Token;
use super::{About, Bench, Broken, State, limits};
use crate::base::{Digest, LeaseId, Name, Span, SpiffeId, TaskId, Time};
use crate::entry::Body;
use crate::entry::bodies::task as body;
use crate::estate::{Credential, Sensitivity};
use crate::reason::{Denial, Reason};
use imbl::{OrdSet, Vector};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What never changes about a task.
#[derive(Debug, PartialEq)]
pub struct Facts {
    /// Its id.
    pub id: TaskId,
    /// Name of the agent.
    pub agent: Name,
    /// Who may draw secrets.
    pub subject: SpiffeId,
    /// Connection on which it was requested.
    pub connection: Option<String>,
    /// Index of `task.requested`.
    pub index: u64,
    /// Leaf hash of `task.requested`: what an approval binds.
    pub digest: Digest,
    /// When.
    pub requested: Time,
    /// Length of the window.
    pub window: Span,
    /// Machine-readable purpose.
    pub purpose_code: String,
    /// Owner teams whose yes is needed.
    pub needs: Vec<Name>,
    /// The credentials as they were declared when the task was requested.
    pub scope: BTreeMap<Name, Credential>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waits for approvals.
    Requested,
    /// Approved since then; its token is being made.
    Approved(Time),
    /// Secrets can be issued until then.
    Active(Time),
    /// Over since then.
    Ending(Time, End),
}

/// Why a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// The work is done.
    Completed,
    /// The work is not wanted.
    Cancelled,
    /// A deadline passed.
    Expired,
    /// Someone said no.
    Denied,
}

impl End {
    /// The end that an entry brings, if it ends a task.
    #[must_use]
    pub const fn of(body: &Body) -> Option<Self> {
        match body {
            Body::TaskCompleted(_) => Some(Self::Completed),
            Body::TaskCancelled(_) => Some(Self::Cancelled),
            Body::TaskExpired(_) => Some(Self::Expired),
            Body::TaskDenied(_) => Some(Self::Denied),
            _ => None,
        }
    }

    /// The word for people and interfaces.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Denied => "denied",
        }
    }
}

/// An open task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What never changes.
    pub facts: Arc<Facts>,
    /// Where it stands.
    pub stage: Stage,
    /// Yeses so far.
    pub approvals: Vector<Yes>,
    /// Engine tokens, oldest first.
    pub tokens: Vector<Token>,
    /// Leases that are not settled.
    pub open_leases: OrdSet<LeaseId>,
    /// Requests within it that were carried out so far, those included whose intent came to nothing.
    pub asked: u32,
}

impl Task {
    /// Over, and nothing is left to prove.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Ending(..)) && self.open_leases.is_empty() && self.tokens.iter().all(|t| t.gone)
    }

    /// Its next duty and when.
    #[must_use]
    pub fn duty(&self) -> Option<(Time, Duty)> {
        let Facts { id, requested, needs, .. } = &*self.facts;
        match self.stage {
            Stage::Requested if needs.is_empty() => Some((*requested, Duty::ApproveByRule(*id))),
            Stage::Requested => Some((requested.plus(limits::PENDING_MAX), Duty::ExpireTask(*id))),
            Stage::Approved(since) => Some((since, Duty::MakeToken(*id))),
            Stage::Active(ends) => Some((ends, Duty::ExpireTask(*id))),
            Stage::Ending(since, _) if self.open_leases.is_empty() => Some((since, Duty::EndToken(*id))),
            Stage::Ending(..) => None,
        }
    }

    /// Whether it was approved, and the approval ran out before the task became active.
    #[must_use]
    pub fn approval_lapsed(&self, at: Time) -> bool {
        matches!(self.stage, Stage::Approved(_)) && self.approved_until().is_some_and(|until| until <= at)
    }

    /// Until when the yeses hold.
    #[must_use]
    pub fn approved_until(&self) -> Option<Time> {
        self.approvals.iter().map(|yes| yes.until).min()
    }
}

impl State {
    pub(super) fn decide_request(
        &self,
        caller: &Caller,
        ask: &RequestTask,
        bench: &Bench<'_>,
    ) -> Result<Decided, Denial> {
        let subject = caller.subject.id();
        self.check_agent(&ask.agent, subject)?;
        let open = self.tasks.values().filter(|task| task.facts.subject == *subject).count();
        if open >= limits::OPEN_TASKS_MAX {
            return Err(Denial::new(Reason::TooManyTasks, format!("{open} tasks of this identity are open")));
        }
        self.check_pace(&ask.agent, bench.at)?;
        self.check_room_for_task(bench.at)?;
        let mut scope = BTreeMap::new();
        for name in &ask.credentials {
            let credential = self.estate.credential(name).ok_or_else(|| {
                Denial::new(Reason::CredentialUnknown, format!("credential {name} is not in the estate"))
            })?;
            if credential.sensitivity != Sensitivity::Low && self.estate.owner_of_credential(credential).is_none() {
                let sentence = format!("credential {name} has no owner team who could approve");
                return Err(Denial::new(Reason::CredentialWithoutOwner, sentence));
            }
            scope.insert(name.clone(), credential.clone());
        }
        let requested = body::Requested {
            agent: ask.agent.clone(),
            credentials: ask.credentials.clone(),
            estate_version: self.estate.version(),
            needs: bench.judge.approvals_needed(&scope),
            purpose_code: ask.purpose_code.clone(),
            subject: subject.clone(),
            task: ask.id,
            window_seconds: ask.window_seconds,
        };
        let draft = Draft::new(requested).committing("purpose", Some(ask.purpose));
        Ok(Decided::one(draft, Reply::Task(ask.id)))
    }

    pub(super) fn check_agent(&self, name: &Name, subject: &SpiffeId) -> Result<(), Denial> {
        let unknown = || Denial::new(Reason::AgentUnknown, format!("no agent {name} with your SPIFFE ID is declared"));
        let agent = self.estate.agent(name).filter(|agent| agent.spiffe_id.matches(subject)).ok_or_else(unknown)?;
        match self.estate.owner_of(agent) {
            Some(_) => Ok(()),
            None => Err(Denial::new(Reason::AgentWithoutOwner, format!("agent {name} has no owner"))),
        }
    }

    /// The task, if the caller is its subject.
    pub(super) fn own_task(&self, caller: &Caller, id: TaskId) -> Result<&Task, Denial> {
        self.tasks.get(&id).filter(|task| task.facts.subject == *caller.subject.id()).ok_or_else(Denial::not_found)
    }

    pub(super) fn decide_complete(&self, caller: &Caller, id: TaskId) -> Result<Decided, Denial> {
        let task = self.own_task(caller, id)?;
        self.check_open(task)?;
        let draft = Draft::new(body::Completed { task: id }).caused_by(task.facts.index);
        Ok(Decided::one(draft, Reply::Task(id)))
    }

    pub(super) fn decide_cancel(&self, caller: &Caller, ask: &EndTask, bench: &Bench<'_>) -> Result<Decided, Denial> {
        let task = self.tasks.get(&ask.task).ok_or_else(Denial::not_found)?;
        let id = caller.subject.id();
        let allowed = task.facts.subject == *id || self.answers_for(id, task) || self.is_operator(id, bench);
        if !allowed {
            return Err(Denial::not_found());
        }
        self.check_open(task)?;
        let draft = Draft::new(body::Cancelled { task: ask.task })
            .caused_by(task.facts.index)
            .committing("justification", ask.justification);
        Ok(Decided::one(draft, Reply::Task(ask.task)))
    }

    fn check_open(&self, task: &Task) -> Result<(), Denial> {
        match task.stage {
            Stage::Ending(_, end) => Err(Denial::new(Reason::TaskNotActive, format!("the task is {}", end.word()))),
            _ => Ok(()),
        }
    }

    pub(super) fn decide_task_expired(&self, id: TaskId, at: Time) -> Result<Decided, Denial> {
        let Some(task) = self.tasks.get(&id) else { return Ok(Decided::nothing(Reply::Done)) };
        let due = matches!(task.duty(), Some((when, Duty::ExpireTask(_))) if when <= at);
        if !due && !task.approval_lapsed(at) {
            return Ok(Decided::nothing(Reply::Done));
        }
        Ok(Decided::one(Draft::new(body::Expired { task: id }).caused_by(task.facts.index), Reply::Done))
    }

    pub(super) fn apply_requested(&mut self, about: &About<'_>, requested: &body::Requested) -> Result<(), Broken> {
        let mut scope = BTreeMap::new();
        for name in &requested.credentials {
            let unknown = || Broken::new("scope", format!("credential {name} is not in the estate"));
            scope.insert(name.clone(), self.estate.credential(name).cloned().ok_or_else(unknown)?);
        }
        let unasked = |credential: &Credential| {
            let asked = credential.owner.as_ref().is_some_and(|owner| requested.needs.contains(owner));
            credential.sensitivity != Sensitivity::Low && !asked
        };
        if scope.values().any(unasked) {
            return Err(Broken::new("approval", "a sensitive credential does not need its owner's yes"));
        }
        if about.entry.actor.id != requested.subject.as_str() {
            return Err(Broken::new("subject", "a task was requested in another's name"));
        }
        if self.check_agent(&requested.agent, &requested.subject).is_err() {
            return Err(Broken::new("scope", "a task was requested for an agent that the estate does not declare so"));
        }
        if requested.window_seconds > limits::WINDOW_SECONDS_MAX {
            return Err(Broken::new("window", "a task asks for more than the longest window"));
        }
        if requested.estate_version != self.estate.version() {
            return Err(Broken::new("scope", "judged on an estate that is not in force"));
        }
        if self.tasks.contains_key(&requested.task) {
            return Err(Broken::new("task", "requested twice"));
        }
        let facts = Facts {
            id: requested.task,
            agent: requested.agent.clone(),
            subject: requested.subject.clone(),
            connection: about.entry.actor.connection.clone(),
            index: about.index,
            digest: about.leaf,
            requested: about.entry.time,
            window: Span::from_seconds(requested.window_seconds),
            purpose_code: requested.purpose_code.clone(),
            needs: requested.needs.clone(),
            scope,
        };
        self.put_task(Task {
            facts: Arc::new(facts),
            stage: Stage::Requested,
            approvals: Vector::new(),
            tokens: Vector::new(),
            open_leases: OrdSet::new(),
            asked: 0,
        });
        self.remember(about, Outcome::Task(requested.task));
        self.keep_pace(&requested.agent);
        Ok(())
    }

    pub(super) fn apply_task_activated(&mut self, about: &About<'_>, body: &body::Activated) -> Result<(), Broken> {
        let task = self.task(body.task)?;
        if !matches!(task.stage, Stage::Approved(_)) {
            return Err(Broken::new("approval", "a task became active without approval"));
        }
        if task.approval_lapsed(about.entry.time) || task.tokens.is_empty() {
            return Err(Broken::new("approval", "a task became active on a lapsed approval or without a token"));
        }
        if body.ends > about.entry.time.plus(task.facts.window) {
            return Err(Broken::new("window", "a task is active for longer than its window"));
        }
        self.change_task(body.task, |task| task.stage = Stage::Active(body.ends));
        Ok(())
    }

    /// The end of a task is one entry; everything under it turns to ending.
    pub(super) fn apply_task_end(&mut self, about: &About<'_>, id: TaskId, end: End) -> Result<(), Broken> {
        let stage = self.task(id)?.stage;
        if matches!(stage, Stage::Ending(..)) {
            return Err(Broken::new("task", "ended twice"));
        }
        if end == End::Denied && stage != Stage::Requested {
            return Err(Broken::new("task", "denied after it was decided"));
        }
        // Before the task is put back: with nothing left to prove it leaves the state at once.
        self.remember(about, Outcome::Task(id));
        let leases = self.task(id)?.open_leases.clone();
        self.change_task(id, |task| task.stage = Stage::Ending(about.entry.time, end));
        for lease in &leases {
            self.end_lease_with_task(*lease, about);
        }
        Ok(())
    }

    pub(super) fn task(&self, id: TaskId) -> Result<&Task, Broken> {
        self.tasks.get(&id).ok_or_else(|| Broken::new("task", format!("{id} is not open")))
    }
}
