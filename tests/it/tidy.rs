//! Tidy: the house rules that a compiler cannot hold, read from the source text.
//!
//! Each rule is a function from a source (or a page) to its breaches. Each has one test over the tree
//! and one over a bad snippet, so that no rule can pass by being blind. A breach names file, line and
//! what to do. Nothing here starts a process other than `git ls-files`.

mod bans;
mod domain_order;
mod floors;
mod lexer;
mod pages;
mod sizes;
mod source;
mod words;

use source::Source;
use std::fmt;

/// One place where the tree departs from a house rule.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// Fails with all breaches at once.
fn assert_none(breaches: &[Breach]) {
    let list: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "{} breaches of the house rules:\n{}", breaches.len(), list.join("\n"));
}

/// Runs one rule over every hand-written Rust source.
fn assert_tree(rule: impl Fn(&Source) -> Vec<Breach>) {
    let tree = source::tree();
    assert!(tree.len() > 20, "tidy sees only {} files: it looks in the wrong place", tree.len());
    let breaches: Vec<Breach> = tree.iter().flat_map(rule).collect();
    assert_none(&breaches);
}
