//! The conformance harness, in process: the plain contract that foreign suites drive.

#[path = "../harness/serve.rs"]
mod serve;

use crate::fixtures::forge::{Authority, Identity};
use crate::fixtures::tokens::Signer;
use crate::fixtures::world::{
    ABROAD, BROKER, FOREIGNER, HOME, WORKLOAD, World, claims, connect, header, options, read_line,
};
use leasehold::adapters::spire::{SpireOptions, TrustPolicy};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

async fn harness(world: &World, hold_open: bool) -> serve::Harness {
    let options = SpireOptions { policy: TrustPolicy::AsDelivered, ..options(&world.api.endpoint) };
    serve::start(options, hold_open, &TaskTracker::new()).await.unwrap()
}

/// Everything that the X.509 port writes until it closes.
async fn told(address: SocketAddr, identity: Option<&Identity>) -> Option<String> {
    let mut tls = connect(address, identity, &[]).await?;
    let mut text = String::new();
    tls.read_to_string(&mut text).await.ok()?;
    Some(text)
}

/// Status and body of a control call.
async fn post(address: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: harness\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn the_x509_port_tells_a_verified_peer_its_id_and_nobody_else_anything() {
    let world = World::new().await;
    let harness = harness(&world, false).await;
    let id = |id: &str| Some(format!("{id}\n"));
    assert_eq!(told(harness.x509, Some(&world.home.identity(WORKLOAD))).await, id(WORKLOAD));
    assert_eq!(told(harness.x509, Some(&world.abroad.identity(FOREIGNER))).await, id(FOREIGNER));
    for stranger in [Some(world.abroad.identity(WORKLOAD)), Some(Authority::root(HOME).identity(WORKLOAD)), None] {
        assert_eq!(told(harness.x509, stranger.as_ref()).await, None);
    }
}

#[tokio::test]
async fn the_control_port_judges_tokens() {
    let world = World::new().await;
    let harness = harness(&world, false).await;
    let validate = |token: String| {
        let body = json!({"token": token, "audience": BROKER}).to_string();
        async move { post(harness.control, "/v1/jwt/validate", &body).await }
    };
    let (status, answer) = validate(world.token()).await;
    assert_eq!((status, &answer["spiffe_id"]), (200, &json!(WORKLOAD)));
    let mut shared = claims(WORKLOAD);
    shared["aud"] = json!(["other", BROKER]);
    assert_eq!(validate(world.home_key.token(&header(), &shared)).await.0, 200);
    let (status, answer) = validate(Signer::p256().token(&header(), &claims(WORKLOAD))).await;
    assert_eq!((status, &answer["status"]), (422, &json!("rejected")));
    assert_eq!(post(harness.control, "/v1/jwt/validate", "{").await.0, 500);
    assert_eq!(post(harness.control, "/v1/jwt/validate", r#"{"token": "a"}"#).await.0, 500);
    assert_eq!(post(harness.control, "/v1/x509/dial", "{}").await.0, 501);
}

#[tokio::test]
async fn a_held_session_ends_when_trust_in_it_does() {
    let world = World::new().await;
    let harness = harness(&world, true).await;
    let mut home = connect(harness.x509, Some(&world.home.identity(WORKLOAD)), &[]).await.unwrap();
    let mut abroad = connect(harness.x509, Some(&world.abroad.identity(FOREIGNER)), &[]).await.unwrap();
    assert_eq!(read_line(&mut home).await.as_deref(), Some(WORKLOAD));
    assert_eq!(read_line(&mut abroad).await.as_deref(), Some(FOREIGNER));
    world.api.say_x509(&[(BROKER, &world.broker)], &[(HOME, &[&world.home.der])]);
    let ended = tokio::time::timeout(Duration::from_secs(10), read_line(&mut abroad)).await;
    assert_eq!(ended.expect("closed within 10 s"), None);
    // The other one is still held: a new bundle does not end it, only its own leaving does.
    world.api.say_x509(&[(BROKER, &world.broker)], &[(HOME, &[&world.home.der]), (ABROAD, &[&world.abroad.der])]);
    let mut again = None;
    while again.is_none() {
        again = connect(harness.x509, Some(&world.abroad.identity(FOREIGNER)), &[]).await;
        if let Some(tls) = &mut again
            && read_line(tls).await.is_none()
        {
            again = None;
        }
    }
    assert!(tokio::time::timeout(Duration::from_millis(50), home.read_u8()).await.is_err(), "still held");
}

#[tokio::test]
async fn the_program_prints_its_ports_and_then_ready() {
    let program = std::env::current_exe().unwrap().parent().unwrap().join("../examples/harness");
    if !program.exists() {
        eprintln!("NOT RUN: the example harness is not built (cargo build --example harness)");
        return;
    }
    let world = World::new().await;
    let mut child = tokio::process::Command::new(program)
        .env("SPIFFE_ENDPOINT_SOCKET", &world.api.endpoint)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for _ in 0..4 {
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
        said.push(line.expect("a line within 20 s").unwrap().unwrap());
    }
    assert_eq!((said[0].as_str(), said[3].as_str()), ("SPIFFE_HARNESS_VERSION=1", "READY"));
    let port = |line: &str, name: &str| line.strip_prefix(name).unwrap().parse::<u16>().unwrap();
    let x509 = SocketAddr::from(([127, 0, 0, 1], port(&said[1], "SPIFFE_X509_PORT=")));
    let control = SocketAddr::from(([127, 0, 0, 1], port(&said[2], "SPIFFE_CONTROL_PORT=")));
    assert_eq!(told(x509, Some(&world.home.identity(WORKLOAD))).await, Some(format!("{WORKLOAD}\n")));
    let body = json!({"token": world.token(), "audience": BROKER}).to_string();
    assert_eq!(post(control, "/v1/jwt/validate", &body).await.0, 200);
}
