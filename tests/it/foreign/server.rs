//! A tiny stand-in for the broker: mutual TLS with its SVID from the Workload API, one authorised
//! client, and the two calls that foreign clients make. It tells the client whom it saw.

use leasehold::proto::v1;
use leasehold::proto::v1::evidence_service_server::{EvidenceService, EvidenceServiceServer};
use leasehold::proto::v1::status_service_server::{StatusService, StatusServiceServer};
use spiffe::X509Source;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Serves until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves with the identity behind `endpoint`, to clients that prove exactly `client_id`.
    pub(crate) async fn start(endpoint: &str, client_id: &str) -> Self {
        let source = X509Source::builder().endpoint(endpoint).build().await.unwrap();
        let tls = spiffe_rustls::mtls_server(source)
            .authorize(spiffe_rustls::exact([client_id]).unwrap())
            .trust_domain_policy(spiffe_rustls::LocalOnly("example.org".try_into().unwrap()))
            .with_alpn_protocols([b"h2"])
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, incoming) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), accepted));
        tasks.spawn(async {
            let router = tonic::transport::Server::builder()
                .add_service(StatusServiceServer::new(Tiny))
                .add_service(EvidenceServiceServer::new(Tiny));
            router.serve_with_incoming(ReceiverStream::new(incoming)).await.unwrap();
        });
        Self { address, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, accepted: mpsc::Sender<io::Result<Secured>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // One after the other is enough here; a peer that leaves during its handshake is no reason to stop.
        if let Ok(stream) = tls.accept(stream).await {
            accepted.send(Ok(Secured(stream))).await.unwrap();
        }
    }
}

struct Tiny;

#[async_trait::async_trait]
impl StatusService for Tiny {
    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Result<Response<v1::GetStatusResponse>, Status> {
        Ok(Response::new(v1::GetStatusResponse { version: "tiny".to_owned(), ..Default::default() }))
    }
}

#[async_trait::async_trait]
impl EvidenceService for Tiny {
    type StreamEntriesStream = tokio_stream::Empty<Result<v1::StreamEntriesResponse, Status>>;
    type ExportStream = tokio_stream::Empty<Result<v1::ExportResponse, Status>>;

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let PeerId(client) = request.extensions().get().unwrap();
        let checkpoint = format!("for {client}\n");
        Ok(Response::new(v1::GetCheckpointResponse { checkpoint, ..Default::default() }))
    }

    async fn stream_entries(
        &self,
        _: Request<v1::StreamEntriesRequest>,
    ) -> Result<Response<Self::StreamEntriesStream>, Status> {
        Err(Status::unimplemented("not in the stand-in"))
    }

    async fn get_receipt(&self, _: Request<v1::GetReceiptRequest>) -> Result<Response<v1::GetReceiptResponse>, Status> {
        Err(Status::unimplemented("not in the stand-in"))
    }

    async fn get_consistency_proof(
        &self,
        _: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        Err(Status::unimplemented("not in the stand-in"))
    }

    async fn export(&self, _: Request<v1::ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        Err(Status::unimplemented("not in the stand-in"))
    }

    async fn erase_opening(
        &self,
        _: Request<v1::EraseOpeningRequest>,
    ) -> Result<Response<v1::EraseOpeningResponse>, Status> {
        Err(Status::unimplemented("not in the stand-in"))
    }
}

/// The SPIFFE ID that the client proved.
#[derive(Clone)]
struct PeerId(String);

struct Secured(TlsStream<TcpStream>);

impl Connected for Secured {
    type ConnectInfo = PeerId;

    fn connect_info(&self) -> PeerId {
        let leaf = &self.0.get_ref().1.peer_certificates().unwrap()[0];
        let leaf = X509Certificate::from_der(leaf).unwrap().1;
        match leaf.subject_alternative_name().unwrap().unwrap().value.general_names[0] {
            GeneralName::URI(id) => PeerId(id.to_owned()),
            ref other => panic!("the verifier let {other} pass"),
        }
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
