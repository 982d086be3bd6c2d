//! Traces over the wire: found by the index, read from the log, noted before they are told.

use super::broker::{APPROVER, AUDITOR, Broker, OPERATOR, SCORER, reason};
use crate::fixtures::until;
use crate::fixtures::world::WORKLOAD;
use leasehold::adapters::index::SqliteIndex;
use leasehold::domain::base::LeaseId;
use leasehold::domain::entry::bodies::log::BrokerStopped;
use leasehold::domain::entry::{Body, Entry};
use leasehold::domain::reason::Reason;
use leasehold::domain::state::Command;
use leasehold::proto::v1;
use leasehold::proto::v1::TracePart as Part;
use leasehold::services::history;
use leasehold::services::index::Index;
use std::sync::Arc;
use v1::trace_request::Subject;
use v1::trace_response::Message;

struct Told {
    summary: v1::TraceSummary,
    entries: Vec<v1::TracedEntry>,
}

async fn ask(broker: &Broker, id: &str, request: v1::TraceRequest) -> Result<Told, tonic::Status> {
    let mut pieces = broker.evidence(id).trace(request).await?.into_inner();
    let Some(Message::Summary(summary)) = pieces.message().await?.unwrap().message else { panic!("a summary first") };
    let mut entries = Vec::new();
    while let Some(piece) = pieces.message().await? {
        let Some(Message::Entry(entry)) = piece.message else { panic!("entries after the summary") };
        entries.push(entry);
    }
    Ok(Told { summary, entries })
}

async fn trace(broker: &Broker, subject: Subject) -> Told {
    let request = v1::TraceRequest { subject: Some(subject), from_index: 0, limit: 0 };
    ask(broker, AUDITOR, request).await.unwrap()
}

/// A lease of a task that was requested, approved by a person, and completed.
async fn settled(broker: &Broker) -> (String, String) {
    let (task, lease) = broker.issued().await;
    broker.complete(&task).await;
    (task, lease)
}

fn parts(told: &Told) -> Vec<Part> {
    told.entries.iter().map(v1::TracedEntry::part).collect()
}

fn indices(told: &Told) -> Vec<u64> {
    told.entries.iter().map(|entry| entry.index).collect()
}

#[tokio::test]
async fn a_lease_is_told_from_its_request_to_its_end_and_the_reading_stands_in_the_log() {
    let broker = Broker::with_estate().await;
    let (task, lease) = settled(&broker).await;
    let (_, other) = settled(&broker).await;
    let told = trace(&broker, Subject::LeaseId(lease.clone())).await;
    for part in [Part::Identity, Part::Entitlement, Part::Approval, Part::Issuance, Part::End] {
        assert!(parts(&told).contains(&part), "{part:?} in {:?}", parts(&told));
    }
    assert!(told.entries.iter().all(|entry| entry.lease_id != other));
    assert!(told.entries.iter().all(|entry| ["", task.as_str()].contains(&entry.task_id.as_str())));
    let requested = told.entries.iter().find(|entry| entry.part() == Part::Identity).unwrap();
    assert_eq!(requested.openings[0].value, "reconcile invoices for October");
    let by_credential = trace(&broker, Subject::Credential("ledger-key".into())).await;
    assert!(indices(&told).iter().all(|index| indices(&by_credential).contains(index)));
    assert!(by_credential.entries.iter().any(|entry| entry.lease_id == other));

    let entries = broker.entries().await;
    let noted = entries.iter().filter_map(|entry| match &entry.body {
        Body::EvidenceRead(read) => Some((entry.actor.id.as_str(), read.target.as_deref().unwrap())),
        _ => None,
    });
    let wanted = format!("lease {lease}");
    assert_eq!(noted.collect::<Vec<_>>(), [(AUDITOR, wanted.as_str()), (AUDITOR, "credential ledger-key")]);
    assert_eq!(told.summary.size as usize, entries.len() - 1, "the reading itself was looked through too");
}

#[tokio::test]
async fn an_identity_is_told_with_what_it_was_refused() {
    let broker = Broker::with_estate().await;
    settled(&broker).await;
    let cancel = v1::CancelTaskRequest {
        request_id: broker.request_id(),
        task_id: broker.task("ledger-key").await.id,
        justification: String::new(),
    };
    let refused = broker.tasks(SCORER).cancel_task(cancel.clone()).await;
    assert!(refused.is_err(), "{refused:?}");
    let read = |told: Told| told.entries.iter().map(|it| Entry::read(&it.entry).unwrap().body).collect::<Vec<_>>();
    let workload = read(trace(&broker, Subject::SpiffeId(WORKLOAD.into())).await);
    assert_eq!(workload.iter().filter(|body| matches!(body, Body::TaskRequested(_))).count(), 2);
    let approver = read(trace(&broker, Subject::SpiffeId(APPROVER.into())).await);
    assert!(matches!(approver.as_slice(), [Body::TaskApproved(_)]), "{approver:?}");
    let scorer = read(trace(&broker, Subject::SpiffeId(SCORER.into())).await);
    assert!(matches!(scorer.as_slice(), [Body::AccessDenied(_)]), "{scorer:?}");
}

#[tokio::test]
async fn pages_follow_one_another() {
    let broker = Broker::with_estate().await;
    for _ in 0..3 {
        settled(&broker).await;
    }
    let page = async |from_index| {
        let subject = Some(Subject::Agent("billing-bot".into()));
        ask(&broker, AUDITOR, v1::TraceRequest { subject, from_index, limit: 2 }).await.unwrap()
    };
    let asked = |told: &Told| parts(told).iter().filter(|part| **part == Part::Identity).count();
    let first = page(0).await;
    assert!(first.summary.next_index > 0);
    let second = page(first.summary.next_index).await;
    assert_eq!((asked(&first), asked(&second), second.summary.next_index), (2, 1, 0));
}

#[tokio::test]
async fn who_holds_no_office_traces_nothing_and_only_operators_rebuild() {
    let broker = Broker::with_estate().await;
    let (_, lease) = settled(&broker).await;
    let request = |subject| v1::TraceRequest { subject, from_index: 0, limit: 0 };
    let of_lease = || request(Some(Subject::LeaseId(lease.clone())));
    for id in [WORKLOAD, APPROVER, SCORER] {
        assert_eq!(reason(&ask(&broker, id, of_lease()).await.err().unwrap()), "ROLE_MISSING", "{id}");
    }
    for id in [OPERATOR, AUDITOR] {
        assert!(!ask(&broker, id, of_lease()).await.unwrap().entries.is_empty(), "{id}");
    }
    assert_eq!(reason(&ask(&broker, AUDITOR, request(None)).await.err().unwrap()), "FIELD_INVALID");
    let unknown = Subject::LeaseId("lease-01a1ff09-04a3-719a-b1ff-9b9b5f1f0932".into());
    assert!(ask(&broker, AUDITOR, request(Some(unknown))).await.unwrap().entries.is_empty());
    let rebuild = async |id| broker.evidence(id).rebuild_index(v1::RebuildIndexRequest {}).await;
    assert_eq!(reason(&rebuild(AUDITOR).await.err().unwrap()), "ROLE_MISSING");
    let mut progress = rebuild(OPERATOR).await.unwrap().into_inner();
    let mut last = None;
    while let Some(piece) = progress.message().await.unwrap() {
        last = Some(piece);
    }
    let last = last.unwrap();
    assert!(last.size > 10 && last.indexed == last.size, "{last:?}");
    assert!(!ask(&broker, AUDITOR, of_lease()).await.unwrap().entries.is_empty());
}

/// How many entries the file of the index has, read beside the broker.
fn indexed(broker: &Broker) -> Option<u64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = rusqlite::Connection::open_with_flags(&broker.index_file, flags).ok()?;
    file.query_row("SELECT size FROM mark", [], |row| row.get::<_, i64>(0)).ok().map(i64::unsigned_abs)
}

#[tokio::test]
async fn an_index_that_is_deleted_or_torn_tells_the_same_story_when_it_is_filled_anew() {
    let broker = Broker::with_estate().await;
    let (_, lease) = settled(&broker).await;
    let told = async || indices(&trace(&broker, Subject::LeaseId(lease.clone())).await);
    let before = told().await;
    until("the index to be filled", || indexed(&broker).is_some_and(|size| size > *before.last().unwrap())).await;
    assert_eq!(told().await, before, "found by the index");
    std::fs::remove_file(&broker.index_file).unwrap();
    assert_eq!(told().await, before, "read from the log");
    settled(&broker).await;
    until("it to be filled anew", || indexed(&broker).is_some_and(|size| size > *before.last().unwrap())).await;
    assert_eq!(told().await, before, "found by the new index");
}

#[tokio::test]
async fn a_trace_during_which_the_index_is_thrown_away_lacks_nothing() {
    let broker = Broker::with_estate().await;
    let (_, lease) = settled(&broker).await;
    let told = async || indices(&trace(&broker, Subject::LeaseId(lease.clone())).await);
    let before = told().await;
    let rebuilding = async {
        for _ in 0..30 {
            drop(broker.evidence(OPERATOR).rebuild_index(v1::RebuildIndexRequest {}).await.unwrap());
        }
    };
    let tracing = async {
        for _ in 0..30 {
            assert_eq!(told().await, before);
        }
    };
    tokio::join!(rebuilding, tracing);
}

#[tokio::test]
async fn what_was_settled_long_ago_is_not_called_unknown_while_the_index_lacks_most_of_the_log() {
    let broker = Broker::with_estate().await;
    let folder = tempfile::tempdir().unwrap();
    let port = Arc::new(SqliteIndex::open(&folder.path().join("empty.index"), "leasehold.test/wire").unwrap());
    let index = Index::new(broker.world.journal.clone(), Arc::clone(&broker.world.store), port);
    let unknown = LeaseId::parse("lease-01a1ff09-04a3-719a-b1ff-9b9b5f1f0932").unwrap();
    assert!(history::lease(&index, unknown).await.unwrap().is_none(), "the last entries are remembered elsewhere");
    let note = || broker.world.journal.propose(Command::Note(BrokerStopped { epoch: 1 }.into()), Vec::new());
    for noted in futures_util::future::join_all((0..2_100).map(|_| note())).await {
        noted.unwrap();
    }
    assert_eq!(history::lease(&index, unknown).await.unwrap_err().reason, Reason::IndexBehind);
}
