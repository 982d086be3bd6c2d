//! Evidence: proofs that hold offline, and readings that leave a trace.

use super::broker::{APPROVER, AUDITOR, Broker, DEPUTY, OPERATOR, SCORER, reason};
use crate::fixtures::world::WORKLOAD;
use leasehold::audit::bundle::{Line, Shown, folded_line};
use leasehold::audit::verify;
use leasehold::domain::base::{Span, Time};
use leasehold::domain::entry::bodies::log::BrokerStopped;
use leasehold::domain::entry::{Body, Entry};
use leasehold::domain::state::Command;
use leasehold::proto::v1;
use leasehold::services::export::{Choice, Export, Selection};
use leasehold::tlog::Hash;
use leasehold::tlog::checkpoint::Checkpoint;
use leasehold::tlog::note::VerifierKey;
use leasehold::tlog::peaks::Subtree;
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

/// The whole bundle of an answer.
async fn export(broker: &Broker, request: v1::ExportRequest) -> String {
    let mut pieces = broker.evidence(AUDITOR).export(request).await.unwrap().into_inner();
    let mut bundle = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        bundle.extend(piece.lines);
    }
    String::from_utf8(bundle).unwrap()
}

#[tokio::test]
async fn a_whole_bundle_holds_offline_and_opens_what_was_asked_for() {
    let broker = Broker::with_estate().await;
    broker.task("ledger-key").await;
    let key = VerifierKey::parse(&broker.key).unwrap();
    let closed = verify(export(&broker, v1::ExportRequest::default()).await.as_bytes(), &key);
    assert!(closed.holds() && closed.whole && closed.openings == 0 && closed.shown == closed.size, "{closed}");
    let request = v1::ExportRequest { opening_fields: vec!["purpose".into()], ..Default::default() };
    let bundle = export(&broker, request).await;
    assert!(bundle.contains("reconcile invoices for October"));
    assert_eq!(verify(bundle.as_bytes(), &key).openings, 1);
    let tail: Vec<_> = broker.entries().await.into_iter().rev().take(2).map(|entry| entry.body).collect();
    let [Body::LogCounted(_), Body::EvidenceRead(read)] = &tail[..] else { panic!("{tail:?}") };
    assert_eq!(read.call, "leasehold.v1.EvidenceService/Export");
}

#[tokio::test]
async fn a_chosen_part_proves_that_nothing_was_left_out() {
    let broker = Broker::with_estate().await;
    let mine = broker.task("ledger-key").await.id;
    broker.task("api-key").await;
    let key = VerifierKey::parse(&broker.key).unwrap();
    // A period has to be closed by a count: the first export makes one.
    export(&broker, v1::ExportRequest::default()).await;
    let bundle = export(&broker, v1::ExportRequest { task_id: mine.clone(), ..Default::default() }).await;
    let report = verify(bundle.as_bytes(), &key);
    assert!(report.holds() && !report.whole && report.shown < report.size, "{report}");
    assert_eq!(report.complete, ["task.requested", "lease.intended", "lease.issued"]);
    assert_eq!(report.types["task.requested"], 2, "all requests are shown, so that none can be left out");
    // Whoever folds one of them away too keeps the root, and is found out by the numbers.
    let hidden = without(&bundle, "task.requested");
    let report = verify(hidden.as_bytes(), &key);
    assert_eq!(report.complaints.len(), 1, "{report}");
    assert_eq!(report.complaints[0].law, "complete");
    let target = broker.entries().await.into_iter().rev().find_map(|entry| match entry.body {
        Body::EvidenceRead(read) => read.target,
        _ => None,
    });
    assert_eq!(target, Some(format!("task {mine}")));
}

/// What is chosen, from a time on.
async fn chosen_from(broker: &Broker, selection: Selection, from: Time) -> String {
    let choice = Choice { selection: Some(selection), period: (Some(from), None), ..Choice::default() };
    let mut export = Export::open(&broker.world, broker.world.journal.published(), choice).await.unwrap();
    let mut bundle = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        bundle.extend(piece);
    }
    String::from_utf8(bundle).unwrap()
}

#[tokio::test]
async fn what_began_before_the_period_and_goes_on_in_it_is_shown_of_what_is_chosen() {
    let broker = Broker::with_estate().await;
    let (task, lease) = broker.issued().await;
    broker.world.journal.propose(Command::Count, Vec::new()).await.unwrap();
    let from = broker.entries().await.pop().unwrap().time.plus(Span::from_millis(1));
    broker.grounds.clock.advance(Span::from_seconds(1));
    broker.complete(&task).await;
    broker.world.journal.propose(Command::Count, Vec::new()).await.unwrap();
    let key = VerifierKey::parse(&broker.key).unwrap();
    let ends = ["task.completed", "lease.expired", "token.revoked"];
    let of = |name: &str| Some(name.to_owned());
    for (selection, shown) in [
        (Selection { agent: of("other-bot"), ..Selection::default() }, 0),
        (Selection { agent: of("billing-bot"), ..Selection::default() }, 1),
        (Selection { credential: of("ledger-key"), ..Selection::default() }, 1),
        (Selection { task: Some(task.clone()), ..Selection::default() }, 1),
        (Selection { lease: Some(lease.clone()), ..Selection::default() }, 1),
    ] {
        let selection = Selection { from: Some(from.to_string()), ..selection };
        let bundle = chosen_from(&broker, selection.clone(), from).await;
        let report = verify(bundle.as_bytes(), &key);
        assert!(report.holds() && !report.whole, "{selection:?}: {report}");
        assert_eq!(report.complete, ["task.requested", "lease.intended", "lease.issued"]);
        assert_eq!(report.types.get("task.requested"), None, "it was requested before");
        for kind in ends {
            assert_eq!(
                report.types.get(kind).copied().unwrap_or(0),
                shown,
                "{kind} of {selection:?}: {:?}",
                report.types
            );
        }
    }
}

#[tokio::test]
async fn a_part_holds_although_the_log_went_on_behind_its_last_count() {
    let broker = Broker::with_estate().await;
    let mine = broker.task("ledger-key").await.id;
    broker.world.journal.propose(Command::Count, Vec::new()).await.unwrap();
    let stopped = Body::from(BrokerStopped { epoch: 1 });
    broker.world.journal.propose(Command::Note(stopped), Vec::new()).await.unwrap();
    let key = VerifierKey::parse(&broker.key).unwrap();
    let chosen = Selection { task: Some(mine), ..Selection::default() };
    let choice = Choice { selection: Some(chosen), ..Choice::default() };
    let mut export = Export::open(&broker.world, broker.world.journal.published(), choice).await.unwrap();
    let mut bundle = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        bundle.extend(piece);
    }
    let report = verify(bundle.as_slice(), &key);
    assert!(report.holds() && report.shown < report.size, "{report}");
    assert!(report.selection.unwrap().to.is_some(), "it says until when it counts");
}

#[tokio::test]
async fn a_lease_that_is_nowhere_is_not_found() {
    let broker = Broker::with_estate().await;
    let lease_id = "lease-01a19543-a200-7101-8101-010101010101".to_owned();
    let request = v1::ExportRequest { lease_id, ..Default::default() };
    let mut pieces = broker.evidence(AUDITOR).export(request).await.unwrap().into_inner();
    assert_eq!(reason(&pieces.message().await.unwrap_err()), "NOT_FOUND");
}

/// The bundle with the last entry of a type folded away.
fn without(bundle: &str, kind: &str) -> String {
    let mut lines: Vec<String> = bundle.lines().map(|line| format!("{line}\n")).collect();
    let named = format!("\"type\":\"{kind}\"");
    let at = lines.iter().rposition(|line| line.contains(&named)).unwrap();
    let Line::Entry(Shown { index, leaf, .. }, _) = Line::read(lines[at].trim_end().as_bytes()).unwrap() else {
        panic!()
    };
    lines[at] = String::from_utf8(folded_line(&Subtree { from: index, height: 0, root: leaf })).unwrap();
    lines.concat()
}

#[tokio::test]
async fn an_opening_is_erased_by_two_operators_and_every_proof_stays() {
    let broker = Broker::with_estate().await;
    let request = |index| v1::EraseOpeningRequest {
        request_id: broker.request_id(),
        index,
        fields: vec!["purpose".into()],
        justification: "retention".into(),
    };
    let index = broker.world.journal.published().state.size;
    let task = broker.task("ledger-key").await.id;
    let mut operator = broker.evidence(OPERATOR);
    assert_eq!(reason(&operator.erase_opening(request(index)).await.unwrap_err()), "OPENING_IN_USE");
    assert_eq!(reason(&operator.erase_opening(request(0)).await.unwrap_err()), "FIELD_INVALID");
    assert_eq!(reason(&operator.erase_opening(request(1 << 40)).await.unwrap_err()), "NOT_FOUND");
    assert_eq!(reason(&broker.evidence(AUDITOR).erase_opening(request(index)).await.unwrap_err()), "ROLE_MISSING");
    let cancel = v1::CancelTaskRequest { request_id: broker.request_id(), task_id: task, justification: String::new() };
    broker.tasks(WORKLOAD).cancel_task(cancel).await.unwrap();
    let asked = operator.erase_opening(request(index)).await.unwrap().into_inner();
    assert_eq!(asked.state(), v1::ErasureState::Requested);
    assert_eq!(reason(&operator.erase_opening(request(index)).await.unwrap_err()), "SELF_APPROVAL");
    let done = broker.evidence(DEPUTY).erase_opening(request(index)).await.unwrap().into_inner();
    assert_eq!(done.state(), v1::ErasureState::Erased);
    let everything = v1::ExportRequest { opening_fields: vec!["*".into()], ..Default::default() };
    let bundle = export(&broker, everything).await;
    assert!(!bundle.contains("reconcile invoices for October"), "the opening is gone");
    assert!(verify(bundle.as_bytes(), &VerifierKey::parse(&broker.key).unwrap()).holds());
}
