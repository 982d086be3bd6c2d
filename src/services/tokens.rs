//! Engine tokens of tasks: made once approved, held in memory only, ended with the task.
//!
//! The accessor is in the log before the token is used. After a restart the first need of a task
//! makes a fresh token; the old one stays recorded and ends with the task.

use super::World;
use super::commit::Openings;
use domain::base::{Secret, Span, TaskId};
use domain::reason::{Denial, Reason};
use domain::state::command::TokenMade;
use domain::state::task::Stage;
use domain::state::{Command, Duty, Finding, Task};
use domain::vault_policy;
use ports::{Accessor, Fault, FaultKind, MadeToken, TokenSpec, entropy};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Tokens by task. Their values never leave this process's memory.
#[derive(Clone)]
pub struct Tokens {
    world: World,
    held: Arc<Mutex<HashMap<TaskId, Arc<OnceCell<Secret>>>>>,
}

/// A token cell that is certainly filled.
pub struct HeldToken(Arc<OnceCell<Secret>>);

impl HeldToken {
    /// The token.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.0.get()
    }
}

impl Tokens {
    /// None held yet.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world, held: Arc::default() }
    }

    /// The task's token, made now if there is none in memory.
    ///
    /// # Errors
    /// A denial that says whether the engine was out of reach or refused.
    pub async fn of(&self, task: TaskId) -> Result<HeldToken, Denial> {
        let cell = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(held.entry(task).or_default())
        };
        cell.get_or_try_init(|| self.make(task)).await?;
        Ok(HeldToken(cell))
    }

    /// Forgets the token of a task that is over.
    pub fn forget(&self, task: TaskId) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }

    async fn make(&self, id: TaskId) -> Result<Secret, Denial> {
        let published = self.world.journal.published();
        let over = || Denial::new(Reason::TaskNotActive, "the task is over");
        let task = published.state.tasks.get(&id).ok_or_else(over)?;
        if task.approval_lapsed(self.world.clock.read().time) {
            let expire = Command::Passed(Duty::ExpireTask(id));
            self.world.journal.propose(expire, Vec::new()).await?;
            return Err(over());
        }
        let tag = self.tag(&published.state.broker.origin);
        let spec = self.spec(task, tag).ok_or_else(over)?;
        let made = self.world.engine.make_token(&spec, task.facts.index).await.map_err(|fault| refused(&fault))?;
        failpoint::pass!("after_token");
        let MadeToken { token, accessor, expires, engine_request } = made;
        let mut openings = Openings::of(&*self.world.entropy, "token.made");
        let facts = TokenMade {
            task: id,
            accessor: openings.commit("accessor", accessor.0.clone()),
            tag: openings.commit("tag", spec.display_name),
            expires,
            policies: spec.policies,
            engine_request,
        };
        let recorded =
            self.world.journal.propose(Command::Found(Finding::TokenMade(facts)), openings.into_made()).await;
        match recorded {
            Ok(_) => Ok(token),
            Err(denial) => {
                self.discard(&accessor, task.facts.index).await;
                Err(denial)
            }
        }
    }

    /// A token that could not be recorded has drawn nothing; if it cannot be ended now either, it
    /// ends by its own longest life.
    async fn discard(&self, accessor: &Accessor, entry: u64) {
        if let Err(fault) = self.world.engine.end_token(accessor, entry).await {
            tracing::warn!(error = %fault, "an unrecorded token could not be ended; it expires by itself");
        }
    }

    fn spec(&self, task: &Task, tag: String) -> Option<TokenSpec> {
        let max_ttl = match task.stage {
            Stage::Approved(_) => task.facts.window,
            Stage::Active(ends) => ends.since(self.world.clock.read().time),
            Stage::Requested | Stage::Ending(..) => return None,
        };
        let policies = task.facts.scope.iter().map(|(name, it)| vault_policy::policy_name(name, it)).collect();
        let meta = vec![("task".into(), task.facts.id.to_string()), ("agent".into(), task.facts.agent.to_string())];
        let max_ttl = Span::from_seconds(max_ttl.seconds().max(1));
        Some(TokenSpec { policies, max_ttl, display_name: tag, meta })
    }

    fn tag(&self, origin: &str) -> String {
        let chance: [u8; 12] = entropy::bytes(&*self.world.entropy);
        let letters: String = chance.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        format!("{}{letters}", tag_of_origin(origin))
    }
}

/// `lh` and four characters that stand for the log's origin. Sweeps touch nothing else.
#[must_use]
pub fn tag_of_origin(origin: &str) -> String {
    let digest = domain::base::Digest::of(&[b"leasehold/v1/tag\0", origin.as_bytes()]);
    let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
    let letter = |byte: &u8| alphabet.get(usize::from(*byte) % alphabet.len()).copied().map_or('a', char::from);
    let four: String = digest.as_bytes().iter().take(4).map(letter).collect();
    format!("lh{four}")
}

/// What a caller is told of an engine that did not do it.
#[must_use]
pub fn refused(fault: &Fault) -> Denial {
    match fault.kind {
        FaultKind::Permanent | FaultKind::NotFound => Denial::new(Reason::EngineRefused, fault.sentence.clone()),
        FaultKind::Transient | FaultKind::Full | FaultKind::Conflict | FaultKind::Ambiguous => {
            Denial::new(Reason::EngineUnavailable, fault.sentence.clone())
        }
    }
}
