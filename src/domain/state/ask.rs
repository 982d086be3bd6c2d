//! What a caller may ask the writer for, typed and bounded. Free text stands here as a commitment; its
//! opening travels beside.

use crate::base::{LeaseId, Name, Span, TaskId};
use crate::entry::Commitment;
use crate::estate::Document;

/// What a caller may ask for, typed and bounded.
#[derive(Debug)]
pub enum Ask {
    /// A task.
    RequestTask(RequestTask),
    /// A yes.
    ApproveTask(ApproveTask),
    /// A no.
    DenyTask(EndTask),
    /// The work is done.
    CompleteTask(TaskId),
    /// The work is not wanted.
    CancelTask(EndTask),
    /// A secret.
    IssueSecret(IssueSecret),
    /// A longer life.
    RenewLease(RenewLease),
    /// An end.
    RevokeLease(LeaseId),
    /// Another estate.
    ApplyEstate(ApplyEstate),
    /// Openings erased.
    EraseOpening(EraseOpening),
}

impl Ask {
    /// Full name of the call.
    #[must_use]
    pub const fn call(&self) -> &'static str {
        match self {
            Self::RequestTask(_) => "leasehold.v1.TaskService/RequestTask",
            Self::ApproveTask(_) => "leasehold.v1.TaskService/ApproveTask",
            Self::DenyTask(_) => "leasehold.v1.TaskService/DenyTask",
            Self::CompleteTask(_) => "leasehold.v1.TaskService/CompleteTask",
            Self::CancelTask(_) => "leasehold.v1.TaskService/CancelTask",
            Self::IssueSecret(_) => "leasehold.v1.IssuanceService/IssueSecret",
            Self::RenewLease(_) => "leasehold.v1.IssuanceService/RenewLease",
            Self::RevokeLease(_) => "leasehold.v1.IssuanceService/RevokeLease",
            Self::ApplyEstate(_) => "leasehold.v1.EstateService/ApplyEstate",
            Self::EraseOpening(_) => "leasehold.v1.EvidenceService/EraseOpening",
        }
    }

    /// What it concerns, for the record of a denial.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        match self {
            Self::RequestTask(ask) => Some(format!("agent {}", ask.agent)),
            Self::ApproveTask(ask) => Some(ask.task.to_string()),
            Self::DenyTask(ask) | Self::CancelTask(ask) => Some(ask.task.to_string()),
            Self::CompleteTask(task) => Some(task.to_string()),
            Self::IssueSecret(ask) => Some(format!("{} {}", ask.task, ask.credential)),
            Self::RenewLease(ask) => Some(ask.lease.to_string()),
            Self::RevokeLease(lease) => Some(lease.to_string()),
            Self::ApplyEstate(_) => None,
            Self::EraseOpening(ask) => Some(format!("entry {}", ask.index)),
        }
    }
}

/// Asks for a task.
#[derive(Debug)]
pub struct RequestTask {
    /// The id that the task will have.
    pub id: TaskId,
    /// Name of the agent.
    pub agent: Name,
    /// Machine-readable purpose.
    pub purpose_code: String,
    /// Committed free text.
    pub purpose: Commitment,
    /// Names of the credentials, ascending, each once.
    pub credentials: Vec<Name>,
    /// Window in seconds.
    pub window_seconds: u64,
}

/// Says yes.
#[derive(Debug)]
pub struct ApproveTask {
    /// The task.
    pub task: TaskId,
    /// Digest that was shown.
    pub digest: String,
    /// How long it holds at the most.
    pub valid_for: Option<Span>,
}

/// Says no, or calls it off.
#[derive(Debug)]
pub struct EndTask {
    /// The task.
    pub task: TaskId,
    /// Committed free text, if any was given.
    pub justification: Option<Commitment>,
}

/// Particulars of a secret, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameters {
    /// None.
    None,
    /// PEM of a PKCS#10 request.
    Certificate(String),
    /// A version; `None` means the newest.
    KeyValue(Option<u64>),
}

/// Asks for a secret.
#[derive(Debug)]
pub struct IssueSecret {
    /// The id that the lease will have.
    pub id: LeaseId,
    /// The task.
    pub task: TaskId,
    /// Name of the credential.
    pub credential: Name,
    /// Life asked for.
    pub ttl: Option<Span>,
    /// Particulars.
    pub parameters: Parameters,
    /// A lease that it replaces.
    pub supersedes: Option<LeaseId>,
}

/// Asks for a longer life.
#[derive(Debug, Clone, Copy)]
pub struct RenewLease {
    /// The lease.
    pub lease: LeaseId,
    /// Life asked for from now.
    pub ttl: Option<Span>,
}

/// Asks for another estate.
#[derive(Debug)]
pub struct ApplyEstate {
    /// The parsed document.
    pub document: Document,
    /// Version that it was planned against.
    pub version: u64,
}

/// Asks that openings be erased, or agrees to it.
#[derive(Debug)]
pub struct EraseOpening {
    /// Index of the entry.
    pub index: u64,
    /// Names of its commitments, ascending, each once, at least one.
    pub fields: Vec<String>,
    /// What the entry is about; `None` asks only whether the caller may ask, and records nothing else.
    pub concerns: Option<Concerns>,
    /// Committed free text, if any was given.
    pub justification: Option<Commitment>,
}

/// What an entry is about, as it was looked up in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concerns {
    /// Its task.
    pub task: Option<TaskId>,
    /// Its lease.
    pub lease: Option<LeaseId>,
}
