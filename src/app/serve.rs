//! `leasehold serve`: wires the floors together and stops them in order.
//!
//! Start: trust source, store, journal (fold and take over), then the driver, which ends what is
//! pending before anyone can ask for more, then the door. Stop: the door, what runs, the journal.

use super::config::{Config, Log};
use super::{log_key, log_trouble, public_log, witnessing};
use crate::adapters::index::SqliteIndex;
use crate::adapters::probes::{DsnSupplier, PostgresProbe};
use crate::adapters::shelf::FileShelf;
use crate::adapters::spire::{ClientCertificate, SpireOptions, SpireTrust, TrustPolicy};
use crate::adapters::sqlite::SqliteStore;
use crate::adapters::system::{OsEntropy, SystemClock};
use crate::adapters::vault::{JwtSvidSupplier, Vault, VaultAuth, VaultSettings};
use crate::domain::base::{Span, Time};
use crate::domain::entry::Body;
use crate::domain::entry::bodies::log::BrokerStopped;
use crate::domain::judge::BuiltInRules;
use crate::domain::reason::Denial;
use crate::domain::state::Command;
use crate::ports::{Clock, Entropy, Fault, FaultKind, LogStore, Probe, ProbeTarget, SecretEngine, TrustSource};
use crate::services::World;
use crate::services::close::Close;
use crate::services::duties::{Driver, Verbs};
use crate::services::end::End;
use crate::services::index::Index;
use crate::services::issue::{InFlight, Issue};
use crate::services::journal::{Journal, Parts, WriterEnd};
use crate::services::renew::Renew;
use crate::services::snapshot::Snapshots;
use crate::services::tokens::Tokens;
use crate::services::view::View;
use crate::services::witnessed::Witnessed;
use crate::surfaces::grpc::{self, GrpcParts};
use crate::surfaces::tls::{Door, DoorLimits, Registry};
use anyhow::{Context as _, Result, bail};
use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const TRUST_START_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(15);

/// A broker that runs.
pub(super) struct Running {
    address: SocketAddr,
    http: Option<SocketAddr>,
    world: World,
    writer: JoinHandle<WriterEnd>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Serves until SIGINT or SIGTERM, or until the log can no longer be trusted.
///
/// # Errors
/// Whatever kept it from starting, with the next step; or the loss of the log.
pub async fn serve(config: Config) -> Result<()> {
    let end = interruption()?;
    let running = start(config).await?;
    running.announce()?;
    running.until(end).await
}

/// Listens for SIGINT and SIGTERM from now on; the future ends with the first of them.
pub(super) fn interruption() -> Result<impl Future<Output = ()> + Send> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Starts a broker that serves.
pub(super) async fn start(config: Config) -> Result<Running> {
    let outside = [Some(config.listen), config.http].into_iter().flatten().find(|listen| !listen.ip().is_loopback());
    if let (Some(listen), "dev") = (outside, config.log.mode) {
        bail!("a development log is served on loopback only: correct listen = \"{listen}\"");
    }
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let trust = trust(&config, &tasks).await?;
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    // The key before the store: a log without its key is refused, and opening would make an empty one.
    let signer = log_key::load_or_make(&config.log.key_file, &config.log.file, &config.log.origin, &*entropy)?;
    let witnesses = witnessing::prepare(&config, &signer.verifier())?;
    let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&config.log.file)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start(last_time(&*store).await?));
    let engine = engine(&config, &trust, &clock, &tasks)?;
    let probe = PostgresProbe::new(dsn_supplier(&engine), None, PostgresProbe::DEADLINE, tasks.clone())?;
    let probe: Arc<dyn Probe> = Arc::new(probe);
    let parts = Parts {
        store: Arc::clone(&store),
        shelf: Arc::new(FileShelf::beside(&config.log.file)?),
        clock: Arc::clone(&clock),
        signer,
        judge: Arc::new(BuiltInRules),
        bootstrap: config.operators.iter().cloned().collect(),
        mode: config.log.mode,
        engine_request_seconds_max: config.vault.request_seconds_max,
        vouched: witnesses.as_ref().and_then(|prepared| prepared.checkpoint.clone()),
    };
    let started = Journal::start(parts).await;
    let (journal, writer) = started.map_err(|error| log_trouble::explain(error, &config.log))?;
    let writer = tasks.spawn(writer);
    let witnessed = witnesses.as_ref().map(|prepared| Witnessed::awaiting_witnesses(prepared.vouched.clone()));
    let witnessed = witnessed.unwrap_or_default();
    let world = World { journal, clock, entropy, store, engine, probe, witnessed, tracker: tasks.clone() };
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let (http, public_log) = public_log::open(&config, &world, &stop).await?.unzip();
    let running = Running { address, http, world: world.clone(), writer, stop: stop.clone(), tasks };
    if let Some(serving) = public_log {
        running.vital(serving);
    }
    running.tasks.spawn(running.snapshots().run(stop));
    let verbs = running.drive(&world, Span::from_seconds(config.proof_seconds_max));
    let index = running.follow(&config.log)?;
    running.open_door(&config, listener, trust, verbs, index)?;
    if let Some(prepared) = witnesses {
        running.vital(prepared.witnessing(world).run(running.stop.clone()));
    }
    Ok(running)
}

impl Running {
    fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.world.journal.clone(), self.tasks.clone())
    }

    fn drive(&self, world: &World, proof_within: Span) -> (Issue, Renew) {
        let tokens = Tokens::new(world.clone());
        let in_flight = InFlight::default();
        let verbs = Verbs {
            end: End::new(world.clone(), tokens.clone(), proof_within),
            close: Close::new(world.clone(), in_flight.clone()),
            renew: Renew::new(world.clone()),
            tokens: tokens.clone(),
        };
        let renew = verbs.renew.clone();
        self.vital(Driver::new(world.clone(), verbs).run(self.stop.clone()));
        (Issue::new(world.clone(), tokens, in_flight), renew)
    }

    /// The index is filled behind the log; without it nothing but traces is slower.
    fn follow(&self, log: &Log) -> Result<Index> {
        let file = SqliteIndex::open(&SqliteIndex::beside(&log.file), &log.origin)?;
        let index = Index::new(self.world.journal.clone(), Arc::clone(&self.world.store), Arc::new(file));
        self.tasks.spawn(index.clone().run(self.stop.clone()));
        Ok(index)
    }

    fn open_door(
        &self,
        config: &Config,
        listener: TcpListener,
        trust: Arc<SpireTrust>,
        (issue, renew): (Issue, Renew),
        index: Index,
    ) -> Result<()> {
        let world = &self.world;
        let tls = trust.server_config(Arc::clone(&world.clock), ClientCertificate::Optional, &[b"h2"])?;
        let trust: Arc<dyn TrustSource> = trust;
        let registry = Registry::new(Arc::clone(&trust), Arc::clone(&world.clock), Arc::clone(&world.entropy));
        self.tasks.spawn(Arc::clone(&registry).watch(self.stop.clone()));
        let door = Door { tls, registry: Arc::clone(&registry), limits: DoorLimits::default() };
        let sessions = door.open(TcpListenerStream::new(listener), &self.tasks, self.stop.clone());
        let bootstrap = config.operators.iter().cloned().collect();
        let view = View::new(world.clone(), index.clone(), bootstrap);
        let parts = GrpcParts { world: world.clone(), view, index, issue, renew, trust: Arc::clone(&trust), registry };
        let served = grpc::serve(parts, sessions, self.stop.clone());
        self.vital(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the gRPC surface ended");
            }
        });
        tracing::info!(address = %self.address, id = %trust.own_id(), log_key = %world.journal.verifier_key(), "the broker serves");
        Ok(())
    }

    /// Runs a part without which the broker is none: when it ends, however it ends, all of it stops.
    fn vital(&self, part: impl Future<Output = ()> + Send + 'static) {
        let end_of_all = self.stop.clone().drop_guard();
        self.tasks.spawn(async move {
            part.await;
            drop(end_of_all);
        });
    }

    /// Where gRPC is served.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the public log is served, if it is.
    pub(super) fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Tells whoever started the broker where it is: a line, one more if the public log is served, and
    /// nothing else goes to stdout.
    fn announce(&self) -> Result<()> {
        let mut out = std::io::stdout();
        let public = self.http.map(|http| format!("LISTENING_HTTP {http}\n")).unwrap_or_default();
        // In one piece: who reads the first line only may be gone before a second is written.
        let lines = format!("LISTENING {}\n{public}", self.address);
        let told = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
        told.context("nobody reads where the broker listens")
    }

    /// Serves until `end`, or until the log can no longer be trusted.
    pub(super) async fn until(mut self, end: impl Future<Output = ()>) -> Result<()> {
        let stopped = self.stop.clone();
        let (lost, asked) = tokio::select! {
            () = end => (None, true),
            end = &mut self.writer => (Some(end), false),
            () = stopped.cancelled() => (None, false),
        };
        let broken = self.world.witnessed.broken().cloned();
        self.stop(lost.is_some() || broken.is_some()).await;
        if let Some(broken) = broken {
            return Err(anyhow::Error::new(broken));
        }
        match lost {
            None if asked => Ok(()),
            None => bail!("a vital part of the broker ended, see its log: start it again"),
            Some(Ok(end)) => {
                Err(anyhow::Error::new(end).context("the broker stops: start it again, it folds the log anew"))
            }
            Some(Err(join)) => Err(anyhow::Error::new(join).context("the log's writer broke off")),
        }
    }

    /// The door first, then what runs, then the log.
    async fn stop(self, lost: bool) {
        self.stop.cancel();
        self.tasks.close();
        if !lost {
            let epoch = self.world.journal.published().state.broker.epoch;
            let stopped = Command::Note(Body::from(BrokerStopped { epoch }));
            if let Err(Denial { sentence, .. }) = self.world.journal.propose(stopped, Vec::new()).await {
                tracing::warn!(%sentence, "the stop could not be recorded");
            }
            self.snapshots().last().await;
        }
        let Self { world, tasks, .. } = self;
        drop(world);
        if tokio::time::timeout(STOP_MAX, tasks.wait()).await.is_err() {
            tracing::warn!("work was still under way; the next start goes on with it");
        }
    }
}

async fn trust(config: &Config, tasks: &TaskTracker) -> Result<Arc<SpireTrust>> {
    let policy = TrustPolicy::Written { own: config.trust_domain.clone(), federated: config.federated.clone() };
    let options = SpireOptions { endpoint: config.workload_api.clone(), policy, start_timeout: TRUST_START_MAX };
    Ok(SpireTrust::start(options, tasks).await?)
}

async fn last_time(store: &dyn LogStore) -> Result<Time> {
    let Some(head) = store.head().await? else { return Ok(Time::default()) };
    let last = store.entries(head.size.saturating_sub(1), 1).await?.pop();
    // An unreadable entry is the fold's to report.
    Ok(last
        .and_then(|last| crate::domain::entry::Entry::read(&last.bytes).ok())
        .map(|entry| entry.time)
        .unwrap_or_default())
}

/// The engine, as the broker logs in to it.
pub(super) fn engine(
    config: &Config,
    trust: &Arc<SpireTrust>,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
) -> Result<Arc<dyn SecretEngine>> {
    let trust = Arc::clone(trust);
    let supplier: JwtSvidSupplier = Arc::new(move |audience: &str| {
        let (trust, audience) = (Arc::clone(&trust), audience.to_owned());
        Box::pin(async move {
            let no =
                |error| Fault::new(FaultKind::Transient, "no JWT-SVID to log in to the engine with").because(error);
            trust.own_jwt(&audience).await.map_err(no)
        })
    });
    let jwt = &config.vault.jwt;
    let auth =
        VaultAuth::Jwt { mount: jwt.mount.clone(), role: jwt.role.clone(), audience: jwt.audience.clone(), supplier };
    let settings = VaultSettings {
        address: config.vault.address.clone(),
        ca_file: config.vault.ca_file.clone(),
        namespace: config.vault.namespace.clone(),
        auth,
        deadline: Duration::from_secs(config.vault.request_seconds_max + 5),
    };
    Ok(Arc::new(Vault::new(settings, Arc::clone(clock), tasks.clone())?))
}

/// Probes log in with a value that the engine holds.
fn dsn_supplier(engine: &Arc<dyn SecretEngine>) -> DsnSupplier {
    let engine = Arc::clone(engine);
    Arc::new(move |target: &ProbeTarget| {
        let (engine, target) = (Arc::clone(&engine), target.clone());
        Box::pin(async move { engine.own_value(&target.dsn_policy, &target.dsn_path, "dsn").await })
    })
}
