//! A user who tries to outlive the credential that the broker handed out, by every way that
//! PostgreSQL offers, while the task is completed.

use super::stage::{Login, stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

const OWN_PASSWORD: &str = "mine-now-and-for-ever";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_user_did_to_stay_nothing_is_left_after_complete() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let login = stage.login(&task, &[]);
    let number = stage.postgres.psql(&format!("select oid from pg_roles where rolname = '{}'", login.user)).unwrap();
    let dsn = stage.postgres.dsn(&login.user, &login.password);
    let quiet = session(&dsn).await.unwrap();
    quiet
        .batch_execute("SELECT lo_create(0); ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_ro")
        .await
        .unwrap();
    let hidden = session(&dsn).await.unwrap();
    hidden.batch_execute("SET ROLE app_ro; BEGIN; LOCK TABLE ledger.entries IN ACCESS SHARE MODE").await.unwrap();
    let statement = format!(r#"ALTER ROLE "{}" PASSWORD '{OWN_PASSWORD}'"#, login.user);
    quiet.batch_execute(&statement).await.unwrap();
    let own = Login { password: OWN_PASSWORD.into(), lease: login.lease.clone(), user: login.user.clone() };
    assert!(stage.logs_in(&own) && !stage.logs_in(&login), "the password is the user's now");

    let (over, logins) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let dsn = Arc::new(stage.postgres.dsn(&own.user, &own.password));
    let hands: Vec<_> =
        (0..6).map(|_| tokio::spawn(storm(Arc::clone(&dsn), Arc::clone(&over), Arc::clone(&logins)))).collect();
    while logins.load(Ordering::SeqCst) < 12 {
        tokio::task::yield_now().await;
    }
    stage.complete(&task);
    stage.proven_dead(&own);
    over.store(true, Ordering::SeqCst);

    for session in [quiet, hidden] {
        assert!(session.query_one("SELECT 1", &[]).await.is_err(), "a session goes on");
    }
    for hand in hands {
        let last = hand.await.unwrap();
        assert!(last.is_none_or(|session| session.is_closed()), "a session of the storm goes on");
    }
    let left = format!(
        "select (select count(*) from pg_stat_activity where usesysid = {number}) \
         + (select count(*) from pg_largeobject_metadata where lomowner = {number}) \
         + (select count(*) from pg_default_acl where defaclrole = {number}) \
         + (select count(*) from pg_auth_members where member = {number})"
    );
    assert_eq!(stage.postgres.psql(&left).unwrap(), "0", "something of the account is left");
}

async fn session(dsn: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.ok()?;
    tokio::spawn(async { drop(connection.await) });
    Some(client)
}

/// Reconnects without a pause and hides behind another role at once; gives its last session.
async fn storm(dsn: Arc<String>, over: Arc<AtomicBool>, logins: Arc<AtomicU32>) -> Option<Client> {
    let mut held = None;
    while !over.load(Ordering::SeqCst) {
        let Some(client) = session(&dsn).await else { continue };
        logins.fetch_add(1, Ordering::SeqCst);
        let _hidden = client.batch_execute("SET ROLE app_ro").await;
        held = Some(client);
    }
    held
}
