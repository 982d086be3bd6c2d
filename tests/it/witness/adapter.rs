//! What the broker makes of each answer that a witness, or whatever is at its address, may give.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use leasehold::adapters::witness::HttpWitness;
use leasehold::ports::{FaultKind, Witness as _, WitnessAnswer};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a server that always answers so is taken for.
async fn taken(status: u16, media: &'static str, body: impl Into<String>) -> Result<WitnessAnswer, FaultKind> {
    let body: String = body.into();
    let answer = (StatusCode::from_u16(status).unwrap(), [(CONTENT_TYPE, media)], body);
    let router = Router::new().route("/prefix/add-checkpoint", post(|| async { answer }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prefix", listener.local_addr().unwrap());
    let serving = tokio::spawn(axum::serve(listener, router).into_future());
    let witness = HttpWitness::new("w1", &url, None).unwrap();
    let said = witness.add_checkpoint("old 0\n\n".into()).await;
    serving.abort();
    said.map_err(|fault| {
        assert!(fault.sentence.contains("witness w1"), "{fault}");
        fault.kind
    })
}

const SIZE: &str = "text/x.tlog.size";
const TEXT: &str = "text/plain";

#[tokio::test]
async fn each_answer_of_the_protocol_is_told_apart() {
    assert_eq!(taken(200, TEXT, "lines\n").await, Ok(WitnessAnswer::Cosigned("lines\n".into())));
    assert_eq!(taken(409, SIZE, "0\n").await, Ok(WitnessAnswer::Conflict(0)));
    assert_eq!(taken(409, SIZE, "18446744073709551615\n").await, Ok(WitnessAnswer::Conflict(u64::MAX)));
    assert_eq!(taken(422, TEXT, "").await, Ok(WitnessAnswer::ProofRefused));
}

#[tokio::test]
async fn what_time_may_mend_is_tried_again_and_what_people_must_mend_is_an_error() {
    for status in [408, 429, 500, 502, 503, 504] {
        assert_eq!(taken(status, TEXT, "").await, Err(FaultKind::Transient), "{status}");
    }
    for status in [201, 204, 301, 307, 400, 401, 403, 404, 405, 410, 413] {
        assert_eq!(taken(status, TEXT, "").await, Err(FaultKind::Permanent), "{status}");
    }
}

#[tokio::test]
async fn a_conflict_without_a_size_never_counts_as_one() {
    assert_eq!(taken(409, SIZE, "5\n").await, Ok(WitnessAnswer::Conflict(5)), "positive control");
    for (media, body) in [(TEXT, "5\n"), (SIZE, "5"), (SIZE, ""), (SIZE, "05\n"), (SIZE, "-5\n"), (SIZE, "5\n5\n")] {
        assert_eq!(taken(409, media, body).await, Err(FaultKind::Permanent), "{media} {body:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let lines = "x".repeat(64 << 10);
    assert_eq!(taken(200, TEXT, lines.clone()).await, Ok(WitnessAnswer::Cosigned(lines.clone())));
    assert_eq!(taken(200, TEXT, lines + "x").await, Err(FaultKind::Permanent));
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let witness = HttpWitness::new("w1", &format!("http://{address}"), None).unwrap();
    assert_eq!(witness.add_checkpoint(String::new()).await.unwrap_err().kind, FaultKind::Transient);
}

/// TLS with a certificate of its own before a server that cosigns nothing; its address and the PEM.
async fn behind_tls() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut inside) = acceptor.accept(stream).await else { continue };
            let mut request = vec![0; 1024];
            let _ = inside.read(&mut request).await;
            let _ = inside.write_all(b"HTTP/1.1 422 No\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    (address, cert.pem())
}

#[tokio::test]
async fn over_tls_only_the_named_authority_is_believed() {
    let (address, pem) = behind_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right.pem"), folder.path().join("wrong.pem"));
    std::fs::write(&right, pem).unwrap();
    std::fs::write(&wrong, behind_tls().await.1).unwrap();
    let asked = async |ca_file: &Path| {
        let witness = HttpWitness::new("w1", &address, Some(ca_file)).unwrap();
        witness.add_checkpoint("old 0\n\n".into()).await.map_err(|fault| fault.kind)
    };
    assert_eq!(asked(&right).await, Ok(WitnessAnswer::ProofRefused));
    assert_eq!(asked(&wrong).await, Err(FaultKind::Transient));
    assert!(HttpWitness::new("w1", &address, Some(&folder.path().join("missing.pem"))).is_err());
}
