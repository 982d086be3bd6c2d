//! What the writer is asked to decide: a request, the result of an effect, or a deadline that passed.
//! Values that are sensitive stand here as commitments only; their openings travel beside.

use super::agenda::Duty;
pub use super::ask::{
    ApplyEstate, ApproveTask, Ask, Concerns, EndTask, EraseOpening, IssueSecret, Parameters, RenewLease, RequestTask,
};
use super::lease::Intent;
use super::repeat::Over;
use crate::base::{ConnectionId, LeaseId, Name, TaskId, Time};
use crate::entry::bodies::lease::{CrlSeen, NotIssuedCause, Revocability};
use crate::entry::{Body, Commitment, Commitments, RequestMark};
use crate::svid::{Proof, Subject};

/// A verified caller on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub subject: Subject,
    /// Over which connection.
    pub connection: ConnectionId,
}

impl Caller {
    /// Whether only a bearer token vouches for the caller.
    #[must_use]
    pub fn jwt_only(&self) -> bool {
        matches!(self.subject.proof(), Proof::Jwt { .. })
    }
}

/// One thing to decide.
#[derive(Debug)]
pub enum Command {
    /// A caller asks.
    Ask {
        /// Who.
        caller: Caller,
        /// How a repeat is recognised.
        mark: RequestMark,
        /// What for.
        ask: Ask,
    },
    /// An effect had this result.
    Found(Finding),
    /// A duty that the writer alone carries out fell due.
    Passed(Duty),
    /// The broker notes something about itself or about access.
    Note(Body),
    /// The numbers of entries are to be the last entry of the log.
    Count,
    /// What a caller did is noted: nothing is decided.
    NoteOf {
        /// Who.
        caller: Caller,
        /// What.
        body: Body,
    },
}

/// The result of an effect.
#[derive(Debug)]
pub enum Finding {
    /// A token exists.
    TokenMade(TokenMade),
    /// A token is gone.
    TokenGone {
        /// Its task.
        task: TaskId,
        /// Index of its `token.made` entry.
        token: u64,
    },
    /// A secret exists.
    Minted(MintedFacts),
    /// No secret came of an intent.
    NotIssued {
        /// The lease.
        lease: LeaseId,
        /// Why.
        why: NotIssuedCause,
    },
    /// The engine's clock was set further.
    Renewed(RenewedFacts),
    /// The engine took a revocation on.
    Accepted(LeaseId),
    /// A lease is proven dead.
    Gone(GoneFacts),
    /// The proof is overdue.
    Unproven {
        /// The lease.
        lease: LeaseId,
        /// `engine` or `backend`.
        missing: String,
    },
    /// Something of ours that the log did not account for was found and ended.
    Orphan(OrphanFacts),
}

/// A token that exists.
#[derive(Debug)]
pub struct TokenMade {
    /// Its task.
    pub task: TaskId,
    /// Committed accessor.
    pub accessor: Commitment,
    /// Committed tag.
    pub tag: Commitment,
    /// Its end, as read back.
    pub expires: Time,
    /// Its policies.
    pub policies: Vec<String>,
    /// The engine's request id.
    pub engine_request: String,
}

/// A secret that exists, without the secret.
#[derive(Debug)]
pub struct MintedFacts {
    /// The lease.
    pub lease: LeaseId,
    /// `engine_lease`, `account`, `account_number`, as far as the kind has them.
    pub commitments: Commitments,
    /// The engine's own end of it.
    pub engine_expires: Option<Time>,
    /// The engine's request id.
    pub engine_request: String,
    /// Whether the engine prolongs it.
    pub renewable: bool,
    /// How it can end, now that the engine answered.
    pub revocability: Revocability,
    /// Serial number of a certificate.
    pub serial: Option<String>,
    /// Version of a key-value secret.
    pub value_version: Option<u64>,
}

/// A lease that was prolonged.
#[derive(Debug)]
pub struct RenewedFacts {
    /// The lease.
    pub lease: LeaseId,
    /// The engine's own end of it now.
    pub engine_expires: Time,
    /// Until when the secret may be used now; `None`: as before.
    pub expires: Option<Time>,
    /// The caller's request, if a caller asked.
    pub asked_by: Option<(Caller, RequestMark)>,
}

/// A lease that is proven dead.
#[derive(Debug)]
pub struct GoneFacts {
    /// The lease.
    pub lease: LeaseId,
    /// Whether the backend itself was looked at and shows nothing.
    pub backend_confirmed: bool,
    /// Whether the engine knew the lease before.
    pub known_before: bool,
    /// For certificates.
    pub crl: Option<CrlSeen>,
    /// The engine's request id of the look-up.
    pub engine_request: Option<String>,
}

/// Something that the log did not account for.
#[derive(Debug)]
pub struct OrphanFacts {
    /// The intent it is believed to stem from.
    pub lease: LeaseId,
    /// Name of the credential.
    pub credential: Name,
    /// `account` or `lease`.
    pub kind: &'static str,
    /// Its committed name.
    pub name: Commitment,
}

/// One entry to append, without actor, time and request: the journal adds them.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What happened.
    pub body: Body,
    /// Index of the entry that led to it.
    pub cause: Option<u64>,
    /// Salted hashes of what is sensitive.
    pub commitments: Commitments,
}

impl Draft {
    /// An entry without cause and commitments.
    #[must_use]
    pub fn new(body: impl Into<Body>) -> Self {
        Self { body: body.into(), cause: None, commitments: Commitments::new() }
    }

    /// The same entry with its cause.
    #[must_use]
    pub fn caused_by(mut self, index: u64) -> Self {
        self.cause = Some(index);
        self
    }

    /// The same entry with a commitment.
    #[must_use]
    pub fn committing(mut self, field: &str, commitment: Option<Commitment>) -> Self {
        if let Some(commitment) = commitment {
            self.commitments.insert(field.into(), commitment);
        }
        self
    }
}

/// A decision: the entries that follow, and what the asker is told once they are durable.
#[derive(Debug)]
pub struct Decided {
    /// In order. None for a repeat.
    pub drafts: Vec<Draft>,
    /// The answer.
    pub reply: Reply,
}

impl Decided {
    /// No entry follows.
    #[must_use]
    pub const fn nothing(reply: Reply) -> Self {
        Self { drafts: Vec::new(), reply }
    }

    /// One entry follows.
    #[must_use]
    pub fn one(draft: Draft, reply: Reply) -> Self {
        Self { drafts: vec![draft], reply }
    }
}

/// What the asker is told.
#[derive(Debug)]
pub enum Reply {
    /// It is in the log.
    Done,
    /// This task changed.
    Task(TaskId),
    /// This task is gone; so ended what the repeated request began or asked for.
    Over(Over),
    /// This lease changed.
    Lease(LeaseId),
    /// This estate version is in force.
    Estate(u64),
    /// The caller may ask this; nothing was recorded.
    MayAsk,
    /// Openings are erased, or wait for a second person.
    Erasure {
        /// Whether they are gone.
        done: bool,
    },
    /// A secret may be minted: spent once.
    Intent(Box<Intent>),
    /// The secret was recorded; `true` if it may be delivered.
    Sealed(bool),
    /// A lease may be prolonged until then.
    Renewal(LeaseId, Time),
}
