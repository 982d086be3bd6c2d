//! How many sessions the probe has at the server, for how long, and what becomes of one that was lost.

use crate::real::bench::target;
use leasehold::adapters::probes::{DsnSupplier, PostgresProbe};
use leasehold::domain::base::Secret;
use leasehold::ports::{Account, FaultKind, Probe};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::task::TaskTracker;
use xtask::peers::postgres::Postgres;

/// A server of one's own with two users of the probe, and a probe whose login can be changed.
struct Bench {
    postgres: Postgres,
    watcher: tokio_postgres::Client,
    dsn: Arc<Mutex<String>>,
    probe: PostgresProbe,
    tracker: TaskTracker,
}

impl Bench {
    /// `limit`: sessions that the server allows each of the probe's users.
    async fn start(limit: usize) -> Self {
        let postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap().unwrap();
        for user in ["looker", "successor"] {
            let role = format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT {limit}");
            postgres.psql(&format!("{role}; GRANT pg_read_all_stats TO {user}")).unwrap();
        }
        let root = postgres.dsn("postgres", &postgres.password);
        let (watcher, connection) = tokio_postgres::connect(&root, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        let dsn = Arc::new(Mutex::new(postgres.dsn("looker", PASSWORD)));
        let (given, tracker) = (Arc::clone(&dsn), TaskTracker::new());
        let supplier: DsnSupplier = Arc::new(move |_| {
            let dsn = Secret::from_text(given.lock().unwrap().clone());
            Box::pin(async { Ok(dsn) })
        });
        let probe = PostgresProbe::new(supplier, None, Duration::from_secs(15), tracker.clone()).unwrap();
        Self { postgres, watcher, dsn, probe, tracker }
    }

    async fn look(&self) {
        assert!(self.probe.find(&target(), "postgres").await.unwrap().is_some());
    }

    /// The probe's sessions: user and process.
    async fn sessions(&self) -> Vec<(String, i32)> {
        let rows = self.watcher.query(SESSIONS, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn until_no_session(&self, within: Duration) {
        let deadline = Instant::now() + within;
        while !self.sessions().await.is_empty() {
            assert!(Instant::now() < deadline, "{:?}", self.sessions().await);
        }
    }
}

#[tokio::test]
async fn sixty_four_looks_at_once_take_four_of_the_six_connections_that_are_free() {
    let bench = Bench::start(6).await;
    let (place, living) = (target(), bench.probe.find(&target(), "postgres").await.unwrap().unwrap());
    let looks = futures_util::future::join_all((0..64).map(|_| bench.probe.look(&place, &living)));
    let watch = async {
        loop {
            let sessions = bench.sessions().await;
            assert!(sessions.len() <= 4, "{sessions:?}");
        }
    };
    let seen = tokio::select! {
        seen = looks => seen,
        () = watch => unreachable!("the watch has no end"),
    };
    for seen in seen {
        assert!(seen.unwrap().exists);
    }
    // The places were used: four sessions came of it and rest now.
    assert_eq!(bench.sessions().await.len(), 4);
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_named_with_the_next_step_and_looked_at_later() {
    let bench = Bench::start(1).await;
    let own = bench.postgres.dsn("looker", PASSWORD);
    let (client, connection) = tokio_postgres::connect(&own, tokio_postgres::NoTls).await.unwrap();
    let taken = tokio::spawn(async { drop(connection.await) });
    let fault = bench.probe.find(&target(), "postgres").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Transient);
    assert!(fault.sentence.contains("no connection free") && fault.sentence.contains("max_connections"), "{fault}");
    assert!(fault.sentence.contains("53300") && !fault.sentence.contains(PASSWORD), "{fault}");
    drop(client);
    taken.await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'looker'";
    while bench.watcher.query_one(left, &[]).await.unwrap().get::<_, i64>(0) > 0 {}
    bench.look().await;
}

#[tokio::test]
async fn a_line_is_asked_again_and_replaced_in_silence_when_the_server_closed_it() {
    let bench = Bench::start(4).await;
    bench.look().await;
    let first = bench.sessions().await;
    bench.look().await;
    assert_eq!((first.len(), bench.sessions().await), (1, first.clone()), "the same session was asked again");
    let ended = "SELECT pg_terminate_backend($1, 10000)";
    assert!(bench.watcher.query_one(ended, &[&first[0].1]).await.unwrap().get::<_, bool>(0));
    assert!(bench.sessions().await.is_empty());
    let nobody = Account { name: "nobody".into(), number: 0 };
    assert!(bench.probe.look(&target(), &nobody).await.unwrap().is_gone());
    let second = bench.sessions().await;
    assert!(second.len() == 1 && second != first, "{second:?}");
}

#[tokio::test]
async fn a_line_does_not_outlive_its_login_its_rest_or_its_probe() {
    let bench = Bench::start(4).await;
    bench.look().await;
    assert_eq!(bench.sessions().await[0].0, "looker");
    *bench.dsn.lock().unwrap() = bench.postgres.dsn("successor", PASSWORD);
    bench.look().await;
    let of_old = async || bench.sessions().await.iter().any(|(user, _)| user == "looker");
    let deadline = Instant::now() + Duration::from_secs(2);
    while of_old().await {
        assert!(Instant::now() < deadline, "the old login still has a session");
    }
    assert_eq!(bench.sessions().await[0].0, "successor");
    // A look that failed says nothing about the next one.
    *bench.dsn.lock().unwrap() = bench.postgres.dsn("successor", "wrong");
    let fault = bench.probe.find(&target(), "postgres").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permanent, "a kept line does not stand in for a wrong login: {fault}");

    *bench.dsn.lock().unwrap() = bench.postgres.dsn("looker", PASSWORD);
    bench.look().await;
    assert_eq!(bench.sessions().await.len(), 1);
    bench.until_no_session(Duration::from_secs(15)).await;

    bench.look().await;
    assert_eq!(bench.sessions().await.len(), 1);
    let Bench { postgres, watcher, probe, tracker, .. } = bench;
    drop(probe);
    tracker.close();
    let ended = tokio::time::timeout(Duration::from_secs(2), tracker.wait()).await;
    assert!(ended.is_ok(), "nothing of a dropped probe is waited for");
    let deadline = Instant::now() + Duration::from_secs(2);
    while !watcher.query(SESSIONS, &[]).await.unwrap().is_empty() {
        assert!(Instant::now() < deadline, "a dropped probe still has a session");
    }
    drop(postgres);
}

const PASSWORD: &str = "of-the-lines-of-the-probe";
const SESSIONS: &str =
    "SELECT usename::text, pid FROM pg_stat_activity WHERE application_name = 'leasehold-probe' ORDER BY pid";
