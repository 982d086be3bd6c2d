//! The journal on a disk without room: of what waits together, endings are recorded and everything else
//! is refused, each waiter once.

use super::store::SimDisk;
use crate::fixtures::ports::{TestClock, TestEntropy};
use crate::sim::shelf::SimShelf;
use futures_util::future::join_all;
use leasehold::domain::base::{LeaseId, Name, Time};
use leasehold::domain::entry::Opening;
use leasehold::domain::entry::bodies::log::BrokerStopped;
use leasehold::domain::judge::BuiltInRules;
use leasehold::domain::reason::{Denial, Reason};
use leasehold::domain::state::command::OrphanFacts;
use leasehold::domain::state::{Command, Finding};
use leasehold::ports::LogStore;
use leasehold::services::commit::Openings;
use leasehold::services::journal::{Durable, Journal, Parts};
use leasehold::tlog::note::Signer;
use std::sync::Arc;
use tokio::task::JoinHandle;

async fn start(disk: &SimDisk) -> (Journal, JoinHandle<()>) {
    let parts = Parts {
        vouched: None,
        shelf: Arc::new(SimShelf::default()),
        store: Arc::new(disk.open()),
        clock: Arc::new(TestClock::default()),
        signer: Signer::generate("log.example/test", [7; 32]).unwrap(),
        judge: Arc::new(BuiltInRules),
        bootstrap: Vec::new(),
        mode: "dev",
        engine_request_seconds_max: 2,
    };
    let (journal, writer) = Journal::start(parts).await.unwrap();
    (journal, tokio::spawn(async move { drop(writer.await) }))
}

fn ending(number: u8, entropy: &TestEntropy) -> (Command, Vec<Opening>) {
    let mut openings = Openings::of(entropy, "orphan.found");
    let name = openings.commit("account", format!("account {number}"));
    let lease = LeaseId::new(Time::from_unix_seconds(1_800_000_000), [number; 10]);
    let credential = Name::parse("ledger-ro").unwrap();
    let orphan = OrphanFacts { lease, credential, kind: "account", name };
    (Command::Found(Finding::Orphan(orphan)), openings.into_made())
}

fn ordinary() -> (Command, Vec<Opening>) {
    (Command::Note(BrokerStopped { epoch: 1 }.into()), Vec::new())
}

/// All of them in one batch: the writer does not run before all of them wait.
async fn propose(journal: &Journal, all: Vec<(Command, Vec<Opening>)>) -> Vec<Result<Durable, Denial>> {
    join_all(all.into_iter().map(|(command, openings)| journal.propose(command, openings))).await
}

#[tokio::test]
async fn of_a_mixed_batch_on_a_full_disk_the_endings_are_recorded_and_the_others_refused() {
    let (disk, entropy) = (SimDisk::default(), TestEntropy::default());
    let (journal, _writer) = start(&disk).await;
    let mixed = |first: u8| vec![ordinary(), ending(first, &entropy), ordinary(), ending(first + 1, &entropy)];
    let told = propose(&journal, mixed(1)).await;
    assert!(told.iter().all(Result::is_ok), "with room all of them are recorded");
    assert_eq!(*journal.size().borrow(), 6);
    disk.set_free(100);
    for first in [3, 5, 7] {
        let before = *journal.size().borrow();
        let told = propose(&journal, mixed(first)).await;
        let [no, yes, no_more, yes_too] = told.try_into().unwrap();
        for refused in [no, no_more] {
            let denial = refused.unwrap_err();
            assert_eq!(denial.reason, Reason::LogUnavailable);
            assert!(denial.sentence.starts_with("the log's disk is full: nothing new"), "{}", denial.sentence);
        }
        let indices = [yes, yes_too].map(|durable| durable.unwrap().recorded.unwrap().index);
        assert_eq!(indices, [before, before + 1]);
        let store = disk.open();
        assert_eq!(store.openings(before).await.unwrap()[0].1.value, format!("account {first}"));
    }
    assert!(propose(&journal, vec![ordinary()]).await[0].is_err());
    disk.set_free(1 << 20);
    let told = propose(&journal, mixed(9)).await;
    assert!(told.iter().all(Result::is_ok), "with room again all of them are recorded");
}

#[tokio::test]
async fn a_broker_starts_on_a_full_disk_and_ends_until_the_room_is_used_up() {
    let (disk, entropy) = (SimDisk::default(), TestEntropy::default());
    let (journal, writer) = start(&disk).await;
    propose(&journal, vec![ending(0, &entropy)]).await.pop().unwrap().unwrap();
    drop(journal);
    writer.await.unwrap();
    disk.set_free(0);
    let (journal, _writer) = start(&disk).await;
    let mut ended = 0;
    let denial = loop {
        match propose(&journal, vec![ending(ended, &entropy)]).await.pop().unwrap() {
            Ok(_) => ended += 1,
            Err(denial) => break denial,
        }
    };
    assert!(ended > 10, "{ended}");
    assert_eq!(denial.sentence, "the log's disk is full, and the room kept for endings is used up");
    disk.set_free(1 << 20);
    propose(&journal, vec![ending(100, &entropy)]).await.pop().unwrap().unwrap();
}
