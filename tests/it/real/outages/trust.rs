//! The Workload API goes away and comes back with new keys.

use crate::real::house::{Caller, House, lease_of, until, uuid};

#[test]
fn while_the_trust_source_is_away_known_callers_are_served_and_afterwards_everybody() {
    let mut house = House::open();
    let task = house.active_task();
    house.scene.end_trust().unwrap();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
    house.scene.start_trust_again().unwrap();
    until("a caller with a new SVID to be served", || {
        let caller = Caller::of(&house.scene, "payments-lead");
        caller.status().is_ok()
    });
    (house.bot, house.lead) = (Caller::of(&house.scene, "billing-bot"), Caller::of(&house.scene, "payments-lead"));
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
    house.check();
}
