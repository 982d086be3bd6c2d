//! The log comes to be witnessed, and everyone can see how far.

use super::{ask, kept, policy, published, until_witnessed, witnesses};
use crate::fixtures::until;
use crate::fixtures::world::WORKLOAD;
use crate::wire::broker::{AUDITOR, Broker};
use leasehold::adapters::witness::HttpWitness;
use leasehold::domain::base::Time;
use leasehold::ports::{Witness as _, WitnessAnswer};
use leasehold::proto::v1;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::leaf_hash;
use leasehold::tlog::monitor::SplitView;
use leasehold::tlog::receipt::Receipt;
use leasehold::tlog::witness::Request;

async fn unwitnessed_since(broker: &Broker) -> Option<Time> {
    let status = broker.status(AUDITOR).get_status(v1::GetStatusRequest {}).await.unwrap().into_inner();
    let time =
        |wire: prost_types::Timestamp| Time::from_unix_micros(wire.seconds * 1_000_000 + i64::from(wire.nanos) / 1_000);
    status.unwitnessed_since_time.map(time)
}

async fn receipt(broker: &Broker, index: u64) -> v1::Receipt {
    let request = v1::GetReceiptRequest { index };
    broker.evidence(AUDITOR).get_receipt(request).await.unwrap().into_inner().receipt.unwrap()
}

async fn checkpoints(broker: &Broker) -> v1::GetCheckpointResponse {
    broker.evidence(WORKLOAD).get_checkpoint(v1::GetCheckpointRequest {}).await.unwrap().into_inner()
}

#[tokio::test]
async fn entries_are_witnessed_and_status_checkpoint_and_receipts_say_so() {
    let broker = Broker::with_estate().await;
    let (_witnesses, text) = witnesses(1, 1);
    let (policy, key) = (policy(&text), super::log_key().verifier());
    let entries = broker.entries().await;
    assert_eq!(unwitnessed_since(&broker).await, Some(entries[0].time), "since the beginning");
    assert_eq!(checkpoints(&broker).await.cosigned_checkpoint, "");
    let before = receipt(&broker, 1).await;
    assert!(!before.witnessed);

    let _asking = ask(&broker, &text);
    until_witnessed(&broker).await;
    assert_eq!(unwitnessed_since(&broker).await, None);
    let shown = checkpoints(&broker).await;
    let judged = policy.judge(&shown.cosigned_checkpoint).unwrap();
    assert!(judged.quorum_met && judged.unknown.is_empty());
    assert_eq!(judged.checkpoint, policy.judge(&shown.checkpoint).unwrap().checkpoint);
    assert_eq!(std::fs::read_to_string(kept(&broker)).unwrap(), shown.cosigned_checkpoint);

    let after = receipt(&broker, 1).await;
    assert!(after.witnessed);
    let proof = Receipt::parse(&after.proof).unwrap();
    let under = proof.verify(&after.entry, &key).unwrap();
    assert_eq!(under, judged.checkpoint, "against the cosigned size, though the reading made the log longer");
    assert!(policy.judge(&proof.checkpoint_text).unwrap().quorum_met);
    assert!(published(&broker) > under.size);
    let newest = receipt(&broker, published(&broker) - 1).await;
    Receipt::parse(&newest.proof).unwrap().verify(&newest.entry, &key).unwrap();
    until_witnessed(&broker).await;
}

#[tokio::test]
async fn two_of_three_are_enough_one_is_not_and_who_comes_back_is_asked_again() {
    let broker = Broker::with_estate().await;
    let (mut witnesses, text) = witnesses(3, 2);
    let policy = policy(&text);
    witnesses[0].kill();
    let _asking = ask(&broker, &text);
    until_witnessed(&broker).await;
    let names = |broker: &Broker| {
        let vouched = broker.world.witnessed.newest().unwrap();
        policy.judge(&vouched.text).unwrap().witnesses.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&broker), ["w2", "w3"]);

    witnesses[1].kill();
    let first = published(&broker);
    broker.task("ledger-key").await;
    let since = broker.entries().await[usize::try_from(first).unwrap()].time;
    assert_eq!(unwitnessed_since(&broker).await, Some(since), "the first entry that is not covered");
    let vouched = broker.world.witnessed.size();
    until("the only witness left has seen the new entries", || {
        let book = std::fs::read_to_string(witnesses[2].file("state")).unwrap();
        book.contains(&format!("\"size\": {}", published(&broker)))
    })
    .await;
    assert_eq!((broker.world.witnessed.size(), vouched), (first, first), "one of three is not enough");

    witnesses[0].start_again();
    until_witnessed(&broker).await;
    assert_eq!(unwitnessed_since(&broker).await, None);
    assert_eq!(names(&broker), ["w1", "w3"]);
}

#[tokio::test]
async fn a_broker_that_starts_anew_goes_on_from_what_the_witness_saw_last() {
    let broker = Broker::with_estate().await;
    let (_witnesses, text) = witnesses(1, 1);
    let asking = ask(&broker, &text);
    until_witnessed(&broker).await;
    drop(asking);
    broker.task("ledger-key").await;
    assert!(broker.world.witnessed.size() < published(&broker));
    let _asking = ask(&broker, &text);
    until_witnessed(&broker).await;
    assert!(broker.world.witnessed.broken().is_none());
}

#[tokio::test]
async fn a_witness_that_does_not_know_the_log_or_has_another_key_than_the_policy_vouches_for_nothing() {
    let broker = Broker::with_estate().await;
    let other = leasehold::tlog::note::Signer::generate("other.example", [1; 32]).unwrap().verifier().to_string();
    let stranger = crate::witness::process::WitnessProcess::start("witness.example/w1", &[&other]);
    let (witnesses, text) = witnesses(2, 1);
    let swapped = text.replace(&witnesses[0].key.to_string(), &stranger.key.to_string());
    let (log, only) = (super::log_key().verifier(), stranger.line("stranger"));
    let at_wrong_door = swapped.lines().find(|line| line.starts_with("witness w1")).unwrap();
    let useless = format!("log {log}\n{at_wrong_door}\nquorum w1\n");
    let unknown = format!("log {log}\n{only}quorum stranger\n");
    let both = [ask(&broker, &useless), ask(&broker, &unknown)];
    let log_of =
        |witness: &crate::witness::process::WitnessProcess| std::fs::read_to_string(witness.file("state")).unwrap();
    until("the witness behind the wrong key was asked", || log_of(&witnesses[0]).contains("size")).await;
    assert_eq!((broker.world.witnessed.size(), log_of(&stranger).as_str()), (0, "{}\n"));
    drop(both);
    let _asking = ask(&broker, &text);
    until_witnessed(&broker).await;
}

#[tokio::test]
async fn a_witness_that_saw_another_root_at_the_very_size_is_the_end() {
    let broker = Broker::with_estate().await;
    let (witnesses, text) = witnesses(1, 1);
    let size = published(&broker);
    let other = Checkpoint { origin: "leasehold.test/wire".into(), size, root: leaf_hash(b"another history") };
    let shown = Request { old_size: 0, proof: Vec::new(), checkpoint_text: other.sign(&super::log_key()) };
    let way = HttpWitness::new("w1", &format!("http://{}", witnesses[0].address), None).unwrap();
    let answer = way.add_checkpoint(shown.to_text()).await.unwrap();
    assert!(matches!(answer, WitnessAnswer::Cosigned(_)), "it believes its first look: {answer:?}");
    let _asking = ask(&broker, &text);
    until("the broker hears of it", || broker.world.witnessed.broken().is_some()).await;
    assert_eq!(broker.world.witnessed.broken().unwrap().view, SplitView::TwoRoots { size });
}
