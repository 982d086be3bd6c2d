//! From a presented chain to a subject: read the leaf, find the bundle of the trust domain it
//! claims, build the path with rustls' webpki, then let `domain::svid::admit` judge the leaf.
//! The one verifier of certificates in the product: door, client and registry all come here.

use super::bundles::{BundleSet, Roots};
use domain::base::{Digest, Time, TrustDomain};
use domain::reason::{Denial, Reason};
use domain::svid::{self, ExtendedKeyUsage, KeyUsage, Presented, PresentedX509, Subject, claimed_id};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyPurposeIdIter, VerifiedPath};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};

/// More certificates than this are not looked at.
const CHAIN_CERTIFICATES_MAX: usize = 10;

/// Verifies a chain, leaf first.
pub(super) fn verify(bundles: &BundleSet, chain: &[CertificateDer<'_>], now: Time) -> Result<Subject, Denial> {
    let [leaf_der, others @ ..] = chain else {
        return Err(Denial::new(Reason::SvidMissing, "no certificate was presented"));
    };
    if chain.len() > CHAIN_CERTIFICATES_MAX {
        return Err(malformed("the chain has more than 10 certificates"));
    }
    let leaf = parse(leaf_der)?;
    let (uris, names_critical) = uris(&leaf)?;
    let domain = claimed_id(&uris)?.trust_domain();
    let roots = bundles.roots(&domain).ok_or_else(|| no_bundle(&domain))?;
    let issuer_key = verify_path(roots, &domain, leaf_der, others, now)?;
    svid::admit(Presented::X509(present(&leaf, uris, names_critical, issuer_key)?), now)
}

/// An authority of a bundle as trust anchor, with the digest of its key. A certificate that may not
/// sign is no authority, whoever delivers it.
pub(super) fn anchor(der: &CertificateDer<'_>) -> Result<(TrustAnchor<'static>, Digest), Denial> {
    let cert = parse(der)?;
    check_signing(&cert, |_| true)?;
    let anchor = webpki::anchor_from_trusted_cert(der).map_err(|error| refuse_path(&error))?;
    Ok((anchor.to_owned(), Digest::of(&[cert.public_key().raw])))
}

/// When a certificate ends; `None` if it is none.
pub(super) fn ends(der: &CertificateDer<'_>) -> Option<Time> {
    parse(der).ok().map(|cert| Time::from_unix_seconds(cert.validity().not_after.timestamp()))
}

/// RFC 5280 path validation to the roots of one trust domain. Gives the digest of the key that
/// signed the leaf.
fn verify_path(
    roots: &Roots,
    domain: &TrustDomain,
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    now: Time,
) -> Result<Digest, Denial> {
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let may_sign = |path: &VerifiedPath<'_>| check_intermediates(path, domain);
    let end_entity = EndEntityCert::try_from(leaf).map_err(|error| refuse_path(&error))?;
    let path = end_entity
        .verify_for_usage(algorithms, roots.anchors(), others, time, BothPurposes, None, Some(&may_sign))
        .map_err(|error| refuse_path(&error))?;
    let issuer = match path.intermediate_certificates().next() {
        Some(cert) => Some(Digest::of(&[cert.subject_public_key_info().as_ref()])),
        None => roots.key_of(path.anchor()),
    };
    issuer.ok_or_else(|| Denial::new(Reason::SvidUntrusted, "the issuer of the certificate is not known"))
}

/// webpki knows nothing of key usage: every intermediate of a path must be one that may sign. One
/// that has a SPIFFE ID must have that of the leaf's trust domain (§3.2 says SHOULD): else a domain
/// whose authority ours once cross-signed could name our workloads.
fn check_intermediates(path: &VerifiedPath<'_>, domain: &TrustDomain) -> Result<(), webpki::Error> {
    for cert in path.intermediate_certificates() {
        let der = cert.der();
        parse(&der)
            .and_then(|cert| check_signing(&cert, |named| named == domain))
            .map_err(|_| webpki::Error::UnknownIssuer)?;
    }
    Ok(())
}

/// X509-SVID.md §3.2, §4.1, §4.3; RFC 5280 §6.1.4 (k) and (n).
fn check_signing(cert: &X509Certificate<'_>, names: impl Fn(&TrustDomain) -> bool) -> Result<(), Denial> {
    let refuse = |sentence: &str| Err(Denial::new(Reason::SvidUntrusted, sentence));
    let facts = extensions(cert)?;
    if facts.ca != Some(true) {
        return refuse("an issuer is not a certificate authority");
    }
    if facts.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
        return refuse("an issuer may not sign certificates");
    }
    let (uris, _) = uris(cert)?;
    let mut named = uris.iter().filter_map(|uri| uri.strip_prefix("spiffe://"));
    if named.all(|name| TrustDomain::parse(name).is_ok_and(|domain| names(&domain))) {
        return Ok(());
    }
    refuse("an issuer's SPIFFE ID is not that of the trust domain")
}

/// An identity for mutual TLS needs both purposes, so an issuer limited to one cannot give it.
struct BothPurposes;

impl webpki::ExtendedKeyUsageValidator for BothPurposes {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let present = purposes.map(|id| id.map(|id| id.to_decoded_oid())).collect::<Result<Vec<_>, _>>()?;
        let holds = |last: usize| present.contains(&vec![1, 3, 6, 1, 5, 5, 7, 3, last]);
        if present.is_empty() || (holds(1) && holds(2)) {
            return Ok(());
        }
        let required = webpki::KeyUsage::client_auth();
        Err(webpki::Error::RequiredEkuNotFoundContext(webpki::RequiredEkuNotFoundContext { required, present }))
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Denial> {
    match x509_parser::parse_x509_certificate(der) {
        Ok(([], cert)) => Ok(cert),
        _ => Err(malformed("a certificate is not valid DER")),
    }
}

/// The URI names and whether their extension is critical.
fn uris(cert: &X509Certificate<'_>) -> Result<(Vec<String>, bool), Denial> {
    let mut uris = Vec::new();
    let mut critical = false;
    for extension in distinct(cert)? {
        let names = match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => names,
            ParsedExtension::ParseError { .. } => return Err(malformed("an extension is malformed")),
            _ => continue,
        };
        critical = extension.critical;
        for name in &names.general_names {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::Invalid(..) => return Err(malformed("an alternative name is malformed")),
                _ => {}
            }
        }
    }
    Ok((uris, critical))
}

#[derive(Default)]
struct Extensions {
    ca: Option<bool>,
    key_usage: Option<KeyUsage>,
    extended_key_usage: Option<ExtendedKeyUsage>,
}

fn extensions(cert: &X509Certificate<'_>) -> Result<Extensions, Denial> {
    let mut found = Extensions::default();
    for extension in distinct(cert)? {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => found.ca = Some(constraints.ca),
            ParsedExtension::KeyUsage(usage) => {
                found.key_usage = Some(KeyUsage {
                    critical: extension.critical,
                    digital_signature: usage.digital_signature(),
                    key_cert_sign: usage.key_cert_sign(),
                    crl_sign: usage.crl_sign(),
                });
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                found.extended_key_usage =
                    Some(ExtendedKeyUsage { server_auth: usage.server_auth, client_auth: usage.client_auth });
            }
            ParsedExtension::ParseError { .. } => return Err(malformed("an extension is malformed")),
            _ => {}
        }
    }
    Ok(found)
}

/// RFC 5280 §4.2: no extension twice.
fn distinct<'a, 'c>(cert: &'a X509Certificate<'c>) -> Result<&'a [X509Extension<'c>], Denial> {
    match cert.tbs_certificate.extensions_map() {
        Ok(_) => Ok(cert.extensions()),
        Err(_) => Err(malformed("a certificate has an extension twice")),
    }
}

fn present(
    leaf: &X509Certificate<'_>,
    uris: Vec<String>,
    names_critical: bool,
    issuer_key: Digest,
) -> Result<PresentedX509, Denial> {
    let Extensions { ca, key_usage, extended_key_usage } = extensions(leaf)?;
    let validity = leaf.validity();
    Ok(PresentedX509 {
        uris,
        names_critical,
        subject_empty: leaf.subject().iter_attributes().next().is_none(),
        ca,
        key_usage,
        extended_key_usage,
        not_before: Time::from_unix_seconds(validity.not_before.timestamp()),
        not_after: Time::from_unix_seconds(validity.not_after.timestamp()),
        serial: serial(leaf.raw_serial()),
        issuer_key,
    })
}

/// The sign byte of DER is no part of the number.
fn serial(bytes: &[u8]) -> String {
    let bytes = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refuse_path(error: &webpki::Error) -> Denial {
    use webpki::Error as E;
    tracing::debug!(?error, "a chain does not verify");
    let (reason, sentence) = match error {
        E::CertExpired { .. } => (Reason::SvidExpired, "a certificate of the chain has expired"),
        E::CertNotValidYet { .. } => (Reason::SvidNotYetValid, "a certificate of the chain is not yet valid"),
        E::CaUsedAsEndEntity => (Reason::SvidNotALeaf, "the certificate is a certificate authority"),
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            (Reason::SvidKeyUsage, "an extended key usage in the chain lacks serverAuth or clientAuth")
        }
        E::BadDer
        | E::BadDerTime
        | E::ExtensionValueInvalid
        | E::InvalidCertValidity
        | E::InvalidSerialNumber
        | E::MalformedExtensions
        | E::TrailingData(_)
        | E::UnsupportedCertVersion
        | E::UnsupportedCriticalExtension => (Reason::SvidMalformed, "a certificate of the chain is malformed"),
        _ => (Reason::SvidUntrusted, "no path leads from the certificate to the bundle of its trust domain"),
    };
    Denial::new(reason, sentence)
}

fn no_bundle(domain: &TrustDomain) -> Denial {
    Denial::new(Reason::TrustDomainUnknown, format!("no bundle vouches for the trust domain {domain}"))
}

fn malformed(sentence: &str) -> Denial {
    Denial::new(Reason::SvidMalformed, sentence)
}
