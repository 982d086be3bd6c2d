//! `task …`: requesting, deciding, watching, ending.

use super::desk::{Desk, Setting};
use super::fake::{DIGEST, TASK};
use crate::fixtures::until;

const LEAD: &str = "spiffe://example.org/people/payments-lead";

#[tokio::test]
async fn a_task_is_requested_from_a_file_and_options_win() {
    let desk = Desk::open().await;
    let file = desk.task_file(&["ledger-ro"]);
    let ran = desk.run(&["task", "request", &file, "--purpose", "close the month", "--window", "1h30m"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.data.contains("requested, waits for a yes of payments"), "{ran:?}");
    let task = desk.broker.state().tasks[TASK].clone();
    assert_eq!(task.agent, "billing-bot");
    assert_eq!(task.purpose, "close the month");
    assert_eq!(task.credentials, ["ledger-ro"]);
    assert_eq!(task.window.unwrap().seconds, 5_400);
}

#[tokio::test]
async fn a_slip_in_a_task_file_is_refused_with_the_nearest_name_before_any_call() {
    let desk = Desk::open().await;
    let file = desk.file("t.toml", "agent = \"a\"\npurpose = \"p\"\ncredential = [\"c\"]\nwindow = \"20m\"\n");
    let ran = desk.run(&["task", "request", &file]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.talk.contains("unknown key \"credential\"; did you mean \"credentials\"?"), "{ran:?}");
    assert!(ran.talk.contains("next step: correct the file; its keys are agent, purpose,"), "{ran:?}");
    let ran = desk.run(&["task", "request", "--agent", "a", "--purpose", "p", "--credential", "c"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.talk.contains("the task has no window"), "{ran:?}");
    assert!(desk.broker.calls().is_empty());
}

#[tokio::test]
async fn a_person_sees_the_request_and_says_yes_to_its_digest() {
    let desk = Desk::open().await;
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    let no = desk.run_in(&["task", "approve", TASK], Setting { answer: Some("\n"), ..Setting::default() }).await;
    assert_eq!(no.code, 1);
    assert!(no.talk.contains("not approved"), "{no:?}");
    assert!(!desk.broker.calls().contains(&"approve_task"));
    let yes = desk.run_in(&["task", "approve", TASK], Setting { answer: Some("y\n"), ..Setting::default() }).await;
    assert_eq!(yes.code, 0, "{yes:?}");
    assert!(yes.talk.contains("reconcile invoices") && yes.talk.contains(DIGEST), "{yes:?}");
    assert!(yes.data.contains("active") && yes.data.contains(LEAD), "{yes:?}");
}

#[tokio::test]
async fn a_script_must_name_the_digest_or_say_yes() {
    let desk = Desk::open().await;
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    let unseen = desk.run(&["task", "approve", TASK]).await;
    assert_eq!(unseen.code, 2);
    assert!(unseen.talk.contains(&format!("give --digest {DIGEST}")), "{unseen:?}");
    let other = desk.run(&["task", "approve", TASK, "--digest", "another"]).await;
    assert_eq!(other.code, 1, "{other:?}");
    let named = desk.run(&["task", "approve", TASK, "--digest", DIGEST, "--valid-for", "10m"]).await;
    assert_eq!(named.code, 0, "{named:?}");
}

#[tokio::test]
async fn waiting_tells_who_may_approve_and_ends_with_the_yes() {
    let desk = Desk::open().await;
    let file = desk.task_file(&["ledger-ro"]);
    let approving = async {
        until("the request", || desk.broker.calls().contains(&"watch_task")).await;
        desk.run(&["task", "approve", TASK, "--yes"]).await
    };
    let line = ["task", "request", &file, "--wait"];
    let (ran, _) = tokio::join!(desk.run(&line), approving);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.talk.contains("who may approve: any member of payments who is not spiffe://"), "{ran:?}");
    assert!(ran.talk.contains(&format!("leasehold task approve {TASK}")), "{ran:?}");
    assert!(ran.data.contains("state         active"), "{ran:?}");
}

#[tokio::test]
async fn a_no_ends_the_waiting_and_its_reason_reaches_the_broker() {
    let desk = Desk::open().await;
    let file = desk.task_file(&["ledger-ro"]);
    let denying = async {
        until("the request", || desk.broker.calls().contains(&"watch_task")).await;
        desk.run(&["task", "deny", TASK, "--because", "freeze"]).await
    };
    let line = ["task", "request", &file, "--wait"];
    let (ran, denied) = tokio::join!(desk.run(&line), denying);
    assert_eq!((ran.code, denied.code), (1, 0), "{ran:?}");
    assert!(ran.talk.contains("the task ended before it was active: denied"), "{ran:?}");
    assert_eq!(desk.broker.state().justifications, ["freeze"]);
}

#[tokio::test]
async fn lists_turn_pages_and_stop_at_the_limit() {
    let desk = Desk::open().await;
    for _ in 0..5 {
        desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    }
    let all = desk.run(&["task", "list"]).await;
    assert_eq!(all.data.lines().count(), 6, "{all:?}");
    assert!(all.data.starts_with("TASK "), "{all:?}");
    let some = desk.run(&["task", "list", "--limit", "3"]).await;
    assert_eq!(some.data.lines().count(), 4, "{some:?}");
    assert!(some.talk.contains("there are more"), "{some:?}");
}

#[tokio::test]
async fn watching_prints_each_state_until_the_task_is_gone_and_resumes_on_the_way() {
    let desk = Desk::open().await;
    desk.broker.approve_at_once();
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    let ending = async {
        until("the watch", || desk.broker.calls().contains(&"watch_task")).await;
        desk.broker.state().interruptions.push_back(super::fake::outage());
        desk.broker.change(TASK, |task| task.purpose_code = "x".into());
        until("the resumed watch", || desk.broker.request_ids("watch_task").len() == 2).await;
        desk.run(&["task", "cancel", TASK, "--because", "wrong month"]).await
    };
    let line = ["task", "watch", TASK];
    let (ran, ended) = tokio::join!(desk.run(&line), ending);
    assert_eq!((ran.code, ended.code), (0, 0), "{ran:?} {ended:?}");
    assert!(ran.data.contains("active") && ran.data.contains("gone, cancelled"), "{ran:?}");
    assert!(ran.talk.contains("resuming (1 of 5)"), "{ran:?}");
    assert_eq!(desk.broker.state().justifications, ["wrong month"]);
}

#[tokio::test]
async fn completing_can_wait_for_proof() {
    let desk = Desk::open().await;
    desk.broker.approve_at_once();
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    desk.run(&["secret", "get", TASK, "ledger-ro"]).await;
    let ran = desk.run(&["task", "complete", TASK, "--wait"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.talk.contains("ledger-ro: revoked, authority-confirmed in 0."), "{ran:?}");
    let again = desk.run(&["task", "complete", TASK]).await;
    assert_eq!(again.code, 1);
    assert!(again.talk.contains("(TASK_NOT_ACTIVE)"), "{again:?}");
}

#[tokio::test]
async fn a_strangers_purpose_cannot_play_with_the_terminal() {
    let desk = Desk::open().await;
    let harmless = desk.run(&["task", "request", &desk.task_file(&["a"])]).await;
    assert!(harmless.data.contains("reconcile invoices"), "{harmless:?}");
    desk.broker.change(TASK, |task| task.purpose = "ok\u{1b}[2J\n\u{202e}yes".into());
    for line in [&["task", "show", TASK][..], &["task", "list"], &["task", "show", TASK, "--json"]] {
        let ran = desk.run(line).await;
        assert!(!ran.data.contains(['\u{1b}', '\u{202e}']), "{ran:?}");
        assert!(ran.data.contains("\\u{202e}yes") || ran.data.contains("\\u202eyes"), "{ran:?}");
    }
}
