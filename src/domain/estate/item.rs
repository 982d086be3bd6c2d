//! One declared item: an agent, a credential, a role or a team. Written as canonical JSON into the
//! log, so fields stand in ASCII order and what is absent is left out; what is declared is public
//! there, so nothing confidential belongs into an estate.

use super::closed::closed;
use super::{EnginePath, IdPattern};
use crate::base::{Name, SpiffeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

closed!(
    /// Kind of an item. In this order items are listed, planned and hashed.
    ItemKind, "kind of item" {
        /// A registered AI system.
        Agent "agent",
        /// A named kind of secret.
        Credential "credential",
        /// People who may make certain calls.
        Role "role",
        /// People who answer for agents and credentials.
        Team "team",
    }
);

closed!(
    /// What an agent is. People are not agents: they are members of teams and roles.
    Class, "class" {
        /// Acts by a model's choice.
        AiAgent "ai-agent",
        /// Acts by fixed code.
        Service "service",
    }
);

closed!(
    /// How a credential is made and how it ends.
    Kind, "kind" {
        /// Dynamic database accounts: leased, revocable.
        Database "database",
        /// Values of a KV engine, version 2: end only by rotation.
        Kv "kv",
        /// Certificates for the workload's own key.
        Pki "pki",
    }
);

closed!(
    /// How much harm a credential can do. Low is approved by rule; anything else by its owner.
    Sensitivity, "sensitivity" {
        /// Approved by rule.
        Low "low",
        /// Approved by its owner team.
        Medium "medium",
        /// Approved by its owner team, and drawn with an X.509-SVID only.
        High "high",
    }
);

closed!(
    /// What may become of an account that no lease knows and no probe can find.
    Orphans, "answer to orphans" {
        /// It lives until its expiry, and the lease counts as unproven until then.
        ExpiryBounded "expiry-bounded",
    }
);

closed!(
    /// Roles that are held by name. Approvers are the members of owner teams, workloads are agents.
    RoleName, "role" {
        /// Reads everything; its reads are recorded.
        Auditor "auditor",
        /// Plans and applies estates, ends what must end.
        Operator "operator",
        /// Reads signals and keeps scores.
        Scorer "scorer",
    }
);

/// A registered AI system.
// INVARIANT: fields in ASCII order of their names, here and below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What it is.
    pub class: Class,
    /// Data sets that it works on, as declared.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub data_sets: BTreeSet<String>,
    /// Where it runs, such as `prod`.
    pub environment: Name,
    /// The team that answers for it. Without one it gets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Name>,
    /// What it is for.
    pub purpose: String,
    /// Its identities.
    pub spiffe_id: IdPattern,
    /// Tools that it uses, as declared.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tools: BTreeSet<String>,
}

/// A named kind of secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Nobody else draws from its path: unknown leases there may be ended, not only reported.
    pub exclusive: bool,
    /// How it is made.
    pub kind: Kind,
    /// Longest life of one secret, in seconds.
    pub max_ttl_seconds: u64,
    /// What may become of orphans, where no probe can find them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphans: Option<Orphans>,
    /// The team that answers for it. Without one nobody can approve its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Name>,
    /// Where it lives in the engine.
    pub path: EnginePath,
    /// How its end is seen at the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// How much harm it can do.
    pub sensitivity: Sensitivity,
}

/// A look at the backend that holds the credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Probe {
    /// PostgreSQL.
    Postgres {
        /// A kv credential whose field `dsn` is the probe's connection string.
        dsn_credential: Name,
    },
}

/// People who may make certain calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Their SPIFFE IDs.
    pub members: BTreeSet<SpiffeId>,
}

/// People who answer for agents and credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Their SPIFFE IDs.
    pub members: BTreeSet<SpiffeId>,
}

/// One declared item with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A registered AI system.
    Agent(Name, Agent),
    /// A named kind of secret.
    Credential(Name, Credential),
    /// People who may make certain calls.
    Role(RoleName, Role),
    /// People who answer for agents and credentials.
    Team(Name, Team),
}

/// Text that is not an item of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an item of the estate: {0}")]
pub struct NotAnItem(String);

impl Kind {
    /// The segment that ends the mount in paths of this kind.
    #[must_use]
    pub const fn marker(self) -> &'static str {
        match self {
            Self::Database => "creds",
            Self::Kv => "data",
            Self::Pki => "sign",
        }
    }

    /// Whether the engine gives a lease with each secret.
    #[must_use]
    pub const fn is_leased(self) -> bool {
        !matches!(self, Self::Kv)
    }
}

impl Item {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ItemKind {
        match self {
            Self::Agent(..) => ItemKind::Agent,
            Self::Credential(..) => ItemKind::Credential,
            Self::Role(..) => ItemKind::Role,
            Self::Team(..) => ItemKind::Team,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Agent(name, _) | Self::Credential(name, _) | Self::Team(name, _) => name.as_str(),
            Self::Role(name, _) => name.as_str(),
        }
    }

    /// Its fields as canonical JSON.
    #[must_use]
    pub fn json(&self) -> String {
        match self {
            Self::Agent(_, agent) => canonical(agent),
            Self::Credential(_, credential) => canonical(credential),
            Self::Role(_, role) => canonical(role),
            Self::Team(_, team) => canonical(team),
        }
    }

    /// Reads an item as it stands in the log.
    ///
    /// # Errors
    /// [`NotAnItem`] for unknown kinds, malformed names and fields, a path of another kind, and JSON
    /// in any but its one form.
    pub fn read(kind: &str, name: &str, json: &str) -> Result<Self, NotAnItem> {
        let named = || Name::parse(name).map_err(NotAnItem::because);
        let item = match ItemKind::parse(kind).map_err(NotAnItem)? {
            ItemKind::Agent => Self::Agent(named()?, typed(json)?),
            ItemKind::Credential => Self::Credential(named()?, typed(json)?),
            ItemKind::Role => Self::Role(RoleName::parse(name).map_err(NotAnItem)?, typed(json)?),
            ItemKind::Team => Self::Team(named()?, typed(json)?),
        };
        if let Self::Credential(_, credential) = &item {
            credential.path.of_kind(credential.kind).map_err(NotAnItem::because)?;
        }
        if item.json() == json { Ok(item) } else { Err(NotAnItem("its JSON is not canonical".into())) }
    }
}

impl NotAnItem {
    fn because(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

fn typed<T: for<'de> Deserialize<'de>>(json: &str) -> Result<T, NotAnItem> {
    serde_json::from_str(json).map_err(NotAnItem::because)
}

#[expect(clippy::expect_used, reason = "text, sets of text and whole numbers always have a JSON form")]
pub(super) fn canonical(fields: &impl Serialize) -> String {
    serde_json::to_string(fields).expect("an item has a JSON form")
}
