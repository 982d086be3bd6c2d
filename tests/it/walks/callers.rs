//! Callers who present a JWT-SVID, alone or beside a certificate, and callers whose certificate ends.

use super::raw::{Raw, connect, draw, id, refusal, svid, token, wish};
use super::stage::{binary, now, stage};
use leasehold::proto::v1;
use leasehold::proto::v1::TaskState;
use leasehold::proto::v1::estate_service_client::EstateServiceClient;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use xtask::scene::{BROKER_ID, Options, Scene};

const DENIED: Code = Code::PermissionDenied;
const UNKNOWN: Code = Code::Unauthenticated;

#[tokio::test]
async fn a_token_alone_may_request_a_task_and_draw_what_is_of_low_sensitivity() {
    let stage = stage();
    let bot = Raw::by_token(&stage, "billing-bot").await;
    let task = bot.ask(wish("motd")).await.unwrap().id;
    until_active(&bot, &task).await;
    let secret = bot.issue(draw(&task, "motd")).await.unwrap();
    assert!(matches!(secret.secret, Some(v1::issue_secret_response::Secret::KeyValue(_))));
    bot.complete(&task).await.unwrap();
    stage.settled("auditor", &secret.lease.unwrap().id).unwrap();
}

#[tokio::test]
async fn a_token_alone_draws_nothing_of_high_sensitivity() {
    let stage = stage();
    let task = stage.active(&["ledger-ro"], "20m");
    let bot = Raw::by_token(&stage, "billing-bot").await;
    assert_eq!(refusal(bot.issue(draw(&task, "ledger-ro")).await), (DENIED, "JWT_NOT_ENOUGH".into()));
    let login = stage.login(&task, &[]);
    assert!(stage.logs_in(&login), "with its certificate the same workload may");
    stage.complete(&task);
    stage.proven_dead(&login);
}

#[tokio::test]
async fn a_token_alone_neither_approves_nor_applies() {
    let stage = stage();
    let shown = stage.request(&["ledger-ro"], "20m");
    let task = shown["id"].as_str().unwrap();
    let lead = Raw::by_token(&stage, "payments-lead").await;
    assert_eq!(lead.task(task).await.unwrap().id, task, "it may look");
    let yes = v1::ApproveTaskRequest {
        request_id: id(),
        task_id: task.into(),
        request_digest: shown["request_digest"].as_str().unwrap().into(),
        valid_for: None,
    };
    let approved = TaskServiceClient::new(lead.channel.clone()).approve_task(lead.request(yes.clone())).await;
    assert_eq!(refusal(approved), (DENIED, "JWT_NOT_ENOUGH".into()));
    let person = Raw::certified(&stage, "payments-lead").await;
    TaskServiceClient::new(person.channel.clone()).approve_task(person.request(yes)).await.unwrap();
    stage.until_active(task);
    stage.complete(task);

    let operator = Raw::by_token(&stage, "operator").await;
    let apply = v1::ApplyEstateRequest { request_id: id(), ..Default::default() };
    let applied = EstateServiceClient::new(operator.channel.clone()).apply_estate(operator.request(apply)).await;
    assert_eq!(refusal(applied), (DENIED, "JWT_NOT_ENOUGH".into()));
}

#[tokio::test]
async fn who_calls_is_told_by_one_sound_proof_for_this_broker() {
    let stage = stage();
    let honest = Raw::by_token(&stage, "billing-bot").await;
    assert_eq!(refusal(honest.task(NOBODYS).await), (Code::NotFound, "NOT_FOUND".into()), "it is let in");
    let bearing = |token| Raw::bearing(&stage, None, token);
    let refused = async |caller: Raw| refusal(caller.task(NOBODYS).await);
    assert_eq!(refused(bearing(None)).await, (UNKNOWN, "SVID_MISSING".into()));
    let elsewhere = token(&stage, "billing-bot", &["vault"]).await;
    assert_eq!(refused(bearing(Some(elsewhere))).await, (UNKNOWN, "JWT_AUDIENCE".into()));
    let two = token(&stage, "billing-bot", &[BROKER_ID, "vault"]).await;
    assert_eq!(refused(bearing(Some(two))).await, (UNKNOWN, "JWT_AUDIENCE".into()));
    let mut forged = token(&stage, "billing-bot", &[BROKER_ID]).await;
    let last = if forged.ends_with("AAAA") { "BBBB" } else { "AAAA" };
    forged.replace_range(forged.len() - 8..forged.len() - 4, last);
    assert_eq!(refused(bearing(Some(forged))).await, (UNKNOWN, "JWT_SIGNATURE".into()));

    let identity = svid(&stage, "billing-bot").await;
    let own = token(&stage, "billing-bot", &[BROKER_ID]).await;
    let both = Raw::bearing(&stage, Some(identity.clone()), Some(own));
    assert_eq!(refusal(both.task(NOBODYS).await).0, Code::NotFound, "two proofs of one identity are one identity");
    let other = token(&stage, "stranger", &[BROKER_ID]).await;
    let mixed = Raw::bearing(&stage, Some(identity), Some(other));
    assert_eq!(refused(mixed).await, (UNKNOWN, "IDENTITY_MISMATCH".into()));
}

/// A trust domain whose certificates live for sixteen seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_with_the_certificate_that_opened_it_and_so_do_secrets() {
    let options = Options { x509_ttl_seconds: Some(16), ..Options::default() };
    let scene = Scene::start(binary(), options).unwrap();
    let identity = svid(&scene, "billing-bot").await;
    let end = X509Certificate::from_der(&identity.chain[0]).unwrap().1.validity().not_after.timestamp();
    let mut connection = connect(&scene, Some(&identity)).await.unwrap();
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut said = [0; 1_024];
    assert!(connection.read(&mut said).await.unwrap() > 0, "it is open");

    let words = ["task", "request", "--agent", "billing-bot", "--purpose", "a walk", "--window", "20m"];
    let task = scene.json("billing-bot", &[&words[..], &["--credential", "motd", "--wait"]].concat()).unwrap();
    scene.bao.must("POST", "secret/data/motd", &serde_json::json!({"data": {"value": "good morning"}})).unwrap();
    let secret = scene.json("billing-bot", &["secret", "get", task["id"].as_str().unwrap(), "motd"]).unwrap();
    let life = super::stage::seconds(&secret["lease"], "expire_time") - now();
    assert!((1..=16).contains(&life), "the secret lives {life} s, longer than the SVID that drew it");

    let closed = async { while connection.read(&mut said).await.is_ok_and(|count| count > 0) {} };
    tokio::time::timeout(Duration::from_secs(30), closed).await.expect("the connection outlives its certificate");
    assert!((end - 1..=end + 5).contains(&now()), "the certificate ended at {end}, the connection at {}", now());
    assert!(connect_and_hear(&scene, &identity).await.is_none(), "an expired certificate opens nothing");
    assert!(scene.ok("billing-bot", &["task", "list"]).is_ok(), "a fresh one does");
}

/// What the broker says first on a new connection, if it says anything.
async fn connect_and_hear(scene: &Scene, identity: &crate::fixtures::forge::Identity) -> Option<u8> {
    let mut connection = connect(scene, Some(identity)).await.ok()?;
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.ok()?;
    connection.read_u8().await.ok()
}

async fn until_active(caller: &Raw, task: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while caller.task(task).await.unwrap().state() != TaskState::Active {
        assert!(tokio::time::Instant::now() < deadline, "{task} did not become active");
    }
}

const NOBODYS: &str = "task-00000000-0000-7000-8000-000000000001";
