//! Users who try to outlive their credential. Whatever they do with it, after the end nothing of
//! them is left: no account, no session under their number, no login.

use super::bench::{LiveSession, RealEngine, RealProbe, connect, real_engine, real_probe, target};
use super::world::world;
use crate::contract::probe::Bench as _;
use crate::contract::secret_engine::{Bench as _, mint_database};
use leasehold::domain::base::Secret;
use leasehold::ports::{Account, EngineLease};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// One credential in hostile hands.
struct Victim {
    engine: RealEngine,
    probe: RealProbe,
    account: Account,
    password: Secret,
    lease: EngineLease,
}

async fn victim() -> Victim {
    let (engine, probe) = (real_engine().await, real_probe().await);
    let (username, password, outcome) = mint_database(&engine).await;
    let account = probe.probe().find(&target(), &username).await.unwrap().unwrap();
    Victim { engine, probe, account, password, lease: outcome.lease.unwrap() }
}

impl Victim {
    async fn session(&self) -> LiveSession {
        connect(&self.account.name, self.password.reveal_text().unwrap()).await.unwrap()
    }

    /// Revokes and sees that nothing is left. Sessions of other tests without a role are not ours,
    /// so those are awaited.
    async fn ends(self) {
        let proof = self.engine.engine().revoke(&self.lease, None, 1).await.unwrap();
        assert!(proof.known_before && proof.gone_after);
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let seen = self.probe.probe().look(&target(), &self.account).await.unwrap();
            assert!(!seen.exists && seen.sessions == 0, "{seen:?}");
            if seen.is_gone() {
                break;
            }
            assert!(Instant::now() < deadline, "{seen:?}");
        }
        assert!(!self.engine.logs_in(&self.account.name, &self.password).await);
    }
}

/// What a user does in a session that stays open.
async fn outlived_by(statements: &str) {
    let victim = victim().await;
    let session = victim.session().await;
    session.client.batch_execute(statements).await.unwrap();
    victim.ends().await;
    assert!(session.client.query_one("SELECT 1", &[]).await.is_err(), "the session is over");
}

#[tokio::test]
async fn one_who_does_nothing_is_gone() {
    outlived_by("SELECT count(*) FROM ledger.entries").await;
}

#[tokio::test]
async fn one_who_owns_a_large_object_is_gone() {
    outlived_by("SELECT lo_create(0)").await;
}

#[tokio::test]
async fn one_who_set_default_privileges_is_gone() {
    outlived_by("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_ro").await;
}

#[tokio::test]
async fn one_who_hides_behind_another_role_is_gone() {
    outlived_by("SET ROLE app_ro; SELECT count(*) FROM ledger.entries").await;
}

#[tokio::test]
async fn one_who_holds_locks_in_an_open_transaction_is_gone() {
    outlived_by("BEGIN; LOCK TABLE ledger.entries IN ACCESS SHARE MODE; CREATE TEMPORARY TABLE t (n int)").await;
}

#[tokio::test]
async fn one_with_many_sessions_is_gone() {
    let victim = victim().await;
    let mut sessions = Vec::new();
    for _ in 0..12 {
        sessions.push(victim.session().await);
    }
    victim.ends().await;
    for session in sessions {
        assert!(session.client.query_one("SELECT 1", &[]).await.is_err());
    }
}

#[tokio::test]
async fn one_who_changed_the_password_is_gone() {
    let victim = victim().await;
    let name = victim.account.name.clone();
    let statement = format!(r#"ALTER ROLE "{name}" PASSWORD 'mine-now'"#);
    victim.session().await.client.batch_execute(&statement).await.unwrap();
    assert!(connect(&name, "mine-now").await.is_ok());
    assert!(!victim.engine.logs_in(&name, &victim.password).await, "a refused login alone proves nothing");
    victim.ends().await;
    assert!(connect(&name, "mine-now").await.is_err());
}

/// Eight hands that reconnect without a pause and change roles at once, while the end comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_reconnects_in_a_storm_is_gone() {
    for _ in 0..2 {
        let victim = victim().await;
        let (over, logins) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let dsn = Arc::new(world().postgres.dsn(&victim.account.name, victim.password.reveal_text().unwrap()));
        let hands: Vec<_> =
            (0..8).map(|_| tokio::spawn(storm(Arc::clone(&dsn), Arc::clone(&over), Arc::clone(&logins)))).collect();
        while logins.load(Ordering::SeqCst) < 16 {
            tokio::task::yield_now().await;
        }
        victim.ends().await;
        over.store(true, Ordering::SeqCst);
        for hand in hands {
            let last = hand.await.unwrap();
            if let Some(session) = last {
                assert!(session.query_one("SELECT 1", &[]).await.is_err());
            }
        }
    }
}

async fn storm(dsn: Arc<String>, over: Arc<AtomicBool>, logins: Arc<AtomicU32>) -> Option<tokio_postgres::Client> {
    let mut held = None;
    while !over.load(Ordering::SeqCst) {
        let Ok((client, connection)) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await else { continue };
        tokio::spawn(async { drop(connection.await) });
        logins.fetch_add(1, Ordering::SeqCst);
        let _hidden = client.batch_execute("SET ROLE app_ro").await;
        held = Some(client);
    }
    held
}
