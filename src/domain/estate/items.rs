//! All items of an estate, by kind and name, with their digest and counts.

use super::item::canonical;
use super::{Agent, Credential, Item, ItemKind, Role, RoleName, Team};
use crate::base::{Digest, Name};
use crate::entry::bodies::estate::Counts;
use imbl::OrdMap;

/// All items of an estate. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Items {
    /// Registered AI systems.
    pub agents: OrdMap<Name, Agent>,
    /// Named kinds of secrets.
    pub credentials: OrdMap<Name, Credential>,
    /// Roles that are held by name.
    pub roles: OrdMap<RoleName, Role>,
    /// Teams.
    pub teams: OrdMap<Name, Team>,
}

/// One item as text: what the log, the digest and the API carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its kind.
    pub kind: ItemKind,
    /// Its name.
    pub name: String,
    /// Its fields as canonical JSON.
    pub json: String,
}

impl Items {
    /// Puts an item in, or in the place of the one with its kind and name.
    pub fn set(&mut self, item: Item) {
        match item {
            Item::Agent(name, agent) => drop(self.agents.insert(name, agent)),
            Item::Credential(name, credential) => drop(self.credentials.insert(name, credential)),
            Item::Role(name, role) => drop(self.roles.insert(name, role)),
            Item::Team(name, team) => drop(self.teams.insert(name, team)),
        }
    }

    /// Takes an item out; `None` if there is none of that kind and name.
    pub fn remove(&mut self, kind: ItemKind, name: &str) -> Option<()> {
        let named = Name::parse(name).ok();
        match kind {
            ItemKind::Agent => self.agents.remove(&named?).map(drop),
            ItemKind::Credential => self.credentials.remove(&named?).map(drop),
            ItemKind::Role => self.roles.remove(&RoleName::parse(name).ok()?).map(drop),
            ItemKind::Team => self.teams.remove(&named?).map(drop),
        }
    }

    /// All items as text, by kind and name.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        let agents = self.agents.iter().map(|(name, agent)| Row::of(ItemKind::Agent, name, canonical(agent)));
        let credentials = self.credentials.iter();
        let credentials = credentials.map(|(name, it)| Row::of(ItemKind::Credential, name, canonical(it)));
        let roles = self.roles.iter().map(|(name, role)| Row::of(ItemKind::Role, name, canonical(role)));
        let teams = self.teams.iter().map(|(name, team)| Row::of(ItemKind::Team, name, canonical(team)));
        agents.chain(credentials).chain(roles).chain(teams)
    }

    /// SHA-256 over all rows in order, one line each: `kind NUL name NUL json LF`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut lines = Vec::new();
        for Row { kind, name, json } in self.rows() {
            for part in [kind.as_str(), "\0", &name, "\0", &json, "\n"] {
                lines.extend_from_slice(part.as_bytes());
            }
        }
        Digest::of(&[&lines])
    }

    /// How many items of each kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Counts {
            agents: count(self.agents.len()),
            credentials: count(self.credentials.len()),
            roles: count(self.roles.len()),
            teams: count(self.teams.len()),
        }
    }
}

impl Row {
    fn of(kind: ItemKind, name: &impl ToString, json: String) -> Self {
        Self { kind, name: name.to_string(), json }
    }
}
