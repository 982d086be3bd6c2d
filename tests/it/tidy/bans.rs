//! What may not be named, and where: sleeps and skips in tests, blanket permissions anywhere, and in the
//! pure floors everything that has a clock, chance, threads, input, output or an order of its own.

use super::lexer::Token;
use super::source::{Source, begins};
use super::{Breach, assert_tree};

/// A sequence of tokens, and why it is banned.
type Ban = (&'static [&'static str], &'static str);

const EVERYWHERE: [Ban; 3] = [
    (&["#", "[", "ignore"], "a skipped test prints NOT RUN and why; `ignore` hides it"),
    (&["#", "[", "allow", "("], "use #[expect(lint, reason = …)]: it is reported when it is no longer needed"),
    (&["#", "[", "cfg_attr", "(", "any", "(", ")"], "a condition that is never true"),
];
const IN_THE_PRODUCT: [Ban; 1] =
    [(&["#", "!", "[", "allow", "("], "use #![expect(lint, reason = …)]: it is reported when it is no longer needed")];
const IN_TESTS: [Ban; 1] =
    [(&["sleep", "("], "wait for a condition with a deadline (fixtures::until), or use the paused clock")];
/// The one home of the loop that looks, waits a little and looks again.
const WAITS: &str = "tests/it/fixtures.rs";

/// The floors that are the same on every machine and every day.
const PURE: [&str; 4] = ["tlog", "domain", "audit", "policy"];
const IN_PURE_FLOORS: [Ban; 20] = [
    (&["HashMap"], ORDER),
    (&["HashSet"], ORDER),
    (&["RandomState"], ORDER),
    (&["SystemTime"], TIME),
    (&["Instant"], TIME),
    (&["Timestamp", "::", "now"], TIME),
    (&["SystemRandom"], CHANCE),
    (&["aws_lc_rs", "::", "rand"], CHANCE),
    (&["now_v7"], CHANCE),
    (&["new_v4"], CHANCE),
    (&["std", "::", "thread"], WORLD),
    (&["std", "::", "fs"], WORLD),
    (&["std", "::", "net"], WORLD),
    (&["std", "::", "env"], WORLD),
    (&["std", "::", "process"], WORLD),
    (&["tokio"], WORLD),
    (&["tonic"], WORLD),
    (&["println", "!"], WORLD),
    (&["tracing"], WORLD),
    (&["failpoint"], WORLD),
];
const ORDER: &str = "hash order differs from run to run: use an ordered map";
const TIME: &str = "time is an argument in the pure floors";
const CHANCE: &str = "chance is an argument in the pure floors";
const WORLD: &str = "the pure floors touch nothing outside";

/// What a decision may not see: the score can never open a door, and openings stay beside the state.
const IN_DECISIONS: [Ban; 2] = [
    (&["score"], "a decision never reads the score"),
    (&["Opening"], "the state holds commitments, never an opened value"),
];

fn nothing_banned_is_named(source: &Source) -> Vec<Breach> {
    let mut breaches = find(source, &source.tokens, &EVERYWHERE);
    breaches.extend(find(source, source.product(), &IN_THE_PRODUCT));
    if source.path != WAITS {
        breaches.extend(find(source, source.tests(), &IN_TESTS));
    }
    if PURE.iter().any(|floor| is_in(source, &format!("src/{floor}"))) {
        breaches.extend(find(source, source.product(), &IN_PURE_FLOORS));
    }
    if is_in(source, "src/domain/state") {
        breaches.extend(find(source, source.product(), &IN_DECISIONS));
    }
    breaches
}

/// In the file of the module, or under its folder.
fn is_in(source: &Source, module: &str) -> bool {
    source.path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Also sees `std::{fs, thread}`: a group after `std::` is unfolded one level.
fn find(source: &Source, tokens: &[Token], bans: &[Ban]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for at in 0..tokens.len() {
        for (pattern, why) in bans {
            let grouped = matches!(pattern, [_, "::", last] if named_in_group(&tokens[at..], pattern, last));
            if begins(&tokens[at..], pattern) || grouped {
                breaches.push(source.breach(tokens[at].line, format!("`{}`: {why}", pattern.concat())));
            }
        }
    }
    breaches
}

fn named_in_group(tokens: &[Token], pattern: &[&str], last: &str) -> bool {
    let [head, colons, _] = pattern else { return false };
    let group = begins(tokens, &[head, colons, "{"]);
    group && tokens.iter().take_while(|token| token.text != ";").any(|token| token.text == last)
}

#[test]
fn the_tree_names_nothing_that_is_banned() {
    assert_tree(nothing_banned_is_named);
}

#[test]
fn each_ban_is_seen() {
    let seen = |path: &str, text: &str| !nothing_banned_is_named(&Source::new(path, text)).is_empty();
    assert!(!seen(
        "src/domain/state.rs",
        "//! HashMap\nuse std::{cmp, fmt};\nuse imbl::OrdMap;\n// score\nstruct Scored;\n"
    ));
    assert!(!seen("src/services/duties.rs", "use std::time::Instant; fn a() { sleep(1) }"));
    assert!(!seen("src/domain/lib.rs", "fn a() {}\n#[cfg(test)]\nmod tests { use std::collections::HashMap; }"));
    assert!(!seen(WAITS, "async fn until() { tokio::time::sleep(MOMENT).await }"));
    let everywhere = ["#[ignore]", "#[ignore = \"slow\"] fn a() {}", "#[allow(dead_code)] fn a() {}"];
    for path in ["src/app.rs", "tests/it/a.rs", "xtask/src/lib.rs"] {
        assert!(everywhere.iter().all(|text| seen(path, text)), "{path}");
    }
    assert!(seen("src/app.rs", "#![allow(dead_code)]"));
    assert!(seen("tests/it/a.rs", "async fn a() { tokio::time::sleep(SECOND).await }"));
    assert!(seen("src/a.rs", "#[cfg(test)]\nmod tests { fn a() { thread::sleep(SECOND) } }"));
    for floor in PURE {
        for (pattern, _) in IN_PURE_FLOORS {
            assert!(seen(&format!("src/{floor}/a.rs"), &format!("use {};", pattern.concat())), "{floor} {pattern:?}");
        }
        assert!(seen(&format!("src/{floor}/lib.rs"), "use std::{fmt, thread};"), "{floor}");
    }
    assert!(seen("src/domain/state/lease.rs", "use crate::score::Band;"));
    assert!(seen("src/domain/state/lease.rs", "fn decide(opening: &Opening) {}"));
}
