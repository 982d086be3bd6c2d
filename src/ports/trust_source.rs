//! Who may be believed: trust bundles by trust domain, and the verification built on them.

use crate::domain::base::{SpiffeId, Time, TrustDomain};
use crate::domain::svid::Subject;
use async_trait::async_trait;

/// Why a presented identity was not believed. `reason` is a stable code from the closed list in
/// `domain::reason`; `sentence` is lower case and says what to do. Never carries the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// For example `SVID_EXPIRED`.
    pub reason: crate::domain::reason::Reason,
    /// One sentence for the caller.
    pub sentence: String,
}

/// The source of trust and of the broker's own identity. One implementation verifies for the
/// gRPC listener, the tests and the conformance harness alike.
#[async_trait]
pub trait TrustSource: Send + Sync {
    /// Verifies a certificate chain, leaf first, DER. Roots come only from the bundle of the trust
    /// domain in the leaf's URI SAN.
    fn verify_x509(&self, chain: &[Vec<u8>], now: Time) -> Result<Subject, Refusal>;

    /// Verifies a JWT-SVID for exactly this audience.
    fn verify_jwt(&self, token: &str, audience: &str, now: Time) -> Result<Subject, Refusal>;

    /// Grows with every change of any bundle; what was verified under an older number must be
    /// verified again before it is relied on.
    fn epoch(&self) -> u64;

    /// Waits until the epoch is no longer `seen`.
    async fn changed(&self, seen: u64);

    /// Whether SVIDs of this trust domain can be believed now.
    fn trusts(&self, domain: &TrustDomain) -> bool;

    /// The broker's own SPIFFE ID.
    fn own_id(&self) -> SpiffeId;
}
