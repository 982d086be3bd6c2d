//! Every changing call over the wire: the same request id with the same content has the same outcome
//! and leaves no entry; with other content, or in another call, it is refused. So it is after a restart,
//! and when nothing is left of the task.

use crate::real::house::{Caller, House, Refused, Told, issue_request, lease_of, seconds, task_request, uuid};
use leasehold::proto::v1;
use leasehold::proto::v1::estate_service_client::EstateServiceClient;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;
use leasehold::proto::v1::task_service_client::TaskServiceClient;
use tonic::Code;

/// The three outcomes of one request id: first, repeated, and with other content.
struct Tried {
    first: Told<String>,
    again: Told<String>,
    other: Told<String>,
    entries_of_repeat: usize,
}

/// `call(request id, other content?)` gives what identifies the outcome.
fn try_thrice(house: &House, call: impl Fn(&str, bool) -> Told<String>) -> Tried {
    let id = uuid();
    let first = call(&id, false);
    let size = house.log().asked();
    let again = call(&id, false);
    let entries_of_repeat = house.log().asked() - size;
    Tried { first, again, other: call(&id, true), entries_of_repeat }
}

fn same_again(name: &str, house: &House, call: impl Fn(&str, bool) -> Told<String>) {
    let tried = try_thrice(house, call);
    assert_eq!(tried.first.as_ref().unwrap(), tried.again.as_ref().unwrap(), "{name}");
    assert_eq!(tried.entries_of_repeat, 0, "{name}: a repeat leaves no entry");
    reused(name, &tried.other);
}

fn reused(name: &str, told: &Told<String>) {
    let Refused { code, reason, .. } = told.as_ref().unwrap_err();
    assert_eq!((*code, reason.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"), "{name}");
}

#[test]
fn every_changing_call_knows_its_repeat() {
    let house = House::open();
    tasks_know_their_repeats(&house);
    leases_know_their_repeats(&house);
    the_estate_knows_its_repeat(&house);
    one_id_is_one_request_of_one_caller(&house);
    house.check();
}

#[test]
fn a_repeat_when_the_task_is_gone_and_the_broker_is_another_is_still_no_second_task() {
    let mut house = House::open();
    let (request_id, end_id) = (uuid(), uuid());
    let request = |house: &House, purpose: &str| {
        let request = v1::RequestTaskRequest { purpose: purpose.into(), ..task_request(&request_id) };
        let told = house.bot.call(async |channel| TaskServiceClient::new(channel).request_task(request).await);
        told.map(|answer| answer.task.unwrap())
    };
    let first = request(&house, "reconcile invoices").unwrap();
    house.approve(&first).unwrap();
    house.until_active(&first.id);
    let lease = lease_of(&house.issue(&first.id, &uuid()).unwrap());
    house.bot.complete(&end_id, &first.id).unwrap();
    house.until_gone(&first.id);
    house.until_dead(&lease);
    let size = house.log().size();
    let again = request(&house, "reconcile invoices").unwrap();
    assert_eq!((again.state(), again.end_cause.as_str(), &again.id), (v1::TaskState::Gone, "completed", &first.id));
    assert_eq!(house.log().size(), size, "a repeat leaves no entry");
    house.restart(None);
    let told = house.bot.task(&first.id).unwrap();
    assert_eq!((told.state(), &told.id), (v1::TaskState::Gone, &first.id), "nothing of it is in memory: the log tells");
    let asked = house.log().asked();
    let after = request(&house, "reconcile invoices").unwrap();
    assert_eq!(after, again, "the log tells what was asked for and how it went");
    assert_eq!(house.bot.complete(&end_id, &first.id).unwrap(), after);
    reused("RequestTask", &request(&house, "something else").map(|task| task.id));
    assert_eq!(house.log().asked(), asked);
    assert_ne!(house.request_task().id, first.id, "another id is another task");
    assert_eq!(house.log().asked(), asked + 1);
    house.check();
}

fn tasks_know_their_repeats(house: &House) {
    same_again("RequestTask", house, |id, other| {
        let mut request = task_request(id);
        if other {
            request.purpose.push('!');
        }
        let told = house.bot.call(async |channel| TaskServiceClient::new(channel).request_task(request).await);
        told.map(|answer| answer.task.unwrap().id)
    });
    let task = house.request_task();
    same_again("ApproveTask", house, |id, other| {
        let request = v1::ApproveTaskRequest {
            request_id: id.into(),
            task_id: task.id.clone(),
            request_digest: task.request_digest.clone(),
            valid_for: other.then(|| seconds(60)),
        };
        let told = house.lead.call(async |channel| TaskServiceClient::new(channel).approve_task(request).await);
        told.map(|answer| answer.task.unwrap().id)
    });
    house.until_active(&task.id);
    let second = house.request_task();
    same_again("CompleteTask", house, |id, other| {
        house.bot.complete(id, if other { &second.id } else { &task.id }).map(|task| task.id)
    });
    same_again("CancelTask", house, |id, other| {
        let justification = if other { "no longer needed" } else { "not needed" };
        let request = v1::CancelTaskRequest {
            request_id: id.into(),
            task_id: second.id.clone(),
            justification: justification.into(),
        };
        let told = house.bot.call(async |channel| TaskServiceClient::new(channel).cancel_task(request).await);
        told.map(|answer| answer.task.unwrap().id)
    });
    let third = house.request_task();
    same_again("DenyTask", house, |id, other| {
        let justification = if other { "not by this agent" } else { "not this week" };
        let request = v1::DenyTaskRequest {
            request_id: id.into(),
            task_id: third.id.clone(),
            justification: justification.into(),
        };
        let told = house.lead.call(async |channel| TaskServiceClient::new(channel).deny_task(request).await);
        told.map(|answer| answer.task.unwrap().id)
    });
}

fn leases_know_their_repeats(house: &House) {
    let task = house.active_task();
    let tried = try_thrice(house, |id, other| {
        let mut request = issue_request(&task, id);
        request.ttl = other.then(|| seconds(60));
        house.bot.issue(request).map(|told| lease_of(&told))
    });
    let lease = tried.first.unwrap();
    let again = tried.again.unwrap_err();
    assert_eq!((again.code, again.reason.as_str()), (Code::AlreadyExists, "ALREADY_ISSUED"));
    assert_eq!(again.lease.as_deref(), Some(lease.as_str()), "the lease is named, the secret is not told again");
    assert_eq!(tried.entries_of_repeat, 0);
    reused("IssueSecret", &tried.other);
    same_again("RenewLease", house, |id, other| {
        let ttl = Some(seconds(if other { 500 } else { 600 }));
        let request = v1::RenewLeaseRequest { request_id: id.into(), lease_id: lease.clone(), ttl };
        let told = house.bot.call(async |channel| IssuanceServiceClient::new(channel).renew_lease(request).await);
        told.map(|answer| answer.lease.unwrap().id)
    });
    let spare = lease_of(&house.issue(&task, &uuid()).unwrap());
    let id = uuid();
    let revoke = |lease: &str| {
        let request = v1::RevokeLeaseRequest { request_id: id.clone(), lease_id: lease.into() };
        let told = house.bot.call(async |channel| IssuanceServiceClient::new(channel).revoke_lease(request).await);
        told.map(|answer| answer.lease.unwrap().id)
    };
    assert_eq!(revoke(&lease).unwrap(), lease);
    house.until_dead(&lease);
    assert_eq!(revoke(&lease).unwrap(), lease, "also when it is dead already");
    assert_eq!(house.log().of("lease.revocation_requested", &lease).len(), 1);
    reused("RevokeLease", &revoke(&spare));
    house.finish(&task);
}

fn the_estate_knows_its_repeat(house: &House) {
    let operator = Caller::of(&house.scene, "operator");
    let document = std::fs::read_to_string(house.scene.file("estate.toml")).unwrap();
    let changed = document.replace("reconcile invoices", "reconcile all invoices");
    same_again("ApplyEstate", house, |id, other| {
        let document = if other { document.clone() } else { changed.clone() };
        let request = v1::ApplyEstateRequest { request_id: id.into(), document, version: 1 };
        let told = operator.call(async |channel| EstateServiceClient::new(channel).apply_estate(request).await);
        told.map(|answer| answer.version.to_string())
    });
}

fn one_id_is_one_request_of_one_caller(house: &House) {
    let (task, id) = (house.active_task(), uuid());
    house.issue(&task, &id).map(drop).unwrap();
    reused("CompleteTask with the id of an IssueSecret", &house.bot.complete(&id, &task).map(|task| task.id));
    let request = v1::CancelTaskRequest { request_id: id, task_id: task.clone(), justification: "over".into() };
    let told = house.lead.call(async |channel| TaskServiceClient::new(channel).cancel_task(request).await);
    assert_eq!(told.unwrap().task.unwrap().id, task, "another caller's ids are another's");
    house.until_gone(&task);
}
