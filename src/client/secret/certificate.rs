//! A key of one's own and the request for its certificate. The key is made here and stays here:
//! in memory, or in one file that only its owner reads.

use crate::complaint::{Complaint, Result};
use domain::base::Secret;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// A P-256 key with the certificate request that proves it.
pub(crate) struct CertificateKey {
    key_pem: Secret,
    request_pem: String,
}

impl CertificateKey {
    /// Makes a key. The request names nothing: names are the broker's to set.
    pub(crate) fn make() -> Result<Self> {
        let make = || -> std::result::Result<Self, rcgen::Error> {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            let request_pem = params.serialize_request(&key)?.pem()?;
            Ok(Self { key_pem: Secret::from_text(key.serialize_pem()), request_pem })
        };
        make().map_err(Complaint::bug)
    }

    /// Writes the key to a new file with mode 0600; a file that is there already is left alone.
    pub(super) fn keep(self, path: &Path) -> Result<Self> {
        let next_step = "name a file that does not exist yet, in a directory that you may write to";
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(self.key_pem.reveal())?;
            file.sync_all()
        };
        write().map_err(|error| Complaint::file("write", path, &error, next_step))?;
        Ok(self)
    }

    /// The key, PKCS#8 in PEM.
    pub(super) fn key_pem(&self) -> &Secret {
        &self.key_pem
    }

    /// The request, PKCS#10 in PEM.
    pub(crate) fn request_pem(&self) -> &str {
        &self.request_pem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::prelude::FromDer as _;

    #[test]
    fn the_request_holds_the_public_half_and_no_name() {
        let made = CertificateKey::make().unwrap();
        let key = KeyPair::from_pem(made.key_pem.reveal_text().unwrap()).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(made.request_pem.as_bytes()).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        let info = &request.certification_request_info;
        assert_eq!(info.subject_pki.subject_public_key.data.as_ref(), key.public_key_raw());
        assert_eq!(info.subject.iter().count(), 0);
    }

    #[test]
    fn the_key_file_is_private_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        let made = CertificateKey::make().unwrap().keep(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), made.key_pem.reveal());
        assert!(CertificateKey::make().unwrap().keep(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), made.key_pem.reveal());
    }
}
