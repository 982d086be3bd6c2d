//! The SPIFFE rules that libraries leave open, and the only way to a [`Subject`].

use super::base::{Digest, SpiffeId, Time};

/// A verified caller. Only [`admit`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    id: SpiffeId,
    proof: Proof,
    not_after: Time,
}

/// What proved the identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// An X.509-SVID over mutual TLS.
    X509 {
        /// Serial number, lower-case hex without separators.
        serial: String,
        /// SHA-256 of the issuer's SubjectPublicKeyInfo.
        issuer_key: Digest,
    },
    /// A JWT-SVID as bearer token.
    Jwt {
        /// The `kid` that verified it.
        key_id: String,
    },
}

impl Subject {
    /// Whose identity was proven.
    #[must_use]
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// How.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Until when the proof holds.
    #[must_use]
    pub fn not_after(&self) -> Time {
        self.not_after
    }
}
