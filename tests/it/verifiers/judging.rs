//! The fold that only judges keeps less than the server's and says the same: of every entry that may follow, and
//! of every one that may not. And what is chosen from a lawful log, as the broker chooses it, holds.

use super::bundles::{Log, Row};
use super::judged;
use super::mutations::Case;
use super::python::Python;
use super::walk::{Chance, Walk};
use leasehold::audit::bundle::Selection;
use leasehold::audit::select::Selector;
use leasehold::domain::base::Digest;
use leasehold::domain::entry::{Body, Entry};
use leasehold::domain::state::{Broken, State, Task};
use std::ops::Range;

const SEEDS: Range<u64> = 20..26;

fn entry(row: &Row) -> Entry {
    Entry::read(serde_jcs::to_string(&row.entry).unwrap().as_bytes()).unwrap()
}

fn follow(state: &State, row: &Row) -> Result<State, Broken> {
    let mut next = state.clone();
    next.apply(&entry(row), Digest::parse(&row.digest()).unwrap()).map(|()| next)
}

/// All that a law or a report looks at.
fn seen(state: &State) -> String {
    let tasks: Vec<Task> = state.tasks.values().map(|task| Task { asked: 0, ..task.clone() }).collect();
    let State { size, time, broker, estate, leases, counts, erasures, unproven, .. } = state;
    let end = state.check_end();
    format!("{size} {time} {broker:?} {estate:?} {tasks:?} {leases:?} {counts:?} {erasures:?} {unproven:?} {end:?}")
}

#[test]
fn a_fold_that_only_judges_says_what_the_servers_says() {
    let mut refused = 0;
    let walks = SEEDS.map(|seed| Walk::of(seed, 400)).map(|walk| (walk.log, walk.refused));
    for (log, others) in walks.chain([(Log::golden(), Vec::new())]) {
        let (mut server, mut judge) = (State::default(), State::judging());
        for (index, row) in log.rows.iter().enumerate() {
            for (_, other, law) in others.iter().filter(|(at, ..)| *at == index) {
                let [one, two] = [&server, &judge].map(|state| follow(state, other).unwrap_err());
                assert_eq!((&one, one.law), (&two, *law));
                refused += 1;
            }
            [server, judge] = [server, judge].map(|state| follow(&state, row).unwrap());
            assert_eq!(seen(&server), seen(&judge), "behind entry {index}");
        }
        assert!(!server.requests.is_empty() && judge.requests.is_empty(), "the control: they are two folds");
    }
    assert!(refused > 1_000, "{refused}");
}

/// What the broker leaves out of the bundle of a selection: see `services::export`.
fn hidden(entries: &[Entry], selection: &Selection, stretch: &Range<usize>) -> Vec<Range<usize>> {
    let task_of_lease = entries.iter().find_map(|entry| match &entry.body {
        Body::LeaseIntended(body) if Some(body.lease.to_string()) == selection.lease => Some(body.task),
        _ => None,
    });
    let mut selector = Selector::new(selection.clone(), task_of_lease);
    entries[..stretch.start].iter().for_each(|entry| selector.passes(entry));
    let shown = |(index, entry)| stretch.contains(&index) && selector.shows(entry);
    let shown: Vec<bool> = entries.iter().enumerate().map(shown).collect();
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for at in (0..entries.len()).filter(|at| !shown[*at]) {
        match hidden.last_mut().filter(|range| range.end == at) {
            Some(range) => range.end += 1,
            None => hidden.push(at..at + 1),
        }
    }
    hidden
}

/// Each thing that can be chosen, of those that are in the log.
fn choices(entries: &[Entry], chance: &mut Chance) -> Vec<Selection> {
    let some = |kind: &dyn Fn(&Body) -> Option<String>| -> Vec<String> {
        entries.iter().filter_map(|entry| kind(&entry.body)).collect()
    };
    let leases = some(&|body| match body {
        Body::LeaseIntended(body) => Some(body.lease.to_string()),
        _ => None,
    });
    let tasks = some(&|body| match body {
        Body::TaskRequested(body) => Some(body.task.to_string()),
        _ => None,
    });
    let mut choices: Vec<Selection> = vec![Selection::default()];
    choices.extend(["billing-bot", "fleet"].map(|it| Selection { agent: Some(it.into()), ..Selection::default() }));
    choices.extend(["motd", "ledger-rw"].map(|it| Selection { credential: Some(it.into()), ..Selection::default() }));
    for _ in 0..leases.len().min(4) {
        choices.push(Selection { lease: Some(chance.of(&leases)), ..Selection::default() });
        choices.push(Selection { task: Some(chance.of(&tasks)), ..Selection::default() });
    }
    choices
}

#[test]
fn what_is_chosen_from_a_lawful_log_holds() {
    let mut python = Python::start();
    for seed in SEEDS {
        let (log, mut chance) = (Walk::of(seed, 400).log, Chance::new(seed));
        let (base, entries) = (log.base(), log.rows.iter().map(entry).collect::<Vec<_>>());
        let counts: Vec<usize> =
            (0..entries.len()).filter(|at| matches!(entries[*at].body, Body::LogCounted(_))).collect();
        let mut cases: Vec<Case> = Vec::new();
        for mut selection in choices(&entries, &mut chance) {
            let from = chance.below(entries.len());
            let last = *counts.last().unwrap();
            if chance.below(4) > 0 {
                selection.from = Some(entries[from].time.to_string());
            }
            selection.to = Some(entries[last].time.to_string());
            let first = selection
                .from
                .as_ref()
                .map_or(0, |_| entries.iter().position(|entry| entry.time >= entries[from].time).unwrap());
            let start = counts.iter().rev().find(|at| **at < first).copied().unwrap_or(0);
            let hidden = hidden(&entries, &selection, &(start..(last + 1).max(start)));
            let what = format!("seed {seed}: {selection:?}");
            cases.push(base.to(&log.partial(&hidden, Some(&serde_json::to_value(&selection).unwrap())), what));
        }
        let wrong: Vec<_> =
            judged(&mut python, &base, &cases).into_iter().zip(&cases).filter(|(said, _)| said.is_some()).collect();
        assert!(wrong.is_empty(), "{:?}", wrong.iter().map(|(said, case)| (said, &case.what)).collect::<Vec<_>>());
    }
}
