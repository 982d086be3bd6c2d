//! The real broker: foreign clients call it over mutual TLS, and its SVID rotates under open streams.

use super::scene::{self, domain, scratch, soon};
use super::stranger::Stranger;
use crate::fixtures::world::careless;
use leasehold::adapters::spire::{SpireOptions, SpireTrust, TrustPolicy, client_channel};
use leasehold::adapters::system::SystemClock;
use leasehold::devtrust::DevTrust;
use leasehold::domain::base::{SpiffeId, Time};
use leasehold::ports::TrustSource as _;
use leasehold::proto::v1::signal_service_client::SignalServiceClient;
use leasehold::proto::v1::{SubscribeRequest, SubscribeResponse};
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::note::VerifierKey;
use rustls::pki_types::ServerName;
use serde_json::json;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;
use tonic::Streaming;
use xtask::scene::{Options, Scene};

const BROKER_ID: &str = "spiffe://example.org/leasehold";
const OPERATOR: &str = "platform-lead=spiffe://example.org/people/platform-lead";

/// On the whole scene, with OpenBao behind the broker.
#[tokio::test]
async fn foreign_clients_get_a_checkpoint_that_holds_and_turn_another_broker_away() {
    let strangers: Vec<Stranger> = [Stranger::go(), Stranger::python()].into_iter().flatten().collect();
    if strangers.is_empty() {
        return;
    }
    let scene = Scene::start(Path::new(env!("CARGO_BIN_EXE_leasehold")), Options::default()).unwrap();
    let told = scene.json("auditor", &["evidence", "checkpoint"]).unwrap();
    let key = VerifierKey::parse(told["verifier_key"].as_str().unwrap()).unwrap();
    let bot = scene.endpoint("billing-bot").unwrap();
    for stranger in &strangers {
        let called = stranger.run_at(&bot, &["call", &scene.address, BROKER_ID]).await;
        assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&called.stdout).unwrap();
        assert_eq!((&answer["server_id"], &answer["version"]), (&json!(BROKER_ID), &json!(env!("CARGO_PKG_VERSION"))));
        let checkpoint = answer["checkpoint"].as_str().unwrap();
        assert!(Checkpoint::open(checkpoint, &key).unwrap().size >= 2);
        let forged = checkpoint.replacen("\n1", "\n2", 1);
        assert!(forged != checkpoint && Checkpoint::open(&forged, &key).is_err());

        let other = stranger.run_at(&bot, &["call", &scene.address, "spiffe://example.org/other"]).await;
        assert!(!other.status.success() && other.stdout.is_empty());
        assert!(String::from_utf8_lossy(&other.stderr).contains(BROKER_ID), "it says who answered instead");
    }
}

#[tokio::test]
async fn rotation_of_the_brokers_svid_drops_no_stream() {
    let scratch = scratch();
    let mut config = scene::config(&scratch);
    config.identities = [scene::BROKER, OPERATOR].map(|identity| identity.parse().unwrap()).to_vec();
    let trust = DevTrust::start(config).await.unwrap();
    let broker = Broker::start(&trust, scratch.path()).await;
    let mut stream = broker.subscribe(&trust.endpoint("platform-lead")).await;
    assert_eq!(next(&mut stream).await.r#type, "log.started");
    let first = broker.serial().await;
    assert_eq!(first, broker.serial().await, "nothing rotates by itself here");

    trust.rotate_authority(&domain("example.org")).unwrap();
    trust.rotate_svids().unwrap();
    let rotated = async { while broker.serial().await == first {} };
    soon("the broker presents its new SVID", rotated).await;
    // The stream was opened under the old SVIDs of both sides, and still tells what happens now.
    broker.apply_an_estate(&trust.endpoint("platform-lead"), scratch.path()).await;
    while next(&mut stream).await.r#type != "estate.applied" {}
}

/// As on SPIRE, where a new entry takes seconds to reach the agent.
#[tokio::test]
async fn an_identity_that_is_declared_late_is_waited_for() {
    let scratch = scratch();
    let trust = DevTrust::start(scene::config(&scratch)).await.unwrap();
    trust.open("billing-bot").await.unwrap();
    let tasks = TaskTracker::new();
    let mut start = pin!(SpireTrust::start(options(&trust.endpoint("billing-bot")), &tasks));
    let early = tokio::time::timeout(Duration::from_millis(500), &mut start).await;
    assert!(early.is_err(), "a denial is no final answer");
    trust.declare(scene::BOT.parse().unwrap()).await.unwrap();
    assert_eq!(start.await.unwrap().own_id().as_str(), "spiffe://example.org/agent/billing-bot");
}

/// As the command line has them.
fn options(endpoint: &str) -> SpireOptions {
    let start_timeout = Duration::from_secs(10);
    SpireOptions { endpoint: Some(endpoint.to_owned()), policy: TrustPolicy::AsDelivered, start_timeout }
}

/// The next entry on a stream that must not end.
async fn next(stream: &mut Streaming<SubscribeResponse>) -> SubscribeResponse {
    soon("the stream goes on", stream.message()).await.unwrap().expect("the stream has not ended")
}

/// `leasehold serve`. Its engine is not there, and nothing here needs one.
struct Broker {
    address: String,
    _process: Child,
}

impl Broker {
    async fn start(trust: &DevTrust, folder: &Path) -> Self {
        let file = folder.join("leasehold.toml");
        let text = format!(
            r#"trust_domain = "example.org"
workload_api = "{endpoint}"
listen = "127.0.0.1:0"
[log]
store = "sqlite:{folder}/log.db"
origin = "leasehold.example.org/dev"
mode = "dev"
[bootstrap]
operators = ["spiffe://example.org/people/platform-lead"]
[vault]
address = "http://127.0.0.1:9"
auth = {{ jwt = {{ audience = "vault" }} }}
"#,
            endpoint = trust.endpoint("broker"),
            folder = folder.display()
        );
        std::fs::write(&file, text).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        serve.args(["serve", "--config"]).arg(file).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = serve.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = soon("the broker listens", lines.next_line()).await.unwrap().unwrap();
        Self { address: line.strip_prefix("LISTENING ").unwrap().to_owned(), _process: process }
    }

    async fn subscribe(&self, endpoint: &str) -> Streaming<SubscribeResponse> {
        let trust = SpireTrust::start(options(endpoint), &TaskTracker::new()).await.unwrap();
        let clock = Arc::new(SystemClock::start(Time::default()));
        let channel = client_channel(&trust, clock, &self.address, SpiffeId::parse(BROKER_ID).unwrap()).unwrap();
        let request = SubscribeRequest { from_index: 0, types: Vec::new() };
        SignalServiceClient::new(channel).subscribe(request).await.unwrap().into_inner()
    }

    /// Of the certificate that it presents now.
    async fn serial(&self) -> Vec<u8> {
        let tls = TlsConnector::from(Arc::new(careless(None, &[b"h2"])));
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let name = ServerName::try_from("leasehold").unwrap();
        let session = soon("a handshake", tls.connect(name, stream)).await.unwrap();
        let leaf = session.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
        leaf.raw_serial().to_vec()
    }

    async fn apply_an_estate(&self, endpoint: &str, folder: &Path) {
        let estate = folder.join("estate.toml");
        std::fs::write(&estate, "[role.operator]\nmembers = [\"spiffe://example.org/people/platform-lead\"]\n")
            .unwrap();
        let mut apply = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        apply.arg("apply").arg(estate).env("SPIFFE_ENDPOINT_SOCKET", endpoint);
        apply.env("LEASEHOLD_ADDRESS", &self.address).env("LEASEHOLD_BROKER_ID", BROKER_ID);
        let output = soon("the estate is applied", apply.output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
