//! The door: an accept loop of our own, so that a slow or hostile handshake holds up nobody else,
//! and so that every open connection can be closed when trust in it ends.
//!
//! Accepting never waits for a handshake. Handshakes have a deadline and a cap of their own; when
//! all places are taken the oldest unfinished handshake goes. Established connections, and among
//! them those without a certificate, have caps too: one over the cap is closed at once.

mod registry;
mod session;

pub use registry::{OpenConnection, Registry};
pub use session::{Peer, Session};

use domain::reason::{Denial, Reason};
use futures_util::{Stream, StreamExt as _};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds of the door. Each has a test at its edge.
#[derive(Debug, Clone, Copy)]
pub struct DoorLimits {
    /// Handshakes at one time.
    pub handshaking_max: usize,
    /// Connections at one time.
    pub established_max: usize,
    /// Connections without a client certificate at one time, counted in `established_max` too.
    pub without_certificate_max: usize,
    /// From accept to the end of the handshake.
    pub handshake_deadline: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            handshaking_max: 512,
            established_max: 8_192,
            without_certificate_max: 1_024,
            handshake_deadline: Duration::from_secs(5),
        }
    }
}

/// Everything the accept loop needs.
#[derive(Clone)]
pub struct Door {
    /// From `adapters/spire`: TLS 1.3, the own SVID, the verifier.
    pub tls: Arc<rustls::ServerConfig>,
    /// Where established connections are kept.
    pub registry: Arc<Registry>,
    /// Bounds.
    pub limits: DoorLimits,
}

impl Door {
    /// Starts to accept from `incoming` and gives the verified sessions, for tonic's
    /// `serve_with_incoming`. Ends when `stop` is cancelled or `incoming` ends; errors of `incoming`
    /// end nothing.
    pub fn open(
        self,
        incoming: impl Stream<Item = io::Result<TcpStream>> + Send + Unpin + 'static,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> impl Stream<Item = io::Result<Session>> + Send + Unpin + 'static {
        let (ready, sessions) = mpsc::channel(SESSIONS_WAITING_MAX);
        let task = self.accept(incoming, ready, tasks.clone(), stop);
        tasks.spawn(task);
        ReceiverStream::new(sessions)
    }

    async fn accept(
        self,
        mut incoming: impl Stream<Item = io::Result<TcpStream>> + Unpin,
        ready: mpsc::Sender<io::Result<Session>>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) {
        let mut handshakes = Handshakes::new(self.limits.handshaking_max);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = incoming.next() => accepted,
            };
            match accepted {
                None => return,
                Some(Err(error)) => pause_after(&error).await,
                Some(Ok(_)) if self.registry.len() >= self.limits.established_max => {
                    self.registry.refused(Reason::Overloaded);
                }
                Some(Ok(tcp)) => {
                    let place = handshakes.take_place(&stop);
                    tasks.spawn(self.clone().welcome(tcp, place, ready.clone()));
                }
            }
        }
    }

    /// One connection from accept to session. Whatever fails, only this connection ends.
    async fn welcome(self, tcp: TcpStream, place: CancellationToken, ready: mpsc::Sender<io::Result<Session>>) {
        let finished = place.clone().drop_guard();
        let handshake = tokio::time::timeout(self.limits.handshake_deadline, self.handshake(tcp));
        let tls = tokio::select! {
            () = place.cancelled() => return self.registry.refused(Reason::Overloaded),
            outcome = handshake => match outcome {
                Ok(Ok(tls)) => tls,
                Ok(Err(error)) => return self.registry.refused(reason_of(&error)),
                Err(_late) => return self.registry.refused(Reason::HandshakeFailed),
            },
        };
        drop(finished);
        match self.registry.admit(chain_of(&tls), &self.limits) {
            // The receiver is gone only when the server is.
            Ok(connection) => drop(ready.send(Ok(Session::new(tls, connection))).await),
            Err(denial) => self.registry.refused(denial.reason),
        }
    }

    async fn handshake(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        tcp.set_nodelay(true)?;
        TlsAcceptor::from(Arc::clone(&self.tls)).accept(tcp).await
    }
}

/// The unfinished handshakes, oldest first.
struct Handshakes {
    places: VecDeque<CancellationToken>,
    max: usize,
}

impl Handshakes {
    fn new(max: usize) -> Self {
        Self { places: VecDeque::new(), max: max.max(1) }
    }

    /// A place for one more; the oldest goes if all are taken. Finished handshakes have cancelled
    /// their own token.
    fn take_place(&mut self, stop: &CancellationToken) -> CancellationToken {
        if self.places.len() >= self.max {
            self.places.retain(|place| !place.is_cancelled());
        }
        if self.places.len() >= self.max
            && let Some(oldest) = self.places.pop_front()
        {
            oldest.cancel();
        }
        let place = stop.child_token();
        self.places.push_back(place.clone());
        place
    }
}

/// Out of descriptors or memory: accepting again at once would only spin.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind as K;
    tracing::warn!(%error, "a connection could not be accepted");
    if !matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::Interrupted | K::WouldBlock) {
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

fn chain_of(tls: &TlsStream<TcpStream>) -> Vec<Vec<u8>> {
    let (_, connection) = tls.get_ref();
    connection.peer_certificates().unwrap_or_default().iter().map(|cert| cert.to_vec()).collect()
}

/// The verifier's own reason where it refused; else the peer did not speak as we do.
fn reason_of(error: &io::Error) -> Reason {
    let denied = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).and_then(|tls| match tls {
        rustls::Error::Other(other) => other.0.downcast_ref::<Denial>(),
        _ => None,
    });
    denied.map_or(Reason::HandshakeFailed, |denial| denial.reason)
}

/// Sessions that the server has not taken over yet.
const SESSIONS_WAITING_MAX: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
