//! Tasks and leases that left the state longer ago than memory reaches, as the log tells them. Found by
//! the index alone: what it does not have yet was settled a moment ago, and is remembered elsewhere.

use super::index::Index;
use super::journal::recent::LeaseEnd;
use super::trace::{self, Subject};
use audit::trace::{Gathered, LeaseStory, Story, TaskStory};
use domain::base::{Digest, LeaseId, Name, Span, TaskId, Time};
use domain::entry::Body;
use domain::entry::bodies::lease::Revocability;
use domain::estate::Credential;
use domain::reason::Denial;
use domain::state::approval::Yes;
use domain::state::task::{End, Facts, Stage, Task};
use std::sync::Arc;
use tlog::leaf_hash;

/// A lease that was settled long ago.
#[derive(Debug, Clone)]
pub struct PastLease {
    /// Its id.
    pub lease: LeaseId,
    /// Its task.
    pub task: TaskId,
    /// Name of the credential.
    pub credential: Name,
    /// How it could end.
    pub revocability: Revocability,
    /// When its secret was issued, if it was.
    pub issued: Option<Time>,
    /// Until when the secret might have been used.
    pub expires: Time,
    /// How it was settled.
    pub end: LeaseEnd,
    /// When.
    pub time: Time,
    /// Index of the settling entry.
    pub index: u64,
}

/// A settled lease, with its task as it last stood if that is over too; `None` if the index knows of no
/// such lease.
///
/// # Errors
/// `INDEX_BEHIND` or `LOG_UNAVAILABLE` if it cannot be looked for.
pub async fn lease(index: &Index, id: LeaseId) -> Result<Option<(PastLease, Option<Task>)>, Denial> {
    let subject = Subject::Lease(id);
    let gathered = trace::indexed(index, &subject, 0).await?;
    let end = gathered.steps.iter().find_map(|step| {
        let (lease, end) = LeaseEnd::of(&step.entry.body)?;
        (lease == id).then_some((end, step.entry.time, step.found.index))
    });
    let story = Story::tell(subject, 0, &gathered);
    let task = story.tasks.first().and_then(|told| task_of(told, &gathered));
    let told = story.tasks.iter().flat_map(|task| &task.leases).find(|told| told.lease == id);
    let past = told.zip(end).and_then(|(told, end)| past(told, end));
    Ok(past.map(|past| (past, task)))
}

/// A settled task as it last stood; `None` if the index knows of no such task.
///
/// # Errors
/// As [`lease`].
pub async fn task(index: &Index, id: TaskId) -> Result<Option<Task>, Denial> {
    let subject = Subject::Task(id);
    // From beyond its end: the task alone, without its leases.
    let gathered = trace::indexed(index, &subject, u64::MAX).await?;
    let story = Story::tell(subject, 0, &gathered);
    Ok(story.tasks.first().and_then(|told| task_of(told, &gathered)))
}

fn past(told: &LeaseStory, (end, time, index): (LeaseEnd, Time, u64)) -> Option<PastLease> {
    let intended = &told.intended.as_ref()?.what;
    let issued = told.issued.as_ref();
    let expires = issued.map_or(intended.expires, |issued| issued.what.expires);
    Some(PastLease {
        lease: told.lease,
        task: intended.task,
        credential: intended.credential.clone(),
        revocability: issued.map_or(intended.revocability, |issued| issued.what.revocability),
        issued: issued.map(|issued| issued.time),
        expires: told.renewals.last().map_or(expires, |renewed| renewed.what.expires),
        end,
        time,
        index,
    })
}

/// Only a task that ended has left the state.
fn task_of(told: &TaskStory, gathered: &Gathered) -> Option<Task> {
    let requested = told.requested.as_ref()?;
    let mut digest = None;
    let mut end = None;
    for step in gathered.steps.iter().filter(|step| step.task == Some(told.task)) {
        if matches!(step.entry.body, Body::TaskRequested(_)) {
            digest = Some(Digest::from_bytes(*leaf_hash(&step.found.bytes).as_bytes()));
        }
        end = End::of(&step.entry.body).map(|end| Stage::Ending(step.entry.time, end)).or(end);
    }
    let declared = told.entitlement.credentials.iter().filter_map(|credential| {
        let item = credential.what.item.as_ref()?;
        Some((Name::parse(&credential.what.name).ok()?, serde_json::from_str::<Credential>(&item.0).ok()?))
    });
    let approvals = told.approvals.iter().map(|yes| Yes {
        by: yes.what.said.rule.as_ref().map_or_else(|| yes.by.id.clone(), |rule| format!("rule:{rule}")),
        teams: yes.what.said.teams.clone(),
        until: yes.what.said.until,
    });
    let facts = Facts {
        id: told.task,
        agent: requested.what.agent.clone(),
        subject: requested.what.subject.clone(),
        connection: requested.by.connection.clone(),
        index: requested.index,
        digest: digest?,
        requested: requested.time,
        window: Span::from_seconds(requested.what.window_seconds),
        purpose_code: requested.what.purpose_code.clone(),
        needs: requested.what.needs.clone(),
        scope: declared.collect(),
    };
    Some(Task {
        facts: Arc::new(facts),
        stage: end?,
        approvals: approvals.collect(),
        tokens: imbl::Vector::new(),
        open_leases: imbl::OrdSet::new(),
        asked: 0,
    })
}
