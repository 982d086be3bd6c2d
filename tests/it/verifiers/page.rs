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
    for place in ["src/domain/state.rs", "src/domain/state", "src/audit/verify.rs", "src/audit/parts.rs"] {
        laws_in(&xtask::root().join(place), &mut said);
    }
    assert!(said.contains("approval") && said.contains("root"), "this test looks in the wrong place: {said:?}");
    let untold: Vec<_> = said.difference(&sections).collect();
    assert!(untold.is_empty(), "{PAGE} has no section for {untold:?}");
    let unsaid: Vec<_> = sections.difference(&said).filter(|law| *law != "witness").collect();
    assert!(unsaid.is_empty(), "nothing says {unsaid:?}");
}

/// Words in quotes that stand as a law does: first among the arguments of what makes a complaint, or behind the index.
fn laws_in(place: &Path, laws: &mut BTreeSet<String>) {
    if place.is_dir() {
        let inside = fs::read_dir(place).unwrap().map(|file| file.unwrap().path());
        inside.filter(|path| !path.ends_with("tests") && !path.ends_with("tests.rs")).for_each(|it| laws_in(&it, laws));
        return;
    }
    let code = fs::read_to_string(place).unwrap();
    let is_audit = place.components().any(|part| part.as_os_str() == "audit");
    let calls: &[&str] = if is_audit { &["(", ", "] } else { &["Broken::new("] };
    let code = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("( \"", "(\"");
    for call in calls {
        let call = format!("{call}\"");
        for (at, _) in code.match_indices(&call) {
            let Some((law, behind)) = code[at + call.len()..].split_once('"') else { continue };
            if behind.starts_with(", ") && law.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
                laws.insert(law.to_owned());
            }
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
