//! Who may be believed: trust bundles by trust domain, and the verification built on them.

use crate::domain::base::{SpiffeId, Time, TrustDomain};
use crate::domain::reason::Denial;
use crate::domain::svid::{Audience, Subject};
use async_trait::async_trait;

/// The source of trust and of the broker's own identity. One implementation verifies for the
/// gRPC listener, the client, the tests and the conformance harness alike.
///
/// A refusal names the clause by its reason and never carries the token or the certificate.
#[async_trait]
pub trait TrustSource: Send + Sync {
    /// Verifies a certificate chain, leaf first, DER. Roots come only from the bundle of the trust
    /// domain in the leaf's URI SAN.
    fn verify_x509(&self, chain: &[Vec<u8>], now: Time) -> Result<Subject, Denial>;

    /// Verifies a JWT-SVID for this audience.
    fn verify_jwt(&self, token: &str, audience: Audience<'_>, now: Time) -> Result<Subject, Denial>;

    /// Grows with every change of what is trusted.
    fn epoch(&self) -> u64;

    /// Waits until the epoch is no longer `seen`. Never returns once the source is closed for good.
    async fn changed(&self, seen: u64);

    /// The epoch in which the X.509 bundle of this trust domain took its present form; `None` while
    /// nothing vouches for it. What was verified in that epoch or later still holds; what was
    /// verified earlier must be verified again before it is relied on.
    fn vouched_since(&self, domain: &TrustDomain) -> Option<u64>;

    /// The broker's own SPIFFE ID, as last issued.
    fn own_id(&self) -> SpiffeId;
}
