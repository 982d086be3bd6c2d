//! The inner order of `domain`, which no compiler holds: its modules stand on ranks, and none names one above.
//! Reads every `crate::…` and `super::…` path of `src/domain/`, groups unfolded, inside macros too.

use super::lexer::Token;
use super::source::{Source, closing, root};
use super::{Breach, assert_none, assert_tree};

/// The inner order of `domain`, lowest first: a module may name those of its own rank and below.
const DOMAIN: [(&str, usize); 11] = [
    ("base", 0),
    ("form", 1),
    ("reason", 2),
    ("svid", 3),
    ("entry", 4),
    ("estate", 5),
    ("roles", 5),
    ("judge", 5),
    ("state", 6),
    ("vault_policy", 7),
    ("preflight", 7),
];

/// A path from the crate's root, and where it stands.
type Named = (usize, Vec<String>);

fn ranks_look_down_only(source: &Source) -> Vec<Breach> {
    let Some(here) = module_of(&source.path) else { return Vec::new() };
    let paths = paths(&source.tokens, &here);
    paths.iter().filter_map(|(line, path)| Some(source.breach(*line, objection(&here, path)?))).collect()
}

/// The module of a file under `src/domain/`, as segments; nothing for other files.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inner = path.strip_prefix("src/domain/")?.strip_suffix(".rs")?;
    Some(if inner == "lib" { Vec::new() } else { inner.split('/').map(str::to_owned).collect() })
}

/// Why `here` may not name `path`, if so; `lib.rs` lists them all.
fn objection(here: &[String], path: &[String]) -> Option<String> {
    let from = here.first()?;
    let rank = |segment: &String| DOMAIN.iter().find(|(name, _)| name == segment);
    match (rank(from), path.first().and_then(rank)) {
        (Some((from, low)), Some((to, high))) => {
            (high > low).then(|| format!("domain::{from} stands below domain::{to}"))
        }
        (None, _) => Some(format!("domain::{from} has no place in the inner order (tests/it/tidy/domain_order.rs)")),
        (_, None) => Some("name the module below domain where the thing lives".to_owned()),
    }
}

/// All paths that begin with `crate` or `super`, from the crate's root.
fn paths(tokens: &[Token], here: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut inner: Vec<(usize, String)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        inner.retain(|(end, _)| at < *end);
        if let [kind, name, brace, ..] = &tokens[at..]
            && (kind.text.as_str(), brace.text.as_str()) == ("mod", "{")
        {
            inner.push((closing(tokens, at + 2).unwrap_or(tokens.len()), name.text.clone()));
        }
        let rooted = ["crate", "super"].contains(&token.text.as_str());
        let before = tokens[at.saturating_sub(2)..at].iter().map(|token| token.text.as_str()).collect::<Vec<_>>();
        // The rest of a path that is read already, or how far a thing can be seen: `pub(super)`, `pub(in crate::a)`.
        let continues = matches!(before[..], [.., "::"] | [.., "pub", "("] | ["(", "in"]);
        if rooted && !continues {
            let place: Vec<String> = here.iter().chain(inner.iter().map(|(_, name)| name)).cloned().collect();
            unfold(tokens, at, &[], &place, &mut found);
        }
    }
    found
}

/// Reads the path or group at `at` behind `prefix`, to the end of the path.
fn unfold(tokens: &[Token], mut at: usize, prefix: &[String], here: &[String], found: &mut Vec<Named>) {
    let mut path = prefix.to_vec();
    let mut above = 0;
    let line = tokens[at].line;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map(|next| next.text.as_str());
        match token.text.as_str() {
            // A macro of the crate's root, which has no rank.
            _ if next == Some("!") && path.is_empty() => return,
            "{" => return unfold_group(tokens, at, &path, here, found),
            "crate" | "self" => {}
            "super" => {
                above += 1;
                path = here[..here.len().saturating_sub(above)].to_vec();
            }
            segment => path.push(segment.to_owned()),
        }
        if next != Some("::") {
            break;
        }
        at += 2;
    }
    found.push((line, path));
}

fn unfold_group(tokens: &[Token], open: usize, prefix: &[String], here: &[String], found: &mut Vec<Named>) {
    let Some(end) = closing(tokens, open) else { return };
    let mut at = open + 1;
    while at < end {
        unfold(tokens, at, prefix, here, found);
        while at < end && tokens[at].text != "," {
            at = if tokens[at].text == "{" { closing(tokens, at).unwrap_or(end) + 1 } else { at + 1 };
        }
        at += 1;
    }
}

#[test]
fn no_rank_of_the_tree_looks_up() {
    assert_tree(ranks_look_down_only);
}

#[test]
fn every_rank_has_a_source() {
    let ranks = DOMAIN.iter().map(|(name, _)| format!("src/domain/{name}.rs"));
    let gone: Vec<String> = ranks.filter(|path| !root().join(path).is_file()).collect();
    assert!(root().join("src/domain/lib.rs").is_file() && gone.is_empty(), "no longer there: {gone:?}");
}

#[test]
fn a_look_down_is_no_breach() {
    for (path, text) in [
        ("src/domain/entry.rs", "use super::base::{self, Digest}; use tlog::hash;"),
        ("src/domain/entry.rs", "use crate::{base, reason::{Denial, Reason}, svid};"),
        ("src/domain/state/lease.rs", "use super::super::{base::Time, entry::Entry}; use super::task;"),
        ("src/domain/svid.rs", "pub(crate) fn a() {} pub(super) fn b() {} pub(in crate::svid) fn c() {}"),
        (
            "src/domain/reason.rs",
            "mod tests { use super::*; mod deeper { use super::super::Reason; } } use super::base;",
        ),
        ("src/domain/entry.rs", "fn a() { crate::told!(\"b\"); }"),
        ("src/domain/base.rs", "// crate::state\nconst A: &str = \"crate::state\";"),
        ("src/domain/lib.rs", "pub mod state; pub use state::State;"),
        ("src/services/issue.rs", "use crate::unheard; use super::World;"),
    ] {
        assert_none(&ranks_look_down_only(&Source::new(path, text)));
    }
}

#[test]
fn a_look_up_is_seen_in_every_spelling() {
    for (path, text) in [
        ("src/domain/base/time.rs", "use super::super::entry;"),
        ("src/domain/entry.rs", "use crate::{base, state::State};"),
        ("src/domain/entry.rs", "use crate::{base::{Time, Span}, judge, reason};"),
        ("src/domain/entry.rs", "fn a() { crate::state::told!() }"),
        ("src/domain/entry.rs", "select! { _ = super::state::run() => {} }"),
        ("src/domain/entry/body.rs", "fn a() { super::super::state::run() }"),
        ("src/domain/state.rs", "use super::preflight;"),
        ("src/domain/preflight.rs", "use crate::Everything;"),
        ("src/domain/unheard.rs", "use super::base::Time;"),
        ("src/domain/unheard/deeper.rs", "use crate::base::Time;"),
        ("src/domain/base.rs", "use crate::unheard::Thing;"),
        ("src/domain/reason.rs", "mod tests { use super::super::state; }"),
    ] {
        assert_eq!(ranks_look_down_only(&Source::new(path, text)).len(), 1, "{path}: {text}");
    }
}
