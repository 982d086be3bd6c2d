//! What every foreign client must see. Each test runs for go-spiffe and for PyPI `spiffe`.

use super::scene::{self, BOT, domain, scratch};
use super::server::Server;
use super::stranger::Stranger;
use leasehold::devtrust::DevTrust;
use serde_json::json;
use std::process::Output;

macro_rules! for_each_stranger {
    ($($test:ident),+ $(,)?) => {
        mod go {
            $(#[tokio::test] async fn $test() {
                if let Some(stranger) = super::Stranger::go() { super::$test(stranger).await }
            })+
        }
        mod python {
            $(#[tokio::test] async fn $test() {
                if let Some(stranger) = super::Stranger::python() { super::$test(stranger).await }
            })+
        }
    };
}

for_each_stranger! {
    fetches_svids_bundles_and_a_token_that_validates,
    sees_rotation_and_federation_as_they_happen,
    is_denied_before_its_identity_is_declared,
    calls_a_server_that_asks_for_its_svid,
}

const BOT_ID: &str = "spiffe://example.org/agent/billing-bot";
const BROKER_ID: &str = "spiffe://example.org/leasehold";

async fn fetches_svids_bundles_and_a_token_that_validates(stranger: Stranger) {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let seen = stranger.prints(&trust, "billing-bot", &["fetch", "vault"]).await;
    let both = json!({ "example.org": 1, "other.org": 1 });
    assert_eq!(
        (&seen["spiffe_id"], &seen["jwt_spiffe_id"], &seen["validated"]),
        (&json!(BOT_ID), &json!(BOT_ID), &json!(BOT_ID))
    );
    assert_eq!((&seen["bundles"], &seen["jwt_bundles"]), (&both, &both));
    assert_eq!(seen["jwt_audience"], json!(["vault"]));
    assert!((200..=301).contains(&seen["jwt_seconds"].as_i64().unwrap()), "{seen}");
    let broker = stranger.prints(&trust, "broker", &["fetch", "vault"]).await;
    assert_eq!(broker["dns"], json!(["leasehold"]));
    let federated = stranger.prints(&trust, "stranger", &["fetch", "vault"]).await;
    assert_eq!((&federated["spiffe_id"], &federated["bundles"]), (&json!("spiffe://other.org/agent/stranger"), &both));
}

async fn sees_rotation_and_federation_as_they_happen(stranger: Stranger) {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let (home, other) = (domain("example.org"), domain("other.org"));
    let mut watcher = stranger.watch(&trust, "billing-bot");
    let first = watcher.until("the first update", |_| true).await;
    assert!(first.spiffe_id == BOT_ID && first.bundles["other.org"] == 1);
    trust.rotate_authority(&home).unwrap();
    let prepared = watcher.until("the new authority", |update| update.bundles["example.org"] == 2).await;
    assert_eq!(prepared.serial, first.serial, "nothing is signed with it yet");
    trust.rotate_svids().unwrap();
    let rotated = watcher.until("the new SVID", |update| update.serial != first.serial).await;
    assert_eq!(rotated.bundles["example.org"], 2, "the old authority is still needed");
    trust.drop_retired_authorities(&home).unwrap();
    watcher.until("the old authority goes", |update| update.bundles["example.org"] == 1).await;
    trust.withdraw_bundle(&other).unwrap();
    watcher.until("the federated bundle goes", |update| !update.bundles.contains_key("other.org")).await;
    trust.federate(&other).unwrap();
    let last = watcher.until("the federated bundle is back", |update| update.bundles.contains_key("other.org")).await;
    assert_eq!(last.serial, rotated.serial);
}

async fn is_denied_before_its_identity_is_declared(stranger: Stranger) {
    let scratch = scratch();
    let trust = DevTrust::start(scene::config(&scratch)).await.unwrap();
    trust.open("billing-bot").await.unwrap();
    let complaint = stranger.complains(&trust, "billing-bot", &["fetch", "vault"]).await;
    assert!(complaint.contains("no identity issued"), "{complaint}");
    trust.declare(BOT.parse().unwrap()).await.unwrap();
    assert_eq!(stranger.prints(&trust, "billing-bot", &["fetch", "vault"]).await["spiffe_id"], BOT_ID);
}

async fn calls_a_server_that_asks_for_its_svid(stranger: Stranger) {
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let server = Server::start(&trust.endpoint("broker"), BOT_ID).await;
    let address = server.address();
    let answer = stranger.prints(&trust, "billing-bot", &["call", &address, BROKER_ID]).await;
    assert_eq!((&answer["server_id"], &answer["version"]), (&json!(BROKER_ID), &json!("tiny")));
    assert_eq!(answer["checkpoint"], format!("for {BOT_ID}\n"));
    assert_eq!(answer["status"], "0a0474696e79");

    let complaint = stranger.complains(&trust, "billing-bot", &["call", &address, "spiffe://example.org/other"]).await;
    assert!(complaint.contains(BROKER_ID), "the client turns another server away: {complaint}");
    let complaint = stranger.complains(&trust, "broker", &["call", &address, BROKER_ID]).await;
    assert!(complaint.to_lowercase().contains("unavailable"), "the server turns another client away: {complaint}");
    // After a rotation by a new authority, both sides still know each other.
    trust.rotate_authority(&domain("example.org")).unwrap();
    trust.rotate_svids().unwrap();
    let again = stranger.prints(&trust, "billing-bot", &["call", &address, BROKER_ID]).await;
    assert_eq!(again, answer);
}

/// Why each socket has a link beside it. When this fails, h2 takes what C-core sends, and the link can go.
#[tokio::test]
async fn python_needs_the_link_because_h2_refuses_a_percent_encoded_authority() {
    let Some(python) = Stranger::python() else { return };
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let plain = format!("unix://{}", trust.socket("billing-bot").display());
    let fetch = async |client: &Stranger, endpoint: &str| client.run_at(endpoint, &["fetch", "vault"]).await;
    assert!(fetch(&python, &trust.endpoint("billing-bot")).await.status.success());
    let Output { status, stderr, .. } = fetch(&python, &plain).await;
    assert!(!status.success() && String::from_utf8_lossy(&stderr).contains("RST_STREAM"));
    if let Some(go) = Stranger::go() {
        assert!(fetch(&go, &plain).await.status.success(), "others can use the socket itself");
    }
}

#[tokio::test]
async fn go_spiffe_uses_the_loopback_port_too() {
    let Some(go) = Stranger::go() else { return };
    let scratch = scratch();
    let trust = scene::trust(&scratch).await;
    let output = go.run_at(&trust.tcp_endpoint("billing-bot").unwrap(), &["fetch", "vault"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
