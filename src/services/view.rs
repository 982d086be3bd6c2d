//! What readers see: the published state, what was settled lately, and the openings that a reader
//! may see. Reads never wait for the writer.

use super::World;
use super::history::{self, PastLease};
use super::index::Index;
use super::journal::Published;
use super::journal::recent::SettledLease;
use super::publish;
use domain::base::{Digest, LeaseId, SpiffeId, TaskId, Time};
use domain::entry::bodies::task::Requested;
use domain::entry::{Body, Entry};
use domain::estate::Estate;
use domain::reason::{Denial, Reason};
use domain::roles::{CallerRole, HeldRoles, held_roles, may};
use domain::state::command::Caller;
use domain::state::repeat::Over;
use domain::state::{Lease, Task};
use std::sync::Arc;
use tlog::leaf_hash;

/// A caller who was let in to read.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Who.
    pub id: SpiffeId,
    /// What they are.
    pub held: HeldRoles,
}

/// A task as a reader sees it.
#[derive(Debug, Clone)]
pub struct SeenTask {
    /// The task, as it stands or last stood.
    pub task: Task,
    /// Nothing of it is left to prove.
    pub gone: bool,
    /// Opened purpose; empty if its opening was erased.
    pub purpose: String,
}

/// What was asked for once, as the log tells it.
#[derive(Debug, Clone)]
pub struct AskedOnce {
    /// The request.
    pub body: Requested,
    /// When.
    pub time: Time,
    /// Leaf hash of the entry.
    pub digest: Digest,
    /// Opened purpose; empty if its opening was erased.
    pub purpose: String,
}

/// A lease as a reader sees it.
#[derive(Debug, Clone)]
pub enum SeenLease {
    /// Unsettled.
    Open(Lease),
    /// Settled lately.
    Settled(SettledLease),
    /// Settled longer ago than memory reaches.
    Past(PastLease),
}

impl SeenLease {
    fn task(&self) -> TaskId {
        match self {
            Self::Open(lease) => lease.facts.task,
            Self::Settled(settled) => settled.lease.facts.task,
            Self::Past(past) => past.task,
        }
    }
}

/// Reads the state.
#[derive(Clone)]
pub struct View {
    world: World,
    index: Index,
    bootstrap: Arc<[SpiffeId]>,
}

impl View {
    /// Reads the given world.
    #[must_use]
    pub fn new(world: World, index: Index, bootstrap: Vec<SpiffeId>) -> Self {
        Self { world, index, bootstrap: bootstrap.into() }
    }

    /// Lets a caller in to a reading call.
    ///
    /// # Errors
    /// `ROLE_MISSING` if the table of roles does not allow it.
    pub fn admit(&self, caller: &Caller, call: &str) -> Result<Reader, Denial> {
        let published = self.world.journal.published();
        let id = caller.subject.id().clone();
        let held = held_roles(&published.state.estate, &id, &self.bootstrap);
        if !may(call, held) {
            return Err(Denial::new(Reason::RoleMissing, "your SPIFFE ID holds no role that may make this call"));
        }
        Ok(Reader { id, held })
    }

    /// What is durable now.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.world.journal.published()
    }

    /// One task.
    ///
    /// # Errors
    /// `NOT_FOUND` for unknown and foreign tasks alike.
    pub async fn task(&self, reader: &Reader, id: TaskId) -> Result<SeenTask, Denial> {
        let published = self.world.journal.published();
        let (task, gone) = match published.state.tasks.get(&id) {
            Some(task) => (task.clone(), false),
            None => (self.past_task(id).await?, true),
        };
        if !sees(reader, &published.state.estate, &task) {
            return Err(Denial::not_found());
        }
        self.shown(task, gone).await
    }

    /// What was asked for when a task that is gone was requested; `None` unless the reader did.
    ///
    /// # Errors
    /// `LOG_UNAVAILABLE` if the log cannot be read.
    pub async fn asked_once(&self, reader: &Reader, over: &Over) -> Result<Option<AskedOnce>, Denial> {
        let page = publish::page(&self.world, over.index, 1).await?;
        let Some(stored) = page.first() else { return Ok(None) };
        let digest = Digest::from_bytes(*leaf_hash(&stored.bytes).as_bytes());
        let Ok(Entry { body: Body::TaskRequested(body), time, .. }) = Entry::read(&stored.bytes) else {
            return Ok(None);
        };
        if body.subject != reader.id {
            return Ok(None);
        }
        let purpose = self.purpose(over.index).await?;
        Ok(Some(AskedOnce { body, time, digest, purpose }))
    }

    /// Open tasks that the reader may see, newest first, after `after`, at most `limit`.
    ///
    /// # Errors
    /// `LOG_UNAVAILABLE` if openings cannot be read.
    pub async fn tasks(
        &self,
        reader: &Reader,
        after: Option<TaskId>,
        limit: usize,
        wanted: impl Fn(&Task) -> bool,
    ) -> Result<Vec<SeenTask>, Denial> {
        let published = self.world.journal.published();
        let older = |task: &&Task| after.is_none_or(|after| task.facts.id < after);
        let visible = |task: &&Task| sees(reader, &published.state.estate, task) && wanted(task);
        let page: Vec<Task> =
            published.state.tasks.values().rev().filter(older).filter(visible).take(limit).cloned().collect();
        let mut seen = Vec::with_capacity(page.len());
        for task in page {
            seen.push(self.shown(task, false).await?);
        }
        Ok(seen)
    }

    /// One lease.
    ///
    /// # Errors
    /// `NOT_FOUND` for unknown and foreign leases alike; `INDEX_BEHIND` or `LOG_UNAVAILABLE` if one that
    /// was settled long ago cannot be looked for.
    pub async fn lease(&self, reader: &Reader, id: LeaseId) -> Result<SeenLease, Denial> {
        let published = self.world.journal.published();
        let (seen, past_task) = match (published.state.leases.get(&id), self.world.journal.recent().lease(id)) {
            (Some(lease), _) => (SeenLease::Open(lease.clone()), None),
            (None, Some(settled)) => (SeenLease::Settled(settled), None),
            (None, None) => {
                let (past, task) = history::lease(&self.index, id).await?.ok_or_else(Denial::not_found)?;
                (SeenLease::Past(past), task)
            }
        };
        let task = match (published.state.tasks.get(&seen.task()), past_task) {
            (Some(open), _) => open.clone(),
            (None, Some(past)) => past,
            (None, None) => self.past_task(seen.task()).await?,
        };
        if sees(reader, &published.state.estate, &task) { Ok(seen) } else { Err(Denial::not_found()) }
    }

    /// Unsettled leases that the reader may see, newest first, after `after`, at most `limit`.
    pub fn leases(
        &self,
        reader: &Reader,
        after: Option<LeaseId>,
        limit: usize,
        wanted: impl Fn(&Lease) -> bool,
    ) -> Vec<Lease> {
        let published = self.world.journal.published();
        let older = |lease: &&Lease| after.is_none_or(|after| lease.facts.id < after);
        let visible = |lease: &&Lease| {
            let task = published.state.tasks.get(&lease.facts.task);
            wanted(lease) && task.is_some_and(|task| sees(reader, &published.state.estate, task))
        };
        published.state.leases.values().rev().filter(older).filter(visible).take(limit).cloned().collect()
    }

    /// A task that left the state.
    async fn past_task(&self, id: TaskId) -> Result<Task, Denial> {
        match self.world.journal.recent().task(id) {
            Some(task) => Ok(task),
            None => history::task(&self.index, id).await?.ok_or_else(Denial::not_found),
        }
    }

    async fn shown(&self, task: Task, gone: bool) -> Result<SeenTask, Denial> {
        let purpose = self.purpose(task.facts.index).await?;
        Ok(SeenTask { task, gone, purpose })
    }

    async fn purpose(&self, index: u64) -> Result<String, Denial> {
        let openings = publish::openings(&self.world, index).await?;
        let purpose = openings.into_iter().find(|opening| opening.field == "purpose");
        Ok(purpose.map(|opening| opening.value).unwrap_or_default())
    }
}

/// A task is seen by its subject, the owner teams of its credentials, operators and auditors.
fn sees(reader: &Reader, estate: &Estate, task: &Task) -> bool {
    let official = reader.held.holds(CallerRole::Operator) || reader.held.holds(CallerRole::Auditor);
    let owner = |team: &_| task.facts.scope.values().any(|credential| credential.owner.as_ref() == Some(team));
    official || task.facts.subject == reader.id || estate.teams_of(&reader.id).any(owner)
}
