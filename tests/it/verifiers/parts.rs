//! What whoever chooses the parts that are shown, and signs, cannot hide in them; and what is no complaint.

use super::bundles::Log;
use super::judged;
use super::python::Python;
use serde_json::{Value, json};

/// What both verifiers say of the golden log without the entries of a range, as a selection.
fn verdicts(cases: &[(std::ops::Range<usize>, Option<Value>)]) -> Vec<super::Verdict> {
    let (log, mut python) = (Log::golden(), Python::start());
    let base = log.base();
    let case = |(hidden, selection): &(std::ops::Range<usize>, Option<Value>)| {
        let lines = log.partial(std::slice::from_ref(hidden), selection.as_ref());
        base.to(&lines, format!("without {hidden:?}, {selection:?}"))
    };
    let cases: Vec<_> = cases.iter().map(case).collect();
    judged(&mut python, &base, &cases)
}

/// The time of the golden log's entry at an index, and some microseconds.
fn time(index: usize, later: &str) -> String {
    format!("2026-11-01T04:00:{index:02}.00000{later}Z")
}

#[test]
fn a_selection_that_does_not_say_from_when_hides_nothing_before_its_first_count() {
    let counted = Log::golden().first("log.counted");
    let complete = Some(("complete".to_owned(), Some(counted as u64)));
    let said = verdicts(&[
        (0..counted, Some(json!({ "from": time(counted, "2") }))),
        (0..counted, Some(json!({ "credential": "ledger-ro" }))),
        (0..counted, Some(json!({ "to": time(counted, "1") }))),
        (0..counted, Some(json!({ "from": time(counted, "1") }))),
        (0..counted, Some(json!({}))),
    ]);
    assert_eq!(said, [None, complete.clone(), complete.clone(), complete.clone(), complete]);
}

#[test]
fn a_lease_that_began_before_what_is_shown_is_no_complaint_and_one_that_is_hidden_in_the_midst_is() {
    let log = Log::golden();
    let [issued, renewed] = ["lease.issued", "lease.renewed"].map(|kind| log.first(kind));
    let said = verdicts(&[(0..issued, None), (0..renewed, None), (1..renewed, None)]);
    assert_eq!(said, [None, None, Some(("lease".to_owned(), Some(renewed as u64)))]);
}

#[test]
fn what_is_shown_of_a_part_was_written_by_the_right_hand() {
    let mut log = Log::golden();
    let index = log.first("lease.issued");
    let person = log.rows[log.first("task.requested")].entry["actor"].clone();
    let mut forged = log.rows[index].entry.clone();
    forged["actor"] = person;
    let honest = log.rows[index].clone();
    for (row, verdict) in
        [(honest.clone(), None), (honest.with(forged), Some(("actor".to_owned(), Some(index as u64))))]
    {
        log.rows[index] = row;
        let base = log.base();
        let part = base.to(&log.partial(std::slice::from_ref(&(0..2)), None), format!("a part, {verdict:?}"));
        assert_eq!(judged(&mut Python::start(), &base, &[part]), [verdict]);
    }
}
