//! When snapshots are taken, and what it means when they cannot be.

use super::{Broker, NAME, Site};
use crate::fixtures::until;
use leasehold::domain::entry::Body;
use leasehold::domain::entry::bodies::log::BrokerStopped;
use leasehold::domain::state::Command;
use leasehold::services::snapshot::SNAPSHOT_EVERY;
use std::sync::atomic::Ordering;

impl Broker {
    /// Many notes at once, as on a busy day.
    async fn flood(&self, count: u64) {
        for wave in 0..count.div_ceil(2_000) {
            let notes = (wave * 2_000..count.min((wave + 1) * 2_000)).map(|_| {
                let note = Command::Note(Body::from(BrokerStopped { epoch: 1 }));
                self.journal.propose(note, Vec::new())
            });
            for noted in futures_util::future::join_all(notes).await {
                noted.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_taken_at_once_and_then_after_so_many_entries() {
    let site = Site::new();
    let broker = site.start().await;
    assert_eq!(site.shelf.of(NAME), None);
    broker.run_snapshots();
    until("the first", || broker.journal.snapshot_size() == 2).await;
    broker.flood(SNAPSHOT_EVERY - 1_000).await;
    assert_eq!((site.shelf.puts(), broker.journal.snapshot_size()), (1, 2), "not yet");
    broker.flood(1_100).await;
    until("the second", || broker.journal.snapshot_size() > SNAPSHOT_EVERY).await;
    assert_eq!(site.shelf.puts(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_that_is_full_is_not_tried_again_and_again() {
    let site = Site::new();
    let broker = site.start().await;
    site.shelf.set_broken(true);
    broker.run_snapshots();
    until("the first attempt", || site.shelf.puts() == 1).await;
    broker.flood(3_000).await;
    assert_eq!((site.shelf.puts(), broker.journal.snapshot_size()), (1, 0), "the log goes on");
    broker.flood(SNAPSHOT_EVERY).await;
    until("the second attempt", || site.shelf.puts() == 2).await;
    site.shelf.set_broken(false);
    broker.flood(SNAPSHOT_EVERY).await;
    until("there is room again", || broker.journal.snapshot_size() > 0).await;
}

#[tokio::test]
async fn an_orderly_stop_leaves_no_tail() {
    let site = Site::new().with_tail(7).await;
    let broker = site.start().await;
    let size = broker.size();
    broker.snapshots().last().await;
    drop(broker);
    let broker = site.start().await;
    assert_eq!(broker.journal.snapshot_size(), size);
    assert_eq!(site.read.load(Ordering::SeqCst), 0, "nothing was read of the log");
}
