//! The estate: which agents, teams, roles and credentials exist, and who answers for them.
//!
//! An [`Estate`] is what is in force: it comes only from sealed groups of log entries ([`Group`]).
//! A [`Document`] is what somebody would like to be in force: it comes only from a TOML text that
//! keeps every rule. [`plan()`] compares the two. Nothing here decides about tasks or leases.

mod closed;
pub mod document;
mod group;
mod index;
mod item;
mod items;
mod path;
mod pattern;
mod plan;
mod rules;

pub use document::Document;
pub use group::{Group, GroupError};
pub use item::{
    Agent, Class, Credential, Item, ItemKind, Kind, NotAnItem, Orphans, Probe, Role, RoleName, Sensitivity, Team,
};
pub use items::Items;
pub use path::{EnginePath, NotAPath};
pub use pattern::{IdPattern, NotAPattern};
pub use plan::{Action, Change, Plan, plan};

use crate::base::{Digest, Name, SpiffeId};
use crate::entry::bodies::estate::Counts;
use imbl::OrdMap;
use index::Index;
use std::sync::Arc;

/// The estate in force. Cheap to clone.
// INVARIANT: `index` is made from `items`; `digest` is theirs once the first group was sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Estate {
    version: u64,
    digest: Digest,
    items: Items,
    index: Arc<Index>,
}

impl Default for Estate {
    /// Nothing is declared: version 0.
    fn default() -> Self {
        Self::of(0, Items::default())
    }
}

impl Estate {
    fn of(version: u64, items: Items) -> Self {
        Self { version, digest: items.digest(), index: Arc::new(Index::of(&items)), items }
    }

    /// The estate that a document would bring, as its first version: for looking at it offline.
    #[must_use]
    pub fn of_document(document: &Document) -> Self {
        Self::of(1, document.items().clone())
    }

    /// The estate of this version that these rows of [`Items::rows`] tell.
    ///
    /// # Errors
    /// [`NotAnItem`] for the first row that is none.
    pub fn of_rows<'r>(
        version: u64,
        rows: impl IntoIterator<Item = (&'r str, &'r str, &'r str)>,
    ) -> Result<Self, NotAnItem> {
        let mut items = Items::default();
        for (kind, name, json) in rows {
            items.set(Item::read(kind, name, json)?);
        }
        Ok(Self::of(version, items))
    }

    /// Version: how many groups were sealed so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 over all items in order, one line each: `kind NUL name NUL json LF`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many items of each kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.items.counts()
    }

    /// All items, by kind and name.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// All agents, by name.
    #[must_use]
    pub fn agents(&self) -> &OrdMap<Name, Agent> {
        &self.items.agents
    }

    /// All credentials, by name.
    #[must_use]
    pub fn credentials(&self) -> &OrdMap<Name, Credential> {
        &self.items.credentials
    }

    /// All teams, by name.
    #[must_use]
    pub fn teams(&self) -> &OrdMap<Name, Team> {
        &self.items.teams
    }

    /// All roles that have members.
    #[must_use]
    pub fn roles(&self) -> &OrdMap<RoleName, Role> {
        &self.items.roles
    }

    /// The agent of that name.
    #[must_use]
    pub fn agent(&self, name: &Name) -> Option<&Agent> {
        self.items.agents.get(name)
    }

    /// The agent whose pattern the identity matches. Patterns never overlap, so there is one at most.
    #[must_use]
    pub fn agent_of(&self, id: &SpiffeId) -> Option<(&Name, &Agent)> {
        self.items.agents.get_key_value(self.index.agent_of(id)?)
    }

    /// The credential of that name.
    #[must_use]
    pub fn credential(&self, name: &Name) -> Option<&Credential> {
        self.items.credentials.get(name)
    }

    /// The team that answers for the agent; `None` without owner, or if the owner has no members.
    /// Then the agent gets nothing.
    #[must_use]
    pub fn owner_of(&self, agent: &Agent) -> Option<(&Name, &Team)> {
        self.standing_team(agent.owner.as_ref())
    }

    /// The team that answers for the credential; `None` without owner, or if the owner has no
    /// members. Then nobody can approve its use.
    #[must_use]
    pub fn owner_of_credential(&self, credential: &Credential) -> Option<(&Name, &Team)> {
        self.standing_team(credential.owner.as_ref())
    }

    /// Names of the teams that the person is a member of, ascending.
    pub fn teams_of(&self, id: &SpiffeId) -> impl Iterator<Item = &Name> + use<'_> {
        self.index.person(id).into_iter().flat_map(|person| person.teams.iter())
    }

    /// Whether the person holds the role by name.
    #[must_use]
    pub fn holds_role(&self, id: &SpiffeId, role: RoleName) -> bool {
        self.index.person(id).is_some_and(|person| person.roles.contains(&role))
    }

    /// Begins a change of the estate. What is in force stays as it is until the group is sealed.
    #[must_use]
    pub fn open_group(&self) -> Group {
        Group::on(self)
    }

    fn standing_team(&self, owner: Option<&Name>) -> Option<(&Name, &Team)> {
        self.items.teams.get_key_value(owner?).filter(|(_, team)| !team.members.is_empty())
    }
}

#[cfg(test)]
pub(crate) mod tests;
