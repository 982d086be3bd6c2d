//! The engine is sealed, away, slow, silent, or its answers are lost.

use crate::real::house::{Caller, House, Told, issue_request, lease_of, until, uuid};
use leasehold::proto::v1;
use leasehold::proto::v1::issuance_service_client::IssuanceServiceClient;
use leasehold::proto::v1::{HealthState, IssueSecretResponse, LeaseState, TaskState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tonic::Code;
use xtask::peers::proxy::Behaviour;

#[test]
fn a_sealed_or_absent_engine_is_named_and_what_was_pending_is_finished() {
    let house = House::open();
    let seal = || house.scene.bao.seal().unwrap();
    let unseal = || house.scene.bao.unseal().unwrap();
    outlived(&house, (HealthState::Unready, "sealed"), seal, unseal);
    let away = || house.proxy.behave(Behaviour::Refuse);
    let back = || house.proxy.behave(Behaviour::Pass);
    outlived(&house, (HealthState::Unreachable, ""), away, back);
    house.check();
}

/// A task that is completed while the engine is away ends once it is back; a secret that is asked for
/// meanwhile is refused, and given to the repeat.
fn outlived(house: &House, (state, word): (HealthState, &str), break_it: impl Fn(), mend: impl Fn()) {
    let (ending, asking, request) = (house.active_task(), house.active_task(), uuid());
    let lease = lease_of(&house.issue(&ending, &uuid()).unwrap());
    break_it();
    until("status to name the engine", || {
        let engine = house.lead.status().unwrap().engine.unwrap();
        engine.state() == state && engine.sentence.contains(word)
    });
    unavailable(&house.issue(&asking, &request));
    assert_eq!(house.bot.complete(&uuid(), &ending).unwrap().state(), TaskState::Ending);
    assert_eq!(house.bot.lease(&lease).unwrap().state(), LeaseState::Ending);
    assert_eq!(house.accounts().len(), 1, "nothing was made, nothing is called dead");
    mend();
    house.until_gone(&ending);
    house.until_dead(&lease);
    let lease = served_in_the_end(house, &asking, &request);
    house.finish(&asking);
    house.until_dead(&lease);
}

#[test]
fn a_mint_without_an_answer_is_looked_for_and_a_late_answer_is_an_answer() {
    let house = House::open();
    let task = house.active_task();
    // Slow: the account is there before the answer is.
    house.proxy.behave(Behaviour::HoldAnswers);
    let asked = house.issue_aside(&task, &uuid());
    until("the account to be made", || !house.accounts().is_empty());
    house.proxy.behave(Behaviour::Pass);
    let kept = lease_of(&asked.join().unwrap().unwrap());
    // The answer is lost.
    let lost = uuid();
    house.proxy.behave(Behaviour::DropAnswers);
    let lost_lease = unavailable(&house.issue(&task, &lost)).unwrap();
    house.proxy.behave(Behaviour::Pass);
    assert!(house.proxy.dropped_answers() > 0);
    // The engine stands still longer than the broker waits, and then goes on with what it was sent.
    let silent = uuid();
    house.scene.bao.pause().unwrap();
    let silent_lease = unavailable(&house.issue(&task, &silent));
    house.scene.bao.resume().unwrap();
    let bustle = Bustle::begin(&house);
    for (request, lease) in [(lost, lost_lease), (silent, silent_lease.unwrap())] {
        let told = house.issue(&task, &request).map(drop);
        if let Err(told) = &told {
            assert_eq!((told.reason.as_str(), told.lease.as_deref()), ("STILL_INTENDED", Some(lease.as_str())));
            house.until_lease(&lease, LeaseState::NotIssued);
            house.issue(&task, &request).unwrap();
        }
        assert_eq!(house.bot.lease(&lease).unwrap().state(), LeaseState::NotIssued);
    }
    bustle.end(&house);
    assert_eq!(house.bot.lease(&kept).unwrap().state(), LeaseState::Issued, "closing spared what the log explains");
    assert_eq!(house.accounts().len(), 3);
    house.finish(&task);
    house.until_dead(&kept);
    assert!(house.accounts().is_empty());
    house.check();
}

/// Two callers who draw secrets of the same credential and give them back, one after the other: there is
/// always a mint in flight, and closing must neither wait for ever nor take theirs for nobody's.
struct Bustle {
    task: String,
    over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<String>>>,
}

impl Bustle {
    fn begin(house: &House) -> Self {
        let (task, over) = (house.active_task(), Arc::new(AtomicBool::new(false)));
        let begin = |_| {
            let (caller, task, over) = (Caller::of(&house.scene, "billing-bot"), task.clone(), Arc::clone(&over));
            std::thread::spawn(move || draw_and_return(&caller, &task, &over))
        };
        Self { callers: (0..2).map(begin).collect(), task, over }
    }

    fn end(self, house: &House) {
        self.over.store(true, Ordering::SeqCst);
        let drawn: Vec<String> = self.callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        assert!(drawn.len() > 10, "there was bustle: {}", drawn.len());
        house.finish(&self.task);
        let log = house.log();
        let told = std::fs::read_to_string(house.scene.broker_log()).unwrap();
        for lease in drawn {
            let revoked = log.of("lease.revoked", &lease);
            // Ended and proven in one try: nobody else ended it, and the backend could be looked at.
            let said: Vec<&str> = told.lines().filter(|line| line.contains(&lease)).collect();
            assert_eq!(revoked[0]["what"]["known_before"], true, "{lease} was ended before: {said:#?}");
        }
    }
}

fn draw_and_return(caller: &Caller, task: &str, over: &AtomicBool) -> Vec<String> {
    let mut drawn = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let lease = lease_of(&caller.issue(issue_request(task, &uuid())).unwrap());
        let request = v1::RevokeLeaseRequest { request_id: uuid(), lease_id: lease.clone() };
        caller.call(async |channel| IssuanceServiceClient::new(channel).revoke_lease(request).await).map(drop).unwrap();
        drawn.push(lease);
    }
    drawn
}

/// The repeat waits for as long as the first attempt is not decided: a connection that broke off under
/// it may have carried it to the engine.
fn served_in_the_end(house: &House, task: &str, request: &str) -> String {
    let mut served = None;
    until("the repeat to be served", || match house.issue(task, request) {
        Ok(told) => served.replace(lease_of(&told)).is_none(),
        Err(told) => {
            assert_eq!(told.reason, "STILL_INTENDED");
            false
        }
    });
    served.unwrap()
}

/// Refused for the engine's sake, with the next step; gives the lease that is looked for, if one is.
fn unavailable(told: &Told<IssueSecretResponse>) -> Option<String> {
    let told = told.as_ref().map(|_| ()).unwrap_err();
    assert_eq!((told.code, told.reason.as_str(), told.retry), (Code::Unavailable, "ENGINE_UNAVAILABLE", true));
    assert!(told.message.contains("repeat with the same request_id"), "{}", told.message);
    told.lease.clone()
}

#[test]
fn an_engine_that_hangs_is_not_called_ready_until_its_longest_request_is_over() {
    let house = House::open();
    let seen = || house.lead.status().unwrap().engine.unwrap();
    until("the first look", || seen().state() == HealthState::Ready);
    house.proxy.behave(Behaviour::HoldAnswers);
    until("the engine to be missed", || seen().state() != HealthState::Ready);
    let seen_then = seen();
    assert_eq!((seen_then.state(), seen_then.sentence.as_str()), (HealthState::Unreachable, "no answer within 5 s"));
    house.proxy.behave(Behaviour::Pass);
    until("the engine to be seen again", || seen().state() == HealthState::Ready);
}

#[test]
fn a_renewal_waits_its_turn_for_nobody_who_may_not_ask_or_has_left() {
    let house = House::open();
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    let renewal = || v1::RenewLeaseRequest { request_id: uuid(), lease_id: lease.clone(), ttl: None };
    let renew = |caller: &Caller| {
        let request = renewal();
        caller.call(async |channel| IssuanceServiceClient::new(channel).renew_lease(request).await).map(drop)
    };
    house.proxy.behave(Behaviour::HoldAnswers);
    std::thread::scope(|scope| {
        let first = Caller::of(&house.scene, "billing-bot");
        let first = scope.spawn(move || renew(&first));
        // Each of them loses patience: one is at the engine, the others wait for their turn.
        let leave = async |channel: tonic::transport::Channel| {
            let mut client = IssuanceServiceClient::new(channel);
            let left = tokio::time::timeout(Duration::from_millis(300), client.renew_lease(renewal())).await;
            assert!(left.is_err(), "the engine holds its answers");
            Ok(tonic::Response::new(()))
        };
        for _ in 0..5 {
            house.bot.call(leave).unwrap();
        }
        let stranger = renew(&house.lead).unwrap_err();
        assert_eq!(stranger.reason, "ROLE_MISSING", "told at once, and not after the answers that are held");
        assert!(!first.is_finished(), "the turn is still taken");
        house.proxy.behave(Behaviour::Pass);
        first.join().unwrap().unwrap();
    });
    renew(&house.bot).unwrap();
    // Of the six, one at the most had reached the engine besides the first.
    let recorded = house.log().of("lease.renewed", &lease).len();
    assert!((2..=3).contains(&recorded), "{recorded} renewals are recorded");
    house.finish(&task);
    house.check();
}

#[test]
fn a_lease_that_was_ended_at_the_engine_is_called_ended_by_its_renewal() {
    let house = House::open();
    let task = house.active_task();
    let lease = lease_of(&house.issue(&task, &uuid()).unwrap());
    let renew = || {
        let request = v1::RenewLeaseRequest { request_id: uuid(), lease_id: lease.clone(), ttl: None };
        house.bot.call(async |channel| IssuanceServiceClient::new(channel).renew_lease(request).await).map(drop)
    };
    renew().unwrap();
    house.scene.bao.call("PUT", "sys/leases/revoke-prefix/database/creds/ledger-ro", &serde_json::Value::Null).unwrap();
    assert_eq!(renew().unwrap_err().reason, "LEASE_ENDED", "and not that the estate is wrong");
    house.finish(&task);
    house.check();
}
