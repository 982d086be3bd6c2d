//! Room one of a request: who calls. A certificate of the connection, a bearer token of the
//! request, or both for one and the same identity.

use crate::tls::Peer;
use domain::base::{SpiffeId, Time};
use domain::reason::{Denial, Reason};
use domain::state::command::Caller;
use domain::svid::Audience;
use ports::TrustSource;
use tonic::Extensions;
use tonic::metadata::MetadataMap;

/// The caller of a request. The certificate is held against the bundles of this very moment, so no
/// call is accepted after trust was withdrawn, even if its connection is not closed yet.
///
/// # Errors
/// `SVID_MISSING` without any proof, `IDENTITY_MISMATCH` if certificate and token name different
/// identities, else the clause that the certificate or the token breaks.
pub fn subject_of(
    metadata: &MetadataMap,
    extensions: &Extensions,
    trust: &dyn TrustSource,
    own_id: &SpiffeId,
    now: Time,
) -> Result<Caller, Denial> {
    let Some(peer) = extensions.get::<Peer>() else {
        return Err(Denial::new(Reason::SvidMissing, "the call came by no verified connection"));
    };
    peer.check(trust, now)?;
    let by_token = match bearer(metadata)? {
        Some(token) => Some(trust.verify_jwt(token, Audience::Only(own_id.as_str()), now)?),
        None => None,
    };
    let subject = match (peer.subject(), by_token) {
        (Some(certified), Some(token)) if certified.id() != token.id() => {
            return Err(Denial::new(Reason::IdentityMismatch, "certificate and token name different identities"));
        }
        (Some(certified), _) => certified.clone(),
        (None, Some(token)) => token,
        (None, None) => return Err(Denial::new(Reason::SvidMissing, "neither certificate nor token was presented")),
    };
    Ok(Caller { subject, connection: peer.connection() })
}

/// The token of `authorization: Bearer …` (JWT-SVID.md §5.3, RFC 6750 §2.1). More than one value is
/// refused: which of them counts would be a guess.
fn bearer(metadata: &MetadataMap) -> Result<Option<&str>, Denial> {
    let malformed = |sentence| Denial::new(Reason::SvidMalformed, sentence);
    let mut values = metadata.get_all("authorization").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("more than one authorization was presented"));
    }
    let text = value.to_str().map_err(|_| malformed("the authorization is not plain text"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token)),
        _ => Err(malformed("the authorization is not a bearer token")),
    }
}
