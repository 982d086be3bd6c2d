//! What every `SecretEngine` keeps.

use async_trait::async_trait;
use leasehold::domain::base::{Secret, Span, SpiffeId, Time};
use leasehold::ports::secret_engine::CertificateAtEngine;
use leasehold::ports::{
    Accessor, EngineHealth, EngineLease, FaultKind, MadeToken, MintOrder, MintOutcome, Minted, SecretEngine, TokenSpec,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, SanType};
use std::time::{Duration, Instant};
use x509_parser::prelude::{GeneralName, Pem};

/// An engine to test, with three credentials in it, and a look at its backend.
#[async_trait]
pub(crate) trait Bench: Send + Sync {
    fn engine(&self) -> &dyn SecretEngine;
    fn now(&self) -> Time;
    /// Policy and path of a database credential whose role gives at least five minutes.
    fn database(&self) -> (String, String);
    /// Policy and path of a PKI credential for `spiffe://example.org/*`; the mount is the first segment.
    fn certificate(&self) -> (String, String);
    /// Policy and path of a KV credential with versions 1 `{"key":"one"}` and 2 `{"key":"two"}`.
    fn key_value(&self) -> (String, String);
    /// Whether the backend lets this user in.
    async fn logs_in(&self, username: &str, password: &Secret) -> bool;
}

const ENTRY: u64 = 7;
const NAME: &str = "spiffe://example.org/agent/billing-bot";
const OTHER_NAME: &str = "spiffe://example.org/agent/another";

fn spec(policies: &[&str]) -> TokenSpec {
    TokenSpec {
        policies: policies.iter().map(|policy| (*policy).to_owned()).collect(),
        max_ttl: Span::from_seconds(600),
        display_name: tag(),
        meta: vec![("task".into(), "task-of-a-test".into())],
    }
}

/// `lh`, four characters of an origin, twelve of chance.
pub(crate) fn tag() -> String {
    let mut chance = [0; 12];
    aws_lc_rs::rand::fill(&mut chance).unwrap();
    format!("lhtest{}", chance.map(|byte| char::from(b'a' + byte % 26)).iter().collect::<String>())
}

async fn token(bench: &dyn Bench, policy: &str) -> MadeToken {
    bench.engine().make_token(&spec(&[policy]), ENTRY).await.unwrap()
}

async fn mint(bench: &dyn Bench, policy: &str, order: &MintOrder) -> MintOutcome {
    let token = token(bench, policy).await;
    bench.engine().mint(&token.token, order, ENTRY).await.unwrap()
}

/// Credentials for the database, two minutes long: user, password, and the whole outcome.
pub(crate) async fn mint_database(bench: &dyn Bench) -> (String, Secret, MintOutcome) {
    let (policy, path) = bench.database();
    let mut outcome = mint(bench, &policy, &MintOrder::Database { path, ttl: Span::from_seconds(120) }).await;
    let taken = Minted::KeyValue { value: Secret::new(Vec::new()), version: 0 };
    match std::mem::replace(&mut outcome.minted, taken) {
        Minted::Database { username, password } => (username, password, outcome),
        other => panic!("expected database credentials, got {other:?}"),
    }
}

fn request_naming(name: &str) -> String {
    let mut request = CertificateParams::default();
    request.distinguished_name = DistinguishedName::new();
    request.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
    request.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

async fn mint_certificate(bench: &dyn Bench) -> (String, CertificateAtEngine, MintOutcome) {
    let (policy, path) = bench.certificate();
    let mount = path.split('/').next().unwrap().to_owned();
    let spiffe_id = SpiffeId::parse(NAME).unwrap();
    let csr_pem = request_naming(OTHER_NAME);
    let order = MintOrder::Certificate { path, csr_pem, spiffe_id, ttl: Span::from_seconds(300) };
    let outcome = mint(bench, &policy, &order).await;
    match &outcome.minted {
        Minted::Certificate { certificate_pem, serial, .. } => {
            (certificate_pem.clone(), CertificateAtEngine { mount, serial: serial.clone() }, outcome)
        }
        other => panic!("expected a certificate, got {other:?}"),
    }
}

pub(crate) async fn it_says_that_it_is_ready(bench: &dyn Bench) {
    assert_eq!(bench.engine().health().await, EngineHealth::Ready);
}

pub(crate) async fn a_token_names_its_end_and_can_be_ended_twice(bench: &dyn Bench) {
    let made = token(bench, &bench.database().0).await;
    let left = made.expires.since(bench.now()).seconds();
    assert!((590..=601).contains(&left), "{left}");
    assert!(!made.engine_request.is_empty() && !made.accessor.0.is_empty());
    bench.engine().end_token(&made.accessor, ENTRY).await.unwrap();
    bench.engine().end_token(&made.accessor, ENTRY).await.unwrap();
}

pub(crate) async fn a_token_for_an_unwritten_policy_is_not_made(bench: &dyn Bench) {
    let written = bench.database().0;
    assert!(bench.engine().make_token(&spec(&[&written]), ENTRY).await.is_ok());
    let refused = bench.engine().make_token(&spec(&[&written, "leasehold-cred-unwritten-00000000"]), ENTRY).await;
    assert_eq!(refused.unwrap_err().kind, FaultKind::Permanent);
}

pub(crate) async fn database_credentials_work_and_live_as_long_as_granted(bench: &dyn Bench) {
    let (username, password, outcome) = mint_database(bench).await;
    assert!(username.starts_with("lhtest"), "{username}");
    assert!(bench.logs_in(&username, &password).await);
    let left = outcome.expires.unwrap().since(bench.now()).seconds();
    assert!((110..=120).contains(&left), "{left}");
    assert!(outcome.renewable && !outcome.engine_request.is_empty());
    let lease = outcome.lease.unwrap();
    assert!(bench.engine().leases(&bench.database().1).await.unwrap().contains(&lease));
    bench.engine().revoke(&lease, None, ENTRY).await.unwrap();
}

pub(crate) async fn two_mints_of_one_token_are_two_accounts(bench: &dyn Bench) {
    let (policy, path) = bench.database();
    let made = token(bench, &policy).await;
    let order = MintOrder::Database { path, ttl: Span::from_seconds(60) };
    let first = bench.engine().mint(&made.token, &order, ENTRY).await.unwrap();
    let second = bench.engine().mint(&made.token, &order, ENTRY).await.unwrap();
    assert_ne!(first.lease, second.lease);
    for outcome in [first, second] {
        assert!(bench.engine().revoke(&outcome.lease.unwrap(), None, ENTRY).await.unwrap().gone_after);
    }
}

pub(crate) async fn a_revoked_lease_was_known_is_gone_and_its_login_fails(bench: &dyn Bench) {
    let (username, password, outcome) = mint_database(bench).await;
    let lease = outcome.lease.unwrap();
    assert!(bench.logs_in(&username, &password).await);
    let proof = bench.engine().revoke(&lease, None, ENTRY).await.unwrap();
    assert!(proof.known_before && proof.gone_after && proof.crl.is_none());
    assert!(proof.engine_request.is_some());
    assert!(!bench.logs_in(&username, &password).await);
    let again = bench.engine().revoke(&lease, None, ENTRY).await.unwrap();
    assert!(!again.known_before && again.gone_after);
    assert!(!bench.engine().leases(&bench.database().1).await.unwrap().contains(&lease));
}

pub(crate) async fn a_lease_can_be_prolonged_and_a_gone_one_cannot(bench: &dyn Bench) {
    let lease = mint_database(bench).await.2.lease.unwrap();
    let prolong = |seconds| bench.engine().prolong(&lease, Span::from_seconds(seconds), ENTRY);
    let left = prolong(200).await.unwrap().since(bench.now()).seconds();
    assert!((190..=200).contains(&left), "{left}");
    assert_eq!(prolong(0).await.unwrap_err().kind, FaultKind::Permanent, "zero would mean the engine's default");
    bench.engine().revoke(&lease, None, ENTRY).await.unwrap();
    assert_eq!(prolong(200).await.unwrap_err().kind, FaultKind::NotFound);
}

/// A token that asks for nothing but this credential, and what it drew.
async fn drawn(bench: &dyn Bench, seconds: u64) -> (MadeToken, String, Secret, EngineLease) {
    let (policy, path) = bench.database();
    let made = token(bench, &policy).await;
    let order = MintOrder::Database { path, ttl: Span::from_seconds(seconds) };
    let MintOutcome { minted, lease, .. } = bench.engine().mint(&made.token, &order, ENTRY).await.unwrap();
    let Minted::Database { username, password } = minted else { panic!("expected database credentials") };
    assert!(bench.logs_in(&username, &password).await);
    (made, username, password, lease.unwrap())
}

async fn becomes_gone(bench: &dyn Bench, lease: &EngineLease, username: &str, password: &Secret) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while bench.engine().leases(&bench.database().1).await.unwrap().contains(lease)
        || bench.logs_in(username, password).await
    {
        assert!(Instant::now() < deadline, "it still lives");
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn what_a_token_drew_is_ended_with_it_by_the_engine_itself(bench: &dyn Bench) {
    let (made, username, password, lease) = drawn(bench, 120).await;
    bench.engine().end_token(&made.accessor, ENTRY).await.unwrap();
    becomes_gone(bench, &lease, &username, &password).await;
    let proof = bench.engine().revoke(&lease, None, ENTRY).await.unwrap();
    assert!(!proof.known_before && proof.gone_after);
}

pub(crate) async fn a_lease_is_ended_at_its_time_by_the_engine_itself(bench: &dyn Bench) {
    let (_made, username, password, lease) = drawn(bench, 4).await;
    becomes_gone(bench, &lease, &username, &password).await;
    let prolonged = bench.engine().prolong(&lease, Span::from_seconds(60), ENTRY).await;
    assert_eq!(prolonged.unwrap_err().kind, FaultKind::NotFound);
}

pub(crate) async fn what_never_existed_is_ended_without_a_complaint_and_was_not_known(bench: &dyn Bench) {
    let (made, _, _, lease) = drawn(bench, 60).await;
    let EngineLease(known) = &lease;
    let never = EngineLease(format!("{}zzzz", &known[..known.len() - 4]));
    let proof = bench.engine().revoke(&never, None, ENTRY).await.unwrap();
    assert!(!proof.known_before && proof.gone_after && proof.engine_request.is_none());
    let proof = bench.engine().revoke(&lease, None, ENTRY).await.unwrap();
    assert!(proof.known_before && proof.gone_after, "the one that does exist was left alone");
    let Accessor(known) = &made.accessor;
    let never = Accessor(format!("{}zzzz", &known[..known.len() - 4]));
    bench.engine().end_token(&never, ENTRY).await.unwrap();
}

pub(crate) async fn a_token_for_two_credentials_draws_both_and_its_accounts_bear_its_name(bench: &dyn Bench) {
    let ((ledger, path), (key, key_path)) = (bench.database(), bench.key_value());
    let spec = spec(&[&ledger, &key]);
    let made = bench.engine().make_token(&spec, ENTRY).await.unwrap();
    let value = MintOrder::KeyValue { path: key_path, version: None };
    assert!(bench.engine().mint(&made.token, &value, ENTRY).await.is_ok());
    let order = MintOrder::Database { path, ttl: Span::from_seconds(60) };
    let outcome = bench.engine().mint(&made.token, &order, ENTRY).await.unwrap();
    let Minted::Database { username, .. } = outcome.minted else { panic!("expected database credentials") };
    let chance = username.strip_prefix(&spec.display_name).and_then(|rest| rest.strip_prefix('-'));
    assert_eq!(chance.map(str::len), Some(8), "{username}");
    bench.engine().revoke(&outcome.lease.unwrap(), None, ENTRY).await.unwrap();
}

pub(crate) async fn tokens_that_live_stand_among_the_leases_of_their_role(bench: &dyn Bench) {
    let path = "auth/token/create/leasehold-task/leasehold";
    let before = bench.engine().leases(path).await.unwrap();
    let made = token(bench, &bench.database().0).await;
    let new = bench.engine().leases(path).await.unwrap().into_iter().find(|lease| !before.contains(lease));
    assert!(new.is_some_and(|EngineLease(id)| id.starts_with(path)));
    bench.engine().end_token(&made.accessor, ENTRY).await.unwrap();
}

pub(crate) async fn a_life_of_less_than_a_second_is_refused(bench: &dyn Bench) {
    let (policy, path) = bench.database();
    let made = token(bench, &policy).await;
    let order = MintOrder::Database { path, ttl: Span::from_millis(900) };
    let refused = bench.engine().mint(&made.token, &order, ENTRY).await;
    assert_eq!(refused.unwrap_err().kind, FaultKind::Permanent);
}

pub(crate) async fn a_token_mints_only_what_its_policies_name_and_nothing_once_it_is_ended(bench: &dyn Bench) {
    let (policy, path) = bench.key_value();
    let made = token(bench, &policy).await;
    let own = MintOrder::KeyValue { path, version: None };
    let foreign = MintOrder::Database { path: bench.database().1, ttl: Span::from_seconds(60) };
    assert!(bench.engine().mint(&made.token, &own, ENTRY).await.is_ok());
    assert_eq!(bench.engine().mint(&made.token, &foreign, ENTRY).await.unwrap_err().kind, FaultKind::Permanent);
    bench.engine().end_token(&made.accessor, ENTRY).await.unwrap();
    assert_eq!(bench.engine().mint(&made.token, &own, ENTRY).await.unwrap_err().kind, FaultKind::Permanent);
}

pub(crate) async fn a_certificate_has_the_brokers_name_whatever_the_request_says(bench: &dyn Bench) {
    let (pem, at_engine, outcome) = mint_certificate(bench).await;
    let pem = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
    let leaf = pem.parse_x509().unwrap();
    let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert_eq!(names.as_slice(), [GeneralName::URI(NAME)]);
    assert_eq!(leaf.raw_serial_as_string(), at_engine.serial);
    assert_eq!(Time::from_unix_seconds(leaf.validity().not_after.timestamp()), outcome.expires.unwrap());
    let left = outcome.expires.unwrap().since(bench.now()).seconds();
    assert!((285..=301).contains(&left), "{left}");
    assert!(!outcome.renewable);
}

pub(crate) async fn a_revoked_certificate_stands_on_a_crl_whose_number_grew(bench: &dyn Bench) {
    let (_, at_engine, outcome) = mint_certificate(bench).await;
    let lease = outcome.lease.unwrap();
    let proof = bench.engine().revoke(&lease, Some(&at_engine), ENTRY).await.unwrap();
    assert!(proof.known_before && proof.gone_after);
    let crl = proof.crl.unwrap();
    assert!(crl.number > crl.number_before, "{crl:?}");
    let again = bench.engine().revoke(&lease, Some(&at_engine), ENTRY).await.unwrap();
    assert!(!again.known_before && again.gone_after);
    assert!(again.crl.unwrap().number >= crl.number);
}

pub(crate) async fn a_value_comes_in_the_version_that_was_asked_for_and_without_a_lease(bench: &dyn Bench) {
    let (policy, path) = bench.key_value();
    let made = token(bench, &policy).await;
    for (version, expected) in [(None, (r#"{"key":"two"}"#, 2)), (Some(1), (r#"{"key":"one"}"#, 1))] {
        let order = MintOrder::KeyValue { path: path.clone(), version };
        let outcome = bench.engine().mint(&made.token, &order, ENTRY).await.unwrap();
        assert!(outcome.lease.is_none() && outcome.expires.is_none() && !outcome.renewable);
        let Minted::KeyValue { value, version } = outcome.minted else { panic!("expected a value") };
        assert_eq!((value.reveal_text().unwrap(), version), expected);
    }
    let order = MintOrder::KeyValue { path, version: Some(9) };
    assert_eq!(bench.engine().mint(&made.token, &order, ENTRY).await.unwrap_err().kind, FaultKind::NotFound);
}

pub(crate) async fn the_broker_reads_one_field_of_its_own(bench: &dyn Bench) {
    let (policy, path) = bench.key_value();
    let value = bench.engine().own_value(&policy, &path, "key").await.unwrap();
    assert_eq!(value.reveal_text(), Some("two"));
    let missing = bench.engine().own_value(&policy, &path, "no-such-field").await;
    assert_eq!(missing.unwrap_err().kind, FaultKind::Permanent);
}

/// `secret_engine_contract!(bench)`: one test per sentence; `bench` is an async function that gives a [`Bench`].
macro_rules! secret_engine_contract {
    ($bench:path) => {
        $crate::contract::secret_engine::secret_engine_contract! { $bench:
            it_says_that_it_is_ready
            a_token_names_its_end_and_can_be_ended_twice
            a_token_for_an_unwritten_policy_is_not_made
            database_credentials_work_and_live_as_long_as_granted
            two_mints_of_one_token_are_two_accounts
            a_revoked_lease_was_known_is_gone_and_its_login_fails
            a_lease_can_be_prolonged_and_a_gone_one_cannot
            what_a_token_drew_is_ended_with_it_by_the_engine_itself
            a_lease_is_ended_at_its_time_by_the_engine_itself
            what_never_existed_is_ended_without_a_complaint_and_was_not_known
            a_token_for_two_credentials_draws_both_and_its_accounts_bear_its_name
            tokens_that_live_stand_among_the_leases_of_their_role
            a_life_of_less_than_a_second_is_refused
            a_token_mints_only_what_its_policies_name_and_nothing_once_it_is_ended
            a_certificate_has_the_brokers_name_whatever_the_request_says
            a_revoked_certificate_stands_on_a_crl_whose_number_grew
            a_value_comes_in_the_version_that_was_asked_for_and_without_a_lease
            the_broker_reads_one_field_of_its_own
        }
    };
    ($bench:path: $($sentence:ident)*) => {$(
        #[tokio::test]
        async fn $sentence() {
            $crate::contract::secret_engine::$sentence(&$bench().await).await;
        }
    )*};
}
pub(crate) use secret_engine_contract;
