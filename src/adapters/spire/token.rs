//! From a bearer token to a subject: our strict reading first, then the signature by `spiffe` with
//! the JWT bundle of the subject's own trust domain, then `domain::svid::admit`.
//! Nothing leaves here that carries a part of the token.

use super::bundles::BundleSet;
use domain::base::Time;
use domain::reason::{Denial, Reason};
use domain::svid::{self, Audience, Presented, Subject, read_jwt};
use spiffe::JwtSvid;
use spiffe::svid::jwt::{JwtSvidError, JwtVerificationErrorKind};

/// Verifies a JWT-SVID. The library reads the system's clock as well; the stricter of the two wins.
pub(super) fn verify(bundles: &BundleSet, token: &str, audience: Audience<'_>, now: Time) -> Result<Subject, Denial> {
    let presented = read_jwt(token)?;
    let svid = JwtSvid::parse_and_validate(token, bundles.jwt(), &[audience.name()]).map_err(|error| refuse(&error))?;
    if svid.spiffe_id().to_string() != presented.subject.as_str() || svid.key_id() != presented.key_id {
        return Err(Denial::new(Reason::SvidMalformed, "two readings of the token differ"));
    }
    svid::admit(Presented::Jwt(presented, audience), now)
}

fn refuse(error: &JwtSvidError) -> Denial {
    use JwtSvidError as E;
    let (reason, sentence) = match error {
        E::BundleNotFound(domain) => {
            let sentence = format!("no bundle vouches for the trust domain {domain}");
            return Denial::new(Reason::TrustDomainUnknown, sentence);
        }
        E::UnsupportedAlgorithm
        | E::BackendUnsupportedAlgorithm(_)
        | E::AuthorityAlgorithmMismatch { .. }
        | E::AuthorityCurveMismatch(_) => (Reason::JwtAlgorithm, "the token's algorithm does not fit its key"),
        E::AuthorityNotFound(_) => (Reason::JwtSignature, "the bundle holds no key by that kid"),
        E::InvalidAuthorityJwk(_)
        | E::InvalidAuthorityMetadata(_)
        | E::UnsupportedAuthorityPurpose
        | E::AuthorityVerificationNotPermitted
        | E::InvalidAuthorityKeyComponent(_)
        | E::NonCanonicalRsaComponent(_)
        | E::WeakRsaAuthority(_) => (Reason::JwtSignature, "the bundle's key by that kid may not verify tokens"),
        E::InvalidToken(error) => return refuse_verification(error.kind()),
        E::InvalidSubject(_) => (Reason::SvidIdInvalid, "the token's sub is not a SPIFFE ID"),
        E::InvalidExpiration | E::InvalidNotBefore => (Reason::JwtClaims, "the token's times cannot be read"),
        _ => (Reason::SvidMalformed, "the token is not a JWT-SVID"),
    };
    Denial::new(reason, sentence)
}

fn refuse_verification(kind: JwtVerificationErrorKind) -> Denial {
    use JwtVerificationErrorKind as K;
    let (reason, sentence) = match kind {
        K::Expired => (Reason::SvidExpired, "the token expired"),
        K::NotYetValid => (Reason::SvidNotYetValid, "the token is not yet valid"),
        K::AudienceMismatch => (Reason::JwtAudience, "the token is meant for somebody else"),
        _ => (Reason::JwtSignature, "the token's signature does not verify"),
    };
    Denial::new(reason, sentence)
}
