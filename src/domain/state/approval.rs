//! Approval: a recorded yes to one exact request, by someone who answers for the credential and
//! has no other part in the task.

use super::command::{ApproveTask, Caller, Decided, Draft, EndTask, Reply};
use super::repeat::Outcome;
use super::task::{Stage, Task};
use super::{About, Bench, Broken, State, limits};
use crate::base::{Name, SpiffeId, TaskId, Time};
use crate::entry::bodies::task as body;
use crate::reason::{Denial, Reason};
use crate::roles::{CallerRole, held_roles};

/// One yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yes {
    /// SPIFFE ID of the approver, or `rule:<name>`.
    pub by: String,
    /// Owner teams for which it counts.
    pub teams: Vec<Name>,
    /// Until when it holds.
    pub until: Time,
}

impl Task {
    /// Owner teams whose yes is missing, ascending.
    #[must_use]
    pub fn approvals_missing(&self) -> Vec<Name> {
        let said = |team: &&Name| !self.approvals.iter().any(|yes| yes.teams.contains(*team));
        self.facts.needs.iter().filter(said).cloned().collect()
    }
}

impl State {
    /// Whether `id` belongs to an owner team of a credential in the task's scope.
    #[must_use]
    pub fn answers_for(&self, id: &SpiffeId, task: &Task) -> bool {
        let owners = |team: &Name| task.facts.scope.values().any(|credential| credential.owner.as_ref() == Some(team));
        self.estate.teams_of(id).any(owners)
    }

    pub(super) fn is_operator(&self, id: &SpiffeId, bench: &Bench<'_>) -> bool {
        held_roles(&self.estate, id, bench.bootstrap).holds(CallerRole::Operator)
    }

    pub(super) fn decide_approve(
        &self,
        caller: &Caller,
        ask: &ApproveTask,
        bench: &Bench<'_>,
    ) -> Result<Decided, Denial> {
        let (task, teams) = self.eligible(caller, ask.task)?;
        if ask.digest != task.facts.digest.to_string() {
            return Err(Denial::new(Reason::DigestMismatch, "the digest is not that of this task"));
        }
        // A second yes of the same team would only let it cut the first one short.
        let missing = task.approvals_missing();
        if !teams.iter().any(|team| missing.contains(team)) {
            return Err(Denial::new(Reason::TaskDecided, "your team has said yes already"));
        }
        if bench.at >= task.facts.requested.plus(limits::PENDING_MAX) {
            return Err(Denial::new(Reason::TaskDecided, "the request waited too long and is over"));
        }
        let until = bench.at.plus(ask.valid_for.map_or(limits::APPROVAL_MAX, |asked| asked.min(limits::APPROVAL_MAX)));
        let approved = body::Approved { digest: task.facts.digest, rule: None, task: ask.task, teams, until };
        Ok(Decided::one(Draft::new(approved).caused_by(task.facts.index), Reply::Task(ask.task)))
    }

    pub(super) fn decide_deny(&self, caller: &Caller, ask: &EndTask) -> Result<Decided, Denial> {
        let (task, _) = self.eligible(caller, ask.task)?;
        let draft = Draft::new(body::Denied { task: ask.task })
            .caused_by(task.facts.index)
            .committing("justification", ask.justification);
        Ok(Decided::one(draft, Reply::Task(ask.task)))
    }

    /// The task and the teams for which the caller's word counts.
    fn eligible(&self, caller: &Caller, id: TaskId) -> Result<(&Task, Vec<Name>), Denial> {
        let task = self.tasks.get(&id).ok_or_else(Denial::not_found)?;
        let person = caller.subject.id();
        if *person == task.facts.subject
            || task.facts.connection.as_deref() == Some(caller.connection.to_string().as_str())
        {
            return Err(Denial::new(Reason::SelfApproval, "the requester's own identity or connection cannot approve"));
        }
        let teams: Vec<Name> =
            self.estate.teams_of(person).filter(|team| task.facts.needs.contains(team)).cloned().collect();
        if teams.is_empty() {
            return Err(Denial::not_found());
        }
        if task.stage != Stage::Requested {
            return Err(Denial::new(Reason::TaskDecided, "the task is decided"));
        }
        Ok((task, teams))
    }

    pub(super) fn decide_rule(&self, id: TaskId, bench: &Bench<'_>) -> Result<Decided, Denial> {
        let Some(task) = self.tasks.get(&id) else { return Ok(Decided::nothing(Reply::Done)) };
        if task.stage != Stage::Requested || !task.facts.needs.is_empty() {
            return Ok(Decided::nothing(Reply::Done));
        }
        let approved = body::Approved {
            digest: task.facts.digest,
            rule: Some(bench.judge.rule().into()),
            task: id,
            teams: Vec::new(),
            until: bench.at.plus(limits::APPROVAL_MAX),
        };
        Ok(Decided::one(Draft::new(approved).caused_by(task.facts.index), Reply::Done))
    }

    /// The approver, if they belong to every team that they speak for, and each team was asked.
    fn answering(&self, actor: &str, task: &Task, teams: &[Name]) -> Result<String, Broken> {
        let person = SpiffeId::parse(actor).map_err(|_| Broken::new("approval", "approved by nobody in particular"))?;
        let speaks_for =
            |team: &Name| task.facts.needs.contains(team) && self.estate.teams_of(&person).any(|it| it == team);
        if teams.is_empty() || !teams.iter().all(speaks_for) {
            return Err(Broken::new("approval", "approved for a team that the approver does not belong to"));
        }
        Ok(actor.to_owned())
    }

    pub(super) fn apply_approved(&mut self, about: &About<'_>, approved: &body::Approved) -> Result<(), Broken> {
        let task = self.task(approved.task)?;
        if approved.digest != task.facts.digest {
            return Err(Broken::new("approval", "an approval names another request"));
        }
        if task.stage != Stage::Requested {
            return Err(Broken::new("approval", "an approval of a task that was decided"));
        }
        if approved.until > about.entry.time.plus(limits::APPROVAL_MAX) {
            return Err(Broken::new("approval", "an approval holds for longer than the longest one"));
        }
        let by = match &approved.rule {
            Some(rule) if task.facts.needs.is_empty() => format!("rule:{rule}"),
            Some(_) => return Err(Broken::new("approval", "a rule approved what people must approve")),
            None if about.entry.actor.id == task.facts.subject.as_str() => {
                return Err(Broken::new("approval", "a requester approved the own request"));
            }
            None if about.entry.actor.serial.is_none() => {
                return Err(Broken::new("approval", "approved without an X.509-SVID"));
            }
            None if task.facts.connection.is_some() && task.facts.connection == about.entry.actor.connection => {
                return Err(Broken::new("approval", "approved on the requester's own connection"));
            }
            None => self.answering(&about.entry.actor.id, task, &approved.teams)?,
        };
        let yes = Yes { by, teams: approved.teams.clone(), until: approved.until };
        self.change_task(approved.task, |task| {
            task.approvals.push_back(yes);
            if task.approvals_missing().is_empty() {
                task.stage = Stage::Approved(about.entry.time);
            }
        });
        self.remember(about, Outcome::Approval(approved.task));
        Ok(())
    }
}
