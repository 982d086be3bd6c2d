//! The HTTP face of `leasehold witness` (C2SP tlog-witness): one call, `POST /add-checkpoint`.
//!
//! Plain HTTP, for loopback or behind a server that speaks TLS and knows how to keep crowds out. What a
//! request costs is bounded here: its bytes, the time it may take to arrive, and how many are read at once.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use services::cosign::{Cosign, NotCosigned};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tlog::witness::{REQUEST_BYTES_MAX, Refusal, SIZE_MEDIA_TYPE};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Requests in hand at once; more are told to come back.
const REQUESTS_MAX: usize = 32;
/// For the whole of a request to arrive.
const ARRIVAL_DEADLINE: Duration = Duration::from_secs(10);
/// How long requests under way may take after the stop.
const DRAIN_MAX: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Desk {
    cosign: Arc<Cosign>,
    places: Arc<Semaphore>,
}

/// Serves until `stop`, then lets requests under way finish.
///
/// # Errors
/// If the listener fails.
pub async fn serve(cosign: Arc<Cosign>, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
    let served = axum::serve(listener, router(cosign)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let drained = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        served = served.into_future() => served,
        () = drained => Ok(()),
    }
}

fn router(cosign: Arc<Cosign>) -> Router {
    let desk = Desk { cosign, places: Arc::new(Semaphore::new(REQUESTS_MAX)) };
    Router::new().route("/add-checkpoint", post(add_checkpoint)).with_state(desk)
}

async fn add_checkpoint(State(desk): State<Desk>, body: Body) -> Response {
    let Ok(_place) = desk.places.try_acquire() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let Ok(read) = tokio::time::timeout(ARRIVAL_DEADLINE, to_bytes(body, REQUEST_BYTES_MAX)).await else {
        return StatusCode::REQUEST_TIMEOUT.into_response();
    };
    let Ok(bytes) = read else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let Ok(body) = String::from_utf8(bytes.into()) else { return StatusCode::BAD_REQUEST.into_response() };
    match desk.cosign.add_checkpoint(body).await {
        Ok(lines) => lines.into_response(),
        Err(NotCosigned::Refused(refusal)) => refused(&refusal),
        Err(error @ (NotCosigned::Unkept(_) | NotCosigned::BrokeOff)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "nothing was cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    let sentence = format!("{refusal}\n");
    match refusal {
        Refusal::Malformed => (StatusCode::BAD_REQUEST, sentence).into_response(),
        Refusal::UnknownLog => (StatusCode::NOT_FOUND, sentence).into_response(),
        Refusal::UnknownKey => (StatusCode::FORBIDDEN, sentence).into_response(),
        Refusal::Conflict { size } => {
            (StatusCode::CONFLICT, [(CONTENT_TYPE, SIZE_MEDIA_TYPE)], format!("{size}\n")).into_response()
        }
        Refusal::Proof => (StatusCode::UNPROCESSABLE_ENTITY, sentence).into_response(),
    }
}
