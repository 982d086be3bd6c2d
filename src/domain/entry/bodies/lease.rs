//! The life of a lease.

use super::body;
use crate::base::{Digest, LeaseId, Name, TaskId, Time};
use serde::{Deserialize, Serialize};

/// Whether and how a kind of secret can be ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocability {
    /// At once.
    Revocable,
    /// Only at its expiry.
    ExpiryBounded,
    /// Only by rotating the value.
    RotateOnly,
}

/// How surely an end is known. Nothing below `AuthorityConfirmed` is called revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assurance {
    /// Asked for.
    Requested,
    /// Taken on by the engine.
    Accepted,
    /// Synchronously revoked, and looked up as gone.
    AuthorityConfirmed,
    /// Seen gone at the backend.
    EffectConfirmed,
}

/// Why a lease ends alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// Someone asked.
    Asked,
    /// Its time was over.
    Expired,
    /// A newer lease took its place.
    Superseded,
    /// Its secret could not be delivered or recorded.
    Undelivered,
}

/// Why no secret came of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotIssuedCause {
    /// The engine said no before anything was made.
    Refused,
    /// Looked for after the engine's longest request time, and nothing was there.
    NothingFound,
    /// Something was found and ended.
    FoundAndEnded,
}

body!(
    /// Durable before a secret can exist.
    Intended {
        /// Name of the credential.
        credential: Name,
        /// Version of the estate that it was judged on.
        estate_version: u64,
        /// Until when the secret may be used: the least of what was asked, the credential, the
        /// window, the approvals and the SVID allow.
        expires: Time,
        /// Its id.
        lease: LeaseId,
        /// How it can end.
        revocability: Revocability,
        /// A lease that ends when this one is sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        supersedes: Option<LeaseId>,
        /// The task.
        task: TaskId,
    }
);
body!(
    /// The secret exists and its record is durable before it is handed over.
    /// Commitments: `engine_lease`, if the engine gave one; for databases `account`.
    Issued {
        /// When the engine would end it by itself, as the engine answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        engine_expires: Option<Time>,
        /// The engine's id of the request that made it.
        engine_request: String,
        /// Until when the secret may be used.
        expires: Time,
        /// The lease.
        lease: LeaseId,
        /// Whether the engine prolongs it.
        renewable: bool,
        /// How it can end, now that the engine has answered.
        revocability: Revocability,
        /// Serial number of a certificate, lower-case hex with colons.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// Version of a key-value secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value_version: Option<u64>,
    }
);
body!(
    /// No usable secret came of the intent.
    NotIssued {
        /// The lease.
        lease: LeaseId,
        /// What was found.
        why: NotIssuedCause,
    }
);
body!(
    /// Prolonged.
    Renewed {
        /// When the engine would end it by itself, as the engine answered.
        engine_expires: Time,
        /// Until when the secret may be used.
        expires: Time,
        /// The lease.
        lease: LeaseId,
    }
);
body!(
    /// This lease ends before its task.
    RevocationRequested {
        /// The lease.
        lease: LeaseId,
        /// Why.
        why: EndCause,
    }
);
body!(
    /// The engine took it on and still knows the lease.
    RevocationAccepted {
        /// The lease.
        lease: LeaseId,
    }
);
body!(
    /// A serial on a CRL whose number grew.
    CrlSeen {
        /// SHA-256 of the CRL's DER.
        digest: Digest,
        /// Its number.
        number: u64,
        /// The number before the revocation.
        number_before: u64,
    }
);
body!(
    /// Dead, with proof.
    Revoked {
        /// How surely; never below authority-confirmed.
        assurance: Assurance,
        /// For certificates.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        crl: Option<CrlSeen>,
        /// The engine's id of the look-up that said gone, if it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        engine_request: Option<String>,
        /// Whether the engine still knew the lease before the call.
        known_before: bool,
        /// The lease.
        lease: LeaseId,
    }
);
body!(
    /// Not proven within the bound; attended until it is.
    Unproven {
        /// The lease.
        lease: LeaseId,
        /// `engine` or `backend`: who has not said gone.
        missing: String,
    }
);
body!(
    /// Over for the task; the value itself lives until it is rotated or expires.
    Expired {
        /// The lease.
        lease: LeaseId,
        /// Why it was not ended.
        revocability: Revocability,
    }
);
