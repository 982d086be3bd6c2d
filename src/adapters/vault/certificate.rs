//! A last look at a certificate before it is handed out: whose name the engine's role really signed.

use domain::base::SpiffeId;
use x509_parser::prelude::{GeneralName, Pem};

/// Whether the leaf's only alternative name is this SPIFFE ID, and it has no common name beside it.
pub(super) fn names_only(pem: &str, spiffe_id: &SpiffeId) -> bool {
    let Some(Ok(pem)) = Pem::iter_from_buffer(pem.as_bytes()).next() else { return false };
    let Ok(leaf) = pem.parse_x509() else { return false };
    let Ok(Some(names)) = leaf.subject_alternative_name() else { return false };
    let is_named =
        matches!(names.value.general_names.as_slice(), [GeneralName::URI(uri)] if *uri == spiffe_id.as_str());
    is_named && leaf.subject().iter_common_name().next().is_none()
}
