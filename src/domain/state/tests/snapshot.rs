//! What is written of a state is the state: nothing is lost, nothing that follows is written, and no
//! bytes bring the reader down.

mod closed;
mod sample;

use super::desk::{Desk, ESTATE, name};
use crate::base::Digest;
use crate::entry::bodies::estate::{ItemJson, ItemSet};
use crate::estate::Document;
use crate::state::ask::{ApplyEstate, Concerns, EndTask, EraseOpening};
use crate::state::snapshot::FORM;
use crate::state::{Ask, Command, Finding, State, Task};
use proptest::prelude::*;
use sample::sample;

fn round_trip(state: &State) -> State {
    let bytes = state.to_snapshot().unwrap();
    let read = State::of_snapshot(&bytes).unwrap();
    assert_eq!(read.to_snapshot().unwrap(), bytes, "one state has one form");
    read
}

/// The digest of [`sample`] in its written form. It may change only together with `FORM`.
const GOLDEN: (&str, &str) = ("leasehold-state/1", "S1RMwZ51kp1T1wu5-5JVwP45oU0VmWT9KuqmvPFLuc4");

#[test]
fn the_form_does_not_change_without_its_name() {
    let digest = Digest::of(&[&sample().to_snapshot().unwrap()]).to_string();
    assert_eq!((FORM, digest.as_str()), GOLDEN, "give FORM the next number, and write both down here");
}

#[test]
fn every_kind_of_everything_comes_back() {
    let state = sample();
    let text = format!("{state:?}");
    let variants = [
        "Requested",
        "Approved(",
        "Active(",
        "Completed",
        "Cancelled",
        "Expired",
        "Denied",
        "Intended(",
        "Issued",
        "Ending(",
        "Unproven(",
        "With(",
        "Since(",
        "Task(",
        "Over(",
        "Approval(",
        "Lease(",
        "Secret(",
        "Estate(",
        "Erasure {",
        "Revocable",
        "ExpiryBounded",
        "RotateOnly",
    ];
    for variant in variants {
        assert!(text.contains(variant), "the sample has no {variant}");
    }
    assert_eq!(round_trip(&state), state);
    assert_eq!(round_trip(&State::default()), State::default());
}

#[test]
fn a_credential_is_kept_as_it_was_declared_for_each_task_and_written_once() {
    let mut desk = Desk::new();
    let before = desk.request("ledger-ro");
    let one = desk.state.to_snapshot().unwrap().len();
    declare(&mut desk, &ESTATE.replace("\"10m\"", "\"9m\""));
    let after = desk.request("ledger-ro");
    let two = desk.state.to_snapshot().unwrap().len();
    let also = desk.request("ledger-ro");
    let three = desk.state.to_snapshot().unwrap().len();
    assert!(three - two + 100 < two - one, "{one} {two} {three}: only the second brought a credential");
    let read = round_trip(&desk.state);
    let ttl = |task| read.tasks[&task].facts.scope[&name("ledger-ro")].max_ttl_seconds;
    assert_eq!((ttl(before), ttl(after), ttl(also)), (600, 540, 540));
    assert_eq!(read, desk.state);
}

#[test]
fn in_the_middle_of_an_estate_group_nothing_is_written() {
    let mut desk = Desk::new();
    assert!(desk.state.to_snapshot().is_some());
    let (kind, named, json) = ("team", "late", r#"{"members":["spiffe://example.org/people/lead"]}"#);
    desk.note_of("people/operator", 9, ItemSet { item: ItemJson(json.into()), kind: kind.into(), name: named.into() });
    assert_eq!(desk.state.to_snapshot(), None);
}

#[test]
fn bytes_that_are_cut_off_or_longer_are_no_state() {
    let bytes = sample().to_snapshot().unwrap();
    assert!(State::of_snapshot(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(State::of_snapshot(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
    }
    assert!(State::of_snapshot(&[bytes.as_slice(), b"\0"].concat()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    /// Also the agenda, the lists of requests and the unproven: what is made again is what was there.
    #[test]
    fn a_state_that_was_written_and_read_is_the_same_state(steps in proptest::collection::vec((0_u8..24, 0_usize..4, 0_u64..400), 1..80)) {
        let mut desk = Desk::new();
        for (step, which, wait) in steps {
            desk.later(wait);
            walk(&mut desk, step, which);
        }
        prop_assert_eq!(&round_trip(&desk.state), &desk.state);
    }

    /// A start from a snapshot and the tail is the whole fold, wherever it was taken.
    #[test]
    fn a_fold_that_was_written_down_on_the_way_ends_in_the_same_state(
        steps in proptest::collection::vec((0_u8..24, 0_usize..4, 0_u64..400), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut desk = Desk::new();
        for (step, which, wait) in steps {
            desk.later(wait);
            walk(&mut desk, step, which);
        }
        let (cut, mut state) = (cut.index(desk.bytes.len() + 1), State::default());
        for (index, bytes) in desk.bytes.iter().enumerate() {
            if index >= cut && state.check_end().is_ok() {
                state = round_trip(&state);
            }
            let entry = crate::entry::Entry::read(bytes).unwrap();
            state.apply(&entry, Digest::of(&[b"\0", bytes])).unwrap();
        }
        prop_assert_eq!(&state, &desk.state);
    }

    /// Whatever the bytes are, reading ends, and what was read can be written.
    #[test]
    fn hostile_bytes_do_not_bring_the_reader_down(at in any::<prop::sample::Index>(), byte in any::<u8>(), tail in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = sample().to_snapshot().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = State::of_snapshot(&bytes);
        bytes.splice(at.., tail);
        let _ = State::of_snapshot(&bytes);
    }
}

/// The steps of the laws' walk, and those that it does not know.
fn walk(desk: &mut Desk, step: u8, which: usize) {
    let task = desk.state.tasks.keys().nth(which).copied();
    let lease = desk.state.leases.keys().nth(which).copied();
    match (step, task, lease) {
        (12, _, Some(lease)) => {
            drop(desk.decide(Command::Found(Finding::Unproven { lease, missing: "engine".into() })));
        }
        (13, _, Some(lease)) => drop(desk.decide(Command::Found(Finding::Accepted(lease)))),
        (14, _, Some(lease)) => desk.orphan(lease),
        (15, _, Some(lease)) => {
            let mark = fresh(desk);
            drop(desk.ask("people/operator", 9, mark, Ask::RevokeLease(lease)));
        }
        (16, Some(task), _) => {
            let (mark, justification) = (fresh(desk), None);
            let cancel = Ask::CancelTask(EndTask { task, justification });
            drop(desk.ask("people/lead", 2, mark, cancel));
        }
        // As the driver has it: a task's tokens go when it is over and none of its leases is open.
        (17, Some(task), _) if is_over(&desk.state.tasks[&task]) => desk.token_gone(task),
        (18, ..) => declare(desk, &ESTATE.replace("\"10m\"", &format!("\"{}m\"", 2 + which))),
        (19 | 20, ..) => {
            let (mark, fields) = (fresh(desk), vec!["purpose".to_owned()]);
            let concerns = Concerns { task: None, lease: None };
            let erase = EraseOpening { index: 3, fields, concerns: Some(concerns), justification: None };
            let who = if step == 19 { ("people/operator", 9) } else { ("people/auditor", 8) };
            drop(desk.ask(who.0, who.1, mark, Ask::EraseOpening(erase)));
        }
        (21, Some(task), Some(old)) => drop(desk.supersede(task, "ledger-ro", old)),
        (22, ..) => drop(desk.decide(Command::Count)),
        _ => super::laws::random_step(desk, step % 12, which),
    }
}

fn is_over(task: &Task) -> bool {
    matches!(task.stage, crate::state::task::Stage::Ending(..)) && task.open_leases.is_empty()
}

fn fresh(desk: &mut Desk) -> u8 {
    desk.chance += 1;
    desk.chance
}

fn declare(desk: &mut Desk, document: &str) {
    let (document, version) = (Document::parse(document).unwrap(), desk.state.estate.version());
    let mark = fresh(desk);
    desk.ask("people/operator", 9, mark, Ask::ApplyEstate(ApplyEstate { document, version })).unwrap();
}
