//! The rows from the decision to the reply. One scene, one task per row.

use crate::real::house::{House, Refused, Told, issue_request, lease_of, until, uuid};
use leasehold::proto::v1::{IssueSecretResponse, LeaseState};
use tonic::Code;
use xtask::peers::proxy::Behaviour;

/// What the closing of an intent must have found.
struct Row {
    point: &'static str,
    account_at_crash: bool,
    why: &'static str,
}

#[test]
fn a_crash_between_intent_and_seal_leaves_nothing() {
    let mut house = House::open();
    for row in [
        Row { point: "after_intent", account_at_crash: false, why: "nothing-found" },
        Row { point: "after_mint", account_at_crash: true, why: "found-and-ended" },
    ] {
        let (task, request) = (dying_task(&mut house, row.point), uuid());
        lost(house.issue(&task, &request));
        house.died();
        assert_eq!(!house.accounts().is_empty(), row.account_at_crash, "{}", row.point);
        closed_after_restart(&mut house, &task, &request, row.why);
    }
    house.check();
}

#[test]
fn a_crash_inside_the_mint_or_inside_the_closing_leaves_nothing() {
    let mut house = House::open();
    // The answer of the engine is on its way when the broker dies.
    let (task, request) = (dying_task(&mut house, "in_close"), uuid());
    house.proxy.behave(Behaviour::HoldAnswers);
    let asked = house.issue_aside(&task, &request);
    until("the account to be made", || !house.accounts().is_empty());
    house.scene.kill_broker().unwrap();
    lost(asked.join().unwrap());
    house.proxy.behave(Behaviour::Pass);
    // It dies once more, after it has ended what it found and before it says so.
    house.restart(Some("in_close"));
    house.died();
    let lease = house.log().last_intended();
    assert!(house.log().of("lease.not_issued", &lease).is_empty());
    assert!(!house.log().of("orphan.found", &lease).is_empty());
    closed_after_restart(&mut house, &task, &request, "nothing-found");
    house.check();
}

#[test]
fn a_crash_before_the_intent_or_after_the_seal_or_at_the_token_loses_and_repeats_nothing() {
    let mut house = House::open();
    nothing_is_found_of_a_crash_before_the_intent(&mut house);
    a_sealed_secret_is_never_told_twice(&mut house);
    a_token_that_was_not_recorded_is_replaced(&mut house);
    house.check();
}

fn nothing_is_found_of_a_crash_before_the_intent(house: &mut House) {
    let (task, request) = (dying_task(house, "before_intent"), uuid());
    let size = house.log().size();
    lost(house.issue(&task, &request));
    house.died();
    assert_eq!(house.log().size(), size);
    house.restart(None);
    let lease = lease_of(&house.issue(&task, &request).unwrap());
    house.finish(&task);
    house.until_dead(&lease);
}

fn a_sealed_secret_is_never_told_twice(house: &mut House) {
    let (task, request) = (dying_task(house, "after_seal"), uuid());
    lost(house.issue(&task, &request));
    house.died();
    house.restart(None);
    let lease = house.log().last_intended();
    for _ in 0..2 {
        let told = house.issue(&task, &request).map(drop).unwrap_err();
        let Refused { code, reason, lease: named, .. } = told;
        assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ALREADY_ISSUED"));
        assert_eq!(named.as_deref(), Some(lease.as_str()));
    }
    assert_eq!(house.bot.lease(&lease).unwrap().state(), LeaseState::Issued);
    // The way on: a new secret, and the undelivered one is ended.
    let mut anew = issue_request(&task, &uuid());
    anew.supersedes.clone_from(&lease);
    let new = lease_of(&house.bot.issue(anew).unwrap());
    house.until_dead(&lease);
    assert_eq!(house.accounts().len(), 1);
    house.finish(&task);
    house.until_dead(&new);
}

/// The engine made the token and the log does not know it: it has drawn nothing, and ends by itself.
fn a_token_that_was_not_recorded_is_replaced(house: &mut House) {
    house.restart(Some("after_token"));
    let task = house.request_task();
    // The answer to the approval may or may not be sent before the driver comes to the point.
    let _answered = house.approve(&task);
    house.died();
    assert!(house.log().of("token.made", &task.id).is_empty());
    house.restart(None);
    house.until_active(&task.id);
    assert_eq!(house.log().of("token.made", &task.id).len(), 1);
    let lease = lease_of(&house.issue(&task.id, &uuid()).unwrap());
    house.finish(&task.id);
    house.until_dead(&lease);
}

/// An active task of a broker that will die at `point`.
fn dying_task(house: &mut House, point: &str) -> String {
    house.restart(Some(point));
    house.active_task()
}

/// The caller sees a broken connection, never a secret.
fn lost(told: Told<IssueSecretResponse>) {
    let refused = told.map(|_| ()).unwrap_err();
    assert!(matches!(refused.code, Code::Unavailable | Code::Unknown | Code::Cancelled), "{refused:?}");
    assert_eq!(refused.reason, "", "the broker was not there to give a reason");
}

/// Until it is closed the repeat is told to wait; then the id is free, and nothing else is left.
fn closed_after_restart(house: &mut House, task: &str, request: &str, why: &str) {
    house.restart(None);
    let lease = house.log().last_intended();
    let told = house.issue(task, request).map(drop).unwrap_err();
    assert_eq!((told.code, told.reason.as_str(), told.retry), (Code::Unavailable, "STILL_INTENDED", true));
    assert_eq!(told.lease.as_deref(), Some(lease.as_str()));
    house.until_lease(&lease, LeaseState::NotIssued);
    let log = house.log();
    assert_eq!(log.of("lease.not_issued", &lease)[0]["what"]["why"], why);
    if why == "found-and-ended" {
        assert!(!log.of("orphan.found", &lease).is_empty());
    }
    assert!(house.accounts().is_empty());
    let new = lease_of(&house.issue(task, request).unwrap());
    assert_ne!(new, lease);
    house.finish(task);
    house.until_dead(&new);
}
