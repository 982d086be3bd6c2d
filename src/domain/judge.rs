//! Rules as a trait: who must say yes to a task. Built-in rules are the first judge; a policy
//! engine may be another. A judge is pure and deterministic, and it cannot see a score.

use super::base::Name;
use super::estate::{Credential, Sensitivity};
use std::collections::BTreeMap;

/// Judges what the state machine leaves to policy.
pub trait Judge: Send + Sync {
    /// The owner teams whose yes a task with this scope needs, ascending; none means that the
    /// rule named by [`Judge::rule`] approves.
    fn approvals_needed(&self, scope: &BTreeMap<Name, Credential>) -> Vec<Name>;

    /// The rule that approves when nobody's yes is needed.
    fn rule(&self) -> &'static str;
}

/// Low sensitivity is approved by rule; everything else needs one yes of each owner team.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltInRules;

impl Judge for BuiltInRules {
    fn approvals_needed(&self, scope: &BTreeMap<Name, Credential>) -> Vec<Name> {
        let sensitive = scope.values().filter(|credential| credential.sensitivity != Sensitivity::Low);
        let mut teams: Vec<Name> = sensitive.filter_map(|credential| credential.owner.clone()).collect();
        teams.sort();
        teams.dedup();
        teams
    }

    fn rule(&self) -> &'static str {
        "low-sensitivity"
    }
}
