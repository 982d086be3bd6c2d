//! One generation of a trust domain's keys: an X.509 authority and a JWT key, made together and
//! rotated together. The keys live in memory only and end with the process.
//!
//! What it signs is to the letter of X509-SVID.md §3–4 and JWT-SVID.md §2–3; the defaults that
//! the standard leaves open (serial subject, back-dating) follow SPIRE.

use super::{DevTrustError, Identity};
use domain::base::{Secret, Span, SpiffeId, Time, TrustDomain};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use serde::Serialize;
use std::time::Duration;

/// An X.509 authority and a JWT key of one trust domain.
pub(super) struct Authority {
    x509: CertifiedIssuer<'static, KeyPair>,
    jwt_key: EncodingKey,
    jwk: Jwk,
    key_id: String,
}

/// An X.509-SVID with its key. Not `Debug`, not `Clone`.
pub(super) struct X509Svid {
    /// Leaf, DER. The authority itself is in the bundle, so the chain has one link.
    pub(super) certificate: Vec<u8>,
    /// PKCS#8, DER.
    pub(super) key: Secret,
}

/// From when until when something is valid, in whole seconds.
pub(super) struct Validity {
    from: Time,
    until: Time,
}

impl Validity {
    /// `ttl` from `now` on, rounded up to whole seconds, back-dated against clocks that lag.
    pub(super) fn beginning(now: Time, ttl: Span) -> Self {
        let until = now.plus(ttl).plus(ALMOST_A_SECOND);
        let from = now.unix_seconds().saturating_sub(BACKDATE_SECONDS);
        Self { from: Time::from_unix_seconds(from), until: Time::from_unix_seconds(until.unix_seconds()) }
    }
}

impl Authority {
    /// Makes fresh keys for a trust domain.
    pub(super) fn generate(domain: &TrustDomain, now: Time) -> Result<Self, DevTrustError> {
        let x509 = CertifiedIssuer::self_signed(authority_params(domain, now)?, fresh_key()?)?;
        let jwt_key = EncodingKey::from_ec_der(fresh_key()?.serialized_der());
        let mut jwk = Jwk::from_encoding_key(&jwt_key, Algorithm::ES256)?;
        let key_id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.key_algorithm = None;
        Ok(Self { x509, jwt_key, jwk, key_id })
    }

    /// The authority's certificate, DER.
    pub(super) fn certificate(&self) -> &[u8] {
        self.x509.der()
    }

    /// The public half of the JWT key, with `kid` and without `use`, as SPIRE's Workload API has it.
    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Issues an X.509-SVID on a fresh key.
    pub(super) fn issue_x509(&self, identity: &Identity, validity: &Validity) -> Result<X509Svid, DevTrustError> {
        let key = fresh_key()?;
        let certificate = leaf_params(identity, validity)?.signed_by(&key, &self.x509)?;
        Ok(X509Svid { certificate: certificate.der().to_vec(), key: Secret::new(key.serialize_der()) })
    }

    /// Signs a JWT-SVID (JWT-SVID.md §2, §3).
    pub(super) fn sign_jwt(
        &self,
        id: &SpiffeId,
        audience: &[String],
        now: Time,
        ttl: Span,
    ) -> Result<String, DevTrustError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        let until = Validity::beginning(now, ttl).until;
        let claims = Claims { aud: audience, exp: until.unix_seconds(), iat: now.unix_seconds(), sub: id };
        Ok(jsonwebtoken::encode(&header, &claims, &self.jwt_key)?)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a [String],
    exp: i64,
    iat: i64,
    sub: &'a SpiffeId,
}

fn fresh_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

/// X509-SVID.md §3.2, §4.1, §4.3: cA, keyCertSign, a SPIFFE ID without a path.
fn authority_params(domain: &TrustDomain, now: Time) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(&Validity::beginning(now, AUTHORITY_TTL));
    params.distinguished_name.push(DnType::CommonName, domain.as_str());
    params.subject_alt_names = vec![SanType::URI(format!("spiffe://{domain}").try_into()?)];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// X509-SVID.md §2, §3.1, §4: one URI SAN, cA=false, digitalSignature alone, both extended usages.
fn leaf_params(identity: &Identity, validity: &Validity) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(validity);
    params.subject_alt_names = vec![SanType::URI(identity.spiffe_id().as_str().try_into()?)];
    for name in identity.dns() {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    // As SPIRE does; OpenBao's certificate login wants a common name.
    if let Some(first) = identity.dns().first() {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(validity: &Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, ORGANISATION);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |time: Time| epoch + Duration::from_secs(u64::try_from(time.unix_seconds()).unwrap_or_default());
    params.not_before = at(validity.from);
    params.not_after = at(validity.until);
    params
}

/// Says in every certificate that it is not for production.
const ORGANISATION: &str = "Leasehold development";
/// Longer than any development session; authorities rotate on request only.
const AUTHORITY_TTL: Span = Span::from_seconds(365 * 24 * 60 * 60);
/// SPIRE's `NotBeforeCushion`.
const BACKDATE_SECONDS: i64 = 10;
const ALMOST_A_SECOND: Span = Span::from_millis(999);

#[cfg(test)]
mod tests;
