//! Floors: who may name whom. Reads every `crate::…` and `super::…` path of `src/`, groups unfolded, inside
//! macros too, and fails when one points up or sideways. The two tables below are the ones of ARCHITECTURE.md.

use super::lexer::Token;
use super::source::{Source, closing, root};
use super::{Breach, assert_none, assert_tree};

/// A floor and the floors that it may name besides itself.
const FLOORS: [(&str, &[&str]); 11] = [
    ("failpoint", &[]),
    ("tlog", &[]),
    ("domain", &["tlog"]),
    ("audit", &["domain", "tlog"]),
    ("ports", &["domain", "tlog"]),
    ("proto", &[]),
    ("services", &["ports", "audit", "domain", "tlog"]),
    ("adapters", &["ports", "domain", "tlog"]),
    ("devtrust", &["domain", "proto"]),
    ("surfaces", &["services", "domain", "tlog", "proto"]),
    ("client", &["proto", "audit", "domain", "tlog"]),
];
/// Floors that may name every other; `lib.rs` only lists them, and `main.rs` calls two.
const TOP: [&str; 2] = ["app", "lib"];
const MAIN: [&str; 2] = ["app", "client"];

/// Looks that the table of the design does not have, each with its reason. This list may only shrink.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("surfaces", "ports", "room one, verify: who calls is asked of the trust source, the clock and chance")];

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

fn floors_look_down_only(source: &Source) -> Vec<Breach> {
    let Some(here) = module_of(&source.path) else { return Vec::new() };
    let paths = paths(&source.tokens, &here);
    paths.iter().filter_map(|(line, path)| Some(source.breach(*line, objection(&here, path)?))).collect()
}

/// The module of a file under `src/`, as segments; nothing for other files.
fn module_of(path: &str) -> Option<Vec<String>> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let segments: Vec<String> = inner.split('/').map(str::to_owned).collect();
    Some(if inner == "lib" { Vec::new() } else { segments })
}

/// Why `here` may not name `path`, if so.
fn objection(here: &[String], path: &[String]) -> Option<String> {
    let to = path.first()?.as_str();
    let from = here.first().map_or("lib", String::as_str);
    let known = |floor: &str| FLOORS.iter().any(|(name, _)| *name == floor) || TOP.contains(&floor);
    if from == "main" {
        return (!MAIN.contains(&to)).then(|| format!("main.rs calls {MAIN:?} only, not {to}"));
    }
    if !known(from) || !known(to) {
        let unknown = if known(from) { to } else { from };
        return Some(format!("`{unknown}` has no place in the table of floors (tests/it/tidy/floors.rs)"));
    }
    if TOP.contains(&from) || from == to {
        return (from == "domain").then(|| inner_objection(here, path)).flatten();
    }
    let (_, allowed) = FLOORS.iter().find(|(name, _)| *name == from)?;
    let excepted = EXCEPTIONS.iter().any(|(below, named, _)| (*below, *named) == (from, to));
    (!allowed.contains(&to) && !excepted).then(|| format!("{from} may name {allowed:?}, not {to}"))
}

/// Why, inside `domain`, `here` may not name `path`.
fn inner_objection(here: &[String], path: &[String]) -> Option<String> {
    let rank = |segment: Option<&String>| DOMAIN.iter().find(|(name, _)| Some(*name) == segment.map(String::as_str));
    if here.len() == 1 {
        return None;
    }
    match (rank(here.get(1)), rank(path.get(1))) {
        (Some((from, low)), Some((to, high))) => {
            (high > low).then(|| format!("domain::{from} stands below domain::{to}"))
        }
        (None, _) => Some(format!("domain::{} has no place in the inner order (tests/it/tidy/floors.rs)", here[1])),
        (_, None) => Some("name the module below domain where the thing lives".to_owned()),
    }
}

/// All paths that begin with `crate`, `super` or, in the binary, `leasehold`, from the crate's root.
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
        let rooted = ["crate", "super", "leasehold"].contains(&token.text.as_str());
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
            // A macro of the crate's root, which has no floor.
            _ if next == Some("!") && path.is_empty() => return,
            "{" => return unfold_group(tokens, at, &path, here, found),
            "crate" | "leasehold" | "self" => {}
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
fn no_floor_of_the_tree_looks_up_or_sideways() {
    assert_tree(floors_look_down_only);
}

#[test]
fn every_floor_and_rank_has_a_source() {
    let floors = FLOORS.iter().map(|(name, _)| format!("src/{name}.rs"));
    let ranks = DOMAIN.iter().map(|(name, _)| format!("src/domain/{name}.rs"));
    let gone: Vec<String> = floors.chain(ranks).filter(|path| !root().join(path).is_file()).collect();
    assert!(root().join("src/lib.rs").is_file() && gone.is_empty(), "no longer there: {gone:?}");
}

#[test]
fn a_look_down_is_no_breach() {
    for (path, text) in [
        ("src/domain/entry.rs", "use super::base::{self, Digest}; use crate::tlog::hash;"),
        ("src/domain/state/lease.rs", "use super::super::{base::Time, entry::Entry}; use super::task;"),
        ("src/services/issue.rs", "use crate::{ports::{Clock, log_store}, domain::base};"),
        ("src/app.rs", "use crate::{adapters::vault, services, surfaces, client, devtrust};"),
        ("src/domain/svid.rs", "pub(crate) fn a() {} pub(super) fn b() {} pub(in crate::domain) fn c() {}"),
        ("src/main.rs", "fn main() { leasehold::app::run() }"),
        (
            "src/domain/reason.rs",
            "mod tests { use super::*; mod deeper { use super::super::Reason; } } use super::base;",
        ),
        ("tests/it/main.rs", "use leasehold::adapters::vault;"),
        ("src/services/issue.rs", "fn a() { crate::failpoint!(\"after_intent\"); }"),
        ("src/tlog/proof.rs", "// crate::services\nconst A: &str = \"crate::services\";"),
    ] {
        assert_none(&floors_look_down_only(&Source::new(path, text)));
    }
}

#[test]
fn a_look_up_or_sideways_is_seen_in_every_spelling() {
    for (path, text) in [
        ("src/tlog/proof.rs", "use crate::domain::base::Digest;"),
        ("src/services/issue.rs", "use crate::adapters::vault;"),
        ("src/adapters/vault.rs", "use crate::services::issue;"),
        ("src/adapters/vault.rs", "use crate::{domain::base::Time, services::issue};"),
        ("src/adapters/vault.rs", "use crate::{domain::{base::{Time, Span}, reason}, ports, services};"),
        ("src/adapters/vault/mint.rs", "fn a() { super::super::super::services::issue::run() }"),
        ("src/adapters/vault.rs", "fn a() { crate::services::told!() }"),
        ("src/adapters/vault.rs", "select! { _ = crate::surfaces::grpc::run() => {} }"),
        ("src/surfaces/grpc.rs", "use crate::adapters::spire;"),
        ("src/client/exec.rs", "use crate::adapters::spire;"),
        ("src/devtrust.rs", "use crate::ports::Clock;"),
        ("src/audit.rs", "use crate::ports::Clock;"),
        ("src/domain/base/time.rs", "use super::super::entry;"),
        ("src/domain/entry.rs", "use crate::domain::{base, state::State};"),
        ("src/domain/state.rs", "use super::preflight;"),
        ("src/domain/preflight.rs", "use crate::domain::Everything;"),
        ("src/domain/unheard.rs", "use super::base::Time;"),
        ("src/domain/reason.rs", "mod tests { use super::super::state; }"),
        ("src/unheard.rs", "use crate::domain::base;"),
        ("src/app.rs", "use crate::unheard::Thing;"),
        ("src/main.rs", "fn main() { leasehold::services::issue::run() }"),
    ] {
        assert_eq!(floors_look_down_only(&Source::new(path, text)).len(), 1, "{path}: {text}");
    }
}
