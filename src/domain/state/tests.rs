//! The life of a task and its leases, driven through `decide` and `apply` as the writer does, with
//! the bytes of every entry written and read back on the way.

mod attack;
mod desk;
mod ends;
mod erasure;
mod laws;
mod pace;
mod refusals;
mod repeats;
#[cfg(feature = "snapshot")]
mod snapshot;

use super::task::Stage;
use super::*;
use crate::base::Span;
use desk::{Desk, lease_of, task_of};

#[test]
fn a_task_goes_from_request_to_gone() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    assert_eq!(desk.state.tasks[&task].stage, Stage::Requested);
    desk.approve(task).unwrap();
    assert!(matches!(desk.state.tasks[&task].stage, Stage::Approved(_)));
    assert_eq!(desk.due(), vec![Duty::MakeToken(task)]);
    desk.token(task);
    assert!(matches!(desk.state.tasks[&task].stage, Stage::Active(_)));
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    assert_eq!(desk.state.leases[&lease].stage, lease::Stage::Issued);
    desk.complete(task).unwrap();
    assert_eq!(desk.due(), vec![Duty::EndLease(lease)]);
    desk.gone(lease);
    assert_eq!(desk.due(), vec![Duty::EndToken(task)]);
    desk.token_gone(task);
    assert!(desk.state.tasks.is_empty() && desk.state.leases.is_empty() && desk.due().is_empty());
    assert_eq!(desk.state, desk.refolded(), "the state is the fold of the bytes");
}

#[test]
fn low_sensitivity_is_approved_by_rule() {
    let mut desk = Desk::new();
    let task = desk.request("motd");
    assert_eq!(desk.due(), vec![Duty::ApproveByRule(task)]);
    desk.pass(Duty::ApproveByRule(task));
    assert!(matches!(desk.state.tasks[&task].stage, Stage::Approved(_)));
    assert_eq!(desk.state.tasks[&task].approvals[0].by, "rule:low-sensitivity");
}

#[test]
fn an_approval_that_lapses_before_the_token_is_made_ends_the_task() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    desk.approve(task).unwrap();
    desk.pass(Duty::ExpireTask(task));
    assert!(matches!(desk.state.tasks[&task].stage, Stage::Approved(_)), "it has not lapsed yet");
    desk.later(limits::APPROVAL_MAX.seconds());
    desk.pass(Duty::ExpireTask(task));
    assert!(desk.state.tasks.is_empty());
}

#[test]
fn nobody_approves_the_own_request() {
    let mut desk = Desk::new();
    let task = desk.request("ledger-ro");
    assert_eq!(desk.approve_as("agent/billing-bot", 2, task).unwrap_err().reason, Reason::SelfApproval);
    // The same connection under another identity is the same hand.
    assert_eq!(desk.approve_as("people/lead", 1, task).unwrap_err().reason, Reason::SelfApproval);
    assert_eq!(desk.approve_as("people/stranger", 3, task).unwrap_err().reason, Reason::NotAnApprover);
    assert_eq!(desk.approve_as("people/other-lead", 4, task).unwrap_err().reason, Reason::NotFound);
    assert!(desk.approve_as("people/lead", 2, task).is_ok());
}

#[test]
fn the_life_of_a_secret_is_the_least_of_its_bounds() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    // The credential allows 600 s, the window 1,200 s.
    let lease = desk.issue(task, "ledger-ro").unwrap();
    assert_eq!(desk.state.leases[&lease].expires, desk.now.plus(Span::from_seconds(600)));
    let lease = desk.issue_for(task, "ledger-ro", Some(30)).unwrap();
    assert_eq!(desk.state.leases[&lease].expires, desk.now.plus(Span::from_seconds(30)));
    desk.later(1_000);
    let lease = desk.issue(task, "ledger-ro").unwrap();
    assert_eq!(desk.state.leases[&lease].expires, desk.now.plus(Span::from_seconds(200)), "the window");
    desk.later(196);
    assert_eq!(desk.issue(task, "ledger-ro").unwrap_err().reason, Reason::TtlTooShort);
    desk.later(4);
    assert_eq!(desk.issue(task, "ledger-ro").unwrap_err().reason, Reason::TaskWindowOver);
}

#[test]
fn a_repeat_finds_what_came_of_the_first() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let first = desk.issue_marked(7, task, "ledger-ro", None);
    let lease = lease_of(&first.unwrap());
    let again = desk.issue_marked(7, task, "ledger-ro", None).unwrap_err();
    assert_eq!(again.reason, Reason::StillIntended);
    desk.seal(lease);
    let again = desk.issue_marked(7, task, "ledger-ro", None).unwrap_err();
    assert_eq!((again.reason, again.ids[0].1.clone()), (Reason::AlreadyIssued, lease.to_string()));
    let other = desk.issue_marked(7, task, "ledger-ro", Some(99)).unwrap_err();
    assert_eq!(other.reason, Reason::RequestIdReused);
    let size = desk.state.size;
    let (one, two) = (desk.request_marked(9, "motd").unwrap(), desk.request_marked(9, "motd").unwrap());
    assert_eq!(task_of(&one), task_of(&two));
    assert_eq!(desk.state.size, size + 1, "a repeat leaves no entry");
}

#[test]
fn an_intent_that_came_to_nothing_frees_its_request() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = lease_of(&desk.issue_marked(7, task, "ledger-ro", None).unwrap());
    desk.not_issued(lease);
    assert!(desk.issue_marked(7, task, "ledger-ro", None).is_ok());
}

#[test]
fn the_end_of_a_task_is_told_to_a_repeat_too() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let first = desk.complete_marked(5, task).unwrap();
    desk.token_gone(task);
    assert!(desk.state.tasks.is_empty());
    let Reply::Over(over) = desk.complete_marked(5, task).unwrap() else { panic!("it is gone") };
    assert_eq!((over.task, over.end), (task_of(&first), task::End::Completed));
    assert_eq!(desk.complete_marked(6, task).unwrap_err().reason, Reason::NotFound);
}

use crate::reason::Reason;
