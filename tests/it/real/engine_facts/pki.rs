//! Certificates: leases, CRLs, and whose names stand in them.

use crate::real::lab::{call, is_gone, must, revoke};
use crate::real::world::world;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, SanType};
use serde_json::{Value, json};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, GeneralName, Pem};
use xtask::peers::http;

/// A PKI engine mounted for one test.
struct Authority {
    mount: String,
}

struct Signed {
    lease: String,
    serial: String,
    names: Vec<String>,
}

impl Authority {
    fn new(name: &str, role: &Value) -> Self {
        let mount = format!("lab-pki-{name}");
        must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "pki" }));
        let root = json!({ "common_name": "lab", "key_type": "ec", "key_bits": 256 });
        must("POST", &format!("{mount}/root/generate/internal"), &root);
        let mut body = json!({
            "allowed_uri_sans": "spiffe://example.org/*", "require_cn": false, "key_type": "any", "ttl": "10m",
            "generate_lease": true,
        });
        body.as_object_mut().unwrap().extend(role.as_object().unwrap().clone());
        must("POST", &format!("{mount}/roles/r"), &body);
        Self { mount }
    }

    /// Signs a request that itself asks for `in_csr`, with `by_broker` as the names set outside it.
    fn sign(&self, in_csr: &str, by_broker: Option<&str>) -> Signed {
        let key = KeyPair::generate().unwrap();
        let mut request = CertificateParams::default();
        request.distinguished_name = DistinguishedName::new();
        request.subject_alt_names = vec![SanType::URI(in_csr.try_into().unwrap())];
        let csr = request.serialize_request(&key).unwrap().pem().unwrap();
        let mut body = json!({ "csr": csr });
        if let Some(name) = by_broker {
            body["uri_sans"] = name.into();
        }
        let answer = must("POST", &format!("{}/sign/r", self.mount), &body);
        Signed {
            lease: answer.text("/lease_id").into(),
            serial: answer.text("/data/serial_number").into(),
            names: uri_names(answer.text("/data/certificate")),
        }
    }

    /// The CRL's number and the serials on it.
    fn crl(&self) -> (u64, Vec<String>) {
        let path = format!("/v1/{}/crl", self.mount);
        let (status, der) = http::exchange(world().bao.host(), "GET", &path, &[], &Value::Null).unwrap();
        assert_eq!(status, 200);
        let (_, crl) = CertificateRevocationList::from_der(&der).unwrap();
        let number = crl.crl_number().unwrap().to_string().parse().unwrap();
        (number, crl.iter_revoked_certificates().map(|entry| entry.raw_serial_as_string()).collect())
    }
}

fn uri_names(pem: &str) -> Vec<String> {
    let pem = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
    let certificate = pem.parse_x509().unwrap();
    let extension = certificate.subject_alternative_name().unwrap();
    let names = extension.map(|names| names.value.general_names.clone()).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some((*uri).to_owned()) } else { None })
        .collect()
}

const MINE: &str = "spiffe://example.org/agent/mine";
const OTHER: &str = "spiffe://example.org/agent/another";

#[test]
fn a_sync_revoke_of_a_leased_certificate_puts_its_serial_on_a_crl_whose_number_grew() {
    let authority = Authority::new("crl", &json!({}));
    let signed = authority.sign(MINE, None);
    let (before, serials) = authority.crl();
    assert!(!serials.contains(&signed.serial));
    assert!(!signed.lease.is_empty() && !is_gone(&signed.lease));
    assert_eq!(revoke(&signed.lease).status, 204);
    let (after, serials) = authority.crl();
    assert!(after > before && serials.contains(&signed.serial), "{before} {after} {serials:?} {}", signed.serial);
    assert!(is_gone(&signed.lease));
}

#[test]
fn without_storing_there_is_no_lease() {
    let authority = Authority::new("no-store", &json!({ "no_store": true, "generate_lease": false }));
    assert_eq!(authority.sign(MINE, None).lease, "");
}

#[test]
fn with_auto_rebuild_the_answer_comes_before_the_crl_shows_it() {
    let authority = Authority::new("auto", &json!({}));
    must("POST", &format!("{}/config/crl", authority.mount), &json!({ "auto_rebuild": true, "expiry": "72h" }));
    let signed = authority.sign(MINE, None);
    assert_eq!(revoke(&signed.lease).status, 204);
    assert!(is_gone(&signed.lease));
    assert!(!authority.crl().1.contains(&signed.serial));
}

#[test]
fn with_the_crl_disabled_a_revocation_is_shown_nowhere() {
    let authority = Authority::new("disabled", &json!({}));
    must("POST", &format!("{}/config/crl", authority.mount), &json!({ "disable": true }));
    let signed = authority.sign(MINE, None);
    assert_eq!(revoke(&signed.lease).status, 204);
    assert!(!authority.crl().1.contains(&signed.serial));
}

#[test]
fn by_default_a_request_can_carry_another_agents_name_and_the_example_role_stops_it() {
    let careless = Authority::new("careless", &json!({}));
    assert_eq!(careless.sign(OTHER, Some(MINE)).names, [OTHER], "the broker's own word is not heard");
    let careful = Authority::new("careful", &json!({ "use_csr_sans": false, "use_csr_common_name": false }));
    assert_eq!(careful.sign(OTHER, Some(MINE)).names, [MINE]);
    let example = must("GET", "pki/roles/agent", &Value::Null);
    for field in ["use_csr_sans", "use_csr_common_name", "no_store"] {
        assert_eq!(example.body.pointer(&format!("/data/{field}")), Some(&Value::Bool(false)), "{field}");
    }
    assert_eq!(example.body.pointer("/data/generate_lease"), Some(&Value::Bool(true)));
}

#[test]
fn a_name_outside_the_roles_pattern_is_refused() {
    let key = KeyPair::generate().unwrap();
    let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let sign = |name: &str| call("POST", "pki/sign/agent", &json!({ "csr": csr, "uri_sans": name })).status;
    assert_eq!(sign(MINE), 200);
    assert_eq!(sign("spiffe://elsewhere.org/agent/mine"), 400);
}
