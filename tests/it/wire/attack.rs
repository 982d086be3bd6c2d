//! What a caller with an honest SVID and bad intentions would try.

use super::broker::{APPROVER, AUDITOR, Broker, ESTATE, OPERATOR, reason};
use crate::fixtures::world::WORKLOAD;
use futures_util::future::join_all;
use leasehold::domain::base::Span;
use leasehold::domain::entry::Body;
use leasehold::domain::state::limits;
use leasehold::proto::v1;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

#[tokio::test]
async fn a_flood_of_denials_leaves_few_entries() {
    let broker = Broker::with_estate().await;
    let task = broker.task("ledger-key").await;
    let mut tasks = broker.tasks(AUDITOR);
    for _ in 0..100 {
        let request = v1::CompleteTaskRequest { request_id: broker.request_id(), task_id: task.id.clone() };
        assert_eq!(reason(&tasks.complete_task(request).await.unwrap_err()), "ROLE_MISSING");
    }
    let entries = broker.entries().await;
    let denied = entries.iter().filter(|entry| matches!(entry.body, Body::AccessDenied(_))).count();
    assert_eq!(denied, 30);
    let counted: u64 = broker.world.journal.take_denials().into_values().sum();
    assert_eq!(counted, 70, "none is lost");
}

/// Requests as many tasks at once and cancels them all; the refusals.
async fn spin(broker: &Broker, tasks: &TaskServiceClient<Channel>, count: usize) -> Vec<Status> {
    let one = |_| async {
        let mut tasks = tasks.clone();
        let asked = tasks.request_task(broker.task_request("ledger-key")).await?.into_inner();
        let (request_id, task_id) = (broker.request_id(), asked.task.unwrap().id);
        tasks.cancel_task(v1::CancelTaskRequest { request_id, task_id, justification: String::new() }).await.map(drop)
    };
    join_all((0..count).map(one)).await.into_iter().filter_map(Result::err).collect()
}

#[tokio::test]
async fn a_loop_of_requests_and_cancels_is_slowed_and_leaves_no_more_entries() {
    let broker = Broker::with_estate().await;
    let tasks = broker.tasks(WORKLOAD);
    for _ in 0..limits::TASKS_AT_ONCE_MAX / 50 {
        assert!(spin(&broker, &tasks, 50).await.is_empty());
    }
    // Of these, as many are let as places came free while the loop ran.
    let before = broker.entries().await.len();
    let refused = spin(&broker, &tasks, 60).await;
    let last = refused.last().unwrap();
    assert_eq!((last.code(), reason(last).as_str()), (Code::ResourceExhausted, "TASKS_TOO_FAST"));
    assert_eq!(broker.entries().await.len() - before, 2 * (60 - refused.len()), "a refusal leaves no entry");
    let wait = last.get_error_details().retry_info().and_then(|retry| retry.retry_delay).unwrap();
    broker.grounds.clock.advance(Span::from_seconds(wait.as_secs()));
    assert!(spin(&broker, &tasks, 1).await.is_empty(), "the hint is true");
}

#[tokio::test]
async fn one_request_id_twice_at_once_gives_one_secret() {
    let broker = Broker::with_estate().await;
    let task = broker.task("api-key").await;
    broker.until(WORKLOAD, &task.id, v1::TaskState::Active).await;
    let request = v1::IssueSecretRequest {
        request_id: broker.request_id(),
        task_id: task.id,
        credential: "api-key".into(),
        ..Default::default()
    };
    let mut calls = Vec::new();
    for _ in 0..8 {
        let (mut issuance, request) = (broker.issuance(WORKLOAD), request.clone());
        calls.push(tokio::spawn(async move { issuance.issue_secret(request).await.is_ok() }));
    }
    let mut given = 0;
    for call in calls {
        given += usize::from(call.await.unwrap());
    }
    let entries = broker.entries().await;
    let issued = entries.iter().filter(|entry| matches!(entry.body, Body::LeaseIssued(_))).count();
    assert_eq!((given, issued), (1, 1));
}

#[tokio::test]
async fn an_office_that_is_lost_ends_what_a_stream_shows() {
    let broker = Broker::with_estate().await;
    let also_lead = format!("{ESTATE}[team.other]\nmembers = [\"{AUDITOR}\"]\n");
    apply(&broker, &also_lead, 1).await;
    let task = broker.task("ledger-key").await;
    let request = v1::WatchTaskRequest { task_id: task.id.clone() };
    let mut watch = broker.tasks(AUDITOR).watch_task(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().task.unwrap().id, task.id);
    let without = also_lead.replacen(&format!("[role.auditor]\nmembers = [\"{AUDITOR}\"]\n"), "", 1);
    assert_ne!(without, also_lead);
    apply(&broker, &without, 2).await;
    let deny = v1::DenyTaskRequest {
        request_id: broker.request_id(),
        task_id: task.id,
        justification: "not for your eyes".into(),
    };
    broker.tasks(APPROVER).deny_task(deny).await.unwrap();
    assert_eq!(reason(&watch.message().await.unwrap_err()), "NOT_FOUND");
}

async fn apply(broker: &Broker, document: &str, version: u64) {
    let request = v1::ApplyEstateRequest { request_id: broker.request_id(), document: document.into(), version };
    broker.estate(OPERATOR).apply_estate(request).await.unwrap();
}
