//! How leases and tasks end: by time, alone, superseded, unproven, rotate-only, after a crash.

use super::desk::{Desk, lease_of};
use crate::base::Span;
use crate::entry::bodies::lease::Revocability;
use crate::entry::bodies::log;
use crate::reason::Reason;
use crate::state::command::{Command, Finding};
use crate::state::lease::Stage;
use crate::state::{Ask, Duty, limits};

#[test]
fn a_lease_is_prolonged_in_steps_until_its_time_is_over() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    assert!(desk.due().is_empty());
    desk.later(60);
    assert_eq!(desk.due(), vec![Duty::ProlongLease(lease)]);
    desk.later(540);
    assert!(desk.state.due(desk.now).any(|duty| duty == Duty::ProlongLease(lease)));
    desk.pass(Duty::ExpireLease(lease));
    assert!(matches!(desk.state.leases[&lease].stage, Stage::Ending(..)));
    assert_eq!(desk.due(), vec![Duty::EndLease(lease)]);
}

#[test]
fn the_window_ends_the_task_and_everything_under_it() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    desk.later(1_200);
    assert!(desk.due().contains(&Duty::ExpireTask(task)));
    desk.pass(Duty::ExpireTask(task));
    assert!(matches!(desk.state.leases[&lease].stage, Stage::Ending(..)));
    assert_eq!(desk.complete(task).unwrap_err().reason, Reason::TaskNotActive);
}

#[test]
fn a_deadline_that_has_not_passed_changes_nothing() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    let before = desk.state.clone();
    for duty in [Duty::ExpireTask(task), Duty::ExpireLease(lease), Duty::SettleLease(lease), Duty::ApproveByRule(task)]
    {
        desk.pass(duty);
    }
    assert_eq!(desk.state, before);
}

#[test]
fn an_unanswered_request_expires() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    desk.later(limits::PENDING_MAX.seconds() - 1);
    assert!(desk.due().is_empty());
    desk.later(1);
    assert_eq!(desk.due(), vec![Duty::ExpireTask(task)]);
    desk.pass(Duty::ExpireTask(task));
    assert!(desk.state.tasks.is_empty(), "nothing was issued: nothing is left to prove");
}

#[test]
fn a_secret_that_comes_after_the_end_is_recorded_and_not_delivered() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.complete(task).unwrap();
    assert!(!desk.seal(lease), "it must not be handed over");
    assert_eq!(desk.due(), vec![Duty::EndLease(lease)]);
}

#[test]
fn a_superseded_lease_ends_when_the_new_one_is_sealed() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let old = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(old);
    let new = desk.supersede(task, "ledger-ro", old).unwrap();
    assert_eq!(desk.state.leases[&old].stage, Stage::Issued, "not before the new one is sealed");
    desk.seal(new);
    assert!(matches!(desk.state.leases[&old].stage, Stage::Ending(..)));
    assert_eq!(desk.supersede(task, "ledger-ro", old).unwrap_err().reason, Reason::LeaseEnded);
}

#[test]
fn a_key_value_secret_is_rotate_only_and_never_called_revoked() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let lease = desk.issue(task, "motd").unwrap();
    desk.seal(lease);
    assert_eq!(desk.state.leases[&lease].revocability, Revocability::RotateOnly);
    desk.complete(task).unwrap();
    assert_eq!(desk.due(), vec![Duty::SettleLease(lease)]);
    desk.pass(Duty::SettleLease(lease));
    assert!(desk.state.leases.is_empty());
    let last = String::from_utf8(desk.bytes.last().unwrap().clone()).unwrap();
    assert!(last.contains("lease.expired") && last.contains("rotate-only"), "{last}");
}

#[test]
fn an_overdue_proof_is_shown_and_still_attended() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    desk.complete(task).unwrap();
    desk.decide(Command::Found(Finding::Unproven { lease, missing: "backend".into() })).unwrap();
    assert!(desk.state.unproven.contains(&lease));
    assert_eq!(desk.due(), vec![Duty::EndLease(lease)], "attended until it is proven");
    desk.gone(lease);
    assert!(desk.state.unproven.is_empty());
}

#[test]
fn an_account_that_outlives_its_lease_is_said_once_and_each_find_of_an_intent_is() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let (lease, intent) = (desk.issue(task, "ledger-ro").unwrap(), desk.issue(task, "ledger-ro").unwrap());
    desk.seal(lease);
    desk.complete(task).unwrap();
    for (found, said) in [(lease, 1), (lease, 1), (intent, 2), (intent, 3)] {
        desk.orphan(found);
        let orphans = desk.bytes.iter().filter(|bytes| String::from_utf8_lossy(bytes).contains("orphan.found"));
        assert_eq!(orphans.count(), said);
    }
    assert_eq!(desk.state, desk.refolded());
    desk.gone(lease);
    assert!(!desk.state.leases.contains_key(&lease));
}

#[test]
fn an_intent_that_nobody_can_close_is_unproven_and_not_called_served() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = lease_of(&desk.issue_marked(7, task, "ledger-ro", None).unwrap());
    desk.decide(Command::Found(Finding::Unproven { lease, missing: "backend".into() })).unwrap();
    assert!(desk.state.unproven.contains(&lease));
    assert_eq!(desk.issue_marked(7, task, "ledger-ro", None).unwrap_err().reason, Reason::StillIntended);
    assert_eq!(desk.ask("people/lead", 5, 91, Ask::RevokeLease(lease)).unwrap_err().reason, Reason::StillIntended);
    desk.later(limits::SEND_MAX.seconds() + 90);
    assert!(desk.due().contains(&Duty::CloseIntent(lease)), "attended until it is closed");
    desk.not_issued(lease);
    assert!(desk.state.unproven.is_empty());
    assert!(desk.issue_marked(7, task, "ledger-ro", None).is_ok());
    assert_eq!(desk.state, desk.refolded());
}

#[test]
fn a_lease_can_end_before_its_task() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    let stranger = desk.ask("people/other-lead", 5, 90, Ask::RevokeLease(lease));
    assert_eq!(stranger.unwrap_err().reason, Reason::NotFound);
    desk.ask("people/lead", 5, 91, Ask::RevokeLease(lease)).unwrap();
    desk.gone(lease);
    assert!(desk.state.tasks.contains_key(&task) && desk.state.leases.is_empty());
}

#[test]
fn after_a_restart_an_intent_waits_for_the_engine_anew() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.later(100);
    desk.note(log::BrokerActivated { engine_request_seconds_max: 2, epoch: 2, version: "0".into() });
    assert!(!desk.due().contains(&Duty::CloseIntent(lease)), "the engine may still be working on it");
    desk.now = desk.now.plus(Span::from_seconds(2));
    assert!(desk.due().contains(&Duty::CloseIntent(lease)));
}
