//! Who may be believed: trust bundles by trust domain, and the verification built on them.

use async_trait::async_trait;
use domain::base::{Span, SpiffeId, Time, TrustDomain};
use domain::reason::Denial;
use domain::svid::{Audience, Subject};

/// How the source itself fares: what it holds, and whether more can come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustStanding {
    /// Where SVIDs and bundles come from, such as `unix:///run/spire/agent.sock`.
    pub origin: String,
    /// Why nothing new can come from there; `None` while it can.
    pub trouble: Option<TrustTrouble>,
    /// When the own SVID ends; `None` while none is held.
    pub own_svid_ends: Option<Time>,
    /// When the last authority in the bundle of the own trust domain ends; `None` while nothing
    /// vouches for that domain.
    pub bundle_ends: Option<Time>,
}

/// Why nothing new can come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustTrouble {
    /// What kind of trouble it is.
    pub kind: TrustTroubleKind,
    /// For how long it has been so.
    pub age: Span,
    /// The cause in the words of whoever met it; holds no secret.
    pub why: String,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustTroubleKind {
    /// Nobody answers. What is held stays in force until it ends.
    Unreachable,
    /// Somebody answers, but nothing that can be used. What is held stays in force until it ends.
    Unusable,
    /// Somebody answers that this process has no identity. What was held is withdrawn.
    NoIdentity,
}

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

    /// How the source fares now. A connection that is made again at once was never in trouble.
    fn standing(&self) -> TrustStanding;
}
