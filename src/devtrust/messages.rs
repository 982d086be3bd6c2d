//! From the issuer's state to the messages of the Workload API, and token validation.
//! Pure: each message is the complete state of one identity at one instant.

use super::domain_keys::DomainKeys;
use super::issuer::Served;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::base::TrustDomain;
use prost_types::value::Kind;
use proto::workload::{JwtBundlesResponse, ValidateJwtsvidResponse, X509BundlesResponse, X509svid, X509svidResponse};
use serde_json::Value;
use spiffe::{JwtBundle, JwtBundleSet, JwtSvid};
use tonic::Status;

/// The identity's X.509-SVID with its bundle and all federated ones.
pub(super) fn x509_svids(served: &Served<'_>) -> X509svidResponse {
    let svid = X509svid {
        spiffe_id: served.identity.spiffe_id().to_string(),
        x509_svid: served.svid.certificate.clone(),
        x509_svid_key: served.svid.key.reveal().to_vec(),
        bundle: served.own.x509_bundle(),
        hint: String::new(),
    };
    let federated = served.federated.iter().map(|(domain, keys)| (domain_id(domain), keys.x509_bundle()));
    X509svidResponse { svids: vec![svid], crl: Vec::new(), federated_bundles: federated.collect() }
}

/// All X.509 bundles that the identity may see.
pub(super) fn x509_bundles(served: &Served<'_>) -> X509BundlesResponse {
    let bundles = served.bundles().map(|(domain, keys)| (domain_id(&domain), keys.x509_bundle()));
    X509BundlesResponse { crl: Vec::new(), bundles: bundles.collect() }
}

/// All JWT bundles that the identity may see.
pub(super) fn jwt_bundles(served: &Served<'_>) -> JwtBundlesResponse {
    JwtBundlesResponse { bundles: served.bundles().map(|(domain, keys)| (domain_id(&domain), jwks(keys))).collect() }
}

/// The token's identity and claims, if it holds for this audience.
pub(super) fn validated(served: &Served<'_>, token: &str, audience: &str) -> Result<ValidateJwtsvidResponse, Status> {
    let bundles = jwt_bundle_set(served).map_err(|error| Status::internal(error.to_string()))?;
    let svid = JwtSvid::parse_and_validate(token, &bundles, &[audience])
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok(ValidateJwtsvidResponse { spiffe_id: svid.spiffe_id().to_string(), claims: claims(token) })
}

fn domain_id(domain: &TrustDomain) -> String {
    format!("spiffe://{domain}")
}

fn jwks(keys: &DomainKeys) -> Vec<u8> {
    // A key set is plain data with text keys; writing it cannot fail.
    serde_json::to_vec(&keys.jwt_bundle()).unwrap_or_default()
}

fn jwt_bundle_set(served: &Served<'_>) -> Result<JwtBundleSet, Box<dyn std::error::Error>> {
    let mut set = JwtBundleSet::new();
    for (domain, keys) in served.bundles() {
        let domain = spiffe::TrustDomain::new(domain.as_str())?;
        set.add_bundle(JwtBundle::from_jwt_authorities(domain, &jwks(keys))?);
    }
    Ok(set)
}

/// All claims of a token that was validated before.
fn claims(token: &str) -> Option<prost_types::Struct> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    match to_kind(serde_json::from_slice(&payload).ok()?) {
        Kind::StructValue(claims) => Some(claims),
        _ => None,
    }
}

fn to_kind(value: Value) -> Kind {
    let wrap = |value| prost_types::Value { kind: Some(to_kind(value)) };
    match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => {
            Kind::ListValue(prost_types::ListValue { values: items.into_iter().map(wrap).collect() })
        }
        Value::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.into_iter().map(|(name, value)| (name, wrap(value))).collect(),
        }),
    }
}
