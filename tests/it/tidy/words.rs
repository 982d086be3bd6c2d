//! Words: no vague names, a sentence at the head of each file, nothing left for later.

use super::source::Source;
use super::{Breach, assert_tree};

/// Names that say nothing about what is inside.
const VAGUE: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "misc", "managers"];
/// Written in halves, so that this file keeps its own rule.
const LATER: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

fn names_say_something(source: &Source) -> Vec<Breach> {
    let parts = source.path.trim_end_matches(".rs").split('/');
    let vague = parts.filter(|part| part.split('_').any(is_vague));
    let mut breaches: Vec<Breach> =
        vague.map(|part| source.breach(1, format!("{part} says nothing: name what it does"))).collect();
    for pair in source.tokens.windows(2) {
        let [kind, name] = pair else { continue };
        let is_type = ["struct", "enum", "trait", "type", "union", "mod"].contains(&kind.text.as_str());
        if is_type && parts_of(&name.text).iter().any(|part| is_vague(part)) {
            breaches.push(source.breach(name.line, format!("{} says nothing: name what it does", name.text)));
        }
    }
    breaches
}

fn is_vague(part: &str) -> bool {
    VAGUE.contains(&part.to_lowercase().as_str())
}

/// `LeaseManager` and `lease_manager` to their words.
fn parts_of(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| c != '_') {
            part.push(c);
        }
    }
    parts
}

fn begins_with_a_sentence(source: &Source) -> Vec<Breach> {
    let says = source.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.split(' ').count() > 3);
    let rule = "begin with `//!`: what lives here, what never does, who may call";
    (!says).then(|| source.breach(1, rule)).into_iter().collect()
}

fn nothing_is_left_for_later(source: &Source) -> Vec<Breach> {
    let lines = source.text.lines().enumerate();
    let late = lines.filter(|(_, line)| LATER.iter().any(|word| holds_word(line, word)));
    late.map(|(at, _)| source.breach(at + 1, "do it now, or write an issue")).collect()
}

/// `word` in `line`, not as a part of a longer word.
fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let around = [line[..at].chars().next_back(), line[at + word.len()..].chars().next()];
        !around.into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn the_tree_speaks_plainly() {
    assert_tree(names_say_something);
    assert_tree(begins_with_a_sentence);
    assert_tree(nothing_is_left_for_later);
}

#[test]
fn a_vague_name_is_seen() {
    let seen = |path: &str, text: &str| !names_say_something(&Source::new(path, text)).is_empty();
    assert!(!seen("src/lease.rs", "struct Community; trait Commons {} fn manager() {}"));
    for path in ["src/utils.rs", "src/common/a.rs", "tests/it/test_helpers.rs"] {
        assert!(seen(path, ""), "{path}");
    }
    for text in ["struct LeaseManager;", "enum VaultHelper {}", "trait TimeUtils {}", "mod common {}"] {
        assert!(seen("src/a.rs", text), "{text}");
    }
}

#[test]
fn a_file_without_its_sentence_is_seen() {
    let seen = |text: &str| !begins_with_a_sentence(&Source::new("src/a.rs", text)).is_empty();
    assert!(!seen("//! What lives here, and why.\n"));
    for text in ["", "//! adapters\n", "use std::fmt;\n//! Too late to be of use.\n", "// Not a doc comment at all.\n"]
    {
        assert!(seen(text), "{text}");
    }
}

#[test]
fn something_left_for_later_is_seen() {
    let seen = |text: &str| !nothing_is_left_for_later(&Source::new("src/a.rs", text)).is_empty();
    assert!(!seen("// A method; a shackle; XXXL; stodo!()\n"));
    for word in LATER {
        assert!(seen(&format!("fn a() {{}} // {word}: soon\n")), "{word}");
    }
}
