//! The hand-written Rust sources of the tree, read once: text, tokens, and where the tests in them begin.

use super::Breach;
use super::lexer::{self, Token};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// One Rust file.
pub(super) struct Source {
    /// From the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// The first line of a trailing `#[cfg(test)] mod tests { … }`; after the last line if there is none.
    pub(super) tests_from: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let tokens = lexer::tokens(text);
        let tests_from = trailing_tests(&tokens).unwrap_or(text.lines().count() + 1);
        Self { path: path.to_owned(), text: text.to_owned(), tokens, tests_from }
    }

    pub(super) fn breach(&self, line: usize, rule: impl Into<String>) -> Breach {
        Breach { file: self.path.clone(), line, rule: rule.into() }
    }

    /// A whole file of tests: under `tests/`, or a sibling `tests.rs` or `tests/…` of a module.
    pub(super) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// The tokens outside tests.
    pub(super) fn product(&self) -> &[Token] {
        let end = if self.is_test() { 0 } else { self.tokens.partition_point(|token| token.line < self.tests_from) };
        &self.tokens[..end]
    }

    /// The tokens inside tests.
    pub(super) fn tests(&self) -> &[Token] {
        &self.tokens[self.product().len()..]
    }
}

/// True where `tokens` begin with `texts`.
pub(super) fn begins(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// The index of the bracket that closes the one at `open`.
pub(super) fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn trailing_tests(tokens: &[Token]) -> Option<usize> {
    let start = (0..tokens.len()).rev().find(|at| begins(&tokens[*at..], &["#", "[", "cfg", "(", "test", ")", "]"]))?;
    let head = start + 7;
    let block = begins(&tokens[head..], &["mod", "tests", "{"]) && closing(tokens, head + 2)? == tokens.len() - 1;
    block.then_some(tokens[start].line)
}

/// The root of the tree.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every committed file, and every new one that is not ignored. Without git (a source archive): every
/// file outside `target` and dot-directories.
pub(super) fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).split('\0').map(str::to_owned).collect::<Vec<_>>());
    let mut files = listed.unwrap_or_else(walk);
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    files
}

fn walk() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(root().join(&place)).unwrap().flatten() {
            let path = place.join(entry.file_name());
            let hidden = entry.file_name().to_string_lossy().starts_with('.') || path.ends_with("target");
            match entry.file_type().unwrap().is_dir() {
                true if hidden => {}
                true => open.push(path),
                false => found.push(path.to_string_lossy().into_owned()),
            }
        }
    }
    found
}

/// Every hand-written Rust source.
pub(super) fn tree() -> Vec<Source> {
    let rust = files().into_iter().filter(|file| file.ends_with(".rs") && !file.starts_with("src/proto/gen/"));
    rust.map(|file| Source::new(&file, &fs::read_to_string(root().join(&file)).unwrap())).collect()
}

#[test]
fn trailing_tests_are_told_from_the_product() {
    let source = Source::new("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\n");
    assert_eq!(source.tests_from, 2);
    assert_eq!(source.product().len(), 6);
    let sibling = Source::new("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests;\n");
    assert_eq!(sibling.tests().len(), 0);
    let inside = Source::new("src/a.rs", "#[cfg(test)]\nmod tests {\n}\nfn hidden_behind_the_tests() {}\n");
    assert_eq!(inside.tests().len(), 0, "only a block at the very end is left out");
    assert!(Source::new("tests/it/main.rs", "fn a() {}").product().is_empty());
    assert!(Source::new("src/a/tests.rs", "fn a() {}").product().is_empty());
}

#[test]
fn the_tree_is_found() {
    let files = files();
    for file in ["Cargo.toml", "src/lib.rs", "tests/it/tidy/source.rs", "xtask/src/main.rs"] {
        assert!(files.iter().any(|found| found == file), "{file}");
    }
    assert!(walk().iter().any(|found| found == "src/lib.rs"));
}
