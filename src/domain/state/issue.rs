//! Room 3 and 4 of a request: the grant, judged on the very state that the intent is appended to.

use super::command::{Caller, Decided, Draft, IssueSecret, Parameters, Reply};
use super::lease::{Intent, Stage as LeaseStage};
use super::task::{Stage, Task};
use super::{Bench, Broken, State, limits, repeat};
use crate::base::{LeaseId, Name, Span, Time};
use crate::entry::Entry;
use crate::entry::bodies::lease::{self as body, Revocability};
use crate::estate::{Credential, Kind, Sensitivity};
use crate::reason::{Denial, Reason};
use crate::svid::{Proof, Subject};

impl State {
    pub(super) fn decide_issue(
        &self,
        caller: &Caller,
        ask: &IssueSecret,
        bench: &Bench<'_>,
    ) -> Result<Decided, Denial> {
        let task = self.own_task(caller, ask.task)?;
        let credential = self.allowed(caller, task, &ask.credential, bench)?;
        check_parameters(credential, &ask.parameters)?;
        self.check_supersedes(ask)?;
        if task.open_leases.len() >= limits::OPEN_LEASES_MAX {
            return Err(Denial::new(Reason::TooManyLeases, "the task has too many open leases"));
        }
        repeat::check_not_spent(task)?;
        let expires = expiry(task, credential, &caller.subject, ask.ttl, bench.at)?;
        let intended = body::Intended {
            credential: ask.credential.clone(),
            estate_version: self.estate.version(),
            expires,
            lease: ask.id,
            revocability: revocability(credential),
            supersedes: ask.supersedes,
            task: ask.task,
        };
        let intent = Intent {
            lease: ask.id,
            task: ask.task,
            name: ask.credential.clone(),
            credential: credential.clone(),
            subject: caller.subject.id().clone(),
            index: self.size,
            at: bench.at,
            expires,
        };
        let draft = Draft::new(intended).caused_by(task.facts.index);
        Ok(Decided::one(draft, Reply::Intent(Box::new(intent))))
    }

    /// The credential, if at this moment everything still speaks for its use: the task is active, its
    /// agent has an owner, the estate declares the credential as approved, the proof is good enough.
    pub(super) fn allowed<'a>(
        &self,
        caller: &Caller,
        task: &'a Task,
        credential: &Name,
        bench: &Bench<'_>,
    ) -> Result<&'a Credential, Denial> {
        check_active(task, bench)?;
        self.check_agent(&task.facts.agent, caller.subject.id())?;
        let credential = self.granted(task, credential)?;
        check_subject(&caller.subject, credential)?;
        Ok(credential)
    }

    /// The credential as approved, if it is in scope and the estate still declares it so.
    fn granted<'a>(&self, task: &'a Task, name: &Name) -> Result<&'a Credential, Denial> {
        let outside = || {
            let scope: Vec<_> = task.facts.scope.keys().map(Name::as_str).collect();
            Denial::new(Reason::CredentialNotAllowed, format!("the task's scope is {}, not {name}", scope.join(", ")))
        };
        let approved = task.facts.scope.get(name).ok_or_else(outside)?;
        if self.estate.credential(name) != Some(approved) {
            return Err(Denial::new(Reason::CredentialChanged, format!("credential {name} is declared otherwise now")));
        }
        Ok(approved)
    }

    fn check_supersedes(&self, ask: &IssueSecret) -> Result<(), Denial> {
        let Some(old) = ask.supersedes else { return Ok(()) };
        let same = |id: &LeaseId| {
            let lease = self.leases.get(id)?;
            (lease.facts.task == ask.task && lease.facts.credential == ask.credential).then_some(lease.stage)
        };
        match same(&old) {
            Some(LeaseStage::Issued) => Ok(()),
            Some(_) => Err(Denial::new(Reason::LeaseEnded, "the superseded lease is ending")),
            None => Err(Denial::of_field("supersedes", "names no lease of this task and credential")),
        }
    }
}

fn check_active(task: &Task, bench: &Bench<'_>) -> Result<(), Denial> {
    match task.stage {
        Stage::Active(ends) if bench.at < ends && bench.clock_certain => Ok(()),
        Stage::Active(ends) if bench.at < ends => {
            Err(Denial::new(Reason::ClockUncertain, "the wall clock is behind the log's time"))
        }
        Stage::Active(_) => Err(Denial::new(Reason::TaskWindowOver, "the task's window is over")),
        Stage::Requested => {
            let teams: Vec<_> = task.approvals_missing().iter().map(Name::to_string).collect();
            Err(Denial::new(Reason::TaskNotApproved, format!("the task waits for {}", teams.join(", "))))
        }
        Stage::Approved(_) => Err(Denial::new(Reason::TaskNotApproved, "the task is approved and being activated")),
        Stage::Ending(_, end) => Err(Denial::new(Reason::TaskNotActive, format!("the task is {}", end.word()))),
    }
}

fn check_subject(subject: &Subject, credential: &Credential) -> Result<(), Denial> {
    let jwt = matches!(subject.proof(), Proof::Jwt { .. });
    if jwt && credential.sensitivity == Sensitivity::High {
        return Err(Denial::new(Reason::JwtNotEnough, "high sensitivity takes an X.509-SVID"));
    }
    Ok(())
}

fn check_parameters(credential: &Credential, parameters: &Parameters) -> Result<(), Denial> {
    match (credential.kind, parameters) {
        (Kind::Pki, Parameters::Certificate(_))
        | (Kind::Kv, Parameters::None | Parameters::KeyValue(_))
        | (Kind::Database, Parameters::None) => Ok(()),
        (Kind::Pki, _) => Err(Denial::of_field("certificate.csr_pem", "a certificate takes your signing request")),
        (Kind::Kv, _) => Err(Denial::of_field("certificate", "a key-value secret takes no signing request")),
        (Kind::Database, _) => Err(Denial::of_field("parameters", "a database secret takes no parameters")),
    }
}

const fn revocability(credential: &Credential) -> Revocability {
    match credential.kind {
        Kind::Database | Kind::Pki => Revocability::Revocable,
        Kind::Kv => Revocability::RotateOnly,
    }
}

/// The end of a secret's life: the least of what was asked, the credential, the task's window,
/// its approvals and the SVID allow.
pub(super) fn expiry(
    task: &Task,
    credential: &Credential,
    subject: &Subject,
    asked: Option<Span>,
    at: Time,
) -> Result<Time, Denial> {
    let Stage::Active(task_end) = task.stage else {
        return Err(Denial::new(Reason::TaskNotActive, "the task is not active"));
    };
    let longest = Span::from_seconds(credential.max_ttl_seconds);
    let expires = at
        .plus(asked.unwrap_or(longest).min(longest))
        .min(task_end)
        .min(task.approved_until().unwrap_or(task_end))
        .min(subject.not_after());
    if expires.since(at) < limits::TTL_MIN {
        let left = expires.since(at);
        return Err(Denial::new(Reason::TtlTooShort, format!("only {left} are left until task, approval or SVID end")));
    }
    Ok(expires)
}

/// The law behind every issue: an approved, active task with this credential in scope, and an estate
/// that declares the credential as it was approved.
pub(super) fn check_law(state: &State, task: &Task, intended: &body::Intended, entry: &Entry) -> Result<(), Broken> {
    if entry.actor.id != task.facts.subject.as_str() {
        return Err(Broken::new("subject", "a secret was intended for another than the task's subject"));
    }
    let Stage::Active(ends) = task.stage else {
        return Err(Broken::new("approval", "a secret was intended outside an active task"));
    };
    if entry.time >= ends || intended.expires > ends {
        return Err(Broken::new("window", "a secret was to live beyond its task"));
    }
    if task.approved_until().is_some_and(|until| intended.expires > until) {
        return Err(Broken::new("approval", "a secret was to live beyond its approval"));
    }
    let Some(approved) = task.facts.scope.get(&intended.credential) else {
        return Err(Broken::new("scope", "a secret outside the task's scope was intended"));
    };
    if state.estate.credential(&intended.credential) != Some(approved)
        || intended.estate_version != state.estate.version()
    {
        return Err(Broken::new("scope", "a secret was intended on an estate that is not in force"));
    }
    if intended.expires > entry.time.plus(Span::from_seconds(approved.max_ttl_seconds)) {
        return Err(Broken::new("window", "a secret was to live longer than its credential allows"));
    }
    if intended.revocability != revocability(approved) {
        return Err(Broken::new("proof", "a secret of this kind ends in another way"));
    }
    Ok(())
}
