//! Limit the tail: no file over 400 lines of hand-written product, no function over 70.

use super::source::{self, Source, closing};
use super::{Breach, assert_tree};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Tests do not count: a trailing test module, `tests.rs`, and everything under `tests/`.
fn files_are_short(source: &Source) -> Vec<Breach> {
    let lines = source.tests_from - 1;
    let too_long = !source.is_test() && lines > FILE_LINES_MAX;
    let rule = format!("{lines} lines of product: split the file, at most {FILE_LINES_MAX}");
    too_long.then(|| source.breach(FILE_LINES_MAX + 1, rule)).into_iter().collect()
}

/// Tests count too: a test of more than a screen is not read either.
fn functions_are_short(source: &Source) -> Vec<Breach> {
    let tokens = &source.tokens;
    let heads = (0..tokens.len()).filter(|at| source::begins(&tokens[*at..], &["fn"]));
    let mut breaches = Vec::new();
    for head in heads {
        let Some((name, last)) = body(source, head) else { continue };
        let lines = last - tokens[head].line + 1;
        if lines > FUNCTION_LINES_MAX {
            let rule = format!("fn {name} has {lines} lines: at most {FUNCTION_LINES_MAX}, aim for 25");
            breaches.push(source.breach(tokens[head].line, rule));
        }
    }
    breaches
}

/// The name of the function whose `fn` is at `head`, and the line of its last brace.
fn body(source: &Source, head: usize) -> Option<(&str, usize)> {
    let tokens = &source.tokens;
    let name = tokens.get(head + 1).filter(|token| token.text != "(")?;
    let mut at = head + 2;
    loop {
        match tokens.get(at)?.text.as_str() {
            ";" => return None,
            "{" => return Some((&name.text, tokens.get(closing(tokens, at)?)?.line)),
            "(" | "[" => at = closing(tokens, at)? + 1,
            _ => at += 1,
        }
    }
}

#[test]
fn no_file_and_no_function_of_the_tree_is_too_long() {
    assert_tree(files_are_short);
    assert_tree(functions_are_short);
}

#[test]
fn a_file_of_401_lines_is_seen() {
    let tests = "#[cfg(test)]\nmod tests {\n}\n";
    let good = Source::new("src/a.rs", &format!("{}{tests}", "// line\n".repeat(400)));
    assert_eq!(files_are_short(&good), []);
    let bad = Source::new("src/a.rs", &format!("{}{tests}", "// line\n".repeat(401)));
    assert_eq!(files_are_short(&bad).len(), 1);
}

#[test]
fn a_function_of_71_lines_is_seen() {
    let function =
        |lines: usize| format!("type F = fn(u8);\nfn long(a: [u8; 2])\n{{\n{}}}\n", "a;\n".repeat(lines - 3));
    assert_eq!(functions_are_short(&Source::new("src/a.rs", &function(70))), []);
    assert_eq!(functions_are_short(&Source::new("src/a.rs", &function(71))).len(), 1);
    assert_eq!(functions_are_short(&Source::new("tests/it/a.rs", &function(71))).len(), 1);
}
