//! The way to a PostgreSQL server: TLS with a named authority, or plain and then on loopback only.

use crate::outgoing_tls;
use futures_util::future::BoxFuture;
use ports::{Fault, FaultKind};
use rustls::pki_types::ServerName;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_rustls::TlsConnector;

/// How servers are believed.
#[derive(Clone)]
pub(super) enum Tls {
    LoopbackOnly,
    Believing(TlsConnector),
}

impl Tls {
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, Fault> {
        let Some(file) = ca_file else { return Ok(Self::LoopbackOnly) };
        Ok(Self::Believing(TlsConnector::from(Arc::new(outgoing_tls::believing(file)?))))
    }

    /// Logs in. The second part drives the connection and ends with it.
    pub(super) async fn connect(
        &self,
        config: &Config,
    ) -> Result<(Client, BoxFuture<'static, super::Answer<()>>), Fault> {
        let failed = |error: tokio_postgres::Error| super::refused(&error);
        match self {
            Self::LoopbackOnly if stays_on_loopback(config) => {
                let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                Ok((client, Box::pin(connection)))
            }
            Self::LoopbackOnly => {
                Err(Fault::new(FaultKind::Permanent, "a probed server beyond loopback needs a ca_file"))
            }
            Self::Believing(connector) => {
                let mut config = config.clone();
                config.ssl_mode(SslMode::Require);
                let (client, connection) = config.connect(Maker(connector.clone())).await.map_err(failed)?;
                Ok((client, Box::pin(connection)))
            }
        }
    }
}

fn stays_on_loopback(config: &Config) -> bool {
    config.get_hosts().iter().all(is_loopback) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

struct Maker(TlsConnector);
struct Handshake(TlsConnector, ServerName<'static>);
struct Stream(tokio_rustls::client::TlsStream<Socket>);

impl MakeTlsConnect<Socket> for Maker {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake(self.0.clone(), ServerName::try_from(host.to_owned())?))
    }
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move { self.0.connect(self.1, socket).await.map(Stream) })
    }
}

impl TlsStream for Stream {
    /// None: the server's certificate is checked against a named authority instead.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
