//! A client's way to a broker: gRPC over mutual TLS to exactly one SPIFFE ID.

use super::SpireTrust;
use domain::base::SpiffeId;
use hyper_util::rt::TokioIo;
use ports::Clock;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// A peer that is gone is noticed within the sum of the two.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why no channel could be made. Whether the broker answers shows with the first call.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The address is not `host:port`.
    #[error("the broker's address {address:?} is not host:port")]
    Address {
        /// As given.
        address: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// A channel to the broker at `address` (`host:port`), connected with the first call and again when
/// it breaks, each time with the SVID and the bundles of that moment. Whoever answers with another
/// SPIFFE ID than `broker` gets nothing.
///
/// # Errors
/// [`ChannelError`], before any connection is tried.
pub fn client_channel(
    trust: &Arc<SpireTrust>,
    clock: Arc<dyn Clock>,
    address: &str,
    broker: SpiffeId,
) -> Result<Channel, ChannelError> {
    let tls = TlsConnector::from(trust.client_config(clock, broker)?);
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|source| ChannelError::Address { address: address.to_owned(), source })?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let address: Arc<str> = address.into();
    let connector = service_fn(move |_| {
        let (tls, address) = (tls.clone(), Arc::clone(&address));
        async move {
            let tcp = TcpStream::connect(&*address).await?;
            tcp.set_nodelay(true)?;
            let name = ServerName::try_from("leasehold").map_err(io::Error::other)?;
            tls.connect(name, tcp).await.map(TokioIo::new)
        }
    });
    Ok(endpoint.connect_with_connector_lazy(connector))
}
