//! C2SP tlog-tiles over HTTP: paths, media types and caching. What is behind a path is decided in
//! `services::tiles`; which path is one, in `tlog::tile`.

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use domain::reason::Denial;
use services::tiles::PublicLog;
use tlog::tile::TilePath;

/// `GET` and `HEAD` of `/checkpoint` and `/tile/…`; other methods are 405, other paths 404.
pub(super) fn router(log: PublicLog) -> Router {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*place}", get(tile))
        .fallback(async || nothing())
        .with_state(log)
}

async fn checkpoint(State(log): State<PublicLog>) -> Response {
    answer(StatusCode::OK, TEXT, AS_IT_IS_NOW, log.checkpoint())
}

/// The path as it was sent: one spelling each, so nothing is decoded.
async fn tile(State(log): State<PublicLog>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix('/').and_then(|path| path.parse::<TilePath>().ok());
    let Some(path) = path else { return nothing() };
    match log.read(path).await {
        Ok(Some(bytes)) => answer(StatusCode::OK, BYTES, FOR_EVER, bytes),
        Ok(None) => nothing(),
        Err(Denial { sentence, .. }) => {
            answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, NOT_KEPT, format!("{sentence}\n"))
        }
    }
}

/// What is not there yet may be there soon: nobody may remember that it was not.
fn nothing() -> Response {
    answer(StatusCode::NOT_FOUND, TEXT, NOT_KEPT, "nothing is published here\n")
}

fn answer(
    status: StatusCode,
    media: &'static str,
    caching: &'static str,
    body: impl Into<axum::body::Body>,
) -> Response {
    let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, caching), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, body.into()).into_response()
}

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const AS_IT_IS_NOW: &str = "no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const NOT_KEPT: &str = "no-store";
