//! `secret get`: where a secret may go, and where not.

use super::desk::{Desk, Ran, Setting, read};
use super::fake::{TASK, outage};
use std::os::unix::fs::PermissionsExt as _;

const PASSWORD: &str = "pa\\\"ss";

async fn desk_with_task() -> Desk {
    let desk = Desk::open().await;
    desk.broker.approve_at_once();
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro", "api-key", "web-tls"])]).await;
    desk
}

fn silent_about_secrets(ran: &Ran) {
    assert!(!ran.talk.contains("pa\""), "{}", ran.talk);
}

#[tokio::test]
async fn each_kind_has_its_form() {
    let desk = desk_with_task().await;
    let account = desk.run(&["secret", "get", TASK, "ledger-ro", "--ttl", "5m"]).await;
    assert_eq!(account.code, 0, "{}", account.talk);
    assert_eq!(account.data, "{\"username\":\"v-lh-1\",\"password\":\"pa\\\"ss\u{202e}\"}\n");
    assert!(account.talk.contains("until 2026-11-21T10:05:00Z, revocable"), "{}", account.talk);
    silent_about_secrets(&account);
    let value = desk.run(&["secret", "get", TASK, "api-key", "--kv-version", "2", "--json"]).await;
    let value: serde_json::Value = serde_json::from_str(&value.data).unwrap();
    assert_eq!(value["key_value"]["json"]["key"], "k-123");
    assert_eq!(value["key_value"]["version"], 2);
    let value = desk.run(&["secret", "get", TASK, "api-key"]).await;
    assert_eq!(value.data, "{\"key\":\"k-123\"}\n");
}

#[tokio::test]
async fn a_screen_gets_no_secret_unless_asked_for() {
    let desk = desk_with_task().await;
    let screen = || Setting { data_is_screen: true, ..Setting::default() };
    let refused = desk.run_in(&["secret", "get", TASK, "ledger-ro"], screen()).await;
    assert_eq!(refused.code, 2);
    assert!(refused.data.is_empty() && refused.talk.contains("--show"), "{}", refused.talk);
    assert!(!desk.broker.calls().contains(&"issue_secret"), "nothing may be issued that is not delivered");
    let shown = desk.run_in(&["secret", "get", TASK, "ledger-ro", "--show"], screen()).await;
    assert!(shown.data.contains(PASSWORD), "{}", shown.talk);
}

#[tokio::test]
async fn a_key_made_here_stays_here() {
    let desk = desk_with_task().await;
    let path = desk.path("web.key");
    let line = ["secret", "get", TASK, "web-tls", "--key-out", path.to_str().unwrap()];
    let ran = desk.run(&line).await;
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(ran.data.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(!ran.data.contains("PRIVATE KEY"));
    assert!(read(&path).contains("PRIVATE KEY"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let csr = desk.broker.state().csr.clone().unwrap();
    assert!(csr.contains("CERTIFICATE REQUEST") && !csr.contains("PRIVATE"));
    // A second time: the file is there, so nothing is asked for and nothing is overwritten.
    let before = (read(&path), desk.broker.calls().len());
    let again = desk.run(&line).await;
    assert_eq!(again.code, 2, "{}", again.talk);
    assert_eq!(before, (read(&path), desk.broker.calls().len()));
}

#[tokio::test]
async fn a_key_without_certificate_is_not_left_behind() {
    let desk = desk_with_task().await;
    let path = desk.path("web.key");
    let line = ["secret", "get", "task-unknown", "web-tls", "--key-out", path.to_str().unwrap()];
    let ran = desk.run(&line).await;
    assert_eq!(ran.code, 1);
    assert!(desk.broker.calls().contains(&"issue_secret"), "the call was really made");
    assert!(!path.exists());
}

#[tokio::test]
async fn ones_own_request_is_sent_as_it_is() {
    let desk = desk_with_task().await;
    let csr = desk.file("web.csr", "-----BEGIN CERTIFICATE REQUEST-----\nmine\n");
    let ran = desk.run(&["secret", "get", TASK, "web-tls", "--csr", &csr]).await;
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(desk.broker.state().csr.as_deref(), Some("-----BEGIN CERTIFICATE REQUEST-----\nmine\n"));
    let without = desk.run(&["secret", "get", TASK, "web-tls"]).await;
    assert_eq!(without.code, 1);
    assert!(without.talk.contains("field certificate.csr_pem: must be a PKCS#10 request in PEM"), "{}", without.talk);
}

#[tokio::test]
async fn after_a_lost_answer_a_new_secret_supersedes_the_one_nobody_has() {
    let desk = desk_with_task().await;
    desk.broker.state().lost_answers.push_back(outage());
    let ran = desk.run(&["secret", "get", TASK, "ledger-ro"]).await;
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert!(ran.data.contains(PASSWORD));
    let ids = desk.broker.request_ids("issue_secret");
    assert_eq!(ids.len(), 3, "asked, repeated, asked anew");
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    let state = desk.broker.state();
    let states: Vec<_> = state.leases.values().map(leasehold::proto::v1::Lease::state).collect();
    use leasehold::proto::v1::LeaseState::{Ending, Issued};
    assert_eq!(states, [Ending, Issued]);
}
