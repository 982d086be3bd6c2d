//! One development trust domain per test, in a directory of its own, and the ways into it.

use hyper_util::rt::TokioIo;
use leasehold::devtrust::{Config, DevTrust, Lifetimes};
use leasehold::domain::base::{Span, TrustDomain};
use leasehold::proto::workload::spiffe_workload_api_client::SpiffeWorkloadApiClient;
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

pub(crate) const BROKER: &str = "broker=spiffe://example.org/leasehold:dns=leasehold";
pub(crate) const BOT: &str = "billing-bot=spiffe://example.org/agent/billing-bot";
pub(crate) const STRANGER: &str = "stranger=spiffe://other.org/agent/stranger";

/// `example.org` federated with `other.org`, SPIRE's lifetimes, sockets and ports.
pub(crate) async fn trust(dir: &TempDir) -> DevTrust {
    let mut config = config(dir);
    config.identities = [BROKER, BOT, STRANGER].map(|identity| identity.parse().unwrap()).to_vec();
    config.federated = vec![domain("other.org")];
    config.tcp = true;
    DevTrust::start(config).await.unwrap()
}

/// `example.org` with the bot alone, whose SVIDs live for four seconds.
pub(crate) async fn hasty_trust(dir: &TempDir) -> DevTrust {
    let mut config = config(dir);
    config.identities = vec![BOT.parse().unwrap()];
    config.lifetimes = Lifetimes::new(Span::from_seconds(4), Span::from_seconds(2)).unwrap();
    DevTrust::start(config).await.unwrap()
}

pub(crate) fn config(dir: &TempDir) -> Config {
    Config::new(dir.path().join("trust"), domain("example.org"))
}

pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn domain(name: &str) -> TrustDomain {
    TrustDomain::parse(name).unwrap()
}

/// Fails the test if it takes longer than any machine needs.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// A client without any courtesy: it sends no security header.
pub(crate) async fn rude_client(socket: &Path) -> SpiffeWorkloadApiClient<Channel> {
    SpiffeWorkloadApiClient::new(channel(socket).await)
}

pub(crate) type PoliteClient =
    SpiffeWorkloadApiClient<InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>>;

/// A client that sends the security header.
pub(crate) async fn client(socket: &Path) -> PoliteClient {
    SpiffeWorkloadApiClient::with_interceptor(channel(socket).await, |mut request| {
        request.metadata_mut().insert("workload.spiffe.io", "true".parse().unwrap());
        Ok(request)
    })
}

async fn channel(socket: &Path) -> Channel {
    let socket = socket.to_owned();
    let connect = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await.unwrap()
}
