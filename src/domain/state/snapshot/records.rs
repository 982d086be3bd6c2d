//! The records of a written state, in the order in which they stand: [`Head`], then lists, each behind
//! its length: names, identities, credentials (the tables), estate items, counts, erasures, paces,
//! tasks, leases, requests. Whoever reads these types has read the form.
//!
//! Instants are microseconds since 1970, a [`Place`] is a number in a table or list before it.

use crate::entry::bodies::lease::Revocability;
use crate::state::task::End;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Number in a table, or in the list of tasks.
pub(super) type Place = u32;

/// The log as a whole.
#[derive(Serialize, Deserialize)]
pub(super) struct Head<'a> {
    pub(super) size: u64,
    pub(super) time: i64,
    pub(super) origin: &'a str,
    pub(super) mode: &'a str,
    pub(super) epoch: u64,
    pub(super) engine_request_micros: u64,
    pub(super) counts_written: u64,
    pub(super) estate_version: u64,
}

/// A declared credential: those of task scopes, each once.
#[derive(Serialize, Deserialize)]
pub(super) struct Credential<'a> {
    pub(super) name: Place,
    pub(super) json: &'a str,
}

/// One item of the estate in force.
#[derive(Serialize, Deserialize)]
pub(super) struct Item<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) json: &'a str,
}

/// How many entries of a type there are.
#[derive(Serialize, Deserialize)]
pub(super) struct Count<'a> {
    pub(super) kind: &'a str,
    pub(super) count: u64,
}

/// An erasure that waits for a second person; the actor as in an entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Erasure<'a> {
    pub(super) index: u64,
    pub(super) by: &'a str,
    pub(super) since: i64,
    pub(super) requested: u64,
    pub(super) fields: Vec<&'a str>,
    pub(super) task: Option<Bytes<16>>,
    pub(super) lease: Option<Bytes<16>>,
}

/// When the places of an agent are free again.
#[derive(Serialize, Deserialize)]
pub(super) struct Pace {
    pub(super) agent: Place,
    pub(super) free_again: i64,
}

/// An open task. Its open leases are those that name it.
#[derive(Serialize, Deserialize)]
pub(super) struct Task<'a> {
    pub(super) id: Bytes<16>,
    pub(super) agent: Place,
    pub(super) subject: Place,
    pub(super) connection: Option<&'a str>,
    pub(super) index: u64,
    pub(super) digest: Bytes<32>,
    pub(super) requested: i64,
    pub(super) window_micros: u64,
    pub(super) purpose_code: &'a str,
    pub(super) needs: Vec<Place>,
    pub(super) scope: Vec<Place>,
    pub(super) stage: TaskStage,
    pub(super) approvals: Vec<Yes<'a>>,
    pub(super) tokens: Vec<Token>,
    pub(super) asked: u32,
}

/// Where a task stands.
#[derive(Serialize, Deserialize)]
pub(super) enum TaskStage {
    Requested,
    Approved(i64),
    Active(i64),
    Ending(i64, End),
}

/// One yes.
#[derive(Serialize, Deserialize)]
pub(super) struct Yes<'a> {
    pub(super) by: &'a str,
    pub(super) teams: Vec<Place>,
    pub(super) until: i64,
}

/// One engine token.
#[derive(Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) index: u64,
    pub(super) expires: i64,
    pub(super) gone: bool,
}

/// An unsettled lease.
#[derive(Serialize, Deserialize)]
pub(super) struct Lease<'a> {
    pub(super) id: Bytes<16>,
    pub(super) task: Place,
    pub(super) credential: Place,
    pub(super) index: u64,
    pub(super) intended: i64,
    pub(super) supersedes: Option<Bytes<16>>,
    pub(super) request: Option<Bytes<32>>,
    pub(super) stage: LeaseStage,
    pub(super) revocability: Revocability,
    pub(super) expires: i64,
    #[serde(borrow)]
    pub(super) issued: Option<Issued<'a>>,
    pub(super) outlived: bool,
    pub(super) changed: u64,
}

/// Where a lease stands.
#[derive(Serialize, Deserialize)]
pub(super) enum LeaseStage {
    Intended(i64),
    Issued,
    Ending(i64, bool),
    Unproven(i64),
}

/// What is known of a secret.
#[derive(Serialize, Deserialize)]
pub(super) struct Issued<'a> {
    pub(super) index: u64,
    pub(super) time: i64,
    pub(super) engine_expires: Option<i64>,
    pub(super) renewable: bool,
    pub(super) serial: Option<&'a str>,
}

/// A request that a repeat must find.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: Bytes<32>,
    pub(super) content: Bytes<32>,
    pub(super) outcome: Outcome,
}

/// What came of a request: the first four are remembered with their task, the others since an instant.
#[derive(Serialize, Deserialize)]
pub(super) enum Outcome {
    Task(Place),
    Approval(Place),
    Lease(Place, Bytes<16>),
    Secret(Place, Bytes<16>),
    Over { since: i64, task: Bytes<16>, index: u64, end: End, ended: i64 },
    Estate { since: i64, version: u64 },
    Erasure { since: i64, done: bool },
}

/// Exactly so many bytes, written and read in one piece.
#[derive(Clone, Copy)]
pub(super) struct Bytes<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Exactly<const N: usize>;
        impl<const N: usize> Visitor<'_> for Exactly<N> {
            type Value = Bytes<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes<N>, E> {
                bytes.try_into().map(Bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_bytes(Exactly)
    }
}
