//! One established connection as tonic sees it: bytes, and who is at the other end.

use super::registry::Registration;
use domain::base::{ConnectionId, Time};
use domain::reason::{Denial, Reason};
use domain::svid::Subject;
use ports::TrustSource;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// Who is at the other end of a connection. Cheap to clone; found in the extensions of each request.
#[derive(Clone)]
pub struct Peer(Arc<Facts>);

struct Facts {
    connection: ConnectionId,
    subject: Option<Subject>,
    chain: Vec<Vec<u8>>,
    verified_in: AtomicU64,
    close: CancellationToken,
}

impl Peer {
    pub(super) fn new(
        connection: ConnectionId,
        subject: Option<Subject>,
        chain: Vec<Vec<u8>>,
        verified_in: u64,
    ) -> Self {
        let verified_in = AtomicU64::new(verified_in);
        Self(Arc::new(Facts { connection, subject, chain, verified_in, close: CancellationToken::new() }))
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.0.connection
    }

    /// Who proved an identity by certificate; `None`: no certificate was presented.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.0.subject.as_ref()
    }

    /// The presented chain, leaf first, DER.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.0.chain
    }

    /// Whether the certificate is still good: not expired, not closed, and vouched for by the
    /// bundle of this moment. Cheap unless the bundle changed since the last look.
    ///
    /// # Errors
    /// The reason why it is not.
    pub fn check(&self, trust: &dyn TrustSource, now: Time) -> Result<(), Denial> {
        let Some(subject) = self.subject() else { return Ok(()) };
        if subject.expired(now) {
            return Err(Denial::new(Reason::SvidExpired, "the certificate of this connection has expired"));
        }
        if self.0.close.is_cancelled() {
            return Err(Denial::new(Reason::SvidUntrusted, "this connection is being closed"));
        }
        let epoch = trust.epoch();
        match trust.vouched_since(&subject.id().trust_domain()) {
            Some(since) if since <= self.0.verified_in.load(Ordering::Acquire) => Ok(()),
            _ => {
                trust.verify_x509(self.chain(), now)?;
                self.0.verified_in.fetch_max(epoch, Ordering::AcqRel);
                Ok(())
            }
        }
    }

    pub(super) fn close(&self) {
        self.0.close.cancel();
    }

    pub(super) fn closing(&self) -> CancellationToken {
        self.0.close.clone()
    }
}

/// The bytes of an established connection. Reading and writing fail as soon as it is closed by the
/// registry; dropping it takes it out of the registry.
pub struct Session {
    tls: TlsStream<TcpStream>,
    registration: Registration,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Session {
    pub(super) fn new(tls: TlsStream<TcpStream>, registration: Registration) -> Self {
        let closed = Box::pin(registration.peer().closing().cancelled_owned());
        Self { tls, registration, closed }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.registration.peer()
    }

    /// Fails once closed; else registers the task to be woken by the close.
    fn poll_closed(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.closed.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "trust in the peer ended")),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for Session {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer().clone()
    }
}

impl AsyncRead for Session {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)?;
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for Session {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_closed(cx)?;
        Pin::new(&mut self.tls).poll_write(cx, bytes)
    }

    // Without these two, HTTP/2 cuts an answer of more than 1 KiB into records of its own making.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_closed(cx)?;
        Pin::new(&mut self.tls).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)?;
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
