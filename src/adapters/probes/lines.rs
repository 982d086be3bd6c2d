//! The connections to one probed server: few at once, waited for in turn, kept for a moment and asked
//! again, so that a hundred leases that end at once do not open a hundred connections.
//!
//! A kept line is used again only under the very login that the engine gives now. It remembers that
//! login as a digest: the login itself is wiped once the server let us in. Only `PostgresProbe` asks here.

use super::tls::Tls;
use super::{Answer, refused};
use domain::base::{Digest, Secret};
use futures_util::future::BoxFuture;
use ports::{Fault, FaultKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{Client, Config};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What leads to one server, under one declared login.
pub(super) struct Lines {
    places: Semaphore,
    resting: Mutex<Resting>,
}

#[derive(Default)]
struct Resting {
    lines: Vec<Line>,
    /// Somebody will look whether they have rested for too long.
    is_watched: bool,
}

/// A session at the server. Closed when dropped.
pub(super) struct Line {
    client: Client,
    /// Moves the bytes, while somebody asks; it ends with the connection.
    driver: BoxFuture<'static, Answer<()>>,
    login: Digest,
    questions: u32,
    has_rested: bool,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { places: Semaphore::new(LINES_MAX), resting: Mutex::default() }
    }

    /// The right to have one line in use, given in the order of asking.
    pub(super) async fn place(&self, deadline: Duration) -> Result<SemaphorePermit<'_>, Fault> {
        let place = tokio::time::timeout(deadline, self.places.acquire()).await.ok().and_then(Result::ok);
        place.ok_or_else(|| {
            Fault::new(
                FaultKind::Transient,
                format!(
                    "no place for a look at the probed server was free in time, {LINES_MAX} looks are under way: \
                     see whether it or the engine answers slowly"
                ),
            )
        })
    }

    /// A line that rests and still stands, else a new one.
    pub(super) async fn line(&self, dsn: Secret, tls: &Tls) -> Result<Line, Fault> {
        let login = Digest::of(&[dsn.reveal()]);
        while let Some(mut line) = self.take(&login) {
            // An empty exchange first: what the server closed meanwhile is replaced before anything was asked.
            if line.ask(async |client: &Client| client.check_connection().await).await.is_ok() {
                return Ok(line);
            }
        }
        Line::open(&dsn, login, tls).await
    }

    fn take(&self, login: &Digest) -> Option<Line> {
        let mut resting = self.resting();
        resting.lines.retain(|line| line.login == *login);
        resting.lines.pop()
    }

    /// Lets a line rest that has just answered; `over` ends all rest.
    pub(super) fn keep(self: &Arc<Self>, mut line: Line, tracker: &TaskTracker, over: &CancellationToken) {
        line.has_rested = false;
        if line.questions >= QUESTIONS_MAX || over.is_cancelled() {
            return;
        }
        let mut resting = self.resting();
        resting.lines.push(line);
        if !std::mem::replace(&mut resting.is_watched, true) {
            tracker.spawn(Arc::clone(self).watch(over.clone()));
        }
    }

    async fn watch(self: Arc<Self>, over: CancellationToken) {
        while over.run_until_cancelled(tokio::time::sleep(REST)).await.is_some() && self.some_still_rest() {}
    }

    /// Closes what rested for a whole round.
    fn some_still_rest(&self) -> bool {
        let mut resting = self.resting();
        resting.lines.retain_mut(|line| !std::mem::replace(&mut line.has_rested, true));
        resting.is_watched = !resting.lines.is_empty();
        resting.is_watched
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    async fn open(dsn: &Secret, login: Digest, tls: &Tls) -> Result<Self, Fault> {
        let mut config: Config = dsn
            .reveal_text()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Fault::new(FaultKind::Permanent, "the probe's connection string cannot be read"))?;
        config.application_name("leasehold-probe").connect_timeout(CONNECT_DEADLINE);
        let (client, driver) = tls.connect(&config).await?;
        Ok(Self { client, driver, login, questions: 0, has_rested: false })
    }

    /// Asks, and moves the bytes meanwhile. A line that failed is not to be kept.
    pub(super) async fn ask<T>(&mut self, question: impl AsyncFnOnce(&Client) -> Answer<T>) -> Result<T, Fault> {
        self.questions += 1;
        tokio::select! {
            answer = question(&self.client) => answer.map_err(|error| refused(&error)),
            end = &mut self.driver => Err(end.err().map_or_else(super::broke_off, |error| refused(&error))),
        }
    }
}

/// Half of what `deploy/postgres/probe_user.sql` allows: the sessions of a broker that was killed just
/// now may still be there when the next one looks.
pub(super) const LINES_MAX: usize = 4;
/// A line rests for one such round at least and two at most: long enough for the looks before and after
/// a revocation, short enough not to be in anybody's way.
const REST: Duration = Duration::from_secs(3);
/// Then a line under constant use is opened anew, at the server to which the name leads by then.
const QUESTIONS_MAX: u32 = 500;
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
