//! The real adapters on the shared world, ready for the contract suites and for tests of faults.

use super::world::{AGENT_POLICY, APP_KEY_POLICY, AUDIENCE, Issuer, LEDGER_POLICY, PROBE_POLICY, World, world};
use crate::contract::{probe, secret_engine};
use async_trait::async_trait;
use leasehold::adapters::probes::{DsnSupplier, PostgresProbe};
use leasehold::adapters::vault::{JwtSvidSupplier, Vault, VaultAuth, VaultSettings};
use leasehold::domain::base::{Secret, Time};
use leasehold::ports::{Clock, Probe, ProbeTarget, Reading, SecretEngine};
use serde_json::json;
use std::any::Any;
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_util::task::TaskTracker;

/// The wall clock, for tests on real peers.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn read(&self) -> Reading {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        Reading { time: Time::from_unix_micros(i64::try_from(micros).unwrap()), certain: true }
    }
}

/// SVIDs of the broker from the test's issuer.
pub(crate) fn supplier(issuer: &'static Issuer) -> JwtSvidSupplier {
    Arc::new(move |audience| {
        assert_eq!(audience, AUDIENCE);
        Box::pin(async { Ok(Secret::from_text(issuer.broker_svid())) })
    })
}

/// The adapter, logging in as the broker, at that address.
pub(crate) fn vault_at(address: &str, deadline: Duration) -> Vault {
    vault_with(address, deadline, supplier(&world().issuer))
}

pub(crate) fn vault_with(address: &str, deadline: Duration, supplier: JwtSvidSupplier) -> Vault {
    let auth = VaultAuth::Jwt { mount: "jwt".into(), role: "leasehold".into(), audience: AUDIENCE.into(), supplier };
    let settings = VaultSettings { address: address.into(), ca_file: None, namespace: None, auth, deadline };
    Vault::new(settings, Arc::new(WallClock), TaskTracker::new()).unwrap()
}

/// The adapter with a token of the test's, for mounts that the broker's policy does not name.
pub(crate) fn vault_as(token: &str, address: &str) -> Vault {
    let auth = VaultAuth::DangerToken(Secret::from_text(token.into()));
    let deadline = Duration::from_secs(20);
    let settings = VaultSettings { address: address.into(), ca_file: None, namespace: None, auth, deadline };
    Vault::new(settings, Arc::new(WallClock), TaskTracker::new()).unwrap()
}

pub(crate) struct RealEngine {
    vault: Vault,
}

pub(crate) async fn real_engine() -> RealEngine {
    static VALUES: Once = Once::new();
    tokio::task::spawn_blocking(|| {
        VALUES.call_once(|| {
            for value in ["one", "two"] {
                world().bao.must("POST", "secret/data/app/key", &json!({ "data": { "key": value } })).unwrap();
            }
        });
    })
    .await
    .unwrap();
    RealEngine { vault: vault_at(&world().bao.address, Duration::from_secs(20)) }
}

#[async_trait]
impl secret_engine::Bench for RealEngine {
    fn engine(&self) -> &dyn SecretEngine {
        &self.vault
    }

    fn now(&self) -> Time {
        WallClock.read().time
    }

    fn database(&self) -> (String, String) {
        (LEDGER_POLICY.into(), "database/creds/ledger-ro".into())
    }

    fn certificate(&self) -> (String, String) {
        (AGENT_POLICY.into(), "pki/sign/agent".into())
    }

    fn key_value(&self) -> (String, String) {
        (APP_KEY_POLICY.into(), "secret/data/app/key".into())
    }

    async fn logs_in(&self, username: &str, password: &Secret) -> bool {
        connect(username, password.reveal_text().unwrap()).await.is_ok()
    }
}

/// A session that lasts as long as the value.
pub(crate) struct LiveSession {
    pub(crate) client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) async fn connect(user: &str, password: &str) -> Result<LiveSession, tokio_postgres::Error> {
    let dsn = world().postgres.dsn(user, password);
    let (client, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(async { drop(connection.await) });
    Ok(LiveSession { client, driver })
}

pub(crate) struct RealProbe {
    probe: PostgresProbe,
}

/// The probe with the connection string of that world.
pub(crate) fn probe_of(world: &World) -> PostgresProbe {
    let dsn = world.made.probe_dsn.clone();
    let supplier: DsnSupplier = Arc::new(move |_| {
        let dsn = Secret::from_text(dsn.clone());
        Box::pin(async { Ok(dsn) })
    });
    PostgresProbe::new(supplier, None, Duration::from_secs(10), TaskTracker::new()).unwrap()
}

pub(crate) fn target() -> ProbeTarget {
    ProbeTarget {
        credential: "ledger-ro".into(),
        dsn_policy: PROBE_POLICY.into(),
        dsn_path: "secret/data/ledger-probe".into(),
    }
}

pub(crate) async fn real_probe() -> RealProbe {
    RealProbe { probe: probe_of(tokio::task::spawn_blocking(world).await.unwrap()) }
}

const PASSWORD: &str = "of-the-probe-contract";

async fn admin(sql: String) {
    tokio::task::spawn_blocking(move || world().postgres.psql(&sql).unwrap()).await.unwrap();
}

#[async_trait]
impl probe::Bench for RealProbe {
    fn probe(&self) -> &dyn Probe {
        &self.probe
    }

    fn target(&self) -> ProbeTarget {
        target()
    }

    async fn make_account(&self, name: &str) {
        admin(format!(
            r#"CREATE ROLE "{name}" LOGIN PASSWORD '{PASSWORD}' IN ROLE app_ro; GRANT "{name}" TO openbao_engine"#
        ))
        .await;
    }

    async fn open_session(&self, name: &str) -> Box<dyn Any + Send> {
        let session = connect(name, PASSWORD).await.unwrap();
        session.client.batch_execute("SELECT lo_create(0)").await.unwrap();
        Box::new(session)
    }

    async fn drop_account_only(&self, name: &str) {
        admin(format!(r#"DROP OWNED BY "{name}"; DROP ROLE "{name}""#)).await;
    }
}
