//! What many records share and a written state says once: names, identities, and the credentials of
//! task scopes as they were declared.

use super::records::Place;
use crate::base::{Name, SpiffeId};
use crate::estate::Credential;
use crate::state::State;
use std::collections::BTreeMap;

/// Values by number, and the number of each.
pub(super) struct Table<K> {
    pub(super) values: Vec<K>,
    places: BTreeMap<K, Place>,
}

/// The tables of one state.
#[derive(Default)]
pub(super) struct Tables<'s> {
    pub(super) names: Table<Name>,
    pub(super) identities: Table<SpiffeId>,
    pub(super) credentials: Vec<(&'s Name, &'s Credential)>,
    by_name: BTreeMap<&'s Name, Vec<Place>>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { values: Vec::new(), places: BTreeMap::new() }
    }
}

impl<K: Clone + Ord> Table<K> {
    fn enter(&mut self, value: &K) {
        if !self.places.contains_key(value) {
            self.places.insert(value.clone(), self.values.len() as Place);
            self.values.push(value.clone());
        }
    }

    /// The number of a value; `None` if it was not entered.
    pub(super) fn place(&self, value: &K) -> Option<Place> {
        self.places.get(value).copied()
    }

    /// The numbers of some values.
    pub(super) fn places(&self, values: &[K]) -> Option<Vec<Place>> {
        values.iter().map(|value| self.place(value)).collect()
    }
}

impl<'s> Tables<'s> {
    /// All that tasks and paces name; leases name nothing but what their task has in its scope.
    pub(super) fn of(state: &'s State) -> Self {
        let mut tables = Self::default();
        for task in state.tasks.values() {
            let facts = &*task.facts;
            tables.identities.enter(&facts.subject);
            let teams = task.approvals.iter().flat_map(|yes| &yes.teams);
            let names = facts.needs.iter().chain(facts.scope.keys()).chain(teams);
            names.chain([&facts.agent]).for_each(|name| tables.names.enter(name));
            facts.scope.iter().for_each(|(name, credential)| tables.enter(name, credential));
        }
        state.pace.keys().for_each(|agent| tables.names.enter(agent));
        tables
    }

    fn enter(&mut self, name: &'s Name, credential: &'s Credential) {
        if self.credential(name, credential).is_none() {
            self.by_name.entry(name).or_default().push(self.credentials.len() as Place);
            self.credentials.push((name, credential));
        }
    }

    /// The number of a credential as it was declared then.
    pub(super) fn credential(&self, name: &Name, credential: &Credential) -> Option<Place> {
        let is_it =
            |place: &&Place| self.credentials.get(**place as usize).is_some_and(|(_, known)| *known == credential);
        self.by_name.get(name)?.iter().find(is_it).copied()
    }
}
