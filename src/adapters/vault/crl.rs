//! Reading a certificate revocation list (RFC 5280 §5). Only what a proof needs: its number, the
//! serials on it, and its digest. Its signature is not checked: it came from the engine itself.

use domain::base::Digest;
use std::collections::BTreeSet;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

/// A list as it was read.
pub(super) struct Crl {
    pub(super) number: u64,
    /// SHA-256 of the DER.
    pub(super) digest: Digest,
    /// Lower-case hex with colons, as the engine writes serials.
    serials: BTreeSet<String>,
}

impl Crl {
    pub(super) fn lists(&self, serial: &str) -> bool {
        self.serials.contains(serial)
    }
}

/// Reads DER; `None` if it is not a whole CRL with a number.
pub(super) fn read_crl(der: &[u8]) -> Option<Crl> {
    let (rest, crl) = CertificateRevocationList::from_der(der).ok()?;
    let number = crl.crl_number()?.to_string().parse().ok()?;
    let serials = crl.iter_revoked_certificates().map(|entry| entry.raw_serial_as_string()).collect();
    rest.is_empty().then(|| Crl { number, digest: Digest::of(&[der]), serials })
}
