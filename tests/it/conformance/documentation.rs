//! docs/conformance.md names each clause, its tests and the number of its vectors, truthfully.

use super::vectors;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One row of the clause table: clause, number of vectors, tests.
fn rows() -> Vec<(String, usize, Vec<String>)> {
    let page = std::fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = page.lines().filter(|line| line.starts_with('|')).map(cells);
    rows.filter_map(|cells| match &cells[..] {
        [clause, _, count, tests] => {
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Some((clause.clone(), count.parse().ok()?, tests))
        }
        _ => None,
    })
    .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn there_are_at_least_150_vectors_and_no_two_are_the_same() {
    let all = vectors();
    let distinct: BTreeSet<_> = all.iter().map(|vector| (vector.clause, &vector.name)).collect();
    assert_eq!(distinct.len(), all.len());
    assert!(all.len() >= 150, "{}", all.len());
}

#[test]
fn the_page_counts_the_vectors_of_each_clause() {
    let mut counted = BTreeMap::<String, usize>::new();
    for vector in vectors() {
        *counted.entry(vector.clause.to_owned()).or_default() += 1;
    }
    let written: BTreeMap<_, _> =
        rows().into_iter().filter(|(_, count, _)| *count > 0).map(|(clause, count, _)| (clause, count)).collect();
    assert_eq!(written, counted, "the table in docs/conformance.md");
}

#[test]
fn the_page_names_tests_that_exist() {
    assert!(rows().iter().all(|(clause, _, tests)| !clause.is_empty() && !tests.is_empty()));
    let page = std::fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let named: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(|code| is_test(code)).collect();
    assert!(named.len() >= 40, "{named:?}");
    for test in named {
        let (file, name) = test.split_once("::").unwrap();
        let source = ["tests/it/conformance", "tests/it/door", "tests/it"]
            .map(|folder| root().join(folder).join(format!("{file}.rs")))
            .into_iter()
            .find_map(|path| std::fs::read_to_string(path).ok());
        let exists = source.is_some_and(|text| text.contains(&format!("fn {name}()")));
        assert!(exists, "the page names {test}, which does not exist");
    }
}

/// `file::name_of_a_test`.
fn is_test(code: &str) -> bool {
    code.split_once("::").is_some_and(|(file, name)| {
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        word(file) && word(name)
    })
}
