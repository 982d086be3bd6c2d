//! PostgreSQL is away while leases end and while an intent is closed: what cannot be proven is shown
//! as unproven, and is proven once the backend is back.

use crate::real::house::{House, lease_of, until, uuid};
use leasehold::proto::v1::{LeaseState, TaskState};
use xtask::peers::proxy::Behaviour;
use xtask::scene::Options;

#[test]
fn without_the_backend_ends_are_unproven_until_it_is_back() {
    let mut house = House::with(Options { proof_within: Some("1s".into()), ..Options::default() });
    let (ending, asking, request) = (house.active_task(), house.active_task(), uuid());
    let lease = lease_of(&house.issue(&ending, &uuid()).unwrap());
    house.proxy.behave(Behaviour::DropAnswers);
    let told = house.issue(&asking, &request).map(drop).unwrap_err();
    let intent = told.lease.unwrap();
    house.proxy.behave(Behaviour::Pass);
    house.scene.postgres.stop().unwrap();
    house.bot.complete(&uuid(), &ending).unwrap();
    house.until_lease(&lease, LeaseState::Unproven);
    house.until_lease(&intent, LeaseState::Unproven);
    assert_eq!(house.lead.status().unwrap().unproven_leases, 2);
    assert_eq!(house.bot.task(&ending).unwrap().state(), TaskState::Ending);
    // An intent that nobody can close is not called served.
    let told = house.issue(&asking, &request).map(drop).unwrap_err();
    assert_eq!((told.reason.as_str(), told.lease.as_deref()), ("STILL_INTENDED", Some(intent.as_str())));
    house.scene.postgres.start_again().unwrap();
    house.until_dead(&lease);
    house.until_gone(&ending);
    house.until_lease(&intent, LeaseState::NotIssued);
    until("the lane of unproven leases to be empty", || house.lead.status().unwrap().unproven_leases == 0);
    assert!(house.accounts().is_empty());
    let lease = lease_of(&house.issue(&asking, &request).unwrap());
    house.finish(&asking);
    house.until_dead(&lease);
    house.check();
}
