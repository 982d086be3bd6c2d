//! Openings go only when two people say so, and never from under an open task or lease; and the
//! numbers in the log are those of the log.

use super::desk::{Desk, ESTATE, lease_of};
use super::laws::{forged, forged_by};
use super::*;
use crate::base::{LeaseId, TaskId};
use crate::entry::bodies::{evidence, log};
use crate::estate::Document;
use crate::reason::Reason;

const ONE: (&str, u8) = ("people/operator", 30);
const TWO: (&str, u8) = ("people/second-operator", 31);

fn erase(
    desk: &mut Desk,
    who: (&str, u8),
    index: u64,
    about: (Option<TaskId>, Option<LeaseId>),
) -> Result<bool, Reason> {
    let ask = command::EraseOpening {
        index,
        fields: vec!["purpose".into()],
        concerns: Some(command::Concerns { task: about.0, lease: about.1 }),
        justification: None,
    };
    let mark = desk.fresh();
    match desk.ask(who.0, who.1, mark, Ask::EraseOpening(ask)) {
        Ok(Reply::Erasure { done }) => Ok(done),
        Ok(other) => panic!("{other:?}"),
        Err(denial) => Err(denial.reason),
    }
}

fn gone(desk: &mut Desk) -> (TaskId, u64) {
    let task = desk.active("motd");
    let index = desk.state.tasks[&task].facts.index;
    desk.complete(task).unwrap();
    desk.token_gone(task);
    (task, index)
}

#[test]
fn an_opening_goes_when_a_second_operator_agrees() {
    let mut desk = Desk::new();
    let (task, index) = gone(&mut desk);
    assert_eq!(erase(&mut desk, ONE, index, (Some(task), None)), Ok(false));
    assert_eq!(erase(&mut desk, ONE, index, (Some(task), None)), Err(Reason::SelfApproval));
    // The same hand under another name.
    assert_eq!(erase(&mut desk, (TWO.0, ONE.1), index, (Some(task), None)), Err(Reason::SelfApproval));
    assert_eq!(erase(&mut desk, TWO, index, (Some(task), None)), Ok(true));
    assert!(desk.state.erasures.is_empty());
    assert_eq!(desk.state, desk.refolded());
    assert_eq!(erase(&mut desk, TWO, index, (Some(task), None)), Ok(false), "asked for anew");
}

#[test]
fn what_an_open_task_or_lease_needs_stays() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let index = desk.state.tasks[&task].facts.index;
    assert_eq!(erase(&mut desk, ONE, index, (Some(task), None)), Err(Reason::OpeningInUse));
    let lease = desk.issue(task, "motd").unwrap();
    assert_eq!(erase(&mut desk, ONE, index, (None, Some(lease))), Err(Reason::OpeningInUse));
}

/// Another estate in force, applied by an operator of the one before.
fn declare(desk: &mut Desk, by: (&str, u8), document: &str) {
    let (document, version) = (Document::parse(document).unwrap(), desk.state.estate.version());
    let mark = desk.fresh();
    desk.ask(by.0, by.1, mark, Ask::ApplyEstate(command::ApplyEstate { document, version })).unwrap();
}

#[test]
fn whoever_lost_the_office_is_no_first_person_and_whoever_comes_next_is() {
    let mut desk = Desk::new();
    let (task, index) = gone(&mut desk);
    let about = (Some(task), None);
    assert_eq!(erase(&mut desk, ONE, index, about), Ok(false));
    declare(&mut desk, TWO, &ESTATE.replace("people/operator\"", "people/third-operator\""));
    assert_eq!(erase(&mut desk, TWO, index, about), Ok(false), "alone in office with the wish");
    assert_eq!(erase(&mut desk, TWO, index, about), Err(Reason::SelfApproval), "now it is theirs");
    assert_eq!(erase(&mut desk, ONE, index, about), Err(Reason::RoleMissing));
    assert_eq!(erase(&mut desk, ("people/third-operator", 32), index, about), Ok(true));
    assert_eq!(desk.state, desk.refolded());
}

#[test]
fn what_was_not_looked_up_is_recorded_for_nobody() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let index = desk.state.tasks[&task].facts.index;
    let unlooked = |desk: &mut Desk, who: (&str, u8)| {
        let fields = vec!["purpose".into()];
        let ask = command::EraseOpening { index, fields, concerns: None, justification: None };
        let mark = desk.fresh();
        desk.ask(who.0, who.1, mark, Ask::EraseOpening(ask))
    };
    let size = desk.state.size;
    assert!(matches!(unlooked(&mut desk, ONE), Ok(Reply::MayAsk)), "the office came between two looks");
    assert_eq!(unlooked(&mut desk, ("people/lead", 1)).unwrap_err().reason, Reason::RoleMissing);
    assert_eq!((desk.state.size, desk.state.erasures.len()), (size, 0));
}

#[test]
fn a_request_for_an_erasure_lapses_after_a_day() {
    let mut desk = Desk::new();
    let (task, index) = gone(&mut desk);
    assert_eq!(erase(&mut desk, ONE, index, (Some(task), None)), Ok(false));
    desk.later(limits::PENDING_MAX.seconds());
    assert_eq!(erase(&mut desk, TWO, index, (Some(task), None)), Ok(false), "it is the first again");
    desk.later(1);
    assert_eq!(erase(&mut desk, ONE, index, (Some(task), None)), Ok(true));
}

#[test]
fn no_more_erasures_wait_than_may() {
    let mut desk = Desk::new();
    let (task, _) = gone(&mut desk);
    for index in 0..limits::ERASURES_MAX as u64 {
        desk.later(3);
        let asked = evidence::ErasureRequested { fields: vec!["x".into()], index, lease: None, task: Some(task) };
        desk.note_of(TWO.0, TWO.1, asked);
    }
    assert_eq!(erase(&mut desk, ONE, 4, (Some(task), None)), Err(Reason::Overloaded));
}

#[test]
fn the_fold_refuses_an_erasure_by_one_hand_or_that_nobody_asked_for() {
    let mut desk = Desk::new();
    let (task, index) = gone(&mut desk);
    let fields = vec!["purpose".to_owned()];
    let requested = desk.state.size;
    let asked = evidence::ErasureRequested { fields: fields.clone(), index, lease: None, task: Some(task) };
    desk.note_of(ONE.0, ONE.1, asked);
    let erased = |index, requested| evidence::Erased { fields: fields.clone(), index, requested };
    let law = |who: (&str, u8), body| forged_by(&desk, desk.actor(who.0, who.1), body).err().map(|it| it.law);
    assert_eq!(law(TWO, erased(index, requested)), None);
    assert_eq!(law(ONE, erased(index, requested)), Some("erasure"), "the same hand");
    assert_eq!(law(TWO, erased(index + 1, requested)), Some("erasure"), "another entry");
    assert_eq!(law(TWO, erased(index, requested + 1)), Some("erasure"), "another request");
}

#[test]
fn the_fold_refuses_numbers_that_are_not_its_own() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let lease = lease_of(&desk.issue_marked(7, task, "motd", None).unwrap());
    desk.seal(lease);
    let right = desk.state.counts.body();
    assert_eq!(right.counts.values().sum::<u64>(), desk.state.size);
    let law = |body: log::Counted| forged(&desk, body).err().map(|broken| broken.law);
    assert_eq!(law(right.clone()), None);
    for name in ["lease.issued", "task.requested", "log.counted"] {
        let mut wrong = right.clone();
        *wrong.counts.entry(name.to_owned()).or_default() += 1;
        assert_eq!(law(wrong), Some("counts"), "{name}");
    }
    assert_eq!(law(log::Counted { counts: [("lease.unheard".to_owned(), 1)].into() }), Some("counts"));
}
