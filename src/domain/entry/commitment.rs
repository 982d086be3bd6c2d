//! Commitments: what is sensitive stands in an entry only as a salted hash. The salt and the value
//! are its *opening*, stored beside the entry, shown or erased one by one.

use crate::base::Digest;
use serde::{Deserialize, Serialize};

/// SHA-256 over `leasehold/v1/opening`, entry type, field, salt and value, separated by zero bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(Digest);

/// The salt and the value behind a commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// Type of the entry, for example `lease.issued`.
    pub entry_type: String,
    /// Field of the commitment, for example `engine_lease`.
    pub field: String,
    /// 32 random bytes.
    pub salt: [u8; 32],
    /// The value, UTF-8. Identifiers and free text only, never a secret.
    pub value: String,
}

const LABEL: &[u8] = b"leasehold/v1/opening";

impl Opening {
    /// The commitment that this opens.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::of(&self.entry_type, &self.field, &self.salt, &self.value)
    }
}

impl Commitment {
    /// Computes a commitment from its parts.
    #[must_use]
    pub fn of(entry_type: &str, field: &str, salt: &[u8; 32], value: &str) -> Self {
        let parts: [&[u8]; 9] =
            [LABEL, b"\0", entry_type.as_bytes(), b"\0", field.as_bytes(), b"\0", salt, b"\0", value.as_bytes()];
        Self(Digest::of(&parts))
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opening({}.{})", self.entry_type, self.field)
    }
}
