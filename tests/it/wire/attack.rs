//! What a caller with an honest SVID and bad intentions would try.

use super::broker::{APPROVER, AUDITOR, Broker, ESTATE, OPERATOR, reason};
use crate::fixtures::world::WORKLOAD;
use leasehold::domain::entry::Body;
use leasehold::proto::v1;

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
