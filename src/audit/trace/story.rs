//! The story in types: what each entry says, under the task and the lease to which it belongs. Fields
//! of an entry keep their names, so the JSON of a story reads like the log. `tell` fills them.

use super::Subject;
use domain::base::{LeaseId, TaskId, Time};
use domain::entry::Actor;
use domain::entry::bodies::access::OrphanFound;
use domain::entry::bodies::estate::{Applied, ItemJson};
use domain::entry::bodies::{lease, task, token};
use serde::Serialize;
use std::collections::BTreeMap;

/// What one entry says: where it stands, when and by whom it was brought about, and its own fields.
#[derive(Debug, Clone, Serialize)]
pub struct Told<T> {
    /// Index of the entry.
    pub index: u64,
    /// When.
    pub time: Time,
    /// Who acted: SPIFFE ID, serial of the SVID, key of its issuer; or `leasehold`.
    pub by: Actor,
    /// Values behind the entry's commitments, as far as they are shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub opened: BTreeMap<String, String>,
    /// The entry's own fields.
    #[serde(flatten)]
    pub what: T,
}

/// A trace, told.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// What it is of.
    pub of: Subject,
    /// Entries of the log that were looked through.
    pub size: u64,
    /// Tasks, by their request.
    pub tasks: Vec<TaskStory>,
    /// Leases whose task is not in what was looked through.
    pub leases: Vec<LeaseStory>,
    /// Declarations of the agent or credential that the trace is of, oldest first.
    pub declarations: Vec<Told<Declared>>,
    /// What else an identity did or was refused.
    pub besides: Vec<Told<Besides>>,
    /// From where to ask on, if there is more.
    pub next_index: Option<u64>,
    /// What has more entries than are shown.
    pub cut: Vec<String>,
}

/// A task from request to end.
#[derive(Debug, Clone, Serialize)]
pub struct TaskStory {
    /// Its id.
    pub task: TaskId,
    /// Who asked, and for what.
    pub requested: Option<Told<task::Requested>>,
    /// What entitled it.
    pub entitlement: Entitlement,
    /// Each yes, and whether it binds exactly this request.
    pub approvals: Vec<Told<Approval>>,
    /// A no.
    pub denied: Option<Told<task::Denied>>,
    /// When the window began.
    pub activated: Option<Told<task::Activated>>,
    /// Its engine tokens.
    pub tokens: Vec<TokenStory>,
    /// Its secrets.
    pub leases: Vec<LeaseStory>,
    /// How it ended: `completed`, `cancelled` or `expired`.
    pub end: Option<Told<TaskEnd>>,
    /// Denials and erasures that concern it.
    pub besides: Vec<Told<Besides>>,
}

/// What the estate said when the task was requested.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entitlement {
    /// The version in force.
    pub estate: Option<Told<Applied>>,
    /// The agent's declaration.
    pub agent: Option<Told<Declared>>,
    /// The credentials' declarations.
    pub credentials: Vec<Told<Declared>>,
}

/// An item of the estate as declared; `item` is `null` when it was removed.
#[derive(Debug, Clone, Serialize)]
pub struct Declared {
    /// `agent` or `credential`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its fields.
    pub item: Option<ItemJson>,
}

/// A yes.
#[derive(Debug, Clone, Serialize)]
pub struct Approval {
    /// Whether its digest is the leaf hash of the request that is told here; `None` without that entry.
    pub binds_this_request: Option<bool>,
    /// The entry's own fields.
    #[serde(flatten)]
    pub said: task::Approved,
}

/// How a task ended.
#[derive(Debug, Clone, Serialize)]
pub struct TaskEnd {
    /// `completed`, `cancelled` or `expired`.
    pub how: &'static str,
}

/// An engine token.
#[derive(Debug, Clone, Serialize)]
pub struct TokenStory {
    /// It exists.
    pub made: Told<token::Made>,
    /// It is gone.
    pub revoked: Option<Told<token::Revoked>>,
}

/// A lease from intent to end.
#[derive(Debug, Clone, Serialize)]
pub struct LeaseStory {
    /// Its id.
    pub lease: LeaseId,
    /// A secret may come to exist from here on.
    pub intended: Option<Told<lease::Intended>>,
    /// What the estate said of its credential at that moment.
    pub credential: Option<Told<Declared>>,
    /// The secret exists.
    pub issued: Option<Told<lease::Issued>>,
    /// It lives longer.
    pub renewals: Vec<Told<lease::Renewed>>,
    /// It ends before its task.
    pub revocation_requested: Option<Told<lease::RevocationRequested>>,
    /// The engine took it on.
    pub revocation_accepted: Option<Told<lease::RevocationAccepted>>,
    /// Its end was not proven in time.
    pub unproven: Option<Told<lease::Unproven>>,
    /// Credentials that no lease accounted for.
    pub orphans: Vec<Told<OrphanFound>>,
    /// How it ended; `None`: it is open at the end of what was looked through.
    pub end: Option<Told<LeaseEnd>>,
    /// Denials and erasures that concern it.
    pub besides: Vec<Told<Besides>>,
}

/// How a lease ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum LeaseEnd {
    /// Dead, with proof and assurance.
    Revoked(lease::Revoked),
    /// No secret came of it.
    NotIssued(lease::NotIssued),
    /// Over for the task; the value itself lives on.
    Expired(lease::Expired),
}

/// Any other entry: its type, and its own fields as they stand in the log.
#[derive(Debug, Clone, Serialize)]
pub struct Besides {
    /// Its type.
    pub r#type: &'static str,
    /// Its own fields.
    pub what: serde_json::Value,
}
