//! `exec`: what the command gets, what comes back, and that the task ends whatever happens.

use super::desk::{Desk, Setting, Shared, read};
use super::fake::{TASK, denial};
use crate::fixtures::until;
use leasehold::client::Interruption;
use leasehold::proto::v1::TaskState;
use tokio::sync::mpsc;
use tonic::Code;

async fn open() -> Desk {
    let desk = Desk::open().await;
    desk.broker.approve_at_once();
    desk
}

/// Runs a shell script in a task with these credentials; the script finds its directory in `$1`.
async fn exec(desk: &Desk, credentials: &[&str], options: &[&str], script: &str) -> super::desk::Ran {
    let file = desk.task_file(credentials);
    let here = desk.directory.path().to_str().unwrap();
    let mut line = vec!["exec", "--task", &file];
    line.extend(options);
    line.extend(["--", "sh", "-c", script, "sh", here]);
    desk.run(&line).await
}

#[tokio::test]
async fn the_command_reads_its_secrets_from_memory_files() {
    let desk = open().await;
    let script = "cat /proc/self/fd/$LEASEHOLD_FD > $1/first; cat /dev/fd/$LEASEHOLD_FD_API_KEY > $1/key; \
                  readlink /proc/self/fd/$LEASEHOLD_FD > $1/link; echo $LEASEHOLD_FD_LEDGER_RO $LEASEHOLD_FD > $1/same; \
                  echo $LEASEHOLD_TASK_ID > $1/task";
    let ran = exec(&desk, &["ledger-ro", "api-key"], &[], script).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let account: serde_json::Value = serde_json::from_str(&read(&desk.path("first"))).unwrap();
    assert_eq!(account["username"], "v-lh-1");
    assert_eq!(account["password"], "pa\"ss\u{202e}");
    assert_eq!(read(&desk.path("key")), "{\"key\":\"k-123\"}");
    assert!(read(&desk.path("link")).contains("memfd:"), "{}", read(&desk.path("link")));
    let same = read(&desk.path("same"));
    let (by_name, first) = same.trim().split_once(' ').unwrap();
    assert_eq!(by_name, first);
    assert_eq!(read(&desk.path("task")).trim(), TASK);
    assert!(!ran.talk.contains("pa\"") && !ran.talk.contains("k-123") && ran.data.is_empty(), "{ran:?}");
}

#[tokio::test]
async fn the_end_of_each_lease_is_told_with_its_assurance() {
    let desk = open().await;
    let ran = exec(&desk, &["ledger-ro", "api-key"], &[], "true").await;
    assert!(ran.talk.contains("ledger-ro: revoked, authority-confirmed in 0."), "{ran:?}");
    assert!(ran.talk.contains("api-key: over for the task; rotate-only, so the value lives on"), "{ran:?}");
    assert_eq!(desk.broker.state().tasks[TASK].state(), TaskState::Gone);
    desk.broker.state().forgets = true;
    let ran = exec(&desk, &["ledger-ro"], &[], "true").await;
    assert!(ran.talk.contains("ledger-ro: settled, but the broker no longer keeps its record"), "{ran:?}");
    assert!(!ran.talk.contains("revoked"), "{ran:?}");
}

#[tokio::test]
async fn exit_codes_and_deaths_pass_through_and_the_task_is_completed() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        let desk = open().await;
        let ran = exec(&desk, &["ledger-ro"], &[], script).await;
        assert_eq!(ran.code, code, "{script}: {ran:?}");
        assert_eq!(desk.broker.request_ids("complete_task").len(), 1, "{script}");
    }
}

#[tokio::test]
async fn signals_reach_the_command() {
    for (signal, name) in [(Interruption::Terminate, "TERM"), (Interruption::HangUp, "HUP")] {
        let desk = open().await;
        let file = desk.task_file(&["ledger-ro"]);
        let here = desk.directory.path().to_str().unwrap();
        let script = format!("trap 'kill $!; exit 9' {name}; tail -f /dev/null & touch $1/ready; wait $!");
        let (sender, signals) = mpsc::channel(1);
        let sending = async {
            until("the command", || desk.path("ready").exists()).await;
            sender.send(signal).await.unwrap();
        };
        let line = ["exec", "--task", &file, "--", "sh", "-c", &script, "sh", here];
        let (ran, ()) =
            tokio::join!(desk.run_in(&line, Setting { signals: Some(signals), ..Setting::default() }), sending);
        assert_eq!(ran.code, 9, "{ran:?}");
        assert!(ran.talk.contains("revoked, authority-confirmed"), "{ran:?}");
    }
}

#[tokio::test]
async fn secrets_of_a_running_command_are_prolonged_before_they_end() {
    let desk = open().await;
    desk.broker.state().life_seconds = Some(2);
    let file = desk.task_file(&["ledger-ro", "api-key"]);
    let (sender, signals) = mpsc::channel(1);
    let sending = async {
        until("the renewal", || desk.broker.calls().contains(&"renew_lease")).await;
        sender.send(Interruption::Terminate).await.unwrap();
    };
    let line = ["exec", "--task", &file, "--", "tail", "-f", "/dev/null"];
    let (ran, ()) = tokio::join!(desk.run_in(&line, Setting { signals: Some(signals), ..Setting::default() }), sending);
    assert_eq!(ran.code, 143, "{ran:?}");
    assert_eq!(desk.broker.request_ids("renew_lease").len(), 1, "a value that only rotation ends is not renewed");
    assert!(!ran.talk.contains("could not be prolonged"), "{ran:?}");
}

#[tokio::test]
async fn a_renewal_that_is_refused_is_told_and_not_insisted_on() {
    let desk = open().await;
    desk.broker.state().life_seconds = Some(2);
    let file = desk.task_file(&["ledger-ro"]);
    let (sender, signals) = mpsc::channel(1);
    let (data, talk) = (Shared::default(), Shared::default());
    let sending = async {
        until("the command", || talk.text().contains("issued until")).await;
        desk.broker.refuse_next(denial(Code::FailedPrecondition, "LEASE_NOT_RENEWABLE", "this kind is not renewed"));
        until("the refusal", || talk.text().contains("lives no longer than that")).await;
        sender.send(Interruption::Terminate).await.unwrap();
    };
    let line = ["exec", "--task", &file, "--", "tail", "-f", "/dev/null"];
    let setting = Setting { signals: Some(signals), ..Setting::default() };
    let (code, ()) = tokio::join!(desk.play(&line, setting, &data, &talk), sending);
    assert_eq!(code, 143, "{}", talk.text());
    assert!(talk.text().contains("(LEASE_NOT_RENEWABLE)"), "{}", talk.text());
    assert_eq!(desk.broker.request_ids("renew_lease").len(), 1);
}

#[tokio::test]
async fn a_signal_while_waiting_cancels_the_task_and_runs_nothing() {
    let desk = Desk::open().await;
    let file = desk.task_file(&["ledger-ro"]);
    let marker = desk.path("ran");
    let (sender, signals) = mpsc::channel(1);
    let (data, talk) = (Shared::default(), Shared::default());
    let sending = async {
        until("the waiting", || talk.text().contains("who may approve")).await;
        sender.send(Interruption::Interrupt).await.unwrap();
    };
    let line = ["exec", "--task", &file, "--", "touch", marker.to_str().unwrap()];
    let setting = Setting { signals: Some(signals), ..Setting::default() };
    let (code, ()) = tokio::join!(desk.play(&line, setting, &data, &talk), sending);
    assert_eq!(code, 130, "{}", talk.text());
    assert!(!marker.exists());
    assert_eq!(desk.broker.state().justifications, ["interrupted before the command ran"]);
}

#[tokio::test]
async fn what_cannot_be_started_still_ends_its_task() {
    let desk = open().await;
    let file = desk.task_file(&["ledger-ro"]);
    let ran = desk.run(&["exec", "--task", &file, "--", "/nonexistent/command"]).await;
    assert_eq!(ran.code, 127, "{ran:?}");
    assert!(ran.talk.contains("cannot start /nonexistent/command"), "{ran:?}");
    assert!(ran.talk.contains("ledger-ro: revoked"), "{ran:?}");
    let plain = desk.file("plain", "text");
    let ran = desk.run(&["exec", "--task", &file, "--", &plain]).await;
    assert_eq!(ran.code, 126, "{ran:?}");
    assert_eq!(desk.broker.request_ids("cancel_task").len(), 2);
}

#[tokio::test]
async fn a_refused_secret_ends_the_task_before_anything_runs() {
    let desk = open().await;
    let marker = desk.path("ran");
    let file = desk.task_file(&["ledger-ro"]);
    let line = ["exec", "--task", &file, "--", "touch", marker.to_str().unwrap()];
    assert_eq!(desk.run(&line).await.code, 0);
    assert!(marker.exists());
    std::fs::remove_file(&marker).unwrap();
    let refusing = async {
        until("the second watch", || desk.broker.request_ids("watch_task").len() == 2).await;
        desk.broker.refuse_next(denial(
            Code::PermissionDenied,
            "TTL_TOO_SHORT",
            "too little of the SVID's life is left",
        ));
    };
    desk.broker.state().approves_at_once = false;
    let approving = async {
        refusing.await;
        desk.broker.change("task-00000000-0000-7000-8000-000000000002", |task| task.set_state(TaskState::Active));
    };
    let (ran, ()) = tokio::join!(desk.run(&line), approving);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.talk.contains("(TTL_TOO_SHORT)"), "{ran:?}");
    assert!(!marker.exists());
    assert_eq!(desk.broker.request_ids("cancel_task").len(), 1);
}

#[tokio::test]
async fn a_certificate_comes_with_a_key_that_was_made_here() {
    let desk = open().await;
    let ran = exec(&desk, &["web-tls"], &[], "cat /dev/fd/$LEASEHOLD_FD > $1/pem").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let pem = read(&desk.path("pem"));
    let labels: Vec<&str> = pem.lines().filter(|line| line.contains("BEGIN")).collect();
    assert_eq!(labels, ["-----BEGIN PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"]);
    assert!(desk.broker.state().csr.as_ref().unwrap().contains("CERTIFICATE REQUEST"));
}

#[tokio::test]
async fn a_pipe_and_a_variable_are_there_for_who_asks() {
    let desk = open().await;
    let script = "cat /dev/fd/$LEASEHOLD_FD_API_KEY > $1/key; readlink /proc/self/fd/$LEASEHOLD_FD > $1/link; \
                  printf %s \"$LOGIN\" > $1/login; echo ${LEASEHOLD_FD_LEDGER_RO-none} > $1/fd";
    let ran = exec(&desk, &["ledger-ro", "api-key"], &["--by", "pipe", "--env", "LOGIN"], script).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(read(&desk.path("key")), "{\"key\":\"k-123\"}");
    assert!(read(&desk.path("link")).starts_with("pipe:"));
    assert!(read(&desk.path("login")).contains("v-lh-1"));
    assert_eq!(read(&desk.path("fd")), "none\n");
    assert!(ran.talk.contains("warning: ledger-ro is handed over in $LOGIN"), "{ran:?}");
}

#[tokio::test]
async fn a_task_can_be_joined_by_its_id_while_it_is_open() {
    let desk = open().await;
    desk.run(&["task", "request", &desk.task_file(&["ledger-ro"])]).await;
    let ran = desk.run(&["exec", "--task", TASK, "--", "true"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(desk.broker.request_ids("request_task").len(), 1);
    let over = desk.run(&["exec", "--task", TASK, "--", "true"]).await;
    assert_eq!(over.code, 1);
    assert!(over.talk.contains("is over") && over.talk.contains("next step: "), "{over:?}");
}

#[tokio::test]
async fn a_summary_for_machines_is_the_last_line() {
    let desk = open().await;
    let ran = exec(&desk, &["ledger-ro"], &["--json"], "exit 3").await;
    let summary: serde_json::Value = serde_json::from_str(ran.talk.lines().last().unwrap()).unwrap();
    assert_eq!(summary["exit_code"], 3);
    assert_eq!(summary["proofs"][0]["assurance"], "authority-confirmed");
    assert!(summary["proofs"][0]["proof_seconds"].as_f64().unwrap() < 10.0);
}
