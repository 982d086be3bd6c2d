//! The HTTP surface: the public log, read-only, for strangers, without identity and without TLS.
//!
//! A connection costs a place, and there are few; it must say what it wants soon, and does not stay
//! for ever. Bodies of requests are never read. Nothing that is served here is secret.

mod tiles;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use services::tiles::PublicLog;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds of the surface. Each has a test at its edge.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Connections at one time; whoever comes next waits until a place is free.
    pub connections_max: usize,
    /// From the accept, or the end of the answer before, to the end of a request's head.
    pub head_max: Duration,
    /// How long a connection is used; then the answer under way is its last.
    pub connection_max: Duration,
    /// How long that last answer may take, also at the end of the broker.
    pub last_answer_max: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            head_max: Duration::from_secs(10),
            connection_max: Duration::from_secs(60),
            last_answer_max: Duration::from_secs(5),
        }
    }
}

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// After a failed accept, such as one without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the public log until `stop`. Connections under way run on `tasks` and end soon after it.
pub async fn serve(
    listener: TcpListener,
    log: PublicLog,
    limits: HttpLimits,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let service = TowerToHyperService::new(tiles::router(log));
    while let Some(place) = next_place(&places, &stop).await {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                tasks.spawn(connection(socket, service.clone(), limits, stop.clone(), place));
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

async fn next_place(places: &Arc<Semaphore>, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        () = stop.cancelled() => None,
        place = Arc::clone(places).acquire_owned() => place.ok(),
    }
}

async fn connection(
    socket: TcpStream,
    service: TowerToHyperService<Router>,
    limits: HttpLimits,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    // Answers are whole when they are written: there is nothing to wait for.
    let _undelayed = socket.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_max).max_buf_size(HEAD_BYTES_MAX);
    let mut served = pin!(builder.serve_connection(TokioIo::new(socket), service));
    tokio::select! {
        // What goes wrong on one connection is its client's to notice.
        _ended = &mut served => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(limits.connection_max) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ended = tokio::time::timeout(limits.last_answer_max, served).await;
}

async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
