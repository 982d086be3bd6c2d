//! Who acted: a verified caller, or the broker itself.

use crate::base::Digest;
use crate::svid::{Proof, Subject};
use serde::{Deserialize, Serialize};

/// The actor of an entry. A caller is named with what proved it; the broker is `leasehold`.
// INVARIANT: fields in ASCII order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Connection on which the call came, `conn-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// SPIFFE ID, or `leasehold`.
    pub id: String,
    /// SHA-256 of the issuer's public key, for an X.509-SVID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_key: Option<Digest>,
    /// `kid` of the key that verified a JWT-SVID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Serial number of the X.509-SVID, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

impl Actor {
    /// The `id` of the broker itself: no SPIFFE ID.
    pub const BROKER: &str = "leasehold";

    /// The broker itself.
    #[must_use]
    pub fn broker() -> Self {
        Self { connection: None, id: Self::BROKER.into(), issuer_key: None, key_id: None, serial: None }
    }

    /// A verified caller on a connection.
    #[must_use]
    pub fn caller(subject: &Subject, connection: &str) -> Self {
        let (serial, issuer_key, key_id) = match subject.proof() {
            Proof::X509 { serial, issuer_key } => (Some(serial.clone()), Some(*issuer_key), None),
            Proof::Jwt { key_id } => (None, None, Some(key_id.clone())),
        };
        Self { connection: Some(connection.into()), id: subject.id().to_string(), issuer_key, key_id, serial }
    }
}
