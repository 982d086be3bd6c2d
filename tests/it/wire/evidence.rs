//! Evidence: proofs that hold offline, and readings that leave a trace.

use super::broker::{APPROVER, AUDITOR, Broker, SCORER, reason};
use crate::fixtures::world::WORKLOAD;
use leasehold::domain::entry::{Body, Entry};
use leasehold::proto::v1;
use leasehold::tlog::Hash;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::note::VerifierKey;
use leasehold::tlog::proof::verify_consistency;
use leasehold::tlog::receipt::Receipt;

async fn stream(broker: &Broker, id: &str, from_index: u64) -> Vec<v1::StreamEntriesResponse> {
    let request = v1::StreamEntriesRequest { from_index, limit: 0 };
    let mut entries = broker.evidence(id).stream_entries(request).await.unwrap().into_inner();
    let mut read = Vec::new();
    while let Some(entry) = entries.message().await.unwrap() {
        read.push(entry);
    }
    read
}

#[tokio::test]
async fn a_reading_stands_in_the_log_under_the_readers_name() {
    let broker = Broker::with_estate().await;
    broker.task("ledger-key").await;
    let size = broker.world.journal.published().state.size;
    let read = stream(&broker, AUDITOR, 1).await;
    assert_eq!(read.iter().map(|entry| entry.index).collect::<Vec<_>>(), (1..size).collect::<Vec<_>>());
    let last = broker.entries().await.pop().unwrap();
    let Body::EvidenceRead(noted) = last.body else { panic!("{last:?}") };
    assert_eq!((last.actor.id.as_str(), noted.from, noted.limit), (AUDITOR, 1, size - 1));
}

#[tokio::test]
async fn auditors_see_openings_and_scorers_do_not() {
    let broker = Broker::with_estate().await;
    broker.task("ledger-key").await;
    let opened = |read: Vec<v1::StreamEntriesResponse>| {
        read.into_iter().flat_map(|entry| entry.openings).map(|opening| opening.value).collect::<Vec<_>>()
    };
    assert_eq!(opened(stream(&broker, AUDITOR, 0).await), ["reconcile invoices for October"]);
    assert!(opened(stream(&broker, SCORER, 0).await).is_empty());
    let request = v1::StreamEntriesRequest { from_index: 0, limit: 0 };
    assert_eq!(reason(&broker.evidence(WORKLOAD).stream_entries(request).await.unwrap_err()), "ROLE_MISSING");
}

#[tokio::test]
async fn a_workload_proves_what_concerns_it_and_nothing_else() {
    let broker = Broker::with_estate().await;
    let before = broker.world.journal.published().state.size;
    broker.task("ledger-key").await;
    let get = |index| v1::GetReceiptRequest { index };
    for id in [WORKLOAD, APPROVER, AUDITOR] {
        let receipt = broker.evidence(id).get_receipt(get(before)).await.unwrap().into_inner().receipt.unwrap();
        let key = VerifierKey::parse(&broker.key).unwrap();
        Receipt::parse(&receipt.proof).unwrap().verify(&receipt.entry, &key).unwrap();
        assert!(matches!(Entry::read(&receipt.entry).unwrap().body, Body::TaskRequested(_)));
        assert_eq!(receipt.openings.len(), 1, "{id}");
    }
    let scored = broker.evidence(SCORER).get_receipt(get(before)).await.unwrap().into_inner().receipt.unwrap();
    assert!(scored.openings.is_empty());
    assert!(broker.evidence(AUDITOR).get_receipt(get(0)).await.is_ok());
    for id in [WORKLOAD, APPROVER] {
        let foreign = broker.evidence(id).get_receipt(get(0)).await.unwrap_err();
        let beyond = broker.evidence(id).get_receipt(get(1 << 40)).await.unwrap_err();
        assert_eq!([reason(&foreign), reason(&beyond)], ["NOT_FOUND", "NOT_FOUND"], "{id}");
    }
}

#[tokio::test]
async fn a_newer_log_extends_an_older_one() {
    let broker = Broker::with_estate().await;
    let key = VerifierKey::parse(&broker.key).unwrap();
    let mut evidence = broker.evidence(WORKLOAD);
    let mut head = async || {
        let answer = evidence.get_checkpoint(v1::GetCheckpointRequest {}).await.unwrap().into_inner();
        assert_eq!(answer.verifier_key, broker.key);
        Checkpoint::open(&answer.checkpoint, &key).unwrap().head()
    };
    let old = head().await;
    broker.task("ledger-key").await;
    let new = head().await;
    let request = v1::GetConsistencyProofRequest { old_size: old.size, new_size: new.size };
    let proof = broker.evidence(WORKLOAD).get_consistency_proof(request).await.unwrap().into_inner();
    let hashes: Vec<Hash> =
        proof.hashes.iter().map(|bytes| Hash::from_bytes(bytes.as_slice().try_into().unwrap())).collect();
    verify_consistency(&old, &new, &hashes).unwrap();
    let beyond = v1::GetConsistencyProofRequest { old_size: 1, new_size: new.size + 1 };
    let beyond = broker.evidence(WORKLOAD).get_consistency_proof(beyond).await.unwrap_err();
    assert_eq!(reason(&beyond), "FIELD_INVALID");
}
