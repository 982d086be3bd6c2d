//! X.509-SVID, the rules for a leaf (X509-SVID.md §2–§5.2). Path validation is not here: it needs
//! keys and belongs to `adapters/spire`.

use crate::base::{Digest, SpiffeId, Time};
use crate::reason::{Denial, Reason};

/// What a leaf certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedX509 {
    /// Every URI in the subject alternative names, in order.
    pub uris: Vec<String>,
    /// Whether the subject alternative name extension is critical.
    pub names_critical: bool,
    /// Whether the Subject has no attribute.
    pub subject_empty: bool,
    /// `cA` of basic constraints; `None`: no such extension.
    pub ca: Option<bool>,
    /// Key usage; `None`: no such extension.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usage; `None`: no such extension.
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// First instant of validity.
    pub not_before: Time,
    /// Last instant of validity.
    pub not_after: Time,
    /// Serial number, lower-case hex without separators.
    pub serial: String,
    /// SHA-256 of the SubjectPublicKeyInfo that signed the leaf.
    pub issuer_key: Digest,
}

/// The bits of key usage that the standard speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// Whether the extension is critical.
    pub critical: bool,
    /// `digitalSignature`.
    pub digital_signature: bool,
    /// `keyCertSign`.
    pub key_cert_sign: bool,
    /// `cRLSign`.
    pub crl_sign: bool,
}

/// The purposes of extended key usage that the standard speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// `id-kp-serverAuth`.
    pub server_auth: bool,
    /// `id-kp-clientAuth`.
    pub client_auth: bool,
}

/// The identity that a leaf claims: its one URI SAN, which must be a SPIFFE ID with a path
/// (§2, §3.1, §5.2). Not yet believed: it only says whose bundle to verify with.
///
/// # Errors
/// `SVID_ID_INVALID`.
pub fn claimed_id(uris: &[String]) -> Result<SpiffeId, Denial> {
    match uris {
        [] => Err(Denial::new(Reason::SvidIdInvalid, "the certificate has no uri name")),
        [uri] => SpiffeId::parse(uri).map_err(|clause| Denial::new(Reason::SvidIdInvalid, clause.to_string())),
        _ => Err(Denial::new(Reason::SvidIdInvalid, "the certificate has more than one uri name")),
    }
}

pub(super) fn check(leaf: &PresentedX509, now: Time) -> Result<SpiffeId, Denial> {
    let id = claimed_id(&leaf.uris)?;
    check_names(leaf)?;
    check_basic_constraints(leaf)?;
    check_key_usage(leaf)?;
    check_extended_key_usage(leaf)?;
    check_validity(leaf, now)?;
    Ok(id)
}

/// §3.1, by RFC 5280 §4.1.2.6.
fn check_names(leaf: &PresentedX509) -> Result<(), Denial> {
    if leaf.subject_empty && !leaf.names_critical {
        return Err(malformed("the subject is empty, so the alternative names must be critical"));
    }
    Ok(())
}

/// §4.1, §5.2. A leaf says that it is one: a missing extension is not enough.
fn check_basic_constraints(leaf: &PresentedX509) -> Result<(), Denial> {
    match leaf.ca {
        Some(false) => Ok(()),
        Some(true) => Err(Denial::new(Reason::SvidNotALeaf, "the certificate is a certificate authority")),
        None => Err(Denial::new(Reason::SvidNotALeaf, "the certificate has no basic constraints")),
    }
}

/// §4.3, §5.2.
fn check_key_usage(leaf: &PresentedX509) -> Result<(), Denial> {
    let refuse = |sentence: &str| Err(Denial::new(Reason::SvidKeyUsage, sentence));
    let Some(usage) = leaf.key_usage else { return refuse("the certificate has no key usage") };
    if usage.key_cert_sign {
        return Err(Denial::new(Reason::SvidNotALeaf, "the certificate may sign certificates"));
    }
    if usage.crl_sign {
        return Err(Denial::new(Reason::SvidNotALeaf, "the certificate may sign revocation lists"));
    }
    if !usage.digital_signature {
        return refuse("the key usage lacks digitalSignature");
    }
    if !usage.critical {
        return refuse("the key usage is not critical");
    }
    Ok(())
}

/// §4.4: optional, but both purposes if there.
fn check_extended_key_usage(leaf: &PresentedX509) -> Result<(), Denial> {
    match leaf.extended_key_usage {
        None | Some(ExtendedKeyUsage { server_auth: true, client_auth: true }) => Ok(()),
        Some(_) => {
            Err(Denial::new(Reason::SvidKeyUsage, "the extended key usage must hold both serverAuth and clientAuth"))
        }
    }
}

/// §5.1, by RFC 5280 §4.1.2.5. Both ends count in; no leeway.
fn check_validity(leaf: &PresentedX509, now: Time) -> Result<(), Denial> {
    if leaf.not_before > leaf.not_after {
        return Err(malformed("the certificate ends before it begins"));
    }
    if now > leaf.not_after {
        return Err(Denial::new(Reason::SvidExpired, format!("the certificate ended at {}", leaf.not_after)));
    }
    if now < leaf.not_before {
        return Err(Denial::new(Reason::SvidNotYetValid, format!("the certificate begins at {}", leaf.not_before)));
    }
    Ok(())
}

fn malformed(sentence: &str) -> Denial {
    Denial::new(Reason::SvidMalformed, sentence)
}
