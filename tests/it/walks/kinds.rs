//! One walk per kind of credential: asked for, used, ended, and what its end is worth.

use super::stage::{PATIENCE, Stage, now, put_value, seconds, stage, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, GeneralName, X509Certificate};

const BOT: &str = "spiffe://example.org/agent/billing-bot";

#[test]
fn a_database_account_lives_in_short_steps_and_is_gone_at_the_end() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let secret = stage.draw(&task, "ledger-ro", &["--ttl", "10m"]);
    let promised = seconds(&secret["lease"], "expire_time") - now();
    assert!((590..=600).contains(&promised), "ten minutes were asked for, {promised} s were promised");
    let user = text(&secret["username_password"], "username");
    let step = valid_until(&stage, &user) - now();
    assert!((100..=130).contains(&step), "PostgreSQL would end it by itself in {step} s: one step, and no more");
    let login = stage.login(&task, &["--ttl", "30s"]);
    assert!(stage.logs_in(&login));
    let short = valid_until(&stage, &login.user) - now();
    assert!((20..=40).contains(&short), "thirty seconds were asked for, PostgreSQL says {short}");
    stage.complete(&task);
    stage.proven_dead(&login);
    let lease = stage.settled("auditor", &text(&secret["lease"], "id")).unwrap();
    assert_eq!(lease["assurance"], "effect-confirmed");
}

#[test]
fn a_renewed_lease_lives_longer_in_the_record_and_in_postgresql() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let login = stage.login(&task, &["--ttl", "20s"]);
    let before = valid_until(&stage, &login.user);
    let renewed = stage.json("billing-bot", &["lease", "renew", &login.lease, "--ttl", "10m"]).unwrap();
    assert!((590..=600).contains(&(seconds(&renewed, "expire_time") - now())), "{renewed}");
    let after = valid_until(&stage, &login.user);
    assert!(after > before + 60 && after - now() <= 130, "{before} {after}: the next step, and no more");
    stage.refused("stranger", &["lease", "renew", &login.lease], "ROLE_MISSING").unwrap();
    stage.complete(&task);
    stage.proven_dead(&login);
}

/// The engine's clock alone would end it after the first step of two minutes; the broker sets it
/// ahead one minute before.
#[test]
fn a_lease_is_prolonged_at_the_engine_while_its_task_lives() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let login = stage.login(&task, &["--ttl", "10m"]);
    let first = valid_until(&stage, &login.user);
    let prolonged = xtask::peers::wait_for("the broker to prolong it", PATIENCE * 2, || {
        let mut entries = stage.entries_of(&login.lease).into_iter();
        entries.find(|line| line["entry"]["type"] == "lease.renewed")
    });
    assert_eq!(prolonged.unwrap()["entry"]["actor"]["id"], "leasehold");
    let second = valid_until(&stage, &login.user);
    assert!(second > first + 30 && second - now() <= 130, "{first} {second}: one more step, and no more");
    assert!(stage.logs_in(&login));
    stage.complete(&task);
    stage.proven_dead(&login);
}

#[test]
fn a_certificate_is_for_the_callers_key_and_names_its_subject_whatever_the_request_says() {
    let stage = stage();
    let task = stage.active(&["agent-cert"], "20m");
    let key = KeyPair::generate().unwrap();
    let file = stage.file("greedy.csr");
    std::fs::write(&file, greedy_request(&key)).unwrap();
    let secret = stage.draw(&task, "agent-cert", &["--csr", &file]);
    let der = pem(&text(&secret["certificate"], "certificate_pem"));
    let (_, leaf) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(leaf.public_key().subject_public_key.data.as_ref(), key.public_key_raw(), "not our key");
    assert_eq!(names(&leaf), [BOT]);
    assert_eq!(leaf.subject().iter().count(), 0, "a name came from the request: {}", leaf.subject());
    assert!(!leaf.is_ca());

    let before = crl(&stage);
    let lease = text(&secret["lease"], "id");
    stage.complete(&task);
    let ended = stage.settled("auditor", &lease).unwrap();
    assert_eq!((&ended["state"], &ended["assurance"]), (&"revoked".into(), &"authority-confirmed".into()));
    let seen = &stage.entry_of(&lease, "lease.revoked")["entry"]["what"]["crl"];
    assert!(seen["number"].as_u64().unwrap() > seen["number_before"].as_u64().unwrap(), "{seen}");
    let (number, serials) = crl(&stage);
    assert!(number > before.0 && serials.contains(&leaf.raw_serial_as_string()), "it is not on the CRL");
    assert!(!before.1.contains(&leaf.raw_serial_as_string()), "it was on it before");
}

#[test]
fn a_key_made_for_a_certificate_stays_in_one_private_file() {
    let stage = stage();
    let task = stage.active(&["agent-cert"], "20m");
    let file = stage.file("agent.pem");
    let secret = stage.draw(&task, "agent-cert", &["--key-out", &file]);
    let der = pem(&text(&secret["certificate"], "certificate_pem"));
    let (_, leaf) = X509Certificate::from_der(&der).unwrap();
    let key = KeyPair::from_pem(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(leaf.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
    assert_eq!(names(&leaf), [BOT]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    stage.complete(&task);
}

#[test]
fn a_value_is_delivered_and_its_end_is_never_called_a_revocation() {
    let stage = stage();
    let value = xtask::peers::random_hex(16).unwrap();
    put_value(&stage, "vendor-key", &value);
    let task = stage.active(&["vendor-key"], "20m");
    let secret = stage.draw(&task, "vendor-key", &[]);
    assert!(secret["key_value"]["json"] == json!({ "value": value }), "another value was delivered");
    let lease = &secret["lease"];
    assert_eq!(lease["revocability"], "rotate-only");
    let refused = ["lease", "renew", &text(lease, "id")];
    stage.refused("billing-bot", &refused, "LEASE_NOT_RENEWABLE").unwrap();
    stage.complete(&task);
    let ended = stage.settled("auditor", &text(lease, "id")).unwrap();
    assert_eq!((&ended["state"], &ended["revocability"]), (&"expired".into(), &"rotate-only".into()), "{ended}");
    assert_eq!(ended["assurance"], "none");
    let kinds: Vec<_> = stage.entries_of(&text(lease, "id")).iter().map(|line| text(&line["entry"], "type")).collect();
    assert!(!kinds.iter().any(|kind| kind == "lease.revoked"), "{kinds:?}");
}

#[test]
fn one_task_draws_several_kinds_and_ends_each_by_its_kind() {
    let stage = stage();
    let task = stage.active(&["ledger-ro", "motd", "agent-cert"], "20m");
    let login = stage.login(&task, &[]);
    let value = text(&stage.draw(&task, "motd", &[])["lease"], "id");
    let key = stage.file("several.pem");
    let certificate = text(&stage.draw(&task, "agent-cert", &["--key-out", &key])["lease"], "id");
    let shown = stage.json("billing-bot", &["task", "show", &task]).unwrap();
    assert_eq!(shown["open_leases"].as_array().unwrap().len(), 3);
    stage.complete(&task);
    stage.proven_dead(&login);
    let word = |lease: &str| {
        let ended = stage.settled("auditor", lease).unwrap();
        (text(&ended, "state"), text(&ended, "assurance"))
    };
    assert_eq!(word(&value), ("expired".into(), "none".into()));
    assert_eq!(word(&certificate), ("revoked".into(), "authority-confirmed".into()));
}

/// A request that would like to be somebody else, in every field that has room for a name.
fn greedy_request(key: &KeyPair) -> String {
    let mut params = CertificateParams::new(["bank.example.org".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "spiffe://example.org/people/payments-lead");
    params.subject_alt_names.push(SanType::URI("spiffe://example.org/people/payments-lead".try_into().unwrap()));
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn valid_until(stage: &Stage, user: &str) -> i64 {
    let asked = format!("select extract(epoch from rolvaliduntil)::bigint from pg_roles where rolname = '{user}'");
    stage.postgres.psql(&asked).unwrap().trim().parse().unwrap()
}

/// Number and serials of the CRL that anybody may fetch.
fn crl(stage: &Stage) -> (u64, Vec<String>) {
    let answer = stage.bao.must("GET", "pki/cert/crl", &Value::Null).unwrap();
    let der = pem(answer.body.pointer("/data/certificate").and_then(Value::as_str).unwrap());
    let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
    let number = list.crl_number().unwrap().to_string().parse().unwrap();
    (number, list.iter_revoked_certificates().map(|revoked| revoked.raw_serial_as_string()).collect())
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let found = leaf.subject_alternative_name().unwrap().unwrap();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => (*uri).to_owned(),
        other => format!("{other:?}"),
    };
    found.value.general_names.iter().map(name).collect()
}

fn pem(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}
