//! TLS towards servers that are no workloads (the engine, a probed database): their certificates are
//! vouched for by authorities that someone named in a file, never by the system's list.

use ports::{Fault, FaultKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// A client configuration that believes the authorities in this PEM file and nobody else.
///
/// # Errors
/// `Permanent`: the file cannot be read or holds no certificate.
pub(super) fn believing(ca_file: &Path) -> Result<ClientConfig, Fault> {
    let unreadable = || Fault::new(FaultKind::Permanent, "the ca_file cannot be read as PEM certificates");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file).map_err(|_| unreadable())? {
        roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    }
    if roots.is_empty() {
        return Err(unreadable());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Fault::new(FaultKind::Permanent, "no TLS version is left").because(error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
