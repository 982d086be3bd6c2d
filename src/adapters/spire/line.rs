//! Whether the two streams of the Workload API stand, and since when not. Makes the clients that
//! `spiffe`'s sources ask for, because the sources tell that a stream ended, but not that it stands
//! again: an agent that comes back with the same bundles changes nothing. So a client that is made
//! after a stream ended asks once for what the stream will carry.
//!
//! Holds no bundle and decides nothing.

use domain::base::Span;
use ports::{TrustTrouble, TrustTroubleKind};
use spiffe::transport::Endpoint;
use spiffe::workload_api::endpoint;
use spiffe::{WorkloadApiClient, WorkloadApiError, jwt_source, x509_source};
use std::error::Error;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The connections to one Workload API.
pub(super) struct Line {
    endpoint: Endpoint,
    strands: watch::Sender<Strands>,
}

/// What is streamed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// The own SVID and X.509 bundles.
    X509,
    /// JWT bundles.
    Jwt,
}

/// What a source of `spiffe` is told to make its clients with.
pub(super) type ClientFactory = Arc<dyn Fn() -> Making + Send + Sync>;
type Making = Pin<Box<dyn Future<Output = Result<WorkloadApiClient, WorkloadApiError>> + Send>>;

#[derive(Default)]
struct Strands {
    x509: Strand,
    jwt: Strand,
}

#[derive(Default)]
struct Strand {
    stream: Stream,
    /// Since when, and in what words, identity is denied.
    denied: Option<(Instant, String)>,
}

#[derive(Default)]
enum Stream {
    /// Stands, or was never lost.
    #[default]
    Up,
    /// Ended at this moment; the first try to make it again is under way.
    Ended(Instant),
    /// Could not be made again.
    Down(Instant, TrustTroubleKind, String),
}

/// Hears what a source of `spiffe` meets.
pub(super) struct Listener(Arc<Line>, Kind);

/// So long an agent may think before it counts as unreachable. It may still answer later.
const ANSWER_MAX: Duration = Duration::from_secs(5);

impl Line {
    /// To this endpoint, or to the environment's `SPIFFE_ENDPOINT_SOCKET`.
    pub(super) fn new(endpoint: Option<&str>) -> Result<Arc<Self>, WorkloadApiError> {
        let endpoint = match endpoint {
            Some(text) => Endpoint::parse(text)?,
            None => endpoint::from_env()?,
        };
        Ok(Arc::new(Self { endpoint, strands: watch::Sender::default() }))
    }

    /// The endpoint as a URI.
    pub(super) fn origin(&self) -> String {
        match &self.endpoint {
            Endpoint::Unix(path) => format!("unix://{}", path.display()),
            Endpoint::Tcp { host, port } => format!("tcp://{}", SocketAddr::new(*host, *port)),
            other => format!("{other:?}"),
        }
    }

    /// What is wrong: with the X.509 stream if anything is, else with the JWT stream.
    pub(super) fn trouble(&self) -> Option<TrustTrouble> {
        let strands = self.strands.borrow();
        let (since, kind, why) = strands.trouble()?;
        let age = Span::from_millis(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        Some(TrustTrouble { kind, age, why })
    }

    /// Clients for the source of this kind.
    pub(super) fn factory(self: &Arc<Self>, kind: Kind) -> ClientFactory {
        let line = Arc::clone(self);
        Arc::new(move || {
            let line = Arc::clone(&line);
            Box::pin(async move { line.client(kind).await })
        })
    }

    /// For the source of this kind.
    pub(super) fn listener(self: &Arc<Self>, kind: Kind) -> Arc<Listener> {
        Arc::new(Listener(Arc::clone(self), kind))
    }

    /// The source says that its permission was withdrawn, or that it has one.
    pub(super) fn denied(&self, kind: Kind, why: Option<&WorkloadApiError>) {
        self.change(kind, |strand| {
            strand.denied = match (why, strand.denied.take()) {
                (None, _) => None,
                (Some(_), Some(known)) => Some(known),
                (Some(why), None) => Some((moment(), why.to_string())),
            }
        });
    }

    async fn client(&self, kind: Kind) -> Result<WorkloadApiClient, WorkloadApiError> {
        if matches!(self.strands.borrow().of(kind).stream, Stream::Up) {
            return WorkloadApiClient::connect(self.endpoint.clone()).await;
        }
        let mut reaching = pin!(self.reach(kind));
        match tokio::time::timeout(ANSWER_MAX, &mut reaching).await {
            Ok(reached) => reached,
            Err(_) => {
                let why = format!("no answer within {} s", ANSWER_MAX.as_secs());
                self.lose(kind, TrustTroubleKind::Unreachable, why);
                reaching.await
            }
        }
    }

    /// A client whose Workload API has just answered. That it denies an identity is an answer too,
    /// and the source must hear it from its own stream.
    async fn reach(&self, kind: Kind) -> Result<WorkloadApiClient, WorkloadApiError> {
        let reached = async {
            let client = WorkloadApiClient::connect(self.endpoint.clone()).await?;
            let answer = match kind {
                Kind::X509 => client.fetch_x509_context().await.map(drop),
                Kind::Jwt => client.fetch_jwt_bundles().await.map(drop),
            };
            match answer {
                Ok(()) | Err(WorkloadApiError::NoIdentityIssued | WorkloadApiError::PermissionDenied(_)) => Ok(client),
                Err(error) => Err(error),
            }
        };
        let reached = reached.await;
        match &reached {
            Ok(_) => self.change(kind, |strand| strand.stream = Stream::Up),
            Err(error @ WorkloadApiError::Transport(_)) => {
                self.lose(kind, TrustTroubleKind::Unreachable, root_of(error));
            }
            Err(error) => self.lose(kind, TrustTroubleKind::Unusable, root_of(error)),
        }
        reached
    }

    fn lose(&self, kind: Kind, trouble: TrustTroubleKind, why: String) {
        self.change(kind, |strand| {
            let since = match &strand.stream {
                Stream::Up => moment(),
                Stream::Ended(since) => *since,
                Stream::Down(since, known, _) if *known == trouble => *since,
                Stream::Down(..) => moment(),
            };
            strand.stream = Stream::Down(since, trouble, why);
        });
    }

    /// Changes one strand, and says once that trouble began or is over.
    fn change(&self, kind: Kind, change: impl FnOnce(&mut Strand)) {
        self.strands.send_modify(|strands| {
            let before = strands.trouble();
            change(match kind {
                Kind::X509 => &mut strands.x509,
                Kind::Jwt => &mut strands.jwt,
            });
            match (before, strands.trouble()) {
                (None, Some((_, kind, why))) => {
                    tracing::warn!(origin = %self.origin(), ?kind, why, "workload api lost");
                }
                (Some((since, ..)), None) => {
                    tracing::info!(origin = %self.origin(), away_seconds = since.elapsed().as_secs(), "workload api back");
                }
                (None, None) | (Some(_), Some(_)) => {}
            }
        });
    }
}

impl Strands {
    fn of(&self, kind: Kind) -> &Strand {
        match kind {
            Kind::X509 => &self.x509,
            Kind::Jwt => &self.jwt,
        }
    }

    fn trouble(&self) -> Option<(Instant, TrustTroubleKind, String)> {
        let jwt = || self.jwt.trouble().map(|(since, kind, why)| (since, kind, format!("JWT bundles: {why}")));
        self.x509.trouble().or_else(jwt)
    }
}

impl Strand {
    fn trouble(&self) -> Option<(Instant, TrustTroubleKind, String)> {
        match (&self.stream, &self.denied) {
            (Stream::Down(since, kind, why), _) => Some((*since, *kind, why.clone())),
            (_, Some((since, why))) => Some((*since, TrustTroubleKind::NoIdentity, why.clone())),
            (Stream::Up | Stream::Ended(_), None) => None,
        }
    }
}

impl Listener {
    fn updated(&self) {
        self.0.change(self.1, |strand| strand.stream = Stream::Up);
    }

    fn ended(&self) {
        self.0.change(self.1, |strand| {
            if matches!(strand.stream, Stream::Up) {
                strand.stream = Stream::Ended(moment());
            }
        });
    }
}

impl x509_source::MetricsRecorder for Listener {
    fn record_update(&self) {
        self.updated();
    }

    fn record_reconnect(&self) {
        self.ended();
    }

    fn record_error(&self, _kind: x509_source::MetricsErrorKind) {}
}

impl jwt_source::MetricsRecorder for Listener {
    fn record_update(&self) {
        self.updated();
    }

    fn record_reconnect(&self) {
        self.ended();
    }

    fn record_error(&self, _kind: jwt_source::MetricsErrorKind) {}
}

#[expect(clippy::disallowed_methods, reason = "ages for people; nothing is decided by them, and no clock is there yet")]
fn moment() -> Instant {
    Instant::now()
}

/// What lies at the bottom, such as "Connection refused": the layers above only say "transport".
fn root_of(error: &WorkloadApiError) -> String {
    let mut root: &dyn Error = error;
    while let Some(below) = root.source() {
        root = below;
    }
    root.to_string()
}
