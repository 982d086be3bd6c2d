//! What a caller sees when nothing is to be seen, when a message is not one, and when the broker is
//! not ready.

use super::broker::{Broker, OPERATOR, reason};
use crate::fixtures::workload_api::Says;
use crate::fixtures::world::WORKLOAD;
use leasehold::ports::{Clock as _, TrustSource as _};
use leasehold::proto::v1;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

const OTHER: &str = "spiffe://example.org/agent/b";
const ESTATE_WITH_TWO: &str = r#"
[agent.other]
spiffe_id = "spiffe://example.org/agent/b"
owner = "payments"
class = "service"
environment = "prod"
purpose = "something else"
"#;

fn face(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn unknown_foreign_and_malformed_ids_have_one_face() {
    let broker = Broker::with_estate().await;
    let document = format!("{}{ESTATE_WITH_TWO}", super::broker::ESTATE);
    let apply = v1::ApplyEstateRequest { request_id: broker.request_id(), document, version: 1 };
    broker.estate(OPERATOR).apply_estate(apply).await.unwrap();
    let task = broker.task("ledger-key").await.id;
    let get = |id: &str| v1::GetTaskRequest { task_id: id.into() };
    assert!(broker.tasks(WORKLOAD).get_task(get(&task)).await.is_ok());
    let mut other = broker.tasks(OTHER);
    let unknown = "task-0193d1a0-0000-7000-8000-000000000001";
    let foreign = face(&other.get_task(get(&task)).await.unwrap_err());
    assert_eq!(foreign.0, Code::NotFound);
    for id in [unknown, "task-1", "", "lease-0193d1a0-0000-7000-8000-000000000001"] {
        assert_eq!(face(&other.get_task(get(id)).await.unwrap_err()), foreign, "{id:?}");
    }
    for id in [task.as_str(), unknown, "task-1"] {
        let complete = v1::CompleteTaskRequest { request_id: broker.request_id(), task_id: id.into() };
        assert_eq!(face(&other.complete_task(complete).await.unwrap_err()), foreign, "{id:?}");
    }
}

#[tokio::test]
async fn a_message_too_large_or_unreadable_is_said_to_be_so() {
    let broker = Broker::new().await;
    let plan = |bytes: usize| v1::PlanEstateRequest { document: "#".repeat(bytes) };
    let mut estate = broker.estate(OPERATOR);
    assert!(estate.plan_estate(plan(1 << 20)).await.is_ok());
    let over = estate.plan_estate(plan((1 << 20) + 1)).await.unwrap_err();
    assert_eq!((over.code(), reason(&over).as_str()), (Code::InvalidArgument, "ESTATE_INVALID"));
    let far_over = estate.plan_estate(plan(2 << 20)).await.unwrap_err();
    assert_eq!((far_over.code(), reason(&far_over).as_str()), (Code::InvalidArgument, "MESSAGE_TOO_LARGE"));
    let mut grpc = tonic::client::Grpc::new(broker.channel(Some(OPERATOR)));
    grpc.ready().await.unwrap();
    // The second field is bytes here and text there.
    let bytes = v1::Opening { field: String::new(), salt: vec![0xff, 0xfe], value: String::new() };
    let path = http::uri::PathAndQuery::from_static("/leasehold.v1.TaskService/DenyTask");
    let codec = tonic_prost::ProstCodec::<v1::Opening, v1::DenyTaskResponse>::default();
    let unreadable = grpc.unary(tonic::Request::new(bytes), path, codec).await.unwrap_err();
    assert_eq!((unreadable.code(), reason(&unreadable).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
}

async fn until(said: &mut tonic::Streaming<HealthCheckResponse>, wanted: ServingStatus) {
    let waiting = async { while said.message().await.unwrap().unwrap().status() != wanted {} };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("within 10 s");
}

#[tokio::test]
async fn readiness_has_two_faces() {
    let broker = Broker::with_estate().await;
    let mut health = HealthClient::new(broker.channel(None));
    let request = |service: &str| HealthCheckRequest { service: service.into() };
    let mut issuing = health.watch(request("leasehold.ready-to-issue")).await.unwrap().into_inner();
    let mut until = async |wanted| until(&mut issuing, wanted).await;
    until(ServingStatus::Serving).await;
    broker.engine.sealed.store(true, Ordering::SeqCst);
    until(ServingStatus::NotServing).await;
    for service in ["leasehold.ready-to-end", ""] {
        let said = health.check(request(service)).await.unwrap().into_inner().status();
        assert_eq!(said, ServingStatus::Serving, "{service:?}");
    }
    let status = broker.status(WORKLOAD).get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    let engine = status.engine.unwrap();
    assert_eq!((engine.state(), engine.sentence.as_str()), (v1::HealthState::Unready, "sealed"));
    assert_eq!(status.trust_source.unwrap().state(), v1::HealthState::Ready);
    assert_eq!(status.clock.unwrap().state(), v1::HealthState::Ready);
    assert_eq!((status.log_origin.as_str(), status.log_verifier_key), ("leasehold.test/wire", broker.key.clone()));
    assert_eq!(status.log_size, broker.world.journal.published().state.size);
}

#[tokio::test]
async fn a_lost_workload_api_ends_readiness_only_when_the_own_svid_ends() {
    let broker = Broker::with_estate().await;
    let trust = &broker.grounds.trust;
    let mut health = HealthClient::new(broker.channel(None));
    let request = HealthCheckRequest { service: "leasehold.ready-to-issue".into() };
    let mut issuing = health.watch(request.clone()).await.unwrap().into_inner();
    until(&mut issuing, ServingStatus::Serving).await;
    broker.grounds.api.x509.send_replace(Says::Status(Code::Unavailable));
    crate::fixtures::until("the loss is told", || trust.standing().trouble.is_some()).await;
    let status = broker.status(WORKLOAD).get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    let source = status.trust_source.unwrap();
    assert_eq!(source.state(), v1::HealthState::Degraded);
    assert!(source.sentence.contains("is unreachable since"), "{}", source.sentence);
    assert!(source.sentence.contains(&broker.grounds.api.endpoint), "{}", source.sentence);
    assert_eq!(health.check(request).await.unwrap().into_inner().status(), ServingStatus::Serving);
    let left = trust.standing().own_svid_ends.unwrap().since(broker.grounds.clock.read().time);
    broker.grounds.clock.advance(left);
    until(&mut issuing, ServingStatus::NotServing).await;
}
