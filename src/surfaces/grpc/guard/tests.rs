//! The guard alone: its places, and that nobody but it says who calls.

use super::*;
use domain::base::{SpiffeId, Time, TrustDomain};
use domain::svid::{Audience, Subject};
use ports::{Entropy, Reading, TrustStanding};
use std::convert::Infallible;
use tokio::sync::Notify;
use tonic_types::StatusExt as _;

/// Believes nobody, at the beginning of time, without chance.
struct Nobody;

#[async_trait::async_trait]
impl TrustSource for Nobody {
    fn verify_x509(&self, _: &[Vec<u8>], _: Time) -> Result<Subject, Denial> {
        Err(Denial::new(Reason::SvidUntrusted, "nobody is believed"))
    }

    fn verify_jwt(&self, _: &str, _: Audience<'_>, _: Time) -> Result<Subject, Denial> {
        Err(Denial::new(Reason::JwtSignature, "nobody is believed"))
    }

    fn epoch(&self) -> u64 {
        0
    }

    async fn changed(&self, _: u64) {
        future::pending().await
    }

    fn vouched_since(&self, _: &TrustDomain) -> Option<u64> {
        None
    }

    fn own_id(&self) -> SpiffeId {
        SpiffeId::parse("spiffe://example.org/leasehold").unwrap()
    }

    fn standing(&self) -> TrustStanding {
        TrustStanding { origin: "nowhere".into(), trouble: None, own_svid_ends: None, bundle_ends: None }
    }
}

impl Clock for Nobody {
    fn read(&self) -> Reading {
        Reading { time: Time::default(), certain: true }
    }
}

impl Entropy for Nobody {
    fn fill(&self, _: &mut [u8]) {}
}

fn layer(calls_max: usize) -> (GuardLayer, Arc<Registry>) {
    let nobody = Arc::new(Nobody);
    let registry = Registry::new(nobody.clone(), nobody.clone(), nobody.clone());
    (GuardLayer::with(calls_max, nobody.clone(), nobody, Arc::clone(&registry)), registry)
}

fn request(path: &str) -> Request {
    http::Request::builder().uri(path).body(Body::empty()).unwrap()
}

fn reason(answer: &Response) -> String {
    let status = answer.extensions().get::<Status>();
    status.and_then(|status| status.get_details_error_info()).map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn one_call_over_the_places_is_shed_and_a_finished_one_makes_room() {
    let release = Arc::new(Notify::new());
    let waits = Arc::clone(&release);
    let inner = tower::service_fn(move |_: Request| {
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let mut guard = layer(1).0.layer(inner);
    let first = guard.call(request("/grpc.health.v1.Health/Check"));
    let over = guard.call(request("/grpc.health.v1.Health/Check")).await.unwrap();
    assert_eq!(reason(&over), "OVERLOADED");
    release.notify_one();
    assert_eq!(reason(&first.await.unwrap()), "");
    release.notify_one();
    assert_eq!(reason(&guard.call(request("/grpc.health.v1.Health/Check")).await.unwrap()), "");
}

#[tokio::test]
async fn only_exactly_the_open_services_are_open() {
    let inner = tower::service_fn(|_: Request| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let (layer, registry) = layer(1);
    let mut guard = layer.layer(inner);
    assert_eq!(reason(&guard.call(request("/grpc.health.v1.Health/Check")).await.unwrap()), "");
    let closed =
        ["/", "/grpc.health.v1.Healthy/Check", "/x/grpc.health.v1.Health/", "/leasehold.v1.TaskService/GetTask"];
    for path in closed {
        assert_eq!(reason(&guard.call(request(path)).await.unwrap()), "SVID_MISSING", "{path}");
    }
    assert_eq!(registry.take_refusals(), [(Reason::SvidMissing, 4)].into());
}

#[test]
fn what_tonic_says_without_details_is_said_in_our_words() {
    let worded = |status: Status| reason(&in_our_words(status.into_http()));
    assert_eq!(worded(Status::out_of_range("too large")), "MESSAGE_TOO_LARGE");
    assert_eq!(worded(Status::internal("not protobuf")), "FIELD_INVALID");
    assert_eq!(worded(Status::unimplemented("no such call")), "");
    let ours = Complaint::from(Denial::new(Reason::Internal, "a bug")).status();
    assert_eq!(worded(ours), "INTERNAL");
}
