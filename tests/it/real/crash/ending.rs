//! The rows in which something ends or is prolonged.

use crate::real::house::{House, lease_of, seconds, uuid};
use leasehold::proto::v1;
use leasehold::proto::v1::LeaseState;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;

#[test]
fn a_crash_in_the_revocation_is_resumed_and_proven() {
    let mut house = House::open();
    for point in ["before_revoke", "in_revoke", "after_proof"] {
        house.restart(Some(point));
        let task = house.active_task();
        let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
        assert_eq!(house.accounts().len(), 1, "{point}");
        // The answer may or may not be sent before the driver comes to the point.
        let _answered = house.bot.complete(&uuid(), &task);
        house.died();
        assert_eq!(house.log().of("task.completed", &task).len(), 1, "{point}");
        assert!(house.log().of("lease.revoked", &lease).is_empty(), "{point}: not before the proof");
        house.restart(None);
        house.until_dead(&lease);
        assert_eq!(house.log().of("lease.revoked", &lease).len(), 1, "{point}");
        assert!(house.accounts().is_empty(), "{point}");
        house.until_gone(&task);
    }
    house.check();
}

#[test]
fn a_crash_between_prolonging_and_its_record_is_made_good_by_the_repeat() {
    let mut house = House::open();
    house.restart(Some("after_prolong"));
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    let request = v1::RenewLeaseRequest { request_id: uuid(), lease_id: lease.clone(), ttl: Some(seconds(600)) };
    let renew = |house: &House| {
        let request = request.clone();
        house.bot.call(async |channel| IssuanceServiceClient::new(channel).renew_lease(request).await)
    };
    renew(&house).unwrap_err();
    house.died();
    assert!(house.log().of("lease.renewed", &lease).is_empty());
    house.restart(None);
    for _ in 0..2 {
        assert_eq!(renew(&house).unwrap().lease.unwrap().state(), LeaseState::Issued);
    }
    assert_eq!(house.log().of("lease.renewed", &lease).len(), 1, "the second was a repeat");
    house.finish(&task);
    house.until_dead(&lease);
    house.check();
}
