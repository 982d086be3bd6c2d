//! What was settled before a restart is in no memory any more: the index finds it in the log, for whom
//! it concerns.

use super::house::{House, lease_of, until, uuid};
use leasehold::proto::v1::{LeaseState, RevocationAssurance, TaskState};
use std::fs;

#[test]
fn a_lease_and_a_task_that_were_settled_before_a_restart_are_told_to_whom_they_concern() {
    let mut house = House::open();
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
    let before = (house.bot.task(&task).unwrap(), house.bot.lease(&lease).unwrap());
    house.restart(None);
    let told = || (house.bot.task(&task).ok(), house.bot.lease(&lease).ok());
    until("the index to be filled", || told().0.is_some() && told().1.is_some());
    assert_eq!(told(), (Some(before.0.clone()), Some(before.1.clone())));
    assert_eq!((before.0.state(), before.1.state()), (TaskState::Gone, LeaseState::Revoked));
    assert_eq!(before.1.assurance(), RevocationAssurance::EffectConfirmed);
    house.scene.ok("payments-lead", &["lease", "show", &lease]).unwrap();
    house.scene.refused("stranger", &["lease", "show", &lease], "ROLE_MISSING").unwrap();
    house.bot.lease("lease-01a1ff09-04a3-719a-b1ff-9b9b5f1f0932").unwrap_err();

    fs::remove_file(house.scene.file("log.db.index")).unwrap();
    house.request_task();
    until("the index to be filled anew", || told().1.is_some());
    assert_eq!(told(), (Some(before.0), Some(before.1)));
}
