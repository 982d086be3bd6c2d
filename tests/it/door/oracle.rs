//! `spiffe-rustls` as oracle: it lets in whom we let in, and what it lets in of our forgeries is a
//! known list of rules that it leaves open.

use crate::conformance::x509_svid::{forgeries, permitted};
use crate::fixtures::forge::Identity;
use crate::fixtures::world::{World, connect};
use spiffe::X509Source;
use spiffe_rustls::{TerminalSourcePolicy, mtls_server};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the oracle lets in and we do not.
const STRICTER: [&str; 8] = [
    "clientAuth only",
    "empty subject, names not critical",
    "eleven certificates",
    "foreign root cross-signed by home",
    "home root cross-signed by foreign",
    "intermediate of another domain",
    "intermediate with a path",
    "key usage not critical",
];

async fn oracle(world: &World) -> SocketAddr {
    let source = X509Source::builder().endpoint(&world.api.endpoint).build().await.unwrap();
    let builder = mtls_server(source).terminal_source_policy(TerminalSourcePolicy::FailClosed);
    let acceptor = TlsAcceptor::from(Arc::new(builder.build().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(mut tls) = acceptor.accept(tcp).await {
                let _ = tls.write_all(b"!").await;
                let _ = tls.shutdown().await;
            }
        }
    });
    address
}

async fn lets_in(oracle: SocketAddr, identity: &Identity) -> bool {
    match connect(oracle, Some(identity), &[]).await {
        Some(mut tls) => tls.read_u8().await.is_ok(),
        None => false,
    }
}

#[tokio::test]
async fn the_oracle_lets_in_whom_we_let_in_and_is_stricter_nowhere() {
    let world = World::new().await;
    let oracle = oracle(&world).await;
    for identity in permitted(&world) {
        assert!(world.judge(&identity).is_ok());
        assert!(lets_in(oracle, &identity).await);
    }
    let mut open = BTreeSet::new();
    for (name, forged) in forgeries(&world) {
        assert!(world.judge(&forged).is_err(), "{name}");
        if lets_in(oracle, &forged).await {
            open.insert(name);
        }
    }
    assert_eq!(open, STRICTER.into());
}
