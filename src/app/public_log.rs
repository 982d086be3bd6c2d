//! Opens the public log over HTTP, if the configuration says so. What it serves and to whom is in
//! `surfaces/http`; here it is only bound and joined to the rest.

use super::config::Config;
use crate::services::World;
use crate::services::tiles::PublicLog;
use crate::surfaces::http::{self, HttpLimits};
use anyhow::{Context as _, Result};
use std::future::Future;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where it is served, and the serving itself, which ends with `stop`; `None` if it is off.
pub(super) async fn open(
    config: &Config,
    world: &World,
    stop: &CancellationToken,
) -> Result<Option<(SocketAddr, impl Future<Output = ()> + Send + use<>)>> {
    let Some(listen) = config.http else { return Ok(None) };
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen} (http)"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "the public log is served over plain HTTP");
    let log = PublicLog::of(world);
    let serving = http::serve(listener, log, HttpLimits::default(), world.tracker.clone(), stop.clone());
    Ok(Some((address, serving)))
}
