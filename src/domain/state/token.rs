//! Engine tokens of a task: parentless, made when the task is approved, gone when it is settled.
//! The token's value is in the memory of one process only; here is its place in the log.

use super::command::{Decided, Draft, Reply, TokenMade};
use super::task::Stage;
use super::{About, Broken, State};
use crate::base::{TaskId, Time};
use crate::entry::bodies::{task as task_body, token as body};
use crate::reason::{Denial, Reason};

/// One token of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Index of its `token.made` entry.
    pub index: u64,
    /// When it ends by itself.
    pub expires: Time,
    /// Looked up as gone.
    pub gone: bool,
}

impl State {
    /// A token was made. The first one activates the task, unless its approvals lapsed meanwhile.
    pub(super) fn decide_token_made(&self, made: &TokenMade, at: Time) -> Result<Decided, Denial> {
        let task = self.tasks.get(&made.task).ok_or_else(ended)?;
        let body = body::Made {
            engine_request: made.engine_request.clone(),
            expires: made.expires,
            policies: made.policies.clone(),
            task: made.task,
        };
        let draft = Draft::new(body)
            .caused_by(task.facts.index)
            .committing("accessor", Some(made.accessor))
            .committing("tag", Some(made.tag));
        let mut decided = Decided::one(draft, Reply::Task(made.task));
        if matches!(task.stage, Stage::Approved(_)) {
            let next = if task.approval_lapsed(at) {
                Draft::new(task_body::Expired { task: made.task })
            } else {
                Draft::new(task_body::Activated { ends: at.plus(task.facts.window), task: made.task })
            };
            decided.drafts.push(next.caused_by(self.size));
        }
        Ok(decided)
    }

    pub(super) fn decide_token_gone(&self, task: TaskId, token: u64) -> Result<Decided, Denial> {
        let open = self.tasks.get(&task).is_some_and(|task| task.tokens.iter().any(|t| t.index == token && !t.gone));
        if !open {
            return Ok(Decided::nothing(Reply::Done));
        }
        Ok(Decided::one(Draft::new(body::Revoked { task, token }).caused_by(token), Reply::Done))
    }

    pub(super) fn apply_token_made(&mut self, about: &About<'_>, made: &body::Made) -> Result<(), Broken> {
        if self.task(made.task)?.stage == Stage::Requested {
            return Err(Broken::new("approval", "a token was made for a task without approval"));
        }
        let token = Token { index: about.index, expires: made.expires, gone: false };
        self.change_task(made.task, |task| task.tokens.push_back(token));
        Ok(())
    }

    pub(super) fn apply_token_revoked(&mut self, revoked: &body::Revoked) -> Result<(), Broken> {
        if !self.task(revoked.task)?.tokens.iter().any(|token| token.index == revoked.token && !token.gone) {
            return Err(Broken::new("token", "a token was revoked that was never made, or is gone already"));
        }
        self.change_task(revoked.task, |task| {
            task.tokens.iter_mut().filter(|token| token.index == revoked.token).for_each(|token| token.gone = true);
        });
        Ok(())
    }
}

fn ended() -> Denial {
    Denial::new(Reason::EndedMeanwhile, "the task ended while its token was made")
}
