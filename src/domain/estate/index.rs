//! Who is who: from a SPIFFE ID to the agent or the person, without looking at every item.
//! Made anew when a group is sealed; read on every call.

use super::{Items, RoleName};
use crate::base::{Name, SpiffeId};
use std::collections::{BTreeMap, BTreeSet};

/// Look-up by identity.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Index {
    exact: BTreeMap<SpiffeId, Name>,
    below: BTreeMap<SpiffeId, Name>,
    people: BTreeMap<SpiffeId, Person>,
}

/// What a person is a member of.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Person {
    pub(super) roles: BTreeSet<RoleName>,
    pub(super) teams: BTreeSet<Name>,
}

impl Index {
    pub(super) fn of(items: &Items) -> Self {
        let mut index = Self::default();
        for (name, agent) in &items.agents {
            let pattern = &agent.spiffe_id;
            let map = if pattern.is_below_stem() { &mut index.below } else { &mut index.exact };
            map.entry(pattern.stem().clone()).or_insert_with(|| name.clone());
        }
        for (name, team) in &items.teams {
            for member in &team.members {
                index.people.entry(member.clone()).or_default().teams.insert(name.clone());
            }
        }
        for (name, role) in &items.roles {
            for member in &role.members {
                index.people.entry(member.clone()).or_default().roles.insert(*name);
            }
        }
        index
    }

    pub(super) fn agent_of(&self, id: &SpiffeId) -> Option<&Name> {
        self.exact.get(id).or_else(|| above(id).find_map(|stem| self.below.get(&stem)))
    }

    pub(super) fn person(&self, id: &SpiffeId) -> Option<&Person> {
        self.people.get(id)
    }

    pub(super) fn people(&self) -> impl Iterator<Item = (&SpiffeId, &Person)> {
        self.people.iter()
    }
}

/// The ids above an id, nearest first: at most as many as it has segments.
pub(super) fn above(id: &SpiffeId) -> impl Iterator<Item = SpiffeId> + '_ {
    let mut rest = id.as_str();
    std::iter::from_fn(move || {
        rest = rest.rsplit_once('/')?.0;
        SpiffeId::parse(rest).ok()
    })
}
