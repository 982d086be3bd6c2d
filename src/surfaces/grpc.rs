//! The gRPC surface: `leasehold.v1`, one file per service, with health and reflection.
//!
//! A call passes the guard (who calls), is parsed (`convert`), is decided and carried out by a
//! service of the floor below, and is answered. Nothing here decides. `app` starts it.

pub mod complaint;
mod convert;
mod desk;
mod estate;
mod evidence;
mod guard;
mod issuance;
mod places;
mod pulse;
mod signal;
mod status;
mod streams;
mod task;
mod trace;

use super::tls::Registry;
use desk::Desk;
use futures_util::Stream;
use guard::GuardLayer;
use ports::TrustSource;
use proto::v1::estate_service_server::EstateServiceServer;
use proto::v1::evidence_service_server::EvidenceServiceServer;
use proto::v1::issuance_service_server::IssuanceServiceServer;
use proto::v1::signal_service_server::SignalServiceServer;
use proto::v1::status_service_server::StatusServiceServer;
use proto::v1::task_service_server::TaskServiceServer;
use pulse::Pulse;
use services::index::Index;
use services::issue::Issue;
use services::renew::Renew;
use services::view::View;
use services::{World, refusals};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic_health::server::HealthReporter;

/// What the surface is made of.
pub struct GrpcParts {
    /// The outside and the journal.
    pub world: World,
    /// Reads the state.
    pub view: View,
    /// Finds entries.
    pub index: Index,
    /// Issues secrets.
    pub issue: Issue,
    /// Prolongs leases.
    pub renew: Renew,
    /// Says who may be believed.
    pub trust: Arc<dyn TrustSource>,
    /// Open connections, and the count of those turned away.
    pub registry: Arc<Registry>,
}

/// Why the surface could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The committed descriptors cannot be read.
    #[error("the API's descriptors cannot be read")]
    Descriptors(#[from] tonic_reflection::server::Error),
    /// The transport ended.
    #[error("the gRPC transport ended")]
    Transport(#[from] tonic::transport::Error),
}

/// Bytes of the largest message with an estate document, which itself is 1 MiB at the most.
const ESTATE_MESSAGE_BYTES_MAX: usize = (1 << 20) + (1 << 18);
/// Bytes of any other message; the largest holds a certificate request of 16 KiB.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a message that anybody may send.
const OPEN_MESSAGE_BYTES_MAX: usize = 4 << 10;
const STREAMS_PER_CONNECTION_MAX: u32 = 256;
const CALLS_PER_CONNECTION_MAX: usize = 128;
const HEADER_BYTES_MAX: u32 = 32 << 10;
/// From the first byte of a call to the head of its answer. Longer than the engine works on a request.
const CALL_MAX: Duration = Duration::from_secs(120);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long calls under way may take after the stop, and then how long connections may take to close.
const DRAIN_MAX: Duration = Duration::from_secs(5);
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Serves until `stop`, then lets calls under way finish, and then closes every connection.
///
/// # Errors
/// [`ServeError`]; what happens on one connection ends only that connection.
pub async fn serve<I, IO>(parts: GrpcParts, incoming: I, stop: CancellationToken) -> Result<(), ServeError>
where
    I: Stream<Item = io::Result<IO>> + Send,
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let registry = Arc::clone(&parts.registry);
    let guard = GuardLayer::new(Arc::clone(&parts.trust), Arc::clone(&parts.world.clock), Arc::clone(&registry));
    let server = Server::builder()
        .layer(guard)
        .timeout(CALL_MAX)
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION_MAX)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .add_routes(routes(parts, &stop).await?);
    let mut serving = pin!(server.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned()));
    tokio::select! {
        served = &mut serving => return Ok(served?),
        () = after(&stop, DRAIN_MAX) => {}
    }
    registry.close_where(|_| true);
    match tokio::time::timeout(CLOSE_MAX, serving).await {
        Ok(served) => Ok(served?),
        Err(_) => Ok(()),
    }
}

async fn after(stop: &CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(grace).await;
}

/// All services, and the tasks that stand behind them.
async fn routes(parts: GrpcParts, stop: &CancellationToken) -> Result<Routes, ServeError> {
    let GrpcParts { world, view, index, issue, renew, trust, registry } = parts;
    let (reporter, health) = tonic_health::server::health_reporter();
    let pulse = start(&world, trust, registry, reporter, stop).await;
    let desk = Desk { world, view, index, stop: stop.clone(), streams: Arc::default() };
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()?;
    let issuance = issuance::Issuance { desk: desk.clone(), issue, renew };
    let status = status::Statuses { desk: desk.clone(), pulse };
    let (tasks, estates) = (task::Tasks(desk.clone()), estate::Estates(desk.clone()));
    let (evidence, signals) = (evidence::Evidence(desk.clone()), signal::Signals(desk));
    Ok(Routes::new(TaskServiceServer::new(tasks).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(IssuanceServiceServer::new(issuance).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(EstateServiceServer::new(estates).max_decoding_message_size(ESTATE_MESSAGE_BYTES_MAX))
        .add_service(EvidenceServiceServer::new(evidence).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(SignalServiceServer::new(signals).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(StatusServiceServer::new(status).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(health.max_decoding_message_size(OPEN_MESSAGE_BYTES_MAX))
        .add_service(reflection.max_decoding_message_size(OPEN_MESSAGE_BYTES_MAX)))
}

/// The log is folded, or there would be no journal: ready to end. The rest is looked at.
async fn start(
    world: &World,
    trust: Arc<dyn TrustSource>,
    registry: Arc<Registry>,
    reporter: HealthReporter,
    stop: &CancellationToken,
) -> Arc<Pulse> {
    pulse::say(&reporter, true, false).await;
    let pulse = Pulse::new(world.clone(), trust);
    world.tracker.spawn(Arc::clone(&pulse).run(reporter, stop.clone()));
    let take = move || registry.take_refusals();
    world.tracker.spawn(refusals::sum_up(world.clone(), take, stop.clone()));
    pulse
}
