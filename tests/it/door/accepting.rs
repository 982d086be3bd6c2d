//! The accept loop under stalled handshakes, full houses, odd TLS and failing accepts.

use crate::fixtures::until;
use crate::fixtures::world::{WORKLOAD, World, careless, connect, read_line};
use futures_util::StreamExt as _;
use leasehold::adapters::spire::ClientCertificate;
use leasehold::domain::reason::Reason;
use leasehold::surfaces::tls::{Door, DoorLimits};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use std::io::{self, ErrorKind as K};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

fn limits(change: impl FnOnce(&mut DoorLimits)) -> DoorLimits {
    let mut limits = DoorLimits { handshake_deadline: Duration::from_secs(600), ..DoorLimits::default() };
    change(&mut limits);
    limits
}

/// Waits until the other side closes a socket on which nothing was said.
async fn closed(tcp: &mut TcpStream) {
    let read = tokio::time::timeout(Duration::from_secs(10), tcp.read_u8()).await;
    assert!(read.expect("closed within 10 s").is_err());
}

/// Waits until so many were turned away for this reason.
async fn counted(world: &World, reason: Reason, times: u64) {
    let mut sum = 0;
    until("all are counted", || {
        sum += world.registry.take_refusals().get(&reason).copied().unwrap_or(0);
        sum >= times
    })
    .await;
    assert_eq!(sum, times);
}

#[tokio::test]
async fn a_stalled_handshake_is_cut_at_the_deadline_and_holds_up_nobody() {
    let world = World::with(limits(|l| l.handshake_deadline = Duration::from_millis(700))).await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        stalled.push(TcpStream::connect(world.telling).await.unwrap());
    }
    let identity = world.home.identity(WORKLOAD);
    for _ in 0..5 {
        assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
    }
    for tcp in &mut stalled {
        closed(tcp).await;
    }
    counted(&world, Reason::HandshakeFailed, 50).await;
}

#[tokio::test]
async fn when_all_handshakes_stall_the_oldest_makes_room() {
    let world = World::with(limits(|l| l.handshaking_max = 3)).await;
    let mut oldest = TcpStream::connect(world.telling).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(TcpStream::connect(world.telling).await.unwrap());
    }
    // Up to the cap nobody is sent away.
    assert!(tokio::time::timeout(Duration::from_millis(50), oldest.read_u8()).await.is_err());
    let identity = world.home.identity(WORKLOAD);
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
    closed(&mut oldest).await;
    counted(&world, Reason::Overloaded, 1).await;
}

#[tokio::test]
async fn a_full_house_takes_nobody_in_until_somebody_leaves() {
    let world = World::with(limits(|l| l.established_max = 2)).await;
    let identity = world.home.identity(WORKLOAD);
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut tls = world.enter(Some(&identity)).await.unwrap();
        assert_eq!(read_line(&mut tls).await.as_deref(), Some(WORKLOAD));
        inside.push(tls);
    }
    assert_eq!(world.knock(Some(&identity)).await, None);
    drop(inside.pop());
    until("a place is free", || world.registry.len() == 1).await;
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
}

#[tokio::test]
async fn callers_without_certificate_cannot_fill_the_house() {
    let world = World::with(limits(|l| l.without_certificate_max = 1)).await;
    let mut nameless = world.enter(None).await.unwrap();
    assert_eq!(read_line(&mut nameless).await.as_deref(), Some("-"));
    assert_eq!(world.knock(None).await, None);
    let identity = world.home.identity(WORKLOAD);
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
    drop(nameless);
    until("the place is free", || world.registry.connections().iter().all(|peer| peer.subject().is_some())).await;
    assert_eq!(world.knock(None).await.as_deref(), Some("-"));
}

#[tokio::test]
async fn no_failing_accept_ends_the_loop() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = EVERY_KIND.iter().map(|kind| Err(io::Error::from(*kind)));
    let incoming = tokio_stream::iter(failures).chain(TcpListenerStream::new(listener));
    let door = Door {
        tls: world.trust.server_config(world.clock.clone(), ClientCertificate::Required, &[]).unwrap(),
        registry: Arc::clone(&world.registry),
        limits: DoorLimits::default(),
    };
    let mut sessions = door.open(incoming, &world.tasks, CancellationToken::new());
    let identity = world.home.identity(WORKLOAD);
    let (_client, session) = tokio::join!(connect(address, Some(&identity), &[]), sessions.next());
    let peer = session.unwrap().unwrap().peer().clone();
    assert_eq!(peer.subject().unwrap().id().as_str(), WORKLOAD);
}

#[tokio::test]
async fn only_tls_13_and_only_h2_is_spoken_to_callers() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    let good = Arc::new(careless(Some(&identity), &[b"h2"]));
    assert!(handshake(&world, &good).await.is_some());
    let http1 = Arc::new(careless(Some(&identity), &[b"http/1.1"]));
    assert!(handshake(&world, &http1).await.is_none());
    let mut old = ClientConfig::builder_with_provider(Arc::clone(good.crypto_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    old.alpn_protocols = vec![b"h2".to_vec()];
    assert!(handshake(&world, &Arc::new(old)).await.is_none());
}

#[tokio::test]
async fn no_session_is_resumed() {
    let world = World::new().await;
    // The client would resume if it got a ticket.
    let willing = Arc::new(careless(Some(&world.home.identity(WORKLOAD)), &[b"h2"]));
    for _ in 0..3 {
        assert_ne!(handshake(&world, &willing).await.unwrap(), HandshakeKind::Resumed);
    }
}

/// A whole handshake at the gRPC door, with time for tickets to arrive.
async fn handshake(world: &World, config: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let tcp = TcpStream::connect(world.calling).await.unwrap();
    let name = ServerName::try_from("leasehold").unwrap();
    let mut tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await.ok()?;
    // The first bytes of HTTP/2 come after any ticket.
    tls.read_u8().await.ok()?;
    tls.get_ref().1.handshake_kind()
}

const EVERY_KIND: [K; 38] = [
    K::NotFound,
    K::PermissionDenied,
    K::ConnectionRefused,
    K::ConnectionReset,
    K::HostUnreachable,
    K::NetworkUnreachable,
    K::ConnectionAborted,
    K::NotConnected,
    K::AddrInUse,
    K::AddrNotAvailable,
    K::NetworkDown,
    K::BrokenPipe,
    K::AlreadyExists,
    K::WouldBlock,
    K::NotADirectory,
    K::IsADirectory,
    K::DirectoryNotEmpty,
    K::ReadOnlyFilesystem,
    K::StaleNetworkFileHandle,
    K::InvalidInput,
    K::InvalidData,
    K::TimedOut,
    K::WriteZero,
    K::StorageFull,
    K::NotSeekable,
    K::QuotaExceeded,
    K::FileTooLarge,
    K::ResourceBusy,
    K::ExecutableFileBusy,
    K::Deadlock,
    K::CrossesDevices,
    K::TooManyLinks,
    K::InvalidFilename,
    K::ArgumentListTooLong,
    K::Interrupted,
    K::Unsupported,
    K::UnexpectedEof,
    K::OutOfMemory,
];
