//! What the adapter concludes when the engine is away, silent, sealed, hindered or hostile.

use super::bench::{WallClock, supplier, vault_as, vault_at, vault_with};
use super::lab::{CREATE, Creds, DROP_ONLY, Lab, is_gone, sql, task_token, token_with, wait_until};
use super::world::{AUDIENCE, LEDGER_POLICY, broker_policy, setup_options, world};
use crate::contract::secret_engine::tag;
use leasehold::adapters::vault::{JwtSvidSupplier, Vault, VaultAuth, VaultSettings};
use leasehold::domain::base::{Secret, Span};
use leasehold::ports::{EngineHealth, EngineLease, Fault, FaultKind, MintOrder, SecretEngine, TokenSpec};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use xtask::peers::estate::setup_logins;
use xtask::peers::openbao::{OpenBao, Options};
use xtask::peers::proxy::{Behaviour, Proxy};

const LEDGER: &str = "database/creds/ledger-ro";
const LONG: Duration = Duration::from_secs(20);

fn database(path: &str, seconds: u64) -> MintOrder {
    MintOrder::Database { path: path.into(), ttl: Span::from_seconds(seconds) }
}

fn ledger_token() -> Secret {
    Secret::from_text(task_token(&[LEDGER_POLICY], &tag()).0)
}

fn http(address: &impl std::fmt::Display) -> String {
    format!("http://{address}")
}

/// Mints and looks, once each: the kinds of the two faults.
async fn kinds(vault: &Vault, token: &Secret) -> (FaultKind, FaultKind) {
    let minted = vault.mint(token, &database(LEDGER, 60), 1).await;
    (minted.unwrap_err().kind, vault.leases(LEDGER).await.unwrap_err().kind)
}

#[tokio::test]
async fn an_engine_that_refuses_connections_has_done_nothing() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let vault = vault_at(&http(&closed), LONG);
    assert_eq!(kinds(&vault, &ledger_token()).await, (FaultKind::Transient, FaultKind::Transient));
    assert!(matches!(vault.health().await, EngineHealth::Unreachable(_)));
}

#[tokio::test]
async fn a_lost_answer_is_ambiguous_for_a_mint_and_the_lease_is_there() {
    let proxy = Proxy::start(world().bao.host()).unwrap();
    let lab = Lab::new("lost-answer");
    lab.role("r", CREATE, DROP_ONLY);
    let vault = vault_as(&world().bao.root_token, &http(&proxy.address));
    let root = Secret::from_text(world().bao.root_token.clone());
    assert_eq!(vault.leases(&lab.path("r")).await.unwrap(), []);
    proxy.behave(Behaviour::DropAnswers);
    let lost = vault.mint(&root, &database(&lab.path("r"), 60), 1).await;
    assert_eq!(lost.unwrap_err().kind, FaultKind::Ambiguous);
    assert_eq!(vault.leases(&lab.path("r")).await.unwrap_err().kind, FaultKind::Transient);
    proxy.behave(Behaviour::Pass);
    let left = vault.leases(&lab.path("r")).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(vault.revoke(&left[0], None, 1).await.unwrap().gone_after);
}

#[tokio::test]
async fn silence_is_ambiguous_for_a_mint_and_transient_for_a_look() {
    let proxy = Proxy::start(world().bao.host()).unwrap();
    let vault = vault_at(&http(&proxy.address), Duration::from_secs(1));
    let token = ledger_token();
    assert_eq!(vault.health().await, EngineHealth::Ready);
    proxy.behave(Behaviour::Pause);
    assert_eq!(kinds(&vault, &token).await, (FaultKind::Ambiguous, FaultKind::Transient));
    assert!(matches!(vault.health().await, EngineHealth::Unreachable(_)));
    proxy.behave(Behaviour::Pass);
    assert_eq!(vault.health().await, EngineHealth::Ready);
}

#[tokio::test]
async fn a_sealed_engine_has_done_nothing_and_serves_again_when_unsealed() {
    let bao = OpenBao::start(&Options::default()).unwrap();
    setup_logins(&bao, &setup_options(&world().issuer)).unwrap();
    let vault = vault_with(&bao.address, LONG, supplier(&world().issuer));
    let spec = TokenSpec {
        policies: vec![LEDGER_POLICY.into()],
        max_ttl: Span::from_seconds(60),
        display_name: tag(),
        meta: Vec::new(),
    };
    let made = vault.make_token(&spec, 1).await.unwrap();
    bao.seal().unwrap();
    assert_eq!(kinds(&vault, &made.token).await, (FaultKind::Transient, FaultKind::Transient));
    assert_eq!(vault.end_token(&made.accessor, 1).await.unwrap_err().kind, FaultKind::Transient);
    assert_eq!(vault.health().await, EngineHealth::Unready("the engine is sealed".into()));
    bao.unseal().unwrap();
    assert_eq!(vault.health().await, EngineHealth::Ready);
    vault.end_token(&made.accessor, 1).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_away_hinders_mint_and_revoke_until_it_is_back() {
    let proxy = Proxy::start(&format!("127.0.0.1:{}", world().postgres.port)).unwrap();
    let lab = Lab::through("away", &proxy.address.to_string());
    lab.role("r", CREATE, DROP_ONLY);
    let vault = vault_as(&world().bao.root_token, &world().bao.address);
    let root = Secret::from_text(world().bao.root_token.clone());
    let order = database(&lab.path("r"), 60);
    let lease = vault.mint(&root, &order, 1).await.unwrap().lease.unwrap();
    proxy.behave(Behaviour::Refuse);
    assert_eq!(vault.revoke(&lease, None, 1).await.unwrap_err().kind, FaultKind::Transient);
    let refused = vault.mint(&root, &order, 1).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Transient, "{refused}");
    proxy.behave(Behaviour::Pass);
    wait_for_ok(async || vault.revoke(&lease, None, 1).await.map(|proof| assert!(proof.gone_after))).await;
    assert_eq!(vault.leases(&lab.path("r")).await.unwrap(), []);
}

async fn wait_for_ok(mut ask: impl AsyncFnMut() -> Result<(), Fault>) {
    for _ in 0..100 {
        if ask().await.is_ok() {
            return;
        }
    }
    ask().await.unwrap();
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_cancel_a_mint() {
    let lab = Lab::new("leaver");
    let slow: Vec<&str> = [&["SELECT pg_sleep(0.7) /* leaver */"], CREATE].concat();
    lab.role("r", &slow, DROP_ONLY);
    let vault = vault_as(&world().bao.root_token, &world().bao.address);
    let root = Secret::from_text(world().bao.root_token.clone());
    let working = || {
        sql(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%leaver%' AND usename = 'openbao_engine' AND state = 'active'",
        ) != "0"
    };
    let order = database(&lab.path("r"), 60);
    tokio::select! {
        biased;
        _ = vault.mint(&root, &order, 1) => panic!("the mint takes longer than this"),
        () = tokio::task::spawn_blocking(move || wait_until("the mint to be in flight", working)).map_ok() => {}
    }
    let path = lab.path("r");
    let mut leases = Vec::new();
    while leases.is_empty() {
        leases = vault.leases(&path).await.unwrap();
    }
    wait_for_ok(async || match vault.revoke(&leases[0], None, 1).await {
        Ok(proof) if proof.gone_after => Ok(()),
        Ok(_) => Err(Fault::new(FaultKind::Transient, "not yet")),
        Err(fault) => Err(fault),
    })
    .await;
}

trait MapOk {
    async fn map_ok(self);
}

impl MapOk for tokio::task::JoinHandle<()> {
    async fn map_ok(self) {
        self.await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_shortened_is_taken_back() {
    let lab = Lab::new("take-back");
    lab.role("r", CREATE, DROP_ONLY);
    let root = Secret::from_text(world().bao.root_token.clone());
    let whole = broker_policy(&[&lab.path("r")]);
    let without = |part: &str| whole.lines().filter(|line| !line.contains(part)).collect::<Vec<_>>().join("\n");
    let order = database(&lab.path("r"), 60);

    let able = vault_as(&token_with("take-back-able", &whole), &world().bao.address);
    let lease = able.mint(&root, &order, 1).await.unwrap().lease.unwrap();
    able.revoke(&lease, None, 1).await.unwrap();

    let unable = vault_as(&token_with("take-back-unable", &without("leases/renew")), &world().bao.address);
    let fault = unable.mint(&root, &order, 1).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permanent, "{fault}");
    assert_eq!(able.leases(&lab.path("r")).await.unwrap(), [], "nothing is left");

    let neither = without("leases/renew").replace("leases/revoke", "leases/other");
    let unable = vault_as(&token_with("take-back-neither", &neither), &world().bao.address);
    assert_eq!(unable.mint(&root, &order, 1).await.unwrap_err().kind, FaultKind::Ambiguous);
    let left = able.leases(&lab.path("r")).await.unwrap();
    assert!(able.revoke(&left[0], None, 1).await.unwrap().gone_after);
}

/// A supplier that counts, and fails when told.
fn counting() -> (JwtSvidSupplier, Arc<AtomicU32>, Arc<AtomicBool>) {
    let (count, fails) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, failing) = (Arc::clone(&count), Arc::clone(&fails));
    let supplier: JwtSvidSupplier = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let failing = failing.load(Ordering::SeqCst);
        Box::pin(async move {
            match failing {
                true => Err(Fault::new(FaultKind::Transient, "no identity now")),
                false => Ok(Secret::from_text(world().issuer.broker_svid())),
            }
        })
    });
    (supplier, count, fails)
}

/// Accessors of the broker's logins; only this OpenBao's tests make them.
fn end_all_logins(bao: &OpenBao) {
    bao.must("PUT", "sys/leases/revoke-prefix/auth/jwt/login", &json!({ "sync": true })).unwrap();
}

#[tokio::test]
async fn one_login_serves_many_calls_and_a_refused_token_is_replaced_once() {
    let bao = OpenBao::start(&Options::default()).unwrap();
    setup_logins(&bao, &setup_options(&world().issuer)).unwrap();
    let (supplier, logins, fails) = counting();
    let vault = Arc::new(vault_with(&bao.address, LONG, supplier));
    let path = "auth/token/create/leasehold-task/leasehold";
    let asks: Vec<_> = (0..20)
        .map(|_| {
            let vault = Arc::clone(&vault);
            tokio::spawn(async move { vault.leases(path).await.unwrap() })
        })
        .collect();
    for ask in asks {
        ask.await.unwrap();
    }
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    end_all_logins(&bao);
    assert_eq!(vault.leases(path).await.unwrap(), []);
    assert_eq!(logins.load(Ordering::SeqCst), 2);
    fails.store(true, Ordering::SeqCst);
    assert_eq!(vault.leases(path).await.unwrap(), [], "the token we have is still good");
    end_all_logins(&bao);
    assert_eq!(vault.leases(path).await.unwrap_err().sentence, "no identity now");
    assert_eq!(vault.health().await, EngineHealth::Unready("no identity now".into()));
}

#[tokio::test]
async fn a_call_outside_the_policy_is_permanent_after_one_new_login() {
    let (supplier, logins, _) = counting();
    let vault = vault_with(&world().bao.address, LONG, supplier);
    assert!(vault.leases(LEDGER).await.is_ok());
    assert_eq!(vault.leases("database/creds/another").await.unwrap_err().kind, FaultKind::Permanent);
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn every_call_names_its_entry_in_the_engines_own_audit() {
    const ENTRY: u64 = 424_242;
    let vault = vault_at(&world().bao.address, LONG);
    let lease = vault.mint(&ledger_token(), &database(LEDGER, 60), ENTRY).await.unwrap().lease.unwrap();
    vault.revoke(&lease, None, ENTRY).await.unwrap();
    let audited = std::fs::read_to_string(&world().bao.audit_file).unwrap();
    let lines = audited.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = |line: &Value| line.pointer("/request/headers/x-leasehold-entry/0") == Some(&json!("424242"));
    let mut paths: Vec<String> = lines
        .filter(|line| ours(line) && line["type"] == "request")
        .map(|line| line["request"]["path"].as_str().unwrap().replace(&lease.0, "LEASE"))
        .collect();
    paths.sort();
    let lookup = "sys/leases/lookup";
    assert_eq!(paths, [LEDGER, lookup, lookup, "sys/leases/renew/LEASE", "sys/leases/revoke/LEASE"]);
}

/// Answers every request with this, and counts them.
fn fake_engine(answer: &'static str) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = http(&listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let _read = stream.read(&mut [0; 8_192]);
            let _told = stream.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

#[tokio::test]
async fn no_fault_repeats_what_the_engine_said() {
    let answers = [
        ("HTTP/1.0 200 OK\r\n\r\n{\"data\": {\"password\": \"canary-4711\"", FaultKind::Ambiguous),
        ("HTTP/1.0 200 OK\r\n\r\n{\"data\": {\"password\": [\"canary-4711\"]}}", FaultKind::Ambiguous),
        ("HTTP/1.0 400 Bad\r\n\r\n{\"errors\": [\"canary-4711\"]}", FaultKind::Permanent),
        ("HTTP/1.0 500 Oops\r\n\r\n{\"errors\": [\"canary-4711\"]}", FaultKind::Ambiguous),
        ("HTTP/1.0 429 Wait\r\n\r\n{\"errors\": [\"canary-4711\"]}", FaultKind::Transient),
        ("HTTP/1.0 418 canary-4711\r\n\r\ncanary-4711", FaultKind::Permanent),
        ("canary-4711\r\n\r\n", FaultKind::Ambiguous),
    ];
    for (answer, kind) in answers {
        let vault = vault_as("canary-4711", &fake_engine(answer).0);
        let token = Secret::from_text("canary-4711".into());
        let fault = vault.mint(&token, &database("canary-4711", 60), 1).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{answer:?}");
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{answer:?}: {fault:?}");
        let lease = EngineLease("database/creds/canary-4711".into());
        let fault = vault.revoke(&lease, None, 1).await.unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{answer:?}: {fault:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_because_it_would_carry_the_token() {
    let (elsewhere, asked) = fake_engine("HTTP/1.0 200 OK\r\n\r\n{}");
    let answer = format!("HTTP/1.0 307 Go\r\nLocation: {elsewhere}/v1/x\r\nContent-Length: 0\r\n\r\n");
    let vault = vault_as("token", &fake_engine(answer.leak()).0);
    assert_eq!(vault.leases("x").await.unwrap_err().kind, FaultKind::Transient);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn names_that_would_leave_their_path_are_not_sent() {
    let (address, asked) = fake_engine("HTTP/1.0 200 OK\r\n\r\n{}");
    let vault = vault_as("token", &address);
    for path in ["a/../b", "a//b", "a/./b", "a?b=c", "a#b", "a%2fb", "", "a\r\nb"] {
        assert_eq!(vault.leases(path).await.unwrap_err().kind, FaultKind::Permanent, "{path:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// TLS before the shared engine, with a certificate of its own; the PEM of that certificate.
async fn tls_front() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut inside) = acceptor.accept(stream).await else { continue };
            let mut engine = tokio::net::TcpStream::connect(world().bao.host()).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inside, &mut engine).await });
        }
    });
    (address, cert.pem())
}

#[tokio::test]
async fn over_tls_only_the_named_authority_is_believed() {
    let (address, pem) = tls_front().await;
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right.pem"), folder.path().join("wrong.pem"));
    std::fs::write(&right, pem).unwrap();
    std::fs::write(&wrong, tls_front().await.1).unwrap();
    let at = |address: &str, ca_file| {
        let (mount, role, audience) = ("jwt".into(), "leasehold".into(), AUDIENCE.into());
        let auth = VaultAuth::Jwt { mount, role, audience, supplier: supplier(&world().issuer) };
        let settings = VaultSettings { address: address.into(), ca_file, namespace: None, auth, deadline: LONG };
        Vault::new(settings, Arc::new(WallClock), TaskTracker::new())
    };
    assert_eq!(at(&address, Some(right)).unwrap().health().await, EngineHealth::Ready);
    assert!(matches!(at(&address, Some(wrong)).unwrap().health().await, EngineHealth::Unreachable(_)));
    assert!(at(&address, None).is_err(), "an authority must be named");
    assert!(at(&address, Some(folder.path().join("missing.pem"))).is_err());
    assert!(at("http://127.0.0.1:8200", None).is_ok());
    assert!(at("http://vault.example.org:8200", None).is_err(), "plain text leaves the machine");
    assert!(at("ftp://127.0.0.1", None).is_err());
}

#[tokio::test]
async fn a_lease_that_the_database_role_forgot_to_end_is_still_gone_at_the_engine() {
    let lab = Lab::new("forgetful");
    lab.role("r", CREATE, &["SELECT 1"]);
    let vault = vault_as(&world().bao.root_token, &world().bao.address);
    let creds: Creds = lab.mint("r");
    let proof = vault.revoke(&EngineLease(creds.lease.clone()), None, 1).await.unwrap();
    assert!(proof.known_before && proof.gone_after && is_gone(&creds.lease));
    assert!(creds.log_in().is_ok(), "which is why only a probe confirms the effect");
    sql(&format!(r#"DROP ROLE "{}""#, creds.user));
}
