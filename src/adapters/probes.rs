//! PostgreSQL behind the `Probe` port: is the account gone, and are its sessions? Asked over few
//! connections, as a user that sees all sessions and reads no data (`deploy/postgres/probe_user.sql`).
//!
//! Connection strings come from a supplier, because they are secrets of the engine. Only `app`
//! builds a [`PostgresProbe`]. Faults carry the SQLSTATE and never the server's text.

mod lines;
#[cfg(test)]
mod tests;
mod tls;

use async_trait::async_trait;
use domain::base::Secret;
use futures_util::future::BoxFuture;
use lines::Lines;
use ports::{Account, Fault, FaultKind, Probe, ProbeTarget, Sighting};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tls::Tls;
use tokio_postgres::{Client, Row};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Gives the connection string of a target: `host=… port=… user=… password=… dbname=…`, or a URL.
pub type DsnSupplier = Arc<dyn Fn(&ProbeTarget) -> BoxFuture<'static, Result<Secret, Fault>> + Send + Sync>;

/// Looks into PostgreSQL.
pub struct PostgresProbe {
    supplier: DsnSupplier,
    tls: Tls,
    deadline: Duration,
    tracker: TaskTracker,
    /// By policy and path of the login: credentials of one database share its lines.
    lines: Mutex<HashMap<(String, String), Arc<Lines>>>,
    /// With the probe all rest of its lines ends.
    over: CancellationToken,
    _over: DropGuard,
}

impl PostgresProbe {
    /// Enough for a look at a busy server, and for `end_account` with its lock timeout of five seconds.
    pub const DEADLINE: Duration = Duration::from_secs(15);

    /// `ca_file`: PEM file with the authorities that may vouch for the servers; without it only
    /// servers on loopback are looked at, because a forged "gone" would become evidence. `deadline`
    /// bounds the wait for a place, and then one question with everything in it. `tracker` closes
    /// connections that nobody used for some seconds; a dropped probe closes them at once.
    ///
    /// # Errors
    /// `Permanent` if the file cannot be read.
    pub fn new(
        supplier: DsnSupplier,
        ca_file: Option<PathBuf>,
        deadline: Duration,
        tracker: TaskTracker,
    ) -> Result<Self, Fault> {
        let (tls, over) = (Tls::new(ca_file.as_deref())?, CancellationToken::new());
        let lines = Mutex::default();
        Ok(Self { supplier, tls, deadline, tracker, lines, _over: over.clone().drop_guard(), over })
    }

    /// Waits for a place, and only then asks for the login, so that no secret waits in a queue.
    async fn ask<T>(&self, target: &ProbeTarget, question: impl AsyncFnOnce(&Client) -> Answer<T>) -> Result<T, Fault> {
        let lines = self.lines_to(target);
        let _place = lines.place(self.deadline).await?;
        let dsn = (self.supplier)(target).await?;
        let whole = async {
            let mut line = lines.line(dsn, &self.tls).await?;
            let answer = line.ask(question).await?;
            lines.keep(line, &self.tracker, &self.over);
            Ok(answer)
        };
        let late = |_| Err(Fault::new(FaultKind::Transient, "the probed server did not answer in time"));
        tokio::time::timeout(self.deadline, whole).await.unwrap_or_else(late)
    }

    fn lines_to(&self, target: &ProbeTarget) -> Arc<Lines> {
        let mut all = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody asks there, or somebody watches lines that rest there; all others are forgotten.
        all.retain(|_, lines| Arc::strong_count(lines) > 1);
        let login = (target.dsn_policy.clone(), target.dsn_path.clone());
        Arc::clone(all.entry(login).or_insert_with(|| Arc::new(Lines::new())))
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

/// What a failed question means.
fn refused(error: &tokio_postgres::Error) -> Fault {
    error.code().map_or_else(broke_off, |state| meant_by(state.code()))
}

fn broke_off() -> Fault {
    Fault::new(FaultKind::Transient, "the probed server cannot be reached or broke off")
}

/// What a SQLSTATE means (PostgreSQL, appendix A).
fn meant_by(state: &str) -> Fault {
    let (kind, sentence) = match (state, state.get(..2)) {
        ("53300", _) => (FaultKind::Transient, NO_CONNECTION_FREE),
        ("57P01" | "57P02" | "57P03", _) => (FaultKind::Transient, "the probed server is starting up or going down"),
        (_, Some("08")) => (FaultKind::Transient, "the connection to the probed server failed: see what lies between"),
        // Wrong login, wrong syntax or missing right, missing function or schema: someone must act.
        (_, Some("28" | "42" | "3D" | "3F")) => (FaultKind::Permanent, "the probed server refused"),
        _ => (FaultKind::Transient, "the probed server could not answer"),
    };
    Fault::new(kind, format!("{sentence} (SQLSTATE {state})"))
}

const NO_CONNECTION_FREE: &str = "the probed server has no connection free for the probe: raise its max_connections or \
     the CONNECTION LIMIT of the probe's user, or lower what else connects there";
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
/// `lh` and four characters of the log's origin.
const TAG_BYTES_MIN: usize = 6;
const LOOKS_MAX: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Close, end, see that it is gone; and once more for an account that came back meanwhile.
const STEPS_MAX: u32 = 5;
