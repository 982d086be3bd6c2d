//! The log as a stream: whole, in order, resumable, filtered; closed to workloads; and a reader who
//! does not read is told.

use super::raw::{channel, refusal, svid};
use super::stage::{PATIENCE, Stage, stage, text};
use leasehold::proto::v1;
use leasehold::proto::v1::signal_service_client::SignalServiceClient;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use tonic::Code;

fn tail(stage: &Stage, more: &[&str]) -> Vec<Value> {
    let words = [&["signals", "tail", "--json"], more].concat();
    stage.ok("auditor", &words).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn index(signal: &Value) -> u64 {
    signal["index"].as_u64().unwrap()
}

#[test]
fn signals_come_whole_in_order_and_resume_by_index() {
    let stage = stage();
    let first = tail(&stage, &["--from", "0", "--limit", "12"]);
    assert_eq!(first.iter().map(index).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    assert_eq!(first[0]["type"], "log.started");
    let rest = tail(&stage, &["--from", "5", "--limit", "7"]);
    assert_eq!(rest, first[5..], "resumed: the same signals again");
    let entries = stage.ok("auditor", &["evidence", "list", "--limit", "12", "--json"]).unwrap();
    for (signal, line) in first.iter().zip(entries.lines()) {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!(signal["entry"], entry["entry"], "signal and log say the same");
    }
}

#[test]
fn a_follower_hears_what_happens_next_and_only_what_it_wants() {
    let stage = stage();
    let mut all = follower(&stage, &[]);
    let mut tasks = follower(&stage, &["--type", "task.*"]);
    let task = stage.active(&["motd"], "20m");
    stage.draw(&task, "motd", &[]);
    stage.complete(&task);
    let (mut next, mut heard) = (None, Vec::new());
    while heard.last().is_none_or(|kind| kind != "task.completed") {
        let signal = all.next();
        assert!(next.is_none_or(|expected| expected == index(&signal)), "a gap before {}", index(&signal));
        next = Some(index(&signal) + 1);
        if signal["entry"].to_string().contains(&task) {
            heard.push(text(&signal, "type"));
        }
    }
    for kind in ["task.requested", "task.approved", "task.activated", "lease.intended", "task.completed"] {
        assert!(heard.iter().any(|known| known == kind), "no {kind} in {heard:?}");
    }
    loop {
        let signal = tasks.next();
        let kind = text(&signal, "type");
        assert!(signal["entry"].is_null() || kind.starts_with("task."), "{kind} was not wanted");
        if kind == "task.completed" && signal["entry"].to_string().contains(&task) {
            break;
        }
    }
}

#[test]
fn an_agent_hears_nothing() {
    let stage = stage();
    assert!(!tail(&stage, &["--from", "0", "--limit", "1"]).is_empty());
    let refused = stage.refused("billing-bot", &["signals", "tail", "--from", "0", "--limit", "1"], "ROLE_MISSING");
    refused.unwrap();
}

/// It takes a thousand bytes and then no more.
#[tokio::test]
async fn a_reader_who_does_not_read_is_told_and_resumes() {
    let stage = stage();
    while stage.json("auditor", &["status"]).unwrap()["log_size"].as_u64().unwrap() < 60 {
        let task = stage.active(&["motd"], "20m");
        stage.complete(&task);
    }
    let identity = svid(&stage, "auditor").await;
    let mut client = SignalServiceClient::new(channel(stage.scene(), Some(identity), 1_000));
    let ask = |from_index| v1::SubscribeRequest { from_index, types: Vec::new() };
    let mut stream = client.subscribe(ask(0)).await.unwrap().into_inner();
    let begun = std::time::Instant::now();
    let over = || (begun.elapsed() > BROKERS_PATIENCE).then_some(());
    xtask::peers::wait_for("the broker's patience to end", PATIENCE, over).unwrap();
    let mut next = 0;
    let end = loop {
        match tokio::time::timeout(PATIENCE, stream.message()).await.expect("no end") {
            Ok(Some(signal)) => {
                assert_eq!(signal.index, next, "no gap");
                next += 1;
            }
            Ok(None) => panic!("it ended without a word"),
            Err(status) => break refusal::<()>(Err(status)),
        }
    };
    assert_eq!(end, (Code::ResourceExhausted, "READER_TOO_SLOW".into()));
    let mut again = client.subscribe(ask(next)).await.unwrap().into_inner();
    assert_eq!(again.message().await.unwrap().unwrap().index, next, "it goes on where it was");
}

/// Longer than a message may wait (surfaces/grpc/streams).
const BROKERS_PATIENCE: std::time::Duration = std::time::Duration::from_secs(12);

/// A `signals tail` that runs until dropped.
struct Follower {
    child: std::process::Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

fn follower(stage: &Stage, more: &[&str]) -> Follower {
    let size = stage.json("auditor", &["status"]).unwrap()["log_size"].to_string();
    let words = [&["signals", "tail", "--json", "--from", &size], more].concat();
    let mut child = stage.command("auditor", &words).unwrap().stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    Follower { child, lines }
}

impl Follower {
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("the stream ended").unwrap()).unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It is ours and has nothing to put away.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
