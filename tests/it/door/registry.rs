//! Open connections are closed when the trust they stand on ends, and only those.

use crate::fixtures::forge::{Authority, Profile};
use crate::fixtures::ports::{TestEntropy, now};
use crate::fixtures::until;
use crate::fixtures::world::{ABROAD, BROKER, FOREIGNER, HOME, WORKLOAD, World, ask, connect, leaf, read_line};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use leasehold::adapters::spire::{ClientCertificate, SpireTrust};
use leasehold::domain::base::{Span, SpiffeId, Time, TrustDomain};
use leasehold::domain::reason::{Denial, Reason};
use leasehold::domain::svid::{Audience, Subject};
use leasehold::ports::{TrustSource, TrustStanding};
use leasehold::surfaces::tls::{Door, DoorLimits, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

/// A connection that stands: the door has said who we are.
async fn standing(world: &World, identity: &crate::fixtures::forge::Identity) -> TlsStream<TcpStream> {
    let mut tls = world.enter(Some(identity)).await.unwrap();
    assert!(read_line(&mut tls).await.is_some());
    tls
}

async fn ends(tls: &mut TlsStream<TcpStream>) {
    let read = tokio::time::timeout(Duration::from_secs(10), tls.read_u8()).await;
    assert!(read.expect("closed within 10 s").is_err());
}

async fn stands(tls: &mut TlsStream<TcpStream>) {
    let read = tokio::time::timeout(Duration::from_millis(100), tls.read_u8()).await;
    assert!(read.is_err(), "closed, though nothing is wrong with it");
}

#[tokio::test]
async fn a_connection_ends_with_its_certificate() {
    let world = World::new().await;
    let until_end = |seconds| Profile { ends: now() + seconds, ..leaf() };
    let mut short = standing(&world, &world.home.issue(until_end(600))).await;
    let mut long = standing(&world, &world.home.issue(until_end(6_000))).await;
    world.clock.advance(Span::from_seconds(500));
    stands(&mut short).await;
    world.clock.advance(Span::from_seconds(200));
    ends(&mut short).await;
    until("it has left the registry", || world.registry.len() == 1).await;
    stands(&mut long).await;
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_closed_without_waiting_for_a_look() {
    let world = World::new().await;
    let mut tls = standing(&world, &world.home.issue(Profile { ends: now() + 2, ..leaf() })).await;
    ends(&mut tls).await;
    until("it has left the registry", || world.registry.is_empty()).await;
}

#[tokio::test]
async fn a_withdrawn_bundle_closes_its_connections_and_no_others_and_lets_nobody_in() {
    let world = World::new().await;
    let (home, abroad) = (world.home.identity(WORKLOAD), world.abroad.identity(FOREIGNER));
    let mut stays = standing(&world, &home).await;
    let mut goes = standing(&world, &abroad).await;
    let channel = world.channel(Some(&abroad));
    assert_eq!(ask(&channel, None).await.as_deref(), Ok(FOREIGNER));
    world.rebundle(&[(HOME, &[&world.home.der])]).await;
    assert!(ask(&channel, None).await.is_err());
    ends(&mut goes).await;
    until("only the other is left", || world.registry.len() == 1).await;
    for _ in 0..3 {
        assert_eq!(world.knock(Some(&abroad)).await, None);
        assert!(ask(&channel, None).await.is_err());
    }
    stands(&mut stays).await;
}

#[tokio::test]
async fn an_authority_taken_out_closes_what_it_signed_and_only_that() {
    let world = World::new().await;
    let second = Authority::root(HOME);
    let bundle: [(&str, &[&[u8]]); 1] = [(HOME, &[&world.home.der, &second.der])];
    world.rebundle(&bundle).await;
    let mut stays = standing(&world, &world.home.identity(WORKLOAD)).await;
    let mut goes = standing(&world, &second.identity(WORKLOAD)).await;
    world.rebundle(&[(HOME, &[&world.home.der])]).await;
    ends(&mut goes).await;
    stands(&mut stays).await;
}

#[tokio::test]
async fn the_rotation_of_our_own_svid_drops_no_connection() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    let mut tls = standing(&world, &identity).await;
    let channel = world.channel(Some(&identity));
    assert!(ask(&channel, None).await.is_ok());
    let open = world.registry.connections().iter().map(|peer| peer.connection()).collect::<Vec<_>>();
    let seen = world.trust.epoch();
    let rotated = world.home.identity(BROKER);
    world.api.say_x509(&[(BROKER, &rotated)], &[(HOME, &[&world.home.der]), (ABROAD, &[&world.abroad.der])]);
    world.await_change(seen).await;
    stands(&mut tls).await;
    assert!(ask(&channel, None).await.is_ok());
    let still = world.registry.connections().iter().map(|peer| peer.connection()).collect::<Vec<_>>();
    assert_eq!(still, open, "the same connections");
}

#[tokio::test]
async fn close_where_closes_exactly_the_named() {
    let world = World::new().await;
    let mut a = standing(&world, &world.home.identity(WORKLOAD)).await;
    let mut b = standing(&world, &world.home.identity("spiffe://example.org/agent/b")).await;
    let named = |id: &'static str| move |peer: &_| subject_is(peer, id);
    assert_eq!(world.registry.close_where(named("spiffe://example.org/agent/b")), 1);
    ends(&mut b).await;
    stands(&mut a).await;
}

fn subject_is(peer: &leasehold::surfaces::tls::Peer, id: &str) -> bool {
    peer.subject().is_some_and(|subject| subject.id().as_str() == id)
}

#[tokio::test]
async fn no_call_is_taken_after_a_withdrawal_even_before_its_connection_is_closed() {
    let world = World::unwatched(DoorLimits::default()).await;
    let channel = world.channel(Some(&world.abroad.identity(FOREIGNER)));
    assert_eq!(ask(&channel, None).await.as_deref(), Ok(FOREIGNER));
    world.rebundle(&[(HOME, &[&world.home.der])]).await;
    assert_eq!(ask(&channel, None).await, Err("TRUST_DOMAIN_UNKNOWN".into()));
    assert_eq!(world.registry.len(), 1, "the connection itself still stands");
    // And it is believed again when its domain is.
    world.rebundle(&[(HOME, &[&world.home.der]), (ABROAD, &[&world.abroad.der])]).await;
    assert_eq!(ask(&channel, None).await.as_deref(), Ok(FOREIGNER));
}

#[tokio::test]
async fn no_call_is_taken_after_expiry_even_before_its_connection_is_closed() {
    let world = World::unwatched(DoorLimits::default()).await;
    let channel = world.channel(Some(&world.home.identity(WORKLOAD)));
    assert!(ask(&channel, None).await.is_ok());
    world.clock.advance(Span::from_seconds(4_000));
    assert_eq!(ask(&channel, None).await, Err("SVID_EXPIRED".into()));
}

#[tokio::test]
async fn what_was_turned_away_is_counted_by_reason() {
    let world = World::new().await;
    let expired = world.home.issue(Profile { ends: now() - 1, ..leaf() });
    assert_eq!(world.knock(Some(&expired)).await, None);
    assert_eq!(world.knock(Some(&world.abroad.identity(WORKLOAD))).await, None);
    let mut counted = std::collections::BTreeMap::new();
    until("both are counted", || {
        counted.extend(world.registry.take_refusals());
        counted.len() == 2
    })
    .await;
    assert_eq!(counted, [(Reason::SvidExpired, 1), (Reason::SvidUntrusted, 1)].into());
}

/// Trust that is withdrawn right after the first verification: between handshake and entry.
struct Fickle {
    trust: Arc<SpireTrust>,
    verified: AtomicU64,
}

#[async_trait]
impl TrustSource for Fickle {
    fn verify_x509(&self, chain: &[Vec<u8>], now: Time) -> Result<Subject, Denial> {
        match self.verified.fetch_add(1, Ordering::SeqCst) {
            0 => self.trust.verify_x509(chain, now),
            _ => Err(Denial::new(Reason::SvidUntrusted, "withdrawn")),
        }
    }

    fn verify_jwt(&self, token: &str, audience: Audience<'_>, now: Time) -> Result<Subject, Denial> {
        self.trust.verify_jwt(token, audience, now)
    }

    fn epoch(&self) -> u64 {
        self.verified.load(Ordering::SeqCst)
    }

    async fn changed(&self, _seen: u64) {
        std::future::pending().await
    }

    fn vouched_since(&self, _domain: &TrustDomain) -> Option<u64> {
        Some(self.verified.load(Ordering::SeqCst))
    }

    fn own_id(&self) -> SpiffeId {
        self.trust.own_id()
    }

    fn standing(&self) -> TrustStanding {
        self.trust.standing()
    }
}

#[tokio::test]
async fn a_withdrawal_between_handshake_and_entry_is_not_missed() {
    let world = World::new().await;
    let fickle = Arc::new(Fickle { trust: world.trust.clone(), verified: AtomicU64::new(0) });
    let registry = Registry::new(fickle, world.clock.clone(), Arc::new(TestEntropy::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = Door {
        tls: world.trust.server_config(world.clock.clone(), ClientCertificate::Required, &[]).unwrap(),
        registry: Arc::clone(&registry),
        limits: DoorLimits::default(),
    };
    let mut sessions = door.open(TcpListenerStream::new(listener), &world.tasks, CancellationToken::new());
    let mut tls = connect(address, Some(&world.home.identity(WORKLOAD)), &[]).await.unwrap();
    ends(&mut tls).await;
    assert!(registry.is_empty());
    assert!(tokio::time::timeout(Duration::from_millis(50), sessions.next()).await.is_err(), "no session was given");
}
