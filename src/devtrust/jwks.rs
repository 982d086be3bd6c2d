//! The JWT authority's public keys over plain HTTP on loopback, for OpenBao's `jwks_url`.
//! A standard JWK set (RFC 7517) with `kid`, `alg` and `use`; public data only.

use super::issuer::Issuer;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use domain::base::TrustDomain;
use jsonwebtoken::jwk::{JwkSet, KeyAlgorithm, PublicKeyUse};
use tokio::sync::watch;

/// Where the key set is.
pub(super) const PATH: &str = "/jwks.json";

/// Serves the JWT keys of `domain`, always as they are now.
pub(super) fn router(domain: TrustDomain, issuer: watch::Receiver<Issuer>) -> Router {
    Router::new().route(PATH, get(key_set)).with_state((domain, issuer))
}

async fn key_set(State((domain, issuer)): State<(TrustDomain, watch::Receiver<Issuer>)>) -> Json<JwkSet> {
    let mut set = issuer.borrow().keys(&domain).map(|keys| keys.jwt_bundle()).unwrap_or_default();
    for key in &mut set.keys {
        key.common.key_algorithm = Some(KeyAlgorithm::ES256);
        key.common.public_key_use = Some(PublicKeyUse::Signature);
    }
    Json(set)
}
