//! PostgreSQL behind the `Probe` port: is the account gone, and are its sessions? One short login
//! per question, as a user that sees all sessions and reads no data (`deploy/postgres/probe_user.sql`).
//!
//! Connection strings come from a supplier, because they are secrets of the engine. Only `app`
//! builds a [`PostgresProbe`]. Faults carry the SQLSTATE and never the server's text.

mod tls;

use crate::domain::base::Secret;
use crate::ports::{Account, Fault, FaultKind, Probe, ProbeTarget, Sighting};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tls::Tls;
use tokio_postgres::{Client, Config, Row};

/// Gives the connection string of a target: `host=… port=… user=… password=… dbname=…`, or a URL.
pub type DsnSupplier = Arc<dyn Fn(&ProbeTarget) -> BoxFuture<'static, Result<Secret, Fault>> + Send + Sync>;

/// Looks into PostgreSQL.
pub struct PostgresProbe {
    supplier: DsnSupplier,
    tls: Tls,
    deadline: Duration,
}

impl PostgresProbe {
    /// Enough for a look at a busy server, and for `end_account` with its lock timeout of five seconds.
    pub const DEADLINE: Duration = Duration::from_secs(15);

    /// `ca_file`: PEM file with the authorities that may vouch for the servers; without it only
    /// servers on loopback are looked at, because a forged "gone" would become evidence. `deadline`
    /// bounds one question with everything in it.
    ///
    /// # Errors
    /// `Permanent` if the file cannot be read.
    pub fn new(supplier: DsnSupplier, ca_file: Option<PathBuf>, deadline: Duration) -> Result<Self, Fault> {
        Ok(Self { supplier, tls: Tls::new(ca_file.as_deref())?, deadline })
    }

    /// Logs in, asks, leaves. The connection is driven here and ends here.
    async fn ask<T>(&self, target: &ProbeTarget, question: impl AsyncFnOnce(&Client) -> Answer<T>) -> Result<T, Fault> {
        let dsn = (self.supplier)(target).await?;
        let mut config: Config = dsn
            .reveal_text()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Fault::new(FaultKind::Permanent, "the probe's connection string cannot be read"))?;
        config.application_name("leasehold-probe").connect_timeout(CONNECT_DEADLINE);
        let whole = async {
            let (client, driver) = self.tls.connect(&config).await?;
            tokio::select! {
                answer = question(&client) => answer.map_err(|error| refused(&error)),
                () = driver => Err(Fault::new(FaultKind::Transient, "the probe's connection broke off")),
            }
        };
        let late = |_| Err(Fault::new(FaultKind::Transient, "the probed server did not answer in time"));
        tokio::time::timeout(self.deadline, whole).await.unwrap_or_else(late)
    }
}

type Answer<T> = Result<T, tokio_postgres::Error>;

#[async_trait]
impl Probe for PostgresProbe {
    async fn find(&self, target: &ProbeTarget, name: &str) -> Result<Option<Account>, Fault> {
        let found = self.ask(target, async |client: &Client| client.query_opt(FIND, &[&name]).await).await?;
        found.as_ref().map(account).transpose()
    }

    async fn look(&self, target: &ProbeTarget, account: &Account) -> Result<Sighting, Fault> {
        self.ask(target, async |client: &Client| {
            let mut looks = 0;
            loop {
                let row = client.query_one(LOOK, &[&account.name, &account.number]).await?;
                let seen = Sighting {
                    exists: row.try_get(0)?,
                    sessions: count(&row, 1)?,
                    sessions_without_role: count(&row, 2)?,
                };
                looks += 1;
                // Sessions that were told to end take a moment.
                if seen.exists || seen.is_gone() || looks == LOOKS_MAX {
                    return Ok(seen);
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        })
        .await
    }

    async fn inventory(&self, target: &ProbeTarget, tag: &str) -> Result<Vec<Account>, Fault> {
        if tag.len() < TAG_BYTES_MIN {
            return Err(Fault::new(FaultKind::Permanent, "a tag of fewer than six characters names strangers too"));
        }
        let rows = self.ask(target, async |client: &Client| client.query(INVENTORY, &[&tag]).await).await?;
        rows.iter().map(account).collect()
    }

    async fn end_account(&self, target: &ProbeTarget, account: &Account) -> Result<(), Fault> {
        self.ask(target, async |client: &Client| {
            for _ in 0..STEPS_MAX {
                let step: String = client.query_one(END_STEP, &[&account.name]).await?.try_get(0)?;
                if step == "gone" {
                    return Ok(Ok(()));
                }
            }
            Ok(Err(Fault::new(FaultKind::Transient, "the account is still there after every step of its end")))
        })
        .await?
    }
}

fn account(row: &Row) -> Result<Account, Fault> {
    let read = || -> Answer<Account> { Ok(Account { name: row.try_get(0)?, number: row.try_get(1)? }) };
    read().map_err(|error| refused(&error))
}

fn count(row: &Row, column: usize) -> Answer<u32> {
    let counted: i64 = row.try_get(column)?;
    Ok(u32::try_from(counted).unwrap_or(u32::MAX))
}

/// What a failed question means, by class of SQLSTATE (PostgreSQL, appendix A).
fn refused(error: &tokio_postgres::Error) -> Fault {
    let Some(code) = error.code() else {
        return Fault::new(FaultKind::Transient, "the probed server cannot be reached or broke off");
    };
    let kind = match code.code().get(..2) {
        // Wrong login, wrong syntax or missing right, missing function or schema: someone must act.
        Some("28" | "42" | "3D" | "3F") => FaultKind::Permanent,
        _ => FaultKind::Transient,
    };
    Fault::new(kind, format!("the probed server answered SQLSTATE {}", code.code()))
}

const FIND: &str = "SELECT rolname::text, oid FROM pg_roles WHERE rolname = $1";
/// By number where it is known, because a session keeps it when its role is dropped or renamed;
/// `usename` would be empty then.
const LOOK: &str = "SELECT
    EXISTS (SELECT FROM pg_roles WHERE rolname = $1 OR oid = $2),
    (SELECT count(*) FROM pg_stat_activity WHERE usesysid = $2 OR usename = $1),
    (SELECT count(*) FROM pg_stat_activity WHERE usesysid <> 0
        AND NOT EXISTS (SELECT FROM pg_roles WHERE pg_roles.oid = usesysid))";
const INVENTORY: &str = "SELECT rolname::text, oid FROM pg_roles WHERE starts_with(rolname, $1) ORDER BY rolname";
const END_STEP: &str = "SELECT leasehold.end_account($1)";
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// `lh` and four characters of the log's origin.
const TAG_BYTES_MIN: usize = 6;
const LOOKS_MAX: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Close, end, see that it is gone; and once more for an account that came back meanwhile.
const STEPS_MAX: u32 = 5;
