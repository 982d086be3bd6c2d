//! Signals: in order, without gaps, resumable, and no longer than the right to them.

use super::broker::{Broker, SCORER, reason};
use crate::fixtures::world::{WORKLOAD, claims, header};
use leasehold::domain::base::Span;
use leasehold::domain::entry::Entry;
use leasehold::proto::v1;
use leasehold::proto::v1::signal_service_client::SignalServiceClient;
use std::time::Duration;
use tonic::{Code, Request, Status, Streaming};

type Signals = Streaming<v1::SubscribeResponse>;

fn subscribe(from_index: u64, types: &[&str]) -> v1::SubscribeRequest {
    v1::SubscribeRequest { from_index, types: types.iter().map(ToString::to_string).collect() }
}

async fn next(signals: &mut Signals) -> Result<Option<v1::SubscribeResponse>, Status> {
    tokio::time::timeout(Duration::from_secs(10), signals.message()).await.expect("a signal within 10 s")
}

#[tokio::test]
async fn a_subscriber_gets_every_entry_in_order_and_goes_on() {
    let broker = Broker::with_estate().await;
    let size = broker.world.journal.published().state.size;
    let mut signals = broker.signals(SCORER).subscribe(subscribe(0, &[])).await.unwrap().into_inner();
    for index in 0..size {
        let signal = next(&mut signals).await.unwrap().unwrap();
        let entry = Entry::read(&signal.entry).unwrap();
        assert_eq!((signal.index, signal.r#type.as_str()), (index, entry.body.type_name()));
    }
    broker.task("ledger-key").await;
    let fresh = next(&mut signals).await.unwrap().unwrap();
    assert_eq!((fresh.index, fresh.r#type.as_str()), (size, "task.requested"));
    let from_there = broker.signals(SCORER).subscribe(subscribe(size, &[])).await.unwrap();
    assert_eq!(next(&mut from_there.into_inner()).await.unwrap().unwrap(), fresh, "resumed");
}

#[tokio::test]
async fn a_filter_lets_only_its_types_through() {
    let broker = Broker::with_estate().await;
    broker.task("ledger-key").await;
    let wanted = subscribe(0, &["estate.applied", "task.*"]);
    let mut signals = broker.signals(SCORER).subscribe(wanted).await.unwrap().into_inner();
    assert_eq!(next(&mut signals).await.unwrap().unwrap().r#type, "estate.applied");
    assert_eq!(next(&mut signals).await.unwrap().unwrap().r#type, "task.requested");
    let unknown = broker.signals(SCORER).subscribe(subscribe(0, &["lease.unheard"])).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
    let beyond = broker.signals(SCORER).subscribe(subscribe(10_000, &[])).await.unwrap_err();
    assert_eq!(beyond.code(), Code::InvalidArgument);
    let workload = broker.signals(WORKLOAD).subscribe(subscribe(0, &[])).await.unwrap_err();
    assert_eq!(reason(&workload), "ROLE_MISSING");
}

#[tokio::test]
async fn a_stream_opened_with_a_token_ends_with_it() {
    let broker = Broker::with_estate().await;
    let size = broker.world.journal.published().state.size;
    let token = broker.grounds.home_key.token(&header(), &claims(SCORER));
    let mut request = Request::new(subscribe(size - 1, &[]));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let mut client = SignalServiceClient::new(broker.channel(None));
    let mut signals = client.subscribe(request).await.unwrap().into_inner();
    assert!(next(&mut signals).await.unwrap().is_some());
    broker.grounds.clock.advance(Span::from_seconds(301));
    let ended = loop {
        match next(&mut signals).await {
            Ok(Some(heartbeat)) => assert!(heartbeat.entry.is_empty()),
            ended => break ended,
        }
    };
    assert_eq!(reason(&ended.unwrap_err()), "SVID_EXPIRED");
}

#[tokio::test]
async fn a_silent_stream_says_where_it_stands() {
    let broker = Broker::with_estate().await;
    let size = broker.world.journal.published().state.size;
    let mut signals = broker.signals(SCORER).subscribe(subscribe(0, &["lease.*"])).await.unwrap().into_inner();
    broker.grounds.clock.advance(Span::from_seconds(16));
    let heartbeat = next(&mut signals).await.unwrap().unwrap();
    assert_eq!((heartbeat.index, heartbeat.entry.len()), (size - 1, 0));
}

#[tokio::test]
async fn streams_end_when_the_broker_stops() {
    let broker = Broker::with_estate().await;
    let size = broker.world.journal.published().state.size;
    let mut signals = broker.signals(SCORER).subscribe(subscribe(size - 1, &[])).await.unwrap().into_inner();
    assert!(next(&mut signals).await.unwrap().is_some());
    broker.stop.cancel();
    assert_eq!(reason(&next(&mut signals).await.unwrap_err()), "STOPPING");
}
