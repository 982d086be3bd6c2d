//! The PostgreSQL probe on the real thing: the contract, and what it concludes when it cannot look.

mod lines;

use super::bench::{probe_of, real_probe, target};
use super::world::world;
use leasehold::adapters::probes::{DsnSupplier, PostgresProbe};
use leasehold::domain::base::Secret;
use leasehold::ports::{Account, Fault, FaultKind, Probe};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use xtask::peers::postgres::Postgres;

crate::contract::probe::probe_contract!(real_probe);

fn probe_at(dsn: &str, ca_file: Option<PathBuf>) -> Result<PostgresProbe, Fault> {
    let dsn = dsn.to_owned();
    let supplier: DsnSupplier = Arc::new(move |_| {
        let dsn = Secret::from_text(dsn.clone());
        Box::pin(async { Ok(dsn) })
    });
    PostgresProbe::new(supplier, ca_file, Duration::from_secs(5), TaskTracker::new())
}

async fn fault_of(probe: &PostgresProbe) -> Fault {
    probe.find(&target(), "x").await.unwrap_err()
}

#[tokio::test]
async fn what_someone_must_mend_is_permanent_and_nothing_of_the_login_is_told() {
    assert!(probe_of(world()).find(&target(), "x").await.is_ok());
    let right = world().made.probe_dsn.as_str();
    let wrong = right.replace("password=", "password=canary-4711");
    let elsewhere = right.replace("127.0.0.1", "192.0.2.1");
    for dsn in [wrong.as_str(), &elsewhere, "canary-4711", "host=192.0.2.1 canary=4711", "hostaddr=192.0.2.1"] {
        let fault = fault_of(&probe_at(dsn, None).unwrap()).await;
        assert_eq!(fault.kind, FaultKind::Permanent, "{fault}");
        assert!(!format!("{fault} {fault:?}").contains("4711"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_user_without_the_right_is_told_so() {
    let postgres = &world().postgres;
    postgres.psql("CREATE ROLE lab_nobody LOGIN PASSWORD 'nobody'").unwrap();
    let probe = probe_at(&postgres.dsn("lab_nobody", "nobody"), None).unwrap();
    let account = Account { name: "lhtestaaaaaaaaaaaa".into(), number: 0 };
    assert_eq!(probe.end_account(&target(), &account).await.unwrap_err().kind, FaultKind::Permanent);
}

#[tokio::test]
async fn a_server_that_is_away_is_transient_and_is_looked_at_again_when_it_is_back() {
    let mut postgres = tokio::task::spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    let probe = probe_at(&postgres.dsn("postgres", &postgres.password), None).unwrap();
    assert!(probe.find(&target(), "postgres").await.unwrap().is_some());
    postgres.stop().unwrap();
    assert_eq!(fault_of(&probe).await.kind, FaultKind::Transient);
    postgres.start_again().unwrap();
    assert!(probe.find(&target(), "postgres").await.unwrap().is_some());
}

/// Gives the server a certificate and says where its PEM is.
fn with_tls(postgres: &Postgres, folder: &std::path::Path) -> PathBuf {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (file, pem) in [("server.crt", cert.pem()), ("server.key", signing_key.serialize_pem())] {
        // The server writes its own files, so that they are its user's and nobody else's.
        let lines: Vec<String> = pem.lines().map(|line| format!("('{line}')")).collect();
        let statement = format!("COPY (VALUES {}) TO PROGRAM 'umask 077; cat > {file}'", lines.join(","));
        postgres.psql(&statement).unwrap();
    }
    postgres.psql("ALTER SYSTEM SET ssl = on").unwrap();
    let pem = folder.join("ca.pem");
    std::fs::write(&pem, cert.pem()).unwrap();
    pem
}

#[tokio::test]
async fn with_an_authority_named_only_its_servers_are_believed_and_only_over_tls() {
    let mut postgres = tokio::task::spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    let dsn = postgres.dsn("postgres", &postgres.password).replace("host=", "host=localhost hostaddr=");
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let right = with_tls(&postgres, folder.path());
    let believing = probe_at(&dsn, Some(right.clone())).unwrap();
    assert_eq!(fault_of(&believing).await.kind, FaultKind::Transient, "the server has no TLS yet");

    postgres.stop().unwrap();
    postgres.start_again().unwrap();
    assert!(believing.find(&target(), "postgres").await.unwrap().is_some());
    let wrong = other.path().join("ca.pem");
    std::fs::write(&wrong, generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()).unwrap();
    assert_eq!(fault_of(&probe_at(&dsn, Some(wrong)).unwrap()).await.kind, FaultKind::Transient);
    assert!(probe_at(&dsn, Some(folder.path().join("missing.pem"))).is_err());
}
