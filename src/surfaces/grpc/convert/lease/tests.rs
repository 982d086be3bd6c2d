//! Each bad input of a secret is refused with the path of its field.

use super::*;
use domain::base::Time;
use domain::reason::Reason;

const LEASE: &str = "lease-0193d1a0-0000-7000-8000-000000000001";

fn good() -> v1::IssueSecretRequest {
    v1::IssueSecretRequest {
        request_id: String::new(),
        task_id: "task-0193d1a0-0000-7000-8000-000000000001".into(),
        credential: "ledger-ro".into(),
        ttl: None,
        parameters: None,
        supersedes: String::new(),
    }
}

fn read(change: impl FnOnce(&mut v1::IssueSecretRequest)) -> Result<IssueSecret, Denial> {
    let mut message = good();
    change(&mut message);
    issue(LeaseId::new(Time::default(), [0; 10]), message)
}

fn wrong(change: impl FnOnce(&mut v1::IssueSecretRequest)) -> String {
    let denial = read(change).unwrap_err();
    assert_eq!(denial.reason, Reason::FieldInvalid);
    denial.field.unwrap_or_default()
}

fn request() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap()
}

fn ttl(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn certificate(csr_pem: impl Into<String>) -> Option<Wire> {
    Some(Wire::Certificate(v1::CertificateParameters { csr_pem: csr_pem.into() }))
}

#[test]
fn a_good_request_is_read_whole() {
    let plain = read(|_| {}).unwrap();
    assert_eq!((plain.ttl, plain.parameters, plain.supersedes), (None, Parameters::None, None));
    let csr = request();
    let whole = read(|it| {
        it.ttl = ttl(5);
        it.parameters = certificate(csr.clone());
        it.supersedes = LEASE.into();
    });
    let whole = whole.unwrap();
    assert_eq!(whole.ttl, Some(Span::from_seconds(5)));
    assert_eq!(whole.parameters, Parameters::Certificate(csr));
    assert_eq!(whole.supersedes.map(|lease| lease.to_string()).as_deref(), Some(LEASE));
    for (version, read_as) in [(0, None), (7, Some(7))] {
        let key_value = Some(Wire::KeyValue(v1::KeyValueParameters { version }));
        assert_eq!(read(|it| it.parameters = key_value).unwrap().parameters, Parameters::KeyValue(read_as));
    }
}

#[test]
fn a_bad_field_is_named() {
    assert_eq!(read(|it| it.task_id = "task-1".into()).unwrap_err(), Denial::not_found());
    assert_eq!(wrong(|it| it.credential = "ledger ro".into()), "credential");
    assert_eq!(wrong(|it| it.ttl = ttl(4)), "ttl");
    assert_eq!(wrong(|it| it.ttl = ttl(24 * 3_600 + 1)), "ttl");
    assert_eq!(wrong(|it| it.supersedes = "lease-1".into()), "supersedes");
    let csr = request();
    let fitting = format!("{csr}{}", "\n".repeat(CSR_BYTES_MAX - csr.len()));
    assert!(read(|it| it.parameters = certificate(fitting.clone())).is_ok());
    let hollow = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n".into();
    for csr in [String::new(), "-----BEGIN CERTIFICATE-----".into(), format!("{csr}ü"), format!("{fitting}\n"), hollow]
    {
        assert_eq!(wrong(|it| it.parameters = certificate(csr)), "certificate.csr_pem");
    }
}

#[test]
fn a_renewal_keeps_its_bounds() {
    let renew = |lease: &str, seconds| {
        renewal(&v1::RenewLeaseRequest { request_id: String::new(), lease_id: lease.into(), ttl: ttl(seconds) })
    };
    assert!(renew(LEASE, 5).is_ok());
    assert_eq!(renew(LEASE, 4).unwrap_err().field.as_deref(), Some("ttl"));
    assert_eq!(renew("lease-1", 5).unwrap_err(), Denial::not_found());
}

#[test]
fn a_filter_names_open_states_only() {
    let task = "task=task-0193d1a0-0000-7000-8000-000000000001";
    assert!(LeaseFilter::parse(&format!("{task} AND credential=ledger-ro AND state=unproven")).is_ok());
    for bad in ["state=revoked", "task=1", "credential=A", "lease=x"] {
        assert_eq!(LeaseFilter::parse(bad).unwrap_err().field.as_deref(), Some("filter"), "{bad}");
    }
}
