//! The two ports of the harness. Every decision is the broker's: its trust source, its TLS
//! configuration, its door and registry.

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt as _;
use leasehold::adapters::spire::{ClientCertificate, SpireOptions, SpireTrust};
use leasehold::adapters::system::{OsEntropy, SystemClock};
use leasehold::domain::base::Time;
use leasehold::domain::svid::Audience;
use leasehold::ports::{Clock, TrustSource as _};
use leasehold::surfaces::tls::{Door, DoorLimits, Registry, Session};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Where the harness listens. Dropping it stops it.
pub(crate) struct Harness {
    pub(crate) x509: SocketAddr,
    pub(crate) control: SocketAddr,
    _stop: DropGuard,
}

/// Waits for the first SVID, then opens both ports.
pub(crate) async fn start(options: SpireOptions, hold_open: bool, tasks: &TaskTracker) -> anyhow::Result<Harness> {
    let trust = SpireTrust::start(options, tasks).await?;
    let stop = CancellationToken::new();
    let x509 = open_x509(&trust, hold_open, tasks, &stop).await.context("the X.509 port cannot be opened")?;
    let control = open_control(trust, tasks, &stop).await.context("the control port cannot be opened")?;
    Ok(Harness { x509, control, _stop: stop.drop_guard() })
}

async fn open_x509(
    trust: &Arc<SpireTrust>,
    hold_open: bool,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start(Time::default()));
    let registry = Registry::new(trust.clone(), Arc::clone(&clock), Arc::new(OsEntropy));
    tasks.spawn(Arc::clone(&registry).watch(stop.clone()));
    let tls = trust.server_config(clock, ClientCertificate::Required, &[])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let door = Door { tls, registry, limits: DoorLimits::default() };
    let mut sessions = door.open(TcpListenerStream::new(listener), tasks, stop.clone());
    let each = tasks.clone();
    tasks.spawn(async move {
        while let Some(Ok(session)) = sessions.next().await {
            each.spawn(tell(session, hold_open));
        }
    });
    Ok(address)
}

/// Writes who the peer is. Nothing, if it could not be told.
async fn tell(mut session: Session, hold_open: bool) {
    let Some(line) = session.peer().subject().map(|subject| format!("{}\n", subject.id())) else { return };
    if session.write_all(line.as_bytes()).await.is_err() || session.flush().await.is_err() {
        return;
    }
    let mut ignored = [0; 1_024];
    // Ends when the peer leaves, or with an error when the registry closes the session.
    while hold_open && session.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
    let _ = session.shutdown().await;
}

async fn open_control(
    trust: Arc<SpireTrust>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/v1/jwt/validate", post(validate)).fallback(unsupported).with_state(trust);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tasks.spawn(async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "the control port ended");
        }
    });
    Ok(address)
}

/// The standard's own rule for audiences; that the broker wants exactly one is its policy.
async fn validate(State(trust): State<Arc<SpireTrust>>, body: String) -> (StatusCode, Json<Value>) {
    let request = serde_json::from_str::<Value>(&body).unwrap_or_default();
    let (Some(token), Some(audience)) = (text(&request, "token"), text(&request, "audience")) else {
        let answer = json!({"status": "error", "message": "send {\"token\": …, \"audience\": …}"});
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(answer));
    };
    match trust.verify_jwt(token, Audience::Among(audience), SystemClock::start(Time::default()).read().time) {
        Ok(subject) => (StatusCode::OK, Json(json!({"status": "ok", "spiffe_id": subject.id()}))),
        Err(denial) => {
            let message = format!("{}: {}", denial.reason, denial.sentence);
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"status": "rejected", "message": message})))
        }
    }
}

fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request.get(member).and_then(Value::as_str)
}

async fn unsupported() -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_IMPLEMENTED, Json(json!({"status": "unsupported"})))
}
