//! The Workload API goes away and comes back with new keys.

use crate::real::house::{Caller, House, lease_of, until, uuid};
use leasehold::proto::v1::{ComponentHealth, HealthState};

/// What the status says of the trust source.
fn trust_source(caller: &Caller) -> ComponentHealth {
    caller.status().unwrap().trust_source.unwrap()
}

#[test]
fn while_the_trust_source_is_away_known_callers_are_served_and_afterwards_everybody() {
    let mut house = House::open();
    let task = house.active_task();
    assert_eq!(trust_source(&house.lead).state(), HealthState::Ready);
    house.scene.end_trust().unwrap();
    until("the outage to be told", || trust_source(&house.lead).state() == HealthState::Degraded);
    let sentence = trust_source(&house.lead).sentence;
    for part in
        ["the Workload API at unix:///", "is unreachable since", "goes on with its own SVID until", "start its agent"]
    {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
    house.scene.start_trust_again().unwrap();
    until("a caller with a new SVID to be served", || {
        let caller = Caller::of(&house.scene, "payments-lead");
        caller.status().is_ok()
    });
    (house.bot, house.lead) = (Caller::of(&house.scene, "billing-bot"), Caller::of(&house.scene, "payments-lead"));
    until("its end to be told", || trust_source(&house.lead).state() == HealthState::Ready);
    assert_eq!(trust_source(&house.lead).sentence, "");
    let said = house.broker_said();
    for once in ["workload api lost", "workload api back"] {
        assert_eq!(said.matches(once).count(), 1, "{once:?} in {said}");
    }
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
    house.check();
}
