//! `docs/evidence-laws.md` names every law that our code can say, and the verifier in Python knows every word that
//! the types of the log are made of.

use super::bundles::Log;
use super::judged;
use super::python::Python;
use leasehold::domain::entry::Body;
use leasehold::domain::reason::Reason;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/evidence-laws.md";

#[test]
fn every_law_has_its_section_and_every_section_is_a_law() {
    let page = fs::read_to_string(xtask::root().join(PAGE)).unwrap();
    let sections: BTreeSet<String> = page
        .split("## The laws by name")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("### `")?.trim_end_matches('`').to_owned()))
        .collect();
    let mut said = BTreeSet::new();
    for place in ["src/domain/state.rs", "src/domain/state", "src/audit"] {
        laws_in(&xtask::root().join(place), &mut said);
    }
    assert!(said.contains("approval") && said.contains("root"), "this test looks in the wrong place: {said:?}");
    assert_eq!(said, sections);
}

/// The first text of each `Broken::new(…)`, and what complaints of the verifier are called.
fn laws_in(place: &Path, laws: &mut BTreeSet<String>) {
    if place.is_dir() {
        let inside = fs::read_dir(place).unwrap().map(|file| file.unwrap().path());
        inside.filter(|path| !path.ends_with("tests") && !path.ends_with("tests.rs")).for_each(|it| laws_in(&it, laws));
        return;
    }
    let code = fs::read_to_string(place).unwrap();
    for call in ["Broken::new(", "complain(", "refused("] {
        for rest in code.split(call).skip(1) {
            let arguments = rest.split([')', ';', '{']).next().unwrap_or_default();
            let named = arguments.split('"').nth(1).filter(|law| law.len() < 20 && !law.contains(' '));
            laws.extend(named.map(str::to_owned));
        }
    }
}

#[test]
fn python_knows_every_type_and_every_reason() {
    let (log, mut python) = (Log::golden(), Python::start());
    let base = log.base();
    let denied = log.first("access.denied");
    let forged = |pointer: &str, word: &str| {
        let mut entry = log.rows[denied].entry.clone();
        *entry.pointer_mut(pointer).unwrap() = word.into();
        base.to(&super::forged::forge(&log, denied, entry).bundle(None), word.to_owned())
    };
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| forged("/what/reason", reason.code())).collect();
    assert!(judged(&mut python, &base, &reasons).iter().all(|verdict| verdict.is_none()));
    let types: BTreeSet<&str> = log.rows.iter().map(|row| row.entry["type"].as_str().unwrap()).collect();
    assert_eq!(types, Body::TYPES.iter().copied().collect());
}
