//! Logs by chance: lawful ones hold for both; every entry that the fold refuses is refused by both under the same
//! law; and what is changed in them, signed anew or not, is judged alike. A failing seed is in the message.

use super::bundles::{Base, Log, Row, report};
use super::forged::{forge, pool, variants};
use super::mutations::{Case, flip};
use super::python::Python;
use super::walk::{Chance, Walk};
use super::{detected, judged};
use leasehold::domain::entry::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SEEDS: std::ops::Range<u64> = 1..7;

/// More seeds for those who have time.
fn seeds() -> std::ops::Range<u64> {
    let last = std::env::var("LEASEHOLD_SEEDS").ok().and_then(|text| text.parse().ok());
    SEEDS.start..last.unwrap_or(SEEDS.end)
}

#[test]
fn what_the_fold_refuses_both_refuse_under_the_same_law() {
    let mut python = Python::start();
    let (mut laws, mut types) = (BTreeMap::<&str, usize>::new(), BTreeMap::<String, usize>::new());
    for seed in seeds() {
        let walk = Walk::of(seed, 260);
        let base = walk.log.base();
        assert_eq!(judged(&mut python, &base, &[Case::none()]), [None], "seed {seed}");
        let mut chance = Chance::new(seed);
        let refused: Vec<_> =
            walk.refused.iter().filter(|it| chance.below(if it.2 == "estate-group" { 30 } else { 5 }) == 0).collect();
        let cases: Vec<Case> =
            refused.iter().map(|(index, row, law)| next(&walk.log, &base, *index, row, law)).collect();
        let verdicts = judged(&mut python, &base, &cases);
        for ((index, _, law), verdict) in refused.iter().zip(verdicts) {
            assert_eq!(verdict, Some(((*law).to_owned(), Some(*index as u64))), "seed {seed}");
            *laws.entry(law).or_default() += 1;
        }
        for row in &walk.log.rows {
            *types.entry(row.entry["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    println!("{laws:?} {types:?}");
    let missing: Vec<_> = Body::TYPES.iter().filter(|name| !types.contains_key(**name)).collect();
    assert!(missing.is_empty(), "no walk has {missing:?}");
    assert!(laws.len() >= 14, "{laws:?}");
}

/// The log up to an index, with this entry behind it and nothing more.
fn next(log: &Log, base: &Base, index: usize, row: &Row, law: &str) -> Case {
    let rows = log.rows[..index].iter().chain([row]).cloned().collect();
    base.to(&Log { rows }.bundle(None), format!("entry {index} breaks {law}: {}", row.entry))
}

#[test]
fn forged_fields_of_walks_are_judged_alike() {
    let mut python = Python::start();
    for seed in seeds() {
        let log = Walk::of(seed, 200).log;
        let (base, pool, mut chance) = (log.base(), pool(&log), Chance::new(seed));
        let case = |_| {
            let index = chance.below(log.rows.len());
            let (what, entry) = chance.of(&variants(&log.rows[index].entry, &pool));
            base.to(&forge(&log, index, entry).bundle(None), format!("seed {seed}, entry {index}: {what}"))
        };
        let cases: Vec<Case> = (0..100).map(case).collect();
        let verdicts = judged(&mut python, &base, &cases);
        assert!(verdicts.iter().any(Option::is_some), "seed {seed}");
    }
}

#[test]
fn a_long_log_holds_and_no_change_of_it_is_missed() {
    let (seed, mut python) = (77, Python::start());
    let walk = Walk::of(seed, 2_400);
    let (base, mut chance) = (walk.log.base(), Chance::new(seed));
    assert_eq!(judged(&mut python, &base, &[Case::none()]), [None]);
    let mut cases: Vec<Case> = Vec::new();
    for _ in 0..12 {
        let line = chance.below(base.lines.len());
        cases.push(flip(&base, line, chance.below(base.lines[line].len() * 8)));
        let other = 1 + chance.below(base.lines.len() - 1);
        let moved = [base.lines[other].clone()].concat();
        let what = format!("line {other} stands before {line} too");
        cases.push(Case { head: None, keep: line, middle: moved, resume: line, what });
        let what = format!("without line {line}");
        cases.push(Case { head: None, keep: line, middle: Vec::new(), resume: line + 1, what });
        let index = chance.below(walk.log.rows.len());
        let mut rows = walk.log.rows.clone();
        rows.remove(index);
        let lines = Log { rows }.bundle(None);
        cases
            .push(base.to(&[&base.lines[..1], &lines[1..]].concat(), format!("without entry {index}, indexes mended")));
    }
    detected(&mut python, &base, &cases);
}

#[test]
fn both_report_the_same_of_what_holds() {
    let Some(mut python) = Python::start() else { return };
    for log in [Log::golden(), Walk::of(3, 300).log] {
        let base = log.base();
        let ours = serde_json::to_value(report(&base.whole(), &base.keys)).unwrap();
        let theirs = python.reports(&base, &[Case::none()]);
        assert_eq!(theirs, [ours]);
    }
}

/// Parts of walks, as someone is shown them; lawful and with entries that were swapped, dropped or changed.
#[test]
fn parts_are_judged_alike() {
    let mut python = Python::start();
    let mut laws = BTreeMap::<String, usize>::new();
    for seed in seeds() {
        let log = Walk::of(seed, 200).log;
        let (base, pool, mut chance) = (log.base(), pool(&log), Chance::new(seed));
        let mut cases = Vec::new();
        for nth in 0..60 {
            let index = chance.below(log.rows.len());
            let other = chance.below(log.rows.len());
            let mut forged = match nth % 4 {
                0 => log.clone(),
                1 => forge(&log, index, chance.of(&variants(&log.rows[index].entry, &pool)).1),
                _ => log.clone(),
            };
            match nth % 4 {
                2 => forged.rows.swap(index, other),
                3 => drop(forged.rows.remove(index)),
                _ => {}
            }
            let hidden = hidden(&forged, &mut chance);
            let selection = selection(&forged, &mut chance);
            let lines = forged.partial(&hidden, selection.as_ref());
            cases.push(base.to(&lines, format!("seed {seed}, part {nth}: {hidden:?}, {selection:?}")));
        }
        for verdict in judged(&mut python, &base, &cases) {
            *laws.entry(verdict.map_or("holds".to_owned(), |(law, _)| law)).or_default() += 1;
        }
    }
    println!("{laws:?}");
    for law in ["holds", "lease", "counts", "complete", "time"] {
        assert!(laws.contains_key(law), "no case for {law}: {laws:?}");
    }
}

/// A few ranges, or everything but what one filter shows.
fn hidden(log: &Log, chance: &mut Chance) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    let tasks: Vec<&Value> =
        log.rows.iter().map(|row| &row.entry["what"]["lease"]).filter(|it| it.is_string()).collect();
    let lease = if tasks.is_empty() { Value::Null } else { chance.of(&tasks).clone() };
    let by_filter = chance.below(3);
    let gap = 1 + chance.below(12);
    for (index, row) in log.rows.iter().enumerate() {
        let kind = row.entry["type"].as_str().unwrap_or_default();
        let told = ["log.counted", "lease.intended", "lease.issued", "task.requested"].contains(&kind);
        let is_hidden = match by_filter {
            0 => !told || chance.below(40) == 0,
            1 => !(told || row.entry["what"]["lease"] == lease),
            _ => index % (2 * gap) < gap,
        };
        match ranges.last_mut() {
            Some(last) if is_hidden && last.end == index => last.end += 1,
            _ if is_hidden => ranges.push(index..index + 1),
            _ => {}
        }
    }
    ranges
}

fn selection(log: &Log, chance: &mut Chance) -> Option<Value> {
    let time = |chance: &mut Chance| chance.of(&log.rows).entry["time"].clone();
    match chance.below(5) {
        0 => None,
        1 => Some(json!({})),
        2 => Some(json!({ "task": "any" })),
        3 => Some(json!({ "from": time(chance) })),
        _ => Some(json!({ "from": time(chance), "to": time(chance), "credential": "motd" })),
    }
}
