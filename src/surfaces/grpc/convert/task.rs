//! Tasks: what may be asked of them, and how they are shown.

use super::fields::{invalid, name, span, task_id, text};
use super::{page, timestamp};
use domain::base::{Name, Span, TaskId};
use domain::reason::Denial;
use domain::state::command::ApproveTask;
use domain::state::repeat::Over;
use domain::state::task::Stage;
use domain::state::{Task, limits};
use proto::v1;
use services::view::{AskedOnce, SeenTask};

/// A request for a task, before it has an id and a commitment.
#[derive(Debug)]
pub(in crate::grpc) struct TaskAsked {
    pub(in crate::grpc) agent: Name,
    pub(in crate::grpc) purpose: String,
    pub(in crate::grpc) purpose_code: String,
    pub(in crate::grpc) credentials: Vec<Name>,
    pub(in crate::grpc) window_seconds: u64,
}

/// A task that is to end, and why, before the reason has a commitment.
#[derive(Debug)]
pub(in crate::grpc) struct EndAsked {
    pub(in crate::grpc) task: TaskId,
    pub(in crate::grpc) justification: Option<String>,
}

/// Which tasks are listed.
#[derive(Debug, Default)]
pub(in crate::grpc) struct TaskFilter {
    state: Option<v1::TaskState>,
    agent: Option<Name>,
}

const PURPOSE_CODE_BYTES_MAX: usize = 64;
const STATES: [(&str, v1::TaskState); 4] = [
    ("requested", v1::TaskState::Requested),
    ("approved", v1::TaskState::Approved),
    ("active", v1::TaskState::Active),
    ("ending", v1::TaskState::Ending),
];

impl TaskAsked {
    pub(in crate::grpc) fn parse(message: v1::RequestTaskRequest) -> Result<Self, Denial> {
        text("purpose", &message.purpose, 1..=limits::TEXT_BYTES_MAX)?;
        let seconds = |seconds| Span::from_seconds(seconds);
        let bounds = seconds(limits::WINDOW_SECONDS_MIN)..=seconds(limits::WINDOW_SECONDS_MAX);
        let window = span("window", message.window.as_ref(), bounds)?;
        Ok(Self {
            agent: name("agent", &message.agent)?,
            purpose: message.purpose,
            purpose_code: purpose_code(message.purpose_code)?,
            credentials: credentials(&message.credentials)?,
            window_seconds: window.ok_or_else(|| invalid("window", "must be set"))?.seconds(),
        })
    }
}

fn purpose_code(code: String) -> Result<String, Denial> {
    if code.is_empty() {
        return Ok("unspecified".into());
    }
    let plain = code.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if plain && code.len() <= PURPOSE_CODE_BYTES_MAX {
        return Ok(code);
    }
    Err(invalid("purpose_code", format!("must be at most {PURPOSE_CODE_BYTES_MAX} characters of a-z, 0-9 and dash")))
}

/// Ascending, each once.
fn credentials(asked: &[String]) -> Result<Vec<Name>, Denial> {
    if !(1..=limits::SCOPE_MAX).contains(&asked.len()) {
        return Err(invalid("credentials", format!("must be 1 to {} names", limits::SCOPE_MAX)));
    }
    let mut names = Vec::with_capacity(asked.len());
    for (at, text) in asked.iter().enumerate() {
        let field = format!("credentials[{at}]");
        let name = name(&field, text)?;
        if names.contains(&name) {
            return Err(invalid(&field, format!("names {name} a second time")));
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// A yes.
pub(in crate::grpc) fn approval(message: v1::ApproveTaskRequest) -> Result<ApproveTask, Denial> {
    let task = task_id(&message.task_id)?;
    if message.request_digest.is_empty() {
        return Err(invalid("request_digest", "must be the digest that the task shows"));
    }
    let valid_for = span("valid_for", message.valid_for.as_ref(), Span::from_seconds(1)..=limits::APPROVAL_MAX)?;
    Ok(ApproveTask { task, digest: message.request_digest, valid_for })
}

/// A no, or an end before the work is done.
pub(in crate::grpc) fn end(task: &str, justification: String) -> Result<EndAsked, Denial> {
    text("justification", &justification, 0..=limits::TEXT_BYTES_MAX)?;
    let justification = Some(justification).filter(|text| !text.is_empty());
    Ok(EndAsked { task: task_id(task)?, justification })
}

impl TaskFilter {
    pub(in crate::grpc) fn parse(filter: &str) -> Result<Self, Denial> {
        let mut parsed = Self::default();
        for (key, value) in page::terms(filter, &["state", "agent"])? {
            if key == "state" {
                parsed.state = Some(page::word(value, &STATES)?);
            } else {
                parsed.agent = Some(name("filter", value)?);
            }
        }
        Ok(parsed)
    }

    pub(in crate::grpc) fn wants(&self, task: &Task) -> bool {
        self.state.is_none_or(|wanted| state(task) == wanted)
            && self.agent.as_ref().is_none_or(|wanted| task.facts.agent == *wanted)
    }
}

const fn state(task: &Task) -> v1::TaskState {
    match task.stage {
        Stage::Requested => v1::TaskState::Requested,
        Stage::Approved(_) => v1::TaskState::Approved,
        Stage::Active(_) => v1::TaskState::Active,
        Stage::Ending(..) => v1::TaskState::Ending,
    }
}

/// A task as its reader sees it.
pub(in crate::grpc) fn shown(seen: SeenTask) -> v1::Task {
    let SeenTask { task, gone, purpose } = seen;
    let facts = &task.facts;
    let (end_time, end_cause) = match task.stage {
        Stage::Requested | Stage::Approved(_) => (None, ""),
        Stage::Active(ends) => (Some(ends), ""),
        Stage::Ending(since, why) => (Some(since), why.word()),
    };
    let state = if gone { v1::TaskState::Gone } else { state(&task) };
    let waits = task.stage == Stage::Requested;
    v1::Task {
        id: facts.id.to_string(),
        agent: facts.agent.to_string(),
        subject: facts.subject.to_string(),
        purpose,
        purpose_code: facts.purpose_code.clone(),
        credentials: facts.scope.keys().map(Name::to_string).collect(),
        window: Some(duration(facts.window)),
        state: state.into(),
        request_time: Some(timestamp(facts.requested)),
        end_time: end_time.map(timestamp),
        request_digest: facts.digest.to_string(),
        approvals_missing: if waits { names(&task.approvals_missing()) } else { Vec::new() },
        approvals: approvals(&task),
        open_leases: if gone { Vec::new() } else { task.open_leases.iter().map(ToString::to_string).collect() },
        end_cause: end_cause.into(),
    }
}

/// A task that is gone, to whoever repeats what it began or ended with.
pub(in crate::grpc) fn over(over: Over, asked: Option<AskedOnce>) -> v1::Task {
    let known = v1::Task {
        id: over.task.to_string(),
        state: v1::TaskState::Gone.into(),
        end_time: Some(timestamp(over.since)),
        end_cause: over.end.word().into(),
        ..v1::Task::default()
    };
    let Some(AskedOnce { body, time, digest, purpose }) = asked else { return known };
    v1::Task {
        agent: body.agent.to_string(),
        subject: body.subject.to_string(),
        purpose,
        purpose_code: body.purpose_code,
        credentials: names(&body.credentials),
        window: Some(duration(Span::from_seconds(body.window_seconds))),
        request_time: Some(timestamp(time)),
        request_digest: digest.to_string(),
        ..known
    }
}

/// One line for each team that a yes counts for; a rule's yes names no team.
fn approvals(task: &Task) -> Vec<v1::Approval> {
    let mut shown = Vec::new();
    for yes in &task.approvals {
        let line =
            |team: String| v1::Approval { team, approver: yes.by.clone(), until_time: Some(timestamp(yes.until)) };
        if yes.teams.is_empty() {
            shown.push(line(String::new()));
        }
        shown.extend(yes.teams.iter().map(|team| line(team.to_string())));
    }
    shown
}

fn names(names: &[Name]) -> Vec<String> {
    names.iter().map(Name::to_string).collect()
}

fn duration(span: Span) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(span.seconds()).unwrap_or(i64::MAX), nanos: 0 }
}

#[cfg(test)]
mod tests;
