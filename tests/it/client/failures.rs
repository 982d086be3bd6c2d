//! What is said when something is refused or out of reach, and what is tried again.

use super::desk::Desk;
use super::fake::{TASK, denial, detailed, outage};
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn a_denial_ends_with_the_next_step_on_standard_error() {
    let desk = Desk::open().await;
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    let self_approval = || denial(Code::PermissionDenied, "SELF_APPROVAL", "the requester may not decide");
    desk.broker.refuse_next(self_approval());
    let ran = desk.run(&["task", "approve", TASK, "--digest", "d"]).await;
    assert_eq!((ran.code, ran.data.as_str()), (1, ""));
    assert_eq!(
        ran.talk,
        "leasehold: cannot approve the task: the requester may not decide (SELF_APPROVAL)\n  next step: ask another \
         person who may decide on it: nobody decides on their own request\n"
    );
    desk.broker.refuse_next(self_approval());
    let ran = desk.run(&["task", "approve", TASK, "--digest", "d", "--json"]).await;
    let error: serde_json::Value = serde_json::from_str(&ran.talk).unwrap();
    assert_eq!(error["error"]["reason"], "SELF_APPROVAL");
    assert_eq!(error["error"]["code"], "PERMISSION_DENIED");
}

#[tokio::test]
async fn an_outage_is_repeated_with_the_same_request_id() {
    let desk = Desk::open().await;
    desk.broker.refuse_next(outage());
    desk.broker.refuse_next(outage());
    let ran = desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ids = desk.broker.request_ids("request_task");
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(leasehold::domain::base::RequestId::parse(&ids[0]).is_ok());
    let said = "vault cannot be reached; trying again after 3ms with the same request id (2 of 5)";
    assert!(ran.talk.contains(said), "{ran:?}");
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    assert_ne!(desk.broker.request_ids("request_task")[3], ids[0], "another call has another id");
}

#[tokio::test]
async fn an_outage_that_lasts_is_told_after_five_tries() {
    let desk = Desk::open().await;
    (0..5).for_each(|_| desk.broker.refuse_next(outage()));
    let ran = desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(desk.broker.request_ids("request_task").len(), 5);
    assert!(ran.talk.contains("(ENGINE_UNAVAILABLE)") && ran.talk.contains("next step: repeat"), "{ran:?}");
}

#[tokio::test]
async fn only_an_outage_that_says_when_is_repeated() {
    let desk = Desk::open().await;
    let busy = detailed(Code::ResourceExhausted, "TOO_MANY_TASKS", "too many open tasks", |details| {
        details.set_retry_info(Some(Duration::from_secs(30)));
    });
    for status in [busy, denial(Code::Unavailable, "STOPPING", "stopping"), denial(Code::Internal, "INTERNAL", "a bug")]
    {
        let before = desk.broker.calls().len();
        desk.broker.refuse_next(status);
        let ran = desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.talk.contains("next step: "), "{ran:?}");
        assert_eq!(desk.broker.calls().len(), before + 1, "{ran:?}");
    }
}

#[tokio::test]
async fn a_broker_out_of_reach_is_told_with_what_was_tried() {
    let here = Desk::open().await.run(&["status"]).await;
    assert_eq!(here.code, 0, "{here:?}");
    let ran = Desk::deserted().await.run(&["status"]).await;
    assert_eq!(ran.code, 1);
    for part in [
        "cannot reach the broker",
        "address: 127.0.0.1:8443",
        "broker id: spiffe://example.org/leasehold",
        "socket: unix:///run/agent.sock",
        "next step: check that the broker runs there (LEASEHOLD_ADDRESS)",
    ] {
        assert!(ran.talk.contains(part), "{part} in {ran:?}");
    }
}

#[tokio::test]
async fn unknown_and_foreign_ids_have_one_face() {
    let desk = Desk::open().await;
    for line in [["task", "show", "task-x"], ["task", "watch", "task-x"], ["lease", "show", "lease-x"]] {
        let ran = desk.run(&line).await;
        assert_eq!(ran.code, 1);
        assert!(ran.talk.contains("(NOT_FOUND)") && ran.talk.contains("next step: check the id"), "{ran:?}");
    }
}
