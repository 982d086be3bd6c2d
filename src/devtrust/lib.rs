//! A development trust domain: a real SPIFFE issuer and Workload API for one machine, so that
//! Leasehold and any SPIFFE client can be tried without SPIRE.
//!
//! It attests nobody: whoever can open a socket gets that socket's identity. So it is for
//! development only, says so in every certificate (`O=Leasehold development`), listens on Unix
//! sockets and loopback alone, keeps its keys in memory, and leaves nothing behind. The broker
//! knows it only through the Workload API; tests and `leasehold dev` start it.

mod authority;
mod clock;
pub mod command;
mod domain_keys;
mod error;
mod identity;
mod issuer;
mod jwks;
mod lifetimes;
mod messages;
mod sockets;
mod workload_api;

pub use error::DevTrustError;
pub use identity::Identity;
pub use lifetimes::Lifetimes;

use domain::base::{Name, TrustDomain};
use issuer::Issuer;
use sockets::SocketDir;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use workload_api::WorkloadApi;

/// What a development trust domain is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the sockets go: `<dir>/sockets/<name>.sock`. Made if missing, removed at the end.
    pub dir: PathBuf,
    /// The trust domain it issues for.
    pub trust_domain: TrustDomain,
    /// Whom it issues to; each gets a socket. Their SPIFFE IDs may be in a federated domain.
    pub identities: Vec<Identity>,
    /// Further trust domains that it issues for; each sees the others' bundles.
    pub federated: Vec<TrustDomain>,
    /// How long SVIDs live.
    pub lifetimes: Lifetimes,
    /// Also serve each identity on a loopback port, for clients that cannot use Unix sockets.
    /// Every user of the machine can open such a port.
    pub tcp: bool,
}

impl Config {
    /// SPIRE's lifetimes, no identities, Unix sockets only.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, trust_domain: TrustDomain) -> Self {
        let (identities, federated) = (Vec::new(), Vec::new());
        Self { dir: dir.into(), trust_domain, identities, federated, lifetimes: Lifetimes::default(), tcp: false }
    }
}

/// A running development trust domain. [`DevTrust::shutdown`] ends it in order; dropping it ends
/// it at once. Either way the sockets are gone.
pub struct DevTrust {
    /// The only writer of the state; every stream watches it.
    issuer: Arc<watch::Sender<Issuer>>,
    doors: Mutex<Doors>,
    tcp: bool,
    jwks_addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Where clients come in.
struct Doors {
    sockets: SocketDir,
    tcp: BTreeMap<String, Option<SocketAddr>>,
}

impl DevTrust {
    /// Makes the authorities, issues the SVIDs and listens. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DevTrustError`] if a socket cannot be had, or an identity belongs to no known domain.
    pub async fn start(config: Config) -> Result<Self, DevTrustError> {
        let now = clock::now();
        let mut issuer = Issuer::new(&config.trust_domain, config.lifetimes, now)?;
        for domain in &config.federated {
            issuer.federate(domain, now)?;
        }
        let loopback = loopback().await?;
        let jwks_addr = loopback.local_addr().map_err(DevTrustError::io("read the port of the key set"))?;
        let trust = Self {
            issuer: Arc::new(watch::Sender::new(issuer)),
            doors: Mutex::new(Doors { sockets: SocketDir::open(&config.dir)?, tcp: BTreeMap::new() }),
            tcp: config.tcp,
            jwks_addr,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let keys = jwks::router(config.trust_domain, trust.issuer.subscribe());
        let serve = axum::serve(loopback, keys).with_graceful_shutdown(trust.stop.clone().cancelled_owned());
        trust.spawn("key set", async { serve.await });
        trust.tasks.spawn(keep_fresh(trust.issuer.clone(), config.lifetimes.look_every(), trust.stop.clone()));
        for identity in config.identities {
            trust.declare(identity).await?;
        }
        Ok(trust)
    }

    /// Path of the identity's Unix socket, open or not: `<dir>/sockets/<name>.sock`.
    #[must_use]
    pub fn socket(&self, name: &str) -> PathBuf {
        self.doors().sockets.path_of(name)
    }

    /// The identity's `SPIFFE_ENDPOINT_SOCKET`: `unix:///…`, a link to its socket that clients in
    /// every language can use.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> String {
        format!("unix://{}", self.doors().sockets.link_of(name).display())
    }

    /// The identity's endpoint on loopback, `tcp://127.0.0.1:port`, if it was asked for.
    #[must_use]
    pub fn tcp_endpoint(&self, name: &str) -> Option<String> {
        let addr = self.doors().tcp.get(name).copied().flatten()?;
        Some(format!("tcp://{addr}"))
    }

    /// Where the JWT keys of the trust domain are: for OpenBao's `jwks_url`.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("http://{}{}", self.jwks_addr, jwks::PATH)
    }

    /// A JWT-SVID of a declared identity, without the way over its socket.
    ///
    /// # Errors
    /// [`DevTrustError::UnknownIdentity`] if it is not declared.
    pub fn jwt_svid(&self, name: &str, audience: &str) -> Result<String, DevTrustError> {
        let issuer = self.issuer.borrow();
        let served = issuer.served(name).ok_or_else(|| DevTrustError::UnknownIdentity(name.to_owned()))?;
        served.jwt_svid(&[audience.to_owned()], clock::now(), issuer.lifetimes().jwt())
    }

    /// Opens the socket of this name, which answers `PermissionDenied` until the name is declared.
    /// One that is open stays as it is.
    ///
    /// # Errors
    /// [`DevTrustError`] if the socket or its port cannot be had.
    pub async fn open(&self, name: &str) -> Result<(), DevTrustError> {
        Name::parse(name)?;
        let port = if self.tcp { Some(loopback().await?) } else { None };
        let mut doors = self.doors();
        if doors.tcp.contains_key(name) {
            return Ok(());
        }
        if doors.tcp.len() >= issuer::IDENTITIES_MAX {
            return Err(DevTrustError::TooMany { max: issuer::IDENTITIES_MAX });
        }
        let addr = port.as_ref().map(TcpListener::local_addr).transpose();
        let addr = addr.map_err(DevTrustError::io("read the port of an identity"))?;
        let socket = doors.sockets.bind(name)?;
        doors.tcp.insert(name.to_owned(), addr);
        drop(doors);
        let stop = || self.stop.clone().cancelled_owned();
        let socket = UnixListenerStream::new(socket);
        self.spawn("socket", self.server().add_service(self.api(name)).serve_with_incoming_shutdown(socket, stop()));
        if let Some(port) = port.map(TcpListenerStream::new) {
            self.spawn("port", self.server().add_service(self.api(name)).serve_with_incoming_shutdown(port, stop()));
        }
        Ok(())
    }

    /// Declares an identity, opening its socket if it is not open. One of the same name is replaced.
    ///
    /// # Errors
    /// [`DevTrustError`] if the socket cannot be had, or its trust domain is not known here.
    pub async fn declare(&self, identity: Identity) -> Result<(), DevTrustError> {
        self.open(identity.name()).await?;
        self.change(|issuer| issuer.declare(identity, clock::now()))
    }

    /// Takes an identity away. Its socket stays and answers `PermissionDenied`; streams end with it.
    ///
    /// # Errors
    /// [`DevTrustError::UnknownIdentity`] if it is not declared.
    pub fn undeclare(&self, name: &str) -> Result<(), DevTrustError> {
        self.change(|issuer| issuer.undeclare(name))
    }

    /// Replaces every X.509-SVID now, and signs with the prepared authorities from now on.
    ///
    /// # Errors
    /// [`DevTrustError::Certificate`] if a key cannot be made.
    pub fn rotate_svids(&self) -> Result<(), DevTrustError> {
        self.change(|issuer| issuer.rotate_svids(clock::now()))
    }

    /// Begins to rotate a domain's authority: the new one is in the bundles at once, signs from
    /// the next rotation of SVIDs on (on the timer or by [`DevTrust::rotate_svids`]), and the old
    /// one leaves the bundles when nothing that it signed can still be valid.
    ///
    /// # Errors
    /// [`DevTrustError::UnknownDomain`] if nothing is issued for it here.
    pub fn rotate_authority(&self, domain: &TrustDomain) -> Result<(), DevTrustError> {
        self.change(|issuer| issuer.prepare_authority(domain, clock::now()))
    }

    /// Drops a domain's retired authorities at once, needed or not.
    ///
    /// # Errors
    /// [`DevTrustError::UnknownDomain`] if nothing is issued for it here.
    pub fn drop_retired_authorities(&self, domain: &TrustDomain) -> Result<(), DevTrustError> {
        self.change(|issuer| issuer.drop_retired_authorities(domain))
    }

    /// Issues for one more trust domain and shows its bundle to all others; shows a withdrawn one again.
    ///
    /// # Errors
    /// [`DevTrustError::Certificate`] if a key cannot be made.
    pub fn federate(&self, domain: &TrustDomain) -> Result<(), DevTrustError> {
        self.change(|issuer| issuer.federate(domain, clock::now()))
    }

    /// Hides a domain's bundles from the members of all other domains.
    ///
    /// # Errors
    /// [`DevTrustError::UnknownDomain`] if nothing is issued for it here.
    pub fn withdraw_bundle(&self, domain: &TrustDomain) -> Result<(), DevTrustError> {
        self.change(|issuer| issuer.withdraw_bundle(domain))
    }

    /// Stops serving, ends every stream and removes the sockets.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_WAIT_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("a client of the development trust domain did not leave in time");
        }
    }

    fn change(&self, change: impl FnOnce(&mut Issuer) -> Result<(), DevTrustError>) -> Result<(), DevTrustError> {
        let mut outcome = Ok(());
        self.issuer.send_modify(|issuer| outcome = change(issuer));
        outcome
    }

    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn api(&self, name: &str) -> workload_api::Guarded {
        let (issuer, stop) = (self.issuer.subscribe(), self.stop.clone());
        WorkloadApi { name: name.to_owned(), issuer, stop }.guarded()
    }

    fn server(&self) -> tonic::transport::Server {
        tonic::transport::Server::builder().http2_keepalive_interval(Some(KEEPALIVE)).tcp_nodelay(true)
    }

    fn spawn<E: std::fmt::Display>(
        &self,
        what: &'static str,
        serve: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.tasks.spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(what, %error, "the development trust domain stopped serving");
            }
        });
    }
}

impl Drop for DevTrust {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A port of the system's choice, on loopback only.
async fn loopback() -> Result<TcpListener, DevTrustError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(DevTrustError::io("listen on loopback"))
}

async fn keep_fresh(issuer: Arc<watch::Sender<Issuer>>, look_every: Duration, stop: CancellationToken) {
    let look = async {
        loop {
            tokio::time::sleep(look_every).await;
            issuer.send_if_modified(|issuer| {
                issuer.keep_fresh(clock::now()).unwrap_or_else(|error| {
                    tracing::error!(%error, "cannot renew SVIDs");
                    false
                })
            });
        }
    };
    stop.run_until_cancelled(look).await;
}

/// Ends connections whose peer is gone without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// A client that does not close its side cannot hold up the end.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);
