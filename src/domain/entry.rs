//! Entries: public bytes in canonical JSON, private openings beside them.
//!
//! An entry is `{actor, cause?, commitments?, request?, time, type, v, what}`: who acted, which entry
//! led to it, salted hashes of what is sensitive, the mark of the request, when, what kind, and
//! the kind's own fields under `what` (docs/decisions/0001). The leaf hash is over exactly these bytes.

pub mod actor;
pub mod bodies;
pub mod body;
pub mod canonical;
pub mod commitment;
pub mod mention;
mod read;

pub use actor::Actor;
pub use body::Body;
pub use commitment::{Commitment, Opening};
pub use mention::Mention;

use crate::base::{Digest, Time};
use canonical::typed::{self, Misread};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the entry format that is written.
pub const VERSION: u64 = 1;
/// Longest entry, in bytes (C2SP tlog-tiles: a big-endian u16 length).
pub const BYTES_MAX: usize = 65_535;

/// How a repeated call is recognised. The request id itself is kept nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMark {
    /// SHA-256(request id, canonical request).
    pub content: Digest,
    /// SHA-256(subject, request id).
    pub id: Digest,
}

/// Commitments by field name.
pub type Commitments = BTreeMap<String, Commitment>;

/// One event in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Who acted.
    pub actor: Actor,
    /// Index of the entry that led to this one.
    pub cause: Option<u64>,
    /// Salted hashes of what is sensitive.
    pub commitments: Commitments,
    /// Which request asked for it, if one did.
    pub request: Option<RequestMark>,
    /// When it was decided.
    pub time: Time,
    /// What happened.
    pub body: Body,
}

/// Why bytes are not an entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEntry {
    /// Not in canonical form, or not JSON at all.
    #[error("not canonical JSON: {0}")]
    NotCanonical(#[from] canonical::NotCanonical),
    /// Canonical, but not of an entry's shape.
    #[error("not an entry: {0}")]
    Shape(String),
    /// A version or type that this program does not know.
    #[error("unknown entry: version {version}, type {kind}")]
    Unknown {
        /// The version it states.
        version: u64,
        /// The type it states.
        kind: String,
    },
    /// Longer than [`BYTES_MAX`].
    #[error("an entry is at most 65535 bytes")]
    TooLong,
}

// INVARIANT: fields in ASCII order of their names; the canonical check in `write` holds it.
#[derive(Serialize)]
struct Written<'a, W: Serialize> {
    actor: &'a Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    commitments: &'a Commitments,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestMark>,
    time: Time,
    r#type: &'static str,
    v: u64,
    what: &'a W,
}

impl Entry {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`NotAnEntry::TooLong`]; `NotCanonical` if a number is beyond 2⁵³ − 1.
    pub fn write(&self) -> Result<Vec<u8>, NotAnEntry> {
        let bytes = self.body.write_in(self)?;
        if bytes.len() > BYTES_MAX {
            return Err(NotAnEntry::TooLong);
        }
        canonical::check(&bytes)?;
        Ok(bytes)
    }

    /// Reads exactly what [`Entry::write`] writes and nothing else.
    ///
    /// # Errors
    /// [`NotAnEntry`]; an unknown version or type is named, never passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAnEntry> {
        if bytes.len() > BYTES_MAX {
            return Err(NotAnEntry::TooLong);
        }
        Self::from_read(typed::read(canonical::utf8(bytes)?)).map(|read| *read)
    }

    /// Reads the entry that begins at `start` and says where it ends.
    ///
    /// # Errors
    /// [`canonical::NotCanonical`] if no canonical object stands there; within it, why that is no entry.
    pub fn read_at(
        text: &str,
        start: usize,
    ) -> Result<(Result<Box<Self>, NotAnEntry>, usize), canonical::NotCanonical> {
        let (read, end) = typed::read_at(text, start)?;
        let fits = end - start <= BYTES_MAX;
        Ok((if fits { Self::from_read(read) } else { Err(NotAnEntry::TooLong) }, end))
    }

    fn from_read(read: Result<read::Read<'_>, Misread>) -> Result<Box<Self>, NotAnEntry> {
        let read::Read { actor, cause, commitments, request, time, kind, version, body } = read?;
        match body {
            Some(body) => Ok(Box::new(Self { actor, cause, commitments, request, time, body })),
            None => Err(NotAnEntry::Unknown { version, kind: kind.to_owned() }),
        }
    }

    fn write_what<W: Serialize>(&self, r#type: &'static str, what: &W) -> Result<Vec<u8>, NotAnEntry> {
        let written = Written {
            actor: &self.actor,
            cause: self.cause,
            commitments: &self.commitments,
            request: self.request,
            time: self.time,
            r#type,
            v: VERSION,
            what,
        };
        serde_json::to_vec(&written).map_err(|error| NotAnEntry::Shape(error.to_string()))
    }
}

impl From<Misread> for NotAnEntry {
    fn from(misread: Misread) -> Self {
        match misread {
            Misread::Form(form) => Self::NotCanonical(form),
            Misread::Shape(why) => Self::Shape(why),
        }
    }
}

#[cfg(test)]
mod tests;
