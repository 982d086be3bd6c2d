//! After a start nothing is issued until the witnesses were asked whether this is the log they saw.

use super::red_team::{Crime, forge, issue, read_log};
use super::{ask, ask_by, policy, published, until_witnessed, witnesses};
use crate::fixtures::until;
use crate::fixtures::world::WORKLOAD;
use crate::wire::broker::{AUDITOR, Broker, reason};
use async_trait::async_trait;
use leasehold::adapters::witness::HttpWitness;
use leasehold::ports::{Fault, Witness, WitnessAnswer};
use leasehold::proto::v1;
use leasehold::services::witnessed::Witnessed;
use rusqlite::Connection;
use std::sync::Arc;
use tokio::sync::watch;
use v1::{HealthState, TaskState};

/// The way to a witness, with a gate in it that the test opens, and a count of those who came to it.
#[derive(Clone)]
struct Gate {
    open: watch::Sender<bool>,
    calls: watch::Sender<usize>,
}

struct Gated {
    way: HttpWitness,
    gate: Gate,
}

impl Gate {
    fn new(open: bool) -> Self {
        Self { open: watch::Sender::new(open), calls: watch::Sender::new(0) }
    }

    async fn until_called(&self, times: usize) {
        until("the witness to be asked", || *self.calls.borrow() >= times).await;
    }

    fn before(&self, way: HttpWitness) -> Arc<dyn Witness> {
        Arc::new(Gated { way, gate: self.clone() })
    }
}

#[async_trait]
impl Witness for Gated {
    fn name(&self) -> &str {
        self.way.name()
    }

    async fn add_checkpoint(&self, body: String) -> Result<WitnessAnswer, Fault> {
        self.gate.calls.send_modify(|calls| *calls += 1);
        self.gate.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.way.add_checkpoint(body).await
    }
}

/// A broker on a new log that must ask its witnesses before it issues.
async fn started_with_witnesses() -> Broker {
    let witnessed = Witnessed::awaiting_witnesses(None);
    Broker::over(tempfile::tempdir().unwrap(), witnessed).await.applying_the_estate().await
}

async fn started_on(entries: &[Vec<u8>], change: impl FnOnce(&Connection)) -> Broker {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    forge(&file, entries).await;
    change(&Connection::open(&file).unwrap());
    Broker::over(folder, Witnessed::awaiting_witnesses(None)).await
}

async fn active_task(broker: &Broker) -> String {
    let task = broker.task("api-key").await.id;
    broker.until(WORKLOAD, &task, TaskState::Active).await;
    task
}

async fn refusal(broker: &Broker, task: &str) -> String {
    reason(&issue(broker, task).await.err().expect("nothing is issued"))
}

/// What the status says of the witnesses.
async fn told(broker: &Broker) -> (HealthState, String) {
    let status = broker.status(AUDITOR).get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    let witnesses = status.witnesses.unwrap();
    (witnesses.state(), witnesses.sentence)
}

async fn intents(broker: &Broker) -> usize {
    broker.entries().await.iter().filter(|entry| entry.body.type_name() == "lease.intended").count()
}

async fn until_issued(broker: &Broker, task: &str) -> String {
    let opened = || broker.world.witnessed.allows_issuing().is_ok();
    until("issuing to open by itself", opened).await;
    issue(broker, task).await.unwrap().lease.unwrap().id
}

#[tokio::test]
async fn an_honest_log_is_issued_from_once_its_witness_has_answered_and_the_rest_never_waits() {
    let broker = started_with_witnesses().await;
    let (_witnesses, text) = witnesses(1, 1);
    let task = active_task(&broker).await;
    assert_eq!(refusal(&broker, &task).await, "LOG_UNAVAILABLE", "before anybody was asked");
    let gate = Gate::new(false);
    let _asking = ask_by(&broker, &text, |way| gate.before(way));
    gate.until_called(1).await;
    assert_eq!(refusal(&broker, &task).await, "LOG_UNAVAILABLE", "while the witness thinks");
    assert_eq!(intents(&broker).await, 0);
    let (state, why) = told(&broker).await;
    assert!(state == HealthState::Unready && why.contains("asks its witnesses"), "reads go on, and say so: {why}");
    let other = active_task(&broker).await;
    let complete = v1::CompleteTaskRequest { request_id: broker.request_id(), task_id: other };
    broker.tasks(WORKLOAD).complete_task(complete).await.expect("ends go on");

    gate.open.send_replace(true);
    until_issued(&broker, &task).await;
    assert_eq!(told(&broker).await, (HealthState::Ready, String::new()));
    until_witnessed(&broker).await;
    assert_eq!(intents(&broker).await, 1, "what was refused left no trace");
}

#[tokio::test]
async fn a_log_that_was_taken_back_issues_nothing_between_its_start_and_the_witness_s_word() {
    let crime = Crime::scene().await;
    let task = active_task(&crime.broker).await;
    let old = crime.entries().await;
    issue(&crime.broker, &task).await.unwrap();
    let asking = ask(&crime.broker, &crime.policy);
    until_witnessed(&crime.broker).await;
    drop(asking);

    let broker = started_on(&old, |_| {}).await;
    let before = intents(&broker).await;
    let gate = Gate::new(false);
    let _asking = ask_by(&broker, &crime.policy, |way| gate.before(way));
    gate.until_called(1).await;
    assert_eq!(refusal(&broker, &task).await, "LOG_UNAVAILABLE");
    // It grows meanwhile beyond what the witness saw, and has been shown as it was.
    while published(&broker) <= crime.broker.world.witnessed.size() {
        read_log(&broker).await;
    }
    gate.open.send_replace(true);
    until("the witness finds it out", || broker.world.witnessed.broken().is_some()).await;
    assert_eq!(refusal(&broker, &task).await, "STOPPING");
    assert_eq!(intents(&broker).await, before, "not one");
}

#[tokio::test]
async fn who_makes_the_proof_for_the_witness_unreadable_keeps_issuing_shut() {
    let crime = Crime::scene().await;
    let task = active_task(&crime.broker).await;
    read_log(&crime.broker).await;
    let mut entries = crime.entries().await;
    let last = entries.last().unwrap().clone();
    entries.extend(std::iter::repeat_n(last, 300));
    let start = async |change: &str| {
        let broker = started_on(&entries, |log| assert_eq!(log.execute(change, []).unwrap(), 1)).await;
        let gate = Gate::new(true);
        let asking = ask_by(&broker, &crime.policy, |way| gate.before(way));
        (broker, gate, asking)
    };
    let (broker, gate, _asking) = start("DELETE FROM tile").await;
    // It is asked from nothing, says how much it saw, and waits for a proof that never comes: twice.
    gate.until_called(3).await;
    assert_eq!(refusal(&broker, &task).await, "LOG_UNAVAILABLE");
    let (broker, _gate, _asking) = start("UPDATE tile SET number = number").await;
    until_issued(&broker, &task).await;
}

#[tokio::test]
async fn witnesses_that_are_away_stop_issuing_no_longer_than_asking_them_takes() {
    let broker = started_with_witnesses().await;
    let (mut witnesses, text) = witnesses(2, 2);
    let task = active_task(&broker).await;
    witnesses[1].kill();
    assert_eq!(refusal(&broker, &task).await, "LOG_UNAVAILABLE");
    let _asking = ask(&broker, &text);
    until_issued(&broker, &task).await;
    assert_eq!(broker.world.witnessed.size(), 0, "one of two is no quorum: it stays unwitnessed, as documented");
    witnesses[1].start_again();
    until_witnessed(&broker).await;
}

#[tokio::test]
async fn a_quorum_is_enough_to_begin_with_and_who_is_late_is_waited_for_no_longer_than_on_any_day() {
    let broker = started_with_witnesses().await;
    let (_witnesses, text) = witnesses(2, 1);
    let task = active_task(&broker).await;
    let gate = Gate::new(false);
    let late = |way: HttpWitness| if way.name() == "w2" { gate.before(way) } else { Arc::new(way) };
    let _asking = ask_by(&broker, &text, late);
    until_issued(&broker, &task).await;
    let vouched = broker.world.witnessed.newest().unwrap();
    let names = policy(&text).judge(&vouched.text).unwrap().witnesses;
    assert_eq!(names.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["w1"]);
}
