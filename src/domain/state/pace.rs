//! How fast an agent may request tasks: so many at once, and one more each time a while has passed.
//! What is kept of an agent is one instant: when all of its places will be free again.
//!
//! The fold counts and never refuses; only `decide` does. Denials leave no entry and take no place.

use super::{State, limits};
use crate::base::{Name, Time};
use crate::reason::{Denial, Reason};

impl State {
    /// Whether the agent may request one more task at `at`.
    pub(super) fn check_pace(&self, agent: &Name, at: Time) -> Result<(), Denial> {
        let free_again = self.pace.get(agent).copied().unwrap_or_default();
        if free_again.max(at).plus(limits::TASK_EVERY) <= at.plus(limits::TASKS_PACE) {
            return Ok(());
        }
        let sentence = format!(
            "agent {agent} has requested {} tasks faster than one every {} seconds",
            limits::TASKS_AT_ONCE_MAX,
            limits::TASK_EVERY.to_std().as_secs_f64()
        );
        Err(Denial::new(Reason::TasksTooFast, sentence))
    }

    /// A task was requested. A log of an older broker, which held no pace, fills all places and no more.
    pub(super) fn keep_pace(&mut self, agent: &Name) {
        if self.judges_only {
            return;
        }
        let now = self.time;
        let free_again = self.pace.get(agent).copied().unwrap_or_default();
        let free_again = free_again.max(now).plus(limits::TASK_EVERY).min(now.plus(limits::TASKS_PACE));
        self.pace.insert(agent.clone(), free_again);
    }

    /// Agents that are no longer declared are forgotten, and those whose places are all free.
    pub(super) fn forget_pace(&mut self) {
        let now = self.time;
        let kept = |(name, free_again): &(&Name, &Time)| **free_again > now && self.estate.agent(name).is_some();
        self.pace = self.pace.iter().filter(kept).map(|(name, free_again)| (name.clone(), *free_again)).collect();
    }
}
