//! The way of a task and of a secret, as a caller goes it.

use super::broker::{APPROVER, Broker, OPERATOR, reason};
use super::engine::VALUE;
use crate::fixtures::world::WORKLOAD;
use leasehold::domain::entry::Body;
use leasehold::proto::v1;
use leasehold::proto::v1::TaskState;
use leasehold::tlog::note::VerifierKey;
use leasehold::tlog::receipt::Receipt;
use tonic::Code;
use v1::issue_secret_response::Secret;

fn issue(broker: &Broker, task: &str, credential: &str) -> v1::IssueSecretRequest {
    v1::IssueSecretRequest {
        request_id: broker.request_id(),
        task_id: task.into(),
        credential: credential.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_secret_is_given_once_and_proven() {
    let broker = Broker::with_estate().await;
    let task = broker.task("api-key").await;
    assert_eq!(task.purpose, "reconcile invoices for October");
    broker.until(WORKLOAD, &task.id, TaskState::Active).await;
    let request = issue(&broker, &task.id, "api-key");
    let mut issuance = broker.issuance(WORKLOAD);
    let issued = issuance.issue_secret(request.clone()).await.unwrap().into_inner();
    let Some(Secret::KeyValue(value)) = issued.secret else { panic!("a key-value secret") };
    assert_eq!((value.json.as_slice(), value.version), (VALUE.as_bytes(), 3));
    let (lease, receipt) = (issued.lease.unwrap(), issued.receipt.unwrap());
    assert_eq!((lease.state(), lease.revocability()), (v1::LeaseState::Issued, v1::Revocability::RotateOnly));
    let key = VerifierKey::parse(&broker.key).unwrap();
    Receipt::parse(&receipt.proof).unwrap().verify(&receipt.entry, &key).unwrap();

    let again = issuance.issue_secret(request).await.err().unwrap();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::AlreadyExists, "ALREADY_ISSUED"));
    let details = tonic_types::StatusExt::get_error_details(&again);
    assert_eq!(details.error_info().unwrap().metadata["lease"], lease.id);

    let listed = issuance.list_leases(v1::ListLeasesRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.leases.as_slice(), std::slice::from_ref(&lease));
    let request = v1::CompleteTaskRequest { request_id: broker.request_id(), task_id: task.id.clone() };
    let done = broker.tasks(WORKLOAD).complete_task(request).await.unwrap().into_inner().task.unwrap();
    assert_eq!(done.end_cause, "completed");
    let gone = broker.until(WORKLOAD, &task.id, TaskState::Gone).await;
    assert!(gone.open_leases.is_empty());
    let asked = v1::GetLeaseRequest { lease_id: lease.id };
    let ended = issuance.get_lease(asked).await.unwrap().into_inner().lease.unwrap();
    assert_eq!(ended.state(), v1::LeaseState::Expired);
}

#[tokio::test]
async fn a_task_of_high_sensitivity_waits_for_its_owner() {
    let broker = Broker::with_estate().await;
    let task = broker.task("ledger-key").await;
    assert_eq!(
        (task.state(), task.approvals_missing.as_slice()),
        (TaskState::Requested, ["payments".into()].as_slice())
    );
    let early = broker.issuance(WORKLOAD).issue_secret(issue(&broker, &task.id, "ledger-key")).await.err().unwrap();
    assert_eq!((early.code(), reason(&early).as_str()), (Code::FailedPrecondition, "TASK_NOT_APPROVED"));
    let yes = |digest: &str| v1::ApproveTaskRequest {
        request_id: broker.request_id(),
        task_id: task.id.clone(),
        request_digest: digest.into(),
        valid_for: None,
    };
    let wrong = broker.tasks(APPROVER).approve_task(yes("another")).await.unwrap_err();
    assert_eq!(reason(&wrong), "DIGEST_MISMATCH");
    let own = broker.tasks(WORKLOAD).approve_task(yes(&task.request_digest)).await.unwrap_err();
    assert_eq!(reason(&own), "SELF_APPROVAL");
    let said = broker.tasks(APPROVER).approve_task(yes(&task.request_digest)).await.unwrap().into_inner();
    assert_eq!(said.task.unwrap().approvals[0].approver, APPROVER);
    broker.until(APPROVER, &task.id, TaskState::Active).await;
    assert!(broker.issuance(WORKLOAD).issue_secret(issue(&broker, &task.id, "ledger-key")).await.is_ok());
}

#[tokio::test]
async fn a_repeat_gives_the_same_task_and_another_call_does_not() {
    let broker = Broker::with_estate().await;
    let mut tasks = broker.tasks(WORKLOAD);
    let request = broker.task_request("ledger-key");
    let first = tasks.request_task(request.clone()).await.unwrap().into_inner().task.unwrap();
    let second = tasks.request_task(request.clone()).await.unwrap().into_inner().task.unwrap();
    assert_eq!(first, second);
    let other = v1::RequestTaskRequest { purpose: "something else".into(), ..request };
    assert_eq!(reason(&tasks.request_task(other).await.unwrap_err()), "REQUEST_ID_REUSED");
    // Two calls whose messages have the same bytes are two requests.
    let (request_id, task_id) = (broker.request_id(), first.id);
    let complete = v1::CompleteTaskRequest { request_id: request_id.clone(), task_id: task_id.clone() };
    tasks.complete_task(complete).await.unwrap();
    let cancel = v1::CancelTaskRequest { request_id, task_id, justification: String::new() };
    assert_eq!(reason(&tasks.cancel_task(cancel).await.unwrap_err()), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_no_ends_the_task_with_its_reason() {
    let broker = Broker::with_estate().await;
    let task = broker.task("ledger-key").await;
    let no = v1::DenyTaskRequest {
        request_id: broker.request_id(),
        task_id: task.id.clone(),
        justification: "not on a Sunday".into(),
    };
    let denied = broker.tasks(APPROVER).deny_task(no).await.unwrap().into_inner().task.unwrap();
    assert_eq!(denied.end_cause, "denied");
    let late = broker.issuance(WORKLOAD).issue_secret(issue(&broker, &task.id, "ledger-key")).await.err().unwrap();
    assert_eq!(reason(&late), "NOT_FOUND", "nothing of it is left");
    let said = broker.entries().await.into_iter().rposition(|entry| matches!(entry.body, Body::TaskDenied(_)));
    let openings = broker.world.store.openings(said.unwrap() as u64).await.unwrap();
    assert_eq!(openings[0].1.value, "not on a Sunday");
}

#[tokio::test]
async fn lists_come_in_pages_newest_first() {
    let broker = Broker::with_estate().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, broker.task("ledger-key").await.id);
    }
    let mut tasks = broker.tasks(OPERATOR);
    let page = |page_token: String, filter: &str| {
        let request = v1::ListTasksRequest { page_size: 2, page_token, filter: filter.into() };
        let mut tasks = tasks.clone();
        async move { tasks.list_tasks(request).await.unwrap().into_inner() }
    };
    let ids = |page: &v1::ListTasksResponse| page.tasks.iter().map(|task| task.id.clone()).collect::<Vec<_>>();
    let first = page(String::new(), "state=requested AND agent=billing-bot").await;
    assert_eq!(ids(&first), made[..2]);
    let second = page(first.next_page_token, "state=requested AND agent=billing-bot").await;
    assert_eq!((ids(&second).as_slice(), second.next_page_token.as_str()), (&made[2..], ""));
    assert!(page(String::new(), "state=active").await.tasks.is_empty());
    let bad = v1::ListTasksRequest { page_size: 101, ..Default::default() };
    assert_eq!(reason(&tasks.list_tasks(bad).await.unwrap_err()), "FIELD_INVALID");
}

#[tokio::test]
async fn an_estate_is_planned_then_applied() {
    let broker = Broker::new().await;
    let mut estate = broker.estate(OPERATOR);
    let document = super::broker::ESTATE.to_owned();
    let planned = estate.plan_estate(v1::PlanEstateRequest { document: document.clone() }).await.unwrap().into_inner();
    assert_eq!((planned.version, planned.changes.len()), (0, 7));
    let apply = v1::ApplyEstateRequest { request_id: broker.request_id(), document, version: 0 };
    let applied = estate.apply_estate(apply.clone()).await.unwrap().into_inner();
    assert_eq!((applied.version, applied.changes), (1, planned.changes));
    assert_eq!(estate.apply_estate(apply.clone()).await.unwrap().into_inner().version, 1, "a repeat");
    let shown = estate.get_estate(v1::GetEstateRequest {}).await.unwrap().into_inner();
    assert_eq!((shown.version, shown.items.len()), (1, 7));
    let moved = v1::ApplyEstateRequest { request_id: broker.request_id(), document: String::new(), ..apply };
    assert_eq!(reason(&estate.apply_estate(moved).await.unwrap_err()), "ESTATE_MOVED");
    let wrong = v1::PlanEstateRequest { document: "[taem.a]\nmembers = []\n".into() };
    let wrong = estate.plan_estate(wrong).await.unwrap_err();
    assert_eq!((wrong.code(), reason(&wrong).as_str()), (Code::InvalidArgument, "ESTATE_INVALID"));
    let foreign = v1::PlanEstateRequest { document: String::new() };
    let foreign = broker.estate(WORKLOAD).plan_estate(foreign).await.unwrap_err();
    assert_eq!((foreign.code(), reason(&foreign).as_str()), (Code::PermissionDenied, "ROLE_MISSING"));
}
