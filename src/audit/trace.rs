//! A trace: from who asked, over what entitled them and who said yes, to each secret, its renewals and
//! its proven end. Pure: it says what to look up, is given entries, and tells what they say. The broker
//! looks up in its index, the offline tools in a bundle; both tell the same story, entry by entry.
//!
//! A trace tells; it does not prove. `verify` proves the bundle, `receipt` one entry.

pub mod gather;
pub mod scan;
pub mod story;
mod tell;
mod text;

pub use gather::{Found, Gathered, Gathering, Query, Reach, Step};
pub use story::{LeaseStory, Story, TaskStory};

use domain::base::{LeaseId, Name, SpiffeId, TaskId};
use domain::entry::Body;
use serde::Serialize;
use std::fmt;

/// What a trace is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "id")]
pub enum Subject {
    /// One task with all its leases.
    Task(TaskId),
    /// One lease, with the task in whose name it was issued.
    Lease(LeaseId),
    /// Every lease of a credential.
    Credential(Name),
    /// Every task of an identity, and what it did or was refused besides.
    SpiffeId(SpiffeId),
    /// Every task of an agent.
    Agent(Name),
}

/// Which part of the story an entry tells, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Who asked, and for what.
    Identity,
    /// What the estate declared of agent and credential.
    Entitlement,
    /// Who said yes or no, until when.
    Approval,
    /// The engine token, the intent, the secret.
    Issuance,
    /// A secret lives longer.
    Renewal,
    /// How it ended, and how surely.
    End,
    /// Anything else that speaks of it: denials, readings, erasures.
    Besides,
}

impl Part {
    /// The part that a type of entry tells.
    #[must_use]
    pub const fn of(body: &Body) -> Self {
        match body {
            Body::TaskRequested(_) => Self::Identity,
            Body::EstateItemSet(_) | Body::EstateItemRemoved(_) | Body::EstateApplied(_) => Self::Entitlement,
            Body::TaskApproved(_) | Body::TaskDenied(_) | Body::TaskActivated(_) => Self::Approval,
            Body::TokenMade(_) | Body::LeaseIntended(_) | Body::LeaseIssued(_) => Self::Issuance,
            Body::LeaseRenewed(_) => Self::Renewal,
            Body::TaskCompleted(_)
            | Body::TaskCancelled(_)
            | Body::TaskExpired(_)
            | Body::TokenRevoked(_)
            | Body::LeaseNotIssued(_)
            | Body::LeaseRevocationRequested(_)
            | Body::LeaseRevocationAccepted(_)
            | Body::LeaseRevoked(_)
            | Body::LeaseUnproven(_)
            | Body::LeaseExpired(_)
            | Body::OrphanFound(_) => Self::End,
            Body::LogStarted(_)
            | Body::LogCounted(_)
            | Body::BrokerActivated(_)
            | Body::BrokerStopped(_)
            | Body::AccessDenied(_)
            | Body::AccessRefused(_)
            | Body::EvidenceRead(_)
            | Body::EvidenceErasureRequested(_)
            | Body::EvidenceErased(_) => Self::Besides,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Entitlement => "entitlement",
            Self::Approval => "approval",
            Self::Issuance => "issuance",
            Self::Renewal => "renewal",
            Self::End => "end",
            Self::Besides => "besides",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => write!(f, "{task}"),
            Self::Lease(lease) => write!(f, "{lease}"),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::SpiffeId(id) => write!(f, "{id}"),
            Self::Agent(name) => write!(f, "agent {name}"),
        }
    }
}

#[cfg(test)]
mod tests;
