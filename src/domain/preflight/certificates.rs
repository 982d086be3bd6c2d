//! A pki credential: names come from the broker alone, and a revocation can be seen.

use super::check::{Checks, Finding};
use super::{PkiRole, PkiSurvey, engine_names};
use crate::base::Name;
use crate::estate::Credential;

pub(super) fn examine(name: &Name, credential: &Credential, seen: Option<&PkiSurvey>) -> Vec<Finding> {
    let mut checks = Checks::of(format!("pki.{name}"));
    let (mount, role_name) = engine_names(credential);
    let path = format!("{mount}/roles/{role_name}");
    if let Some(role) = checks.seen("role", &path, seen.map(|seen| &seen.role)) {
        examine_names(&path, role, &mut checks);
        examine_end(&path, role, &mut checks);
        examine_ttl(&path, role, credential, &mut checks);
    }
    let config = format!("{mount}/config/crl");
    if let Some(crl) = checks.seen("crl", &config, seen.map(|seen| &seen.crl)) {
        checks.fail_unless("crl-enabled", !crl.disable, || {
            (
                "revoked certificates are listed".into(),
                "the CRL is switched off: no revocation can be seen".into(),
                format!("bao write {config} disable=false"),
            )
        });
        checks.warn_unless("crl-at-once", !crl.auto_rebuild, || {
            (
                "a revocation is on the CRL at once".into(),
                "auto_rebuild lists a revocation later: until then it counts as accepted only".into(),
                format!("bao write {config} auto_rebuild=false"),
            )
        });
    }
    checks.done()
}

fn examine_names(path: &str, role: &PkiRole, checks: &mut Checks) {
    checks.fail_unless("csr-sans", !role.use_csr_sans, || {
        (
            "names in a signing request are ignored".into(),
            "use_csr_sans lets a signing request carry another agent's SPIFFE ID".into(),
            format!("bao patch {path} use_csr_sans=false"),
        )
    });
    checks.fail_unless("csr-common-name", !role.use_csr_common_name, || {
        (
            "the common name in a signing request is ignored".into(),
            "use_csr_common_name lets a signing request name itself".into(),
            format!("bao patch {path} use_csr_common_name=false"),
        )
    });
    checks.fail_unless("require-cn", !role.require_cn, || {
        (
            "certificates need no common name".into(),
            "require_cn refuses what the broker asks for: a SPIFFE ID and no common name".into(),
            format!("bao patch {path} require_cn=false"),
        )
    });
    let ids = |pattern: &String| {
        pattern
            .strip_prefix("spiffe://")
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(domain, _)| !domain.is_empty() && !domain.contains('*'))
    };
    let sans = &role.allowed_uri_sans;
    checks.fail_unless("uri-sans", !sans.is_empty() && sans.iter().all(ids), || {
        (
            format!("certificates name SPIFFE IDs of {}", sans.join(", ")),
            format!("allowed_uri_sans is {sans:?}: SPIFFE IDs of named trust domains are expected"),
            format!("bao patch {path} allowed_uri_sans='spiffe://<trust domain>/*'"),
        )
    });
    let others = role.allow_any_name || role.allow_ip_sans || role.allow_localhost || !role.allowed_domains.is_empty();
    checks.warn_unless("other-names", !others, || {
        (
            "certificates name nothing but SPIFFE IDs".into(),
            "the role also signs host names or addresses".into(),
            format!("bao patch {path} allow_any_name=false allow_ip_sans=false allow_localhost=false allowed_domains="),
        )
    });
}

fn examine_end(path: &str, role: &PkiRole, checks: &mut Checks) {
    checks.fail_unless("lease", role.generate_lease, || {
        (
            "each certificate has a lease".into(),
            "generate_lease is off: a certificate cannot be found and ended by its lease".into(),
            format!("bao patch {path} generate_lease=true"),
        )
    });
    checks.fail_unless("stored", !role.no_store, || {
        (
            "certificates are stored and can be revoked".into(),
            "no_store keeps no certificate: none can be revoked before it expires".into(),
            format!("bao patch {path} no_store=false"),
        )
    });
}

fn examine_ttl(path: &str, role: &PkiRole, credential: &Credential, checks: &mut Checks) {
    let longest = credential.max_ttl_seconds;
    let max = role.max_ttl;
    checks.warn_unless("max-ttl", (longest..=86_400).contains(&max), || {
        (
            format!("the engine signs for {max} s at most"),
            format!("max_ttl is {max} s (0: the engine's longest), the estate allows {longest} s"),
            format!("bao patch {path} max_ttl={longest}s"),
        )
    });
}
