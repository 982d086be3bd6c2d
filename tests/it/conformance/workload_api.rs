//! The Workload API from the client's side (SPIFFE_Workload_API.md §4 to §8,
//! SPIFFE_Workload_Endpoint.md §3 to §6), against a scripted server.

use super::Vector;
use crate::fixtures::forge::{Authority, Identity};
use crate::fixtures::until;
use crate::fixtures::workload_api::{Says, WorkloadApi, x509_message};
use crate::fixtures::world::{ABROAD, BROKER, FOREIGNER, HOME, WORKLOAD, World, connect, options};
use leasehold::adapters::spire::{SpireOptions, SpireStartError, SpireTrust};
use leasehold::ports::{TrustSource as _, TrustTroubleKind};
use leasehold::proto::workload::X509svidResponse;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tonic::Code;

type Emptied = fn(&mut X509svidResponse);
type Endpoint = fn(&str) -> String;

/// Messages in which a mandatory field is missing.
const EMPTIED: [(&str, Emptied); 6] = [
    ("no SVID", |message| message.svids.clear()),
    ("no SPIFFE ID", |message| message.svids[0].spiffe_id.clear()),
    ("no certificate", |message| message.svids[0].x509_svid.clear()),
    ("no key", |message| message.svids[0].x509_svid_key.clear()),
    ("no bundle", |message| message.svids[0].bundle.clear()),
    ("certificates that are not DER", |message| message.svids[0].x509_svid.truncate(40)),
];

/// Endpoints that are refused before anything is asked: WE §4.
const ENDPOINTS: [(&str, Endpoint); 9] = [
    ("authority before the path", |path| format!("unix://host{path}")),
    ("relative path", |_| "unix:agent.sock".into()),
    ("no path", |_| "unix://".into()),
    ("query", |path| format!("unix://{path}?x=1")),
    ("fragment", |path| format!("unix://{path}#f")),
    ("another scheme", |path| format!("http://{path}")),
    ("tcp with a path", |_| "tcp://127.0.0.1:1/agent".into()),
    ("tcp with a host name", |_| "tcp://localhost:1".into()),
    ("nothing", |_| String::new()),
];

const OTHERS: [(&str, &str); 5] = [
    ("WA §5.2.1", "permission denied in mid-stream"),
    ("WE §6", "invalid argument at the start"),
    ("WE §6", "an agent that says nothing"),
    ("WE §6", "nobody at the socket"),
    ("WA §5.1", "an SVID of another trust domain than configured"),
];

pub(super) fn vectors() -> Vec<Vector> {
    let emptied = EMPTIED.map(|(name, _)| ("WA §4.5", name));
    let endpoints = ENDPOINTS.map(|(name, _)| ("WE §4", name));
    let all = emptied.into_iter().chain(endpoints).chain(OTHERS);
    all.map(|(clause, name)| Vector { clause, name: name.to_owned() }).collect()
}

/// The leaf that the door presents now.
async fn presented(world: &World) -> Option<Vec<u8>> {
    let tls = connect(world.telling, Some(&world.home.identity(WORKLOAD)), &[]).await?;
    let (_, connection) = tls.get_ref();
    connection.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec())
}

fn message(world: &World, identity: &Identity) -> X509svidResponse {
    x509_message(&[(BROKER, identity)], &[(HOME, &[&world.home.der]), (ABROAD, &[&world.abroad.der])])
}

/// What the trust source says of itself.
fn trouble(world: &World) -> Option<TrustTroubleKind> {
    world.trust.standing().trouble.map(|trouble| trouble.kind)
}

fn x509_streams(api: &WorkloadApi) -> usize {
    api.calls().iter().filter(|(method, _)| *method == "FetchX509SVID").count()
}

#[tokio::test]
async fn a_message_without_a_mandatory_field_changes_nothing() {
    let world = World::new().await;
    for (name, empty) in EMPTIED {
        let before = presented(&world).await.unwrap();
        let (seen, asked) = (world.trust.epoch(), x509_streams(&world.api));
        let mut bad = message(&world, &world.home.identity(BROKER));
        empty(&mut bad);
        world.api.x509.send_replace(Says::Message(bad));
        until("the stream is opened anew", || x509_streams(&world.api) > asked).await;
        assert_eq!(presented(&world).await, Some(before), "{name}");
        let barrier = world.home.identity(BROKER);
        world.api.x509.send_replace(Says::Message(message(&world, &barrier)));
        world.await_change(seen).await;
        assert_eq!(presented(&world).await.as_ref(), barrier.chain.first(), "{name}");
        assert_eq!(world.trust.epoch(), seen + 1, "{name}: only the barrier counted");
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_certificates_shuts_the_door() {
    let world = World::new().await;
    assert!(presented(&world).await.is_some());
    let mut mixed = world.home.identity(BROKER);
    mixed.key = world.home.identity(BROKER).key;
    let seen = world.trust.epoch();
    world.api.x509.send_replace(Says::Message(message(&world, &mixed)));
    world.await_change(seen).await;
    assert_eq!(presented(&world).await, None);
}

#[tokio::test]
async fn an_endpoint_that_the_standard_forbids_is_not_asked() {
    let api = WorkloadApi::start();
    let path = api.endpoint.strip_prefix("unix://").unwrap().to_owned();
    for (name, make) in ENDPOINTS {
        let endpoint = make(&path);
        let outcome = SpireTrust::start(options(&endpoint), &TaskTracker::new()).await;
        assert!(matches!(outcome, Err(SpireStartError::NoSvid { .. })), "{name}");
        assert_eq!(api.calls(), [], "{name}");
    }
    // Control: the same socket by its right name is asked.
    let home = Authority::root(HOME);
    api.say_x509(&[(BROKER, &home.identity(BROKER))], &[(HOME, &[&home.der])]);
    api.say_jwt(&[(HOME, r#"{"keys":[]}"#.into())]);
    assert!(SpireTrust::start(options(&api.endpoint), &TaskTracker::new()).await.is_ok());
}

#[tokio::test]
async fn every_call_carries_the_security_header() {
    let world = World::new().await;
    let calls = world.api.calls();
    assert!(calls.iter().any(|(method, _)| *method == "FetchX509SVID"));
    assert!(calls.iter().any(|(method, _)| *method == "FetchJWTBundles"));
    assert!(calls.iter().all(|(_, header)| *header));
}

#[tokio::test]
async fn a_start_without_svid_ends_in_time_and_says_what_to_do() {
    let api = WorkloadApi::start();
    let impatient = |endpoint: &str| SpireOptions { start_timeout: Duration::from_millis(300), ..options(endpoint) };
    let silent = SpireTrust::start(impatient(&api.endpoint), &TaskTracker::new()).await.unwrap_err().to_string();
    assert!(silent.contains(&api.endpoint) && silent.contains("check that its agent runs"), "{silent}");
    let nobody = "unix:///nonexistent/agent.sock";
    let absent = SpireTrust::start(impatient(nobody), &TaskTracker::new()).await.unwrap_err().to_string();
    assert!(absent.contains(nobody), "{absent}");
}

#[tokio::test]
async fn an_invalid_argument_is_not_asked_twice() {
    let api = WorkloadApi::start();
    api.x509.send_replace(Says::Status(Code::InvalidArgument));
    api.jwt.send_replace(Says::Status(Code::InvalidArgument));
    assert!(SpireTrust::start(options(&api.endpoint), &TaskTracker::new()).await.is_err());
    assert_eq!(x509_streams(&api), 1);
}

#[tokio::test]
async fn an_svid_of_another_trust_domain_is_not_ours() {
    let api = WorkloadApi::start();
    let abroad = Authority::root(ABROAD);
    api.say_x509(&[(FOREIGNER, &abroad.identity(FOREIGNER))], &[(ABROAD, &[&abroad.der])]);
    api.say_jwt(&[(ABROAD, r#"{"keys":[]}"#.into())]);
    let error = SpireTrust::start(options(&api.endpoint), &TaskTracker::new()).await.unwrap_err();
    assert!(matches!(error, SpireStartError::OtherTrustDomain { .. }), "{error}");
}

#[tokio::test]
async fn permission_denied_shuts_the_door_and_its_return_opens_it() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    let channel = world.channel(Some(&identity));
    assert!(crate::fixtures::world::ask(&channel, None).await.is_ok());
    let seen = world.trust.epoch();
    world.api.x509.send_replace(Says::Status(Code::PermissionDenied));
    world.await_change(seen).await;
    assert_eq!(world.knock(Some(&identity)).await, None);
    assert!(crate::fixtures::world::ask(&channel, None).await.is_err());
    until("open connections are closed", || world.registry.is_empty()).await;
    let standing = world.trust.standing();
    assert_eq!(standing.trouble.unwrap().kind, TrustTroubleKind::NoIdentity, "somebody answered");
    assert_eq!((standing.own_svid_ends, standing.bundle_ends), (None, None));
    let seen = world.trust.epoch();
    world.api.x509.send_replace(Says::Message(message(&world, &world.broker)));
    world.await_change(seen).await;
    assert_eq!(trouble(&world), None);
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
}

#[tokio::test]
async fn an_agent_that_is_gone_leaves_trust_as_it_was_until_it_is_back() {
    let world = World::new().await;
    let identity = world.home.identity(WORKLOAD);
    let (seen, asked) = (world.trust.epoch(), x509_streams(&world.api));
    world.api.x509.send_replace(Says::Status(Code::Unavailable));
    until("the stream is opened anew", || x509_streams(&world.api) > asked).await;
    assert_eq!(world.knock(Some(&identity)).await.as_deref(), Some(WORKLOAD));
    let rotated = world.home.identity(BROKER);
    world.api.x509.send_replace(Says::Message(message(&world, &rotated)));
    world.await_change(seen).await;
    assert_eq!(presented(&world).await.as_ref(), rotated.chain.first());
}

#[tokio::test]
async fn a_stream_that_is_lost_is_told_until_it_stands_again_with_the_very_same_bundles() {
    let world = World::new().await;
    let (before, seen) = (world.trust.standing(), world.trust.epoch());
    assert_eq!((before.trouble.as_ref(), before.origin.as_str()), (None, world.api.endpoint.as_str()));
    assert!(before.own_svid_ends.is_some() && before.bundle_ends >= before.own_svid_ends);

    let x509 = message(&world, &world.broker);
    world.api.x509.send_replace(Says::Status(Code::Unavailable));
    until("the loss is told", || trouble(&world) == Some(TrustTroubleKind::Unreachable)).await;
    let mut empty = x509.clone();
    empty.svids.clear();
    world.api.x509.send_replace(Says::Message(empty));
    until("an answer is told from none", || trouble(&world) == Some(TrustTroubleKind::Unusable)).await;
    world.api.x509.send_replace(Says::Message(x509));
    until("the return is told", || trouble(&world).is_none()).await;

    let jwt = world.api.jwt.send_replace(Says::Status(Code::Unavailable));
    until("the loss of the other stream is told", || trouble(&world) == Some(TrustTroubleKind::Unreachable)).await;
    let why = world.trust.standing().trouble.unwrap().why;
    assert!(why.starts_with("JWT bundles: "), "{why}");
    world.api.jwt.send_replace(jwt);
    until("its return is told", || trouble(&world).is_none()).await;

    assert_eq!(world.trust.standing(), before);
    assert_eq!(world.trust.epoch(), seen, "what is trusted never changed");
}

#[tokio::test]
async fn an_agent_that_comes_back_and_is_silent_counts_as_unreachable_until_it_speaks() {
    let world = World::new().await;
    let message = message(&world, &world.broker);
    let why = || world.trust.standing().trouble.map(|trouble| trouble.why).unwrap_or_default();
    world.api.x509.send_replace(Says::Status(Code::Unavailable));
    until("the loss is told", || why().contains("as the script says")).await;
    world.api.x509.send_replace(Says::Silence);
    until("silence is told", || why() == "no answer within 5 s").await;
    world.api.x509.send_replace(Says::Message(message));
    until("the return is told", || trouble(&world).is_none()).await;
}

#[tokio::test]
async fn the_first_svid_of_a_message_is_ours() {
    let world = World::new().await;
    let (one, two) = (world.home.identity(BROKER), world.home.identity("spiffe://example.org/other"));
    let bundles: [(&str, &[&[u8]]); 1] = [(HOME, &[&world.home.der])];
    for svids in
        [[(BROKER, &one), ("spiffe://example.org/other", &two)], [("spiffe://example.org/other", &two), (BROKER, &one)]]
    {
        let seen = world.trust.epoch();
        world.api.say_x509(&svids, &bundles);
        world.await_change(seen).await;
        assert_eq!(world.trust.own_id().as_str(), svids[0].0);
        assert_eq!(presented(&world).await.as_ref(), svids[0].1.chain.first());
    }
}
