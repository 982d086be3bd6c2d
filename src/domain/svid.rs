//! The SPIFFE rules that libraries leave open, and the only way to a [`Subject`].
//!
//! `adapters/spire` checks the cryptography (chain or signature against the bundle of the claimed
//! trust domain) and puts down what the document says as [`Presented`]; [`admit`] judges it.
//! Nothing here reads a clock or a key. Clause by clause: docs/conformance.md.

mod jwt;
mod strict_json;
mod x509;

pub use jwt::{Audience, JWT_BYTES_MAX, PresentedJwt, read_jwt};
pub use x509::{ExtendedKeyUsage, KeyUsage, PresentedX509, claimed_id};

use super::base::{Digest, SpiffeId, Time};
use super::reason::Denial;

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

/// What a document says, after its chain or signature was verified. Plain data: only
/// `adapters/spire` makes one outside tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented<'a> {
    /// The leaf of a chain that leads to the bundle of the trust domain in its URI SAN.
    X509(PresentedX509),
    /// A token whose signature verified, and who it must be meant for.
    Jwt(PresentedJwt, Audience<'a>),
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

    /// Whether the proof no longer holds: after `notAfter` (RFC 5280 §4.1.2.5 counts that instant
    /// in), from `exp` on (RFC 7519 §4.1.4 does not).
    #[must_use]
    pub fn expired(&self, now: Time) -> bool {
        match self.proof {
            Proof::X509 { .. } => now > self.not_after,
            Proof::Jwt { .. } => now >= self.not_after,
        }
    }
}

/// Judges a presented document by every rule of the SPIFFE standards that needs no key.
///
/// # Errors
/// The first clause that the document breaks, with its reason code.
pub fn admit(presented: Presented<'_>, now: Time) -> Result<Subject, Denial> {
    match presented {
        Presented::X509(leaf) => {
            let id = x509::check(&leaf, now)?;
            let proof = Proof::X509 { serial: leaf.serial, issuer_key: leaf.issuer_key };
            Ok(Subject { id, proof, not_after: leaf.not_after })
        }
        Presented::Jwt(token, audience) => {
            jwt::check(&token, audience, now)?;
            Ok(Subject { id: token.subject, proof: Proof::Jwt { key_id: token.key_id }, not_after: token.expires })
        }
    }
}

#[cfg(test)]
mod tests;
