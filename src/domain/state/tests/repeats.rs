//! What is remembered of requests, for how long, and what happens when no more can be.

use super::desk::{Desk, ESTATE, subject, task_of};
use crate::base::{ConnectionId, Digest, Span, TaskId, Time};
use crate::entry::RequestMark;
use crate::estate::Document;
use crate::reason::Reason;
use crate::state::command::{ApplyEstate, Caller, RenewLease, RenewedFacts, Reply};
use crate::state::repeat::{Kept, Over};
use crate::state::task::End;
use crate::state::{Ask, Command, Finding, State, limits};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: u64 = limits::REMEMBER.seconds();

/// Each request stands in exactly one list, where it says that it does.
pub(super) fn check_lists(state: &State) {
    for (id, remembered) in &state.requests {
        let (bound, aging) = match remembered.kept {
            Kept::With(task) => (state.tasks.contains_key(&task) && state.bound.contains(&(task, *id)), false),
            Kept::Since(time) => (false, state.aging.contains(&(time, *id))),
        };
        assert!(bound || aging, "{remembered:?} is in no list");
    }
    assert_eq!(state.requests.len(), state.bound.len() + state.aging.len(), "a list names what is forgotten");
}

/// A task that was requested with mark 97, completed, and is gone.
fn finished(desk: &mut Desk) -> TaskId {
    let task = task_of(&desk.request_marked(97, "ledger-ro").unwrap());
    desk.approve(task).unwrap();
    desk.token(task);
    desk.complete(task).unwrap();
    desk.token_gone(task);
    assert!(desk.state.tasks.is_empty());
    task
}

fn over(reply: Reply) -> Over {
    let Reply::Over(over) = reply else { panic!("{reply:?}") };
    over
}

#[test]
fn a_request_is_never_a_second_task_on_the_day_after_the_first_is_gone() {
    let mut desk = Desk::new();
    let task = finished(&mut desk);
    let (gone, size) = (desk.now, desk.state.size);
    let told = over(desk.request_marked(97, "ledger-ro").unwrap());
    assert_eq!((told.task, told.end, told.since), (task, End::Completed, gone));
    assert_eq!(desk.request_marked(97, "motd").unwrap_err().reason, Reason::RequestIdReused);
    desk.later(DAY - 1);
    assert_eq!(over(desk.request_marked(97, "ledger-ro").unwrap()), told);
    assert_eq!(desk.state.size, size, "repeats leave no entry");
    desk.later(1);
    // Some entry is folded a day later: any.
    desk.request("motd");
    assert!(desk.request_marked(97, "motd").is_ok(), "the id is free");
    check_lists(&desk.state);
    assert_eq!(desk.state, desk.refolded());
}

#[test]
fn a_request_is_remembered_as_long_as_its_task_and_a_day_more() {
    let mut desk = Desk::new();
    let task = desk.request_marked(97, "ledger-ro").map(|reply| task_of(&reply)).unwrap();
    desk.later(DAY - 1);
    desk.approve(task).unwrap();
    desk.token(task);
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    desk.complete_marked(98, task).unwrap();
    desk.later(DAY);
    desk.gone(lease);
    assert_eq!(task_of(&desk.request_marked(97, "ledger-ro").unwrap()), task, "its end took more than a day");
    assert_eq!(task_of(&desk.complete_marked(98, task).unwrap()), task);
    desk.token_gone(task);
    desk.later(DAY - 1);
    let told = over(desk.request_marked(97, "ledger-ro").unwrap());
    assert_eq!(over(desk.complete_marked(98, task).unwrap()), told);
    check_lists(&desk.state);
}

#[test]
fn what_was_asked_within_a_task_goes_with_it() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    for mark in 100..120 {
        desk.issue_marked(mark, task, "ledger-ro", None).unwrap();
    }
    assert_eq!(desk.state.bound.len(), 22, "the request, a yes, and twenty secrets");
    let leases: Vec<_> = desk.state.leases.keys().copied().collect();
    leases.into_iter().for_each(|lease| desk.not_issued(lease));
    assert_eq!(desk.state.bound.len(), 2, "what came to nothing is free at once");
    desk.complete(task).unwrap();
    desk.token_gone(task);
    assert!(desk.state.bound.is_empty());
    // With the estate of the beginning.
    assert_eq!(desk.state.aging.len(), 3, "how it began and how it ended");
    check_lists(&desk.state);
}

#[test]
fn an_id_that_was_freed_belongs_to_its_next_task_alone() {
    let mut desk = Desk::new();
    let (first, second) = (desk.active("ledger-ro"), desk.active("ledger-ro"));
    let lease = super::desk::lease_of(&desk.issue_marked(77, first, "ledger-ro", None).unwrap());
    desk.not_issued(lease);
    desk.issue_marked(77, second, "ledger-ro", None).unwrap();
    desk.complete(first).unwrap();
    desk.token_gone(first);
    let again = desk.issue_marked(77, second, "ledger-ro", None).unwrap_err();
    assert_eq!(again.reason, Reason::StillIntended, "the end of the first task frees nothing of the second");
    check_lists(&desk.state);
}

#[test]
fn a_log_that_holds_an_id_twice_is_folded_and_the_later_one_is_meant() {
    let mut desk = Desk::new();
    finished(&mut desk);
    desk.later(60);
    // As a broker did that forgot the request with its task.
    let id = Digest::of(&[&[97]]);
    let mut forgetful = desk.state.clone();
    forgetful.forget_request(Some(id));
    let knows = std::mem::replace(&mut desk.state, forgetful);
    let second = task_of(&desk.request_marked(97, "ledger-ro").unwrap());
    assert!(!knows.tasks.contains_key(&second) && knows.requests.contains_key(&id));
    desk.state = desk.refolded();
    check_lists(&desk.state);
    desk.later(DAY - 60);
    desk.request("motd");
    assert_eq!(task_of(&desk.request_marked(97, "ledger-ro").unwrap()), second, "the day of the first does not end it");
}

#[test]
fn a_task_that_has_asked_enough_gets_no_more_and_can_still_be_ended() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    let spend = |desk: &mut Desk, asked| desk.state.tasks.get_mut(&task).unwrap().asked = asked;
    let asked = desk.state.tasks[&task].asked;
    assert_eq!(asked, 3, "the request, a yes, a secret");
    spend(&mut desk, limits::ASKED_OF_A_TASK_MAX - 1);
    let last = desk.issue(task, "ledger-ro").unwrap();
    desk.not_issued(last);
    let spent = desk.issue(task, "ledger-ro").unwrap_err();
    assert_eq!(spent.reason, Reason::TaskSpent, "also what came to nothing was asked");
    let renew = |desk: &mut Desk, mark| {
        desk.ask("agent/billing-bot", 1, mark, Ask::RenewLease(RenewLease { lease, ttl: None })).map(drop)
    };
    assert_eq!(renew(&mut desk, 150).unwrap_err().reason, Reason::TaskSpent);
    spend(&mut desk, asked);
    assert!(renew(&mut desk, 150).is_ok());
    spend(&mut desk, limits::ASKED_OF_A_TASK_MAX);
    desk.ask("agent/billing-bot", 1, 151, Ask::RevokeLease(lease)).unwrap();
    desk.complete(task).unwrap();
    check_lists(&desk.state);
}

#[test]
fn a_callers_renewal_is_one_of_the_tasks_requests_and_the_brokers_own_step_is_none() {
    let mut desk = Desk::new();
    let task = desk.active("ledger-ro");
    let lease = desk.issue(task, "ledger-ro").unwrap();
    desk.seal(lease);
    let caller =
        Caller { subject: subject("agent/billing-bot", desk.now), connection: ConnectionId::new(desk.now, [1; 10]) };
    let mark = RequestMark { id: Digest::of(&[b"id"]), content: Digest::of(&[b"content"]) };
    let renewed = |desk: &mut Desk, asked_by| {
        let (asked, engine_expires) = (desk.state.tasks[&task].asked, desk.now.plus(Span::from_seconds(120)));
        let facts = RenewedFacts { lease, engine_expires, expires: None, asked_by };
        desk.decide(Command::Found(Finding::Renewed(facts))).unwrap();
        desk.state.tasks[&task].asked - asked
    };
    assert_eq!(renewed(&mut desk, None), 0);
    assert_eq!(renewed(&mut desk, Some((caller, mark))), 1);
    let again = Ask::RenewLease(RenewLease { lease, ttl: None });
    let size = desk.state.size;
    assert!(matches!(desk.ask_with("agent/billing-bot", 1, mark, again), Ok(Reply::Lease(known)) if known == lease));
    assert_eq!(desk.state.size, size, "a repeat leaves no entry");
    check_lists(&desk.state);
}

/// As if so many requests were remembered since then.
fn fill(desk: &mut Desk, count: usize) {
    let since = desk.now;
    desk.state.aging = (0..count).map(|at| (since, Digest::of(&[&at.to_be_bytes()]))).collect();
}

#[test]
fn where_no_more_can_be_remembered_no_task_is_opened_and_every_end_is_taken() {
    let mut desk = Desk::new();
    let task = desk.active("motd");
    let room = limits::REMEMBERED_MAX - limits::REMEMBERED_FOR_OPERATORS;
    fill(&mut desk, room - 4);
    let last = desk.request("motd");
    let denial = desk.request_marked(240, "motd").unwrap_err();
    assert_eq!(denial.reason, Reason::Overloaded);
    desk.complete(task).unwrap();
    desk.token_gone(task);
    assert!(desk.state.aging.len() > room - 4, "what the open task leaves behind has its place");
    assert!(desk.state.tasks.contains_key(&last));
    let changed = ESTATE.replace("reconcile invoices", "reconcile all invoices");
    let ask = ApplyEstate { document: Document::parse(&changed).unwrap(), version: 1 };
    desk.ask("people/operator", 9, 242, Ask::ApplyEstate(ask)).expect("an operator can still act");
    // Nothing is folded meanwhile, and yet there is room when the day is over.
    desk.later(DAY);
    assert!(desk.request_marked(243, "motd").is_ok());
    assert!(desk.state.aging.len() < 10);
}

#[test]
fn an_operator_too_is_refused_at_the_very_bound() {
    let mut desk = Desk::new();
    let apply = |desk: &mut Desk, purpose: &str, version| {
        let changed = ESTATE.replace("reconcile invoices", purpose);
        let ask = ApplyEstate { document: Document::parse(&changed).unwrap(), version };
        let mark = 200 + u8::try_from(version).unwrap();
        desk.ask("people/operator", 9, mark, Ask::ApplyEstate(ask)).map(drop).map_err(|denial| denial.reason)
    };
    desk.later(1);
    fill(&mut desk, limits::REMEMBERED_MAX - 1);
    assert_eq!(apply(&mut desk, "one", 1), Ok(()));
    assert_eq!(apply(&mut desk, "two", 2), Err(Reason::Overloaded));
    desk.now = desk.now.plus(Span::from_seconds(DAY));
    assert_eq!(apply(&mut desk, "two", 2), Ok(()));
}

/// What a caller remembers of one of their request ids.
struct Known {
    task: TaskId,
    gone: Option<Time>,
}

/// One step of a caller with a handful of request ids, who cannot know which of them got through.
fn step(desk: &mut Desk, known: &mut BTreeMap<u8, Known>, what: u8, mark: u8) {
    let task = known.get(&mark).map(|known| known.task).filter(|task| desk.state.tasks.contains_key(task));
    match (what, task) {
        (0..3, _) => repeat(desk, known, mark),
        (3, Some(task)) => {
            if desk.approve(task).is_ok() {
                desk.token(task);
            }
        }
        (4, Some(task)) => drop(desk.complete(task)),
        (5, Some(task)) => desk.token_gone(task),
        (_, _) => desk.due().into_iter().filter(|duty| duty.is_deadline()).for_each(|duty| desk.pass(duty)),
    }
    for known in known.values_mut().filter(|known| !desk.state.tasks.contains_key(&known.task)) {
        known.gone.get_or_insert(desk.now);
    }
}

fn repeat(desk: &mut Desk, known: &mut BTreeMap<u8, Known>, mark: u8) {
    let size = desk.state.size;
    let task = match desk.request_marked(240 + mark, "ledger-ro").unwrap() {
        Reply::Over(over) => over.task,
        reply => task_of(&reply),
    };
    let held = |known: &&Known| known.gone.is_none_or(|gone| desk.now.since(gone) < limits::REMEMBER);
    match known.get(&mark).filter(held) {
        Some(known) => assert_eq!((task, desk.state.size), (known.task, size), "a second task"),
        None if desk.state.size > size => drop(known.insert(mark, Known { task, gone: None })),
        // Nothing was folded since its day was over.
        None => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// In whatever order tasks come and go: within its day no request id makes two, and after a
    /// restart it is the same.
    #[test]
    fn no_request_id_makes_two_tasks_within_its_day(steps in proptest::collection::vec((0_u8..7, 0_u8..5, 0_u64..15), 1..60)) {
        let (mut desk, mut known) = (Desk::new(), BTreeMap::new());
        for (what, mark, hours) in steps {
            desk.later(hours * 3_600);
            step(&mut desk, &mut known, what, mark);
            check_lists(&desk.state);
        }
        prop_assert_eq!(&desk.state, &desk.refolded());
    }
}
