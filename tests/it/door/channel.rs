//! The client's way to a broker: to exactly one SPIFFE ID.

use crate::fixtures::world::{BROKER, HOME, WORKLOAD, World, ask};
use leasehold::adapters::spire::client_channel;
use leasehold::domain::base::SpiffeId;
use leasehold::ports::TrustSource as _;

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).unwrap()
}

#[tokio::test]
async fn a_client_talks_to_the_named_broker_and_to_nobody_else() {
    let world = World::new().await;
    let to = |broker| {
        let address = world.calling.to_string();
        client_channel(&world.trust, world.clock.clone(), &address, id(broker)).unwrap()
    };
    // The client's own SVID is that of the trust source, which here is the broker's.
    assert_eq!(ask(&to(BROKER), None).await.as_deref(), Ok(BROKER));
    for other in [WORKLOAD, "spiffe://example.org/leasehold/b", "spiffe://federated.example/leasehold"] {
        assert!(ask(&to(other), None).await.is_err(), "{other}");
    }
}

#[tokio::test]
async fn a_client_turns_away_a_broker_of_another_authority() {
    let (ours, theirs) = (World::new().await, World::new().await);
    let address = theirs.calling.to_string();
    let own = client_channel(&theirs.trust, theirs.clock.clone(), &address, id(BROKER)).unwrap();
    assert_eq!(ask(&own, None).await.as_deref(), Ok(BROKER));
    let foreign = client_channel(&ours.trust, ours.clock.clone(), &address, id(BROKER)).unwrap();
    assert!(ask(&foreign, None).await.is_err());
}

#[tokio::test]
async fn a_client_takes_up_its_rotated_svid_with_the_next_connection() {
    let world = World::new().await;
    let address = world.calling.to_string();
    let seen = world.trust.epoch();
    let renamed = "spiffe://example.org/renamed";
    world.api.say_x509(&[(renamed, &world.home.identity(renamed))], &[(HOME, &[&world.home.der])]);
    world.await_change(seen).await;
    let channel = client_channel(&world.trust, world.clock.clone(), &address, id(renamed)).unwrap();
    assert_eq!(ask(&channel, None).await.as_deref(), Ok(renamed));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_before_the_first_call() {
    let world = World::new().await;
    let to = |address| client_channel(&world.trust, world.clock.clone(), address, id(BROKER));
    assert!(to("127.0.0.1:8443").is_ok());
    assert!(to("not an address").unwrap_err().to_string().contains("host:port"));
}
