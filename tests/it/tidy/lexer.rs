//! Rust text to tokens with their lines: enough to see paths, braces and attributes, and not to be
//! deceived by comments, strings, raw strings, characters and lifetimes.

/// A word, a number, a lifetime, or one character of punctuation; `::` is one token. A literal in
/// quotes is the token `""`, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Splits `text` into tokens; comments and white space vanish.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, token) = next(rest, first);
        if let Some(token) = token {
            found.push(Token { line, text: token.to_owned() });
        }
        let (passed, left) = rest.split_at(length);
        line += passed.matches('\n').count();
        rest = left;
    }
    found
}

/// The length of what stands at the start of `rest`, and its token, if it makes one.
fn next(rest: &str, first: char) -> (usize, Option<&str>) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), None);
    }
    if let Some(length) = quoted(rest) {
        return (length, Some("\"\""));
    }
    if first == '\'' {
        let length = 1 + word(&rest[1..]);
        return (length, Some(&rest[..length]));
    }
    if first.is_alphanumeric() || first == '_' {
        let length = word(rest);
        return (length, Some(&rest[..length]));
    }
    if rest.starts_with("::") {
        return (2, Some("::"));
    }
    let length = first.len_utf8();
    (length, (!first.is_whitespace()).then_some(&rest[..length]))
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a string or character literal at the start of `rest`, with its prefix.
fn quoted(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).unwrap_or_default();
        let opening = if prefix.ends_with('r') { after.trim_start_matches('#') } else { after };
        opening.starts_with('"') || (matches!(*prefix, "" | "b") && is_character(after))
    })?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let closing = format!("\"{}", "#".repeat(hashes));
        let start = hashes + 1;
        let end = body[start..].find(&closing).map_or(body.len(), |found| start + found + closing.len());
        return Some(prefix.len() + end);
    }
    let quote = body.chars().next()?;
    let mut escaped = false;
    let end = body.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    Some(prefix.len() + end.map_or(body.len(), |(at, _)| at + 1))
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next() == Some('\'') && (rest.starts_with("'\\") || chars.nth(1) == Some('\''))
}

#[test]
fn comments_strings_and_lifetimes_hide_nothing_and_invent_nothing() {
    let text = r####"
fn a<'x>(c: &'x str) -> char { /* crate::no /* nested */ crate::no */ '"' } // crate::no
const B: &str = r#"crate::no " "#; const C: &[u8] = b"crate::no \" crate::no";
const D: char = '\''; use crate::yes;
"####;
    let words: Vec<String> = tokens(text).into_iter().map(|token| token.text).collect();
    let joined = words.join(" ");
    assert!(joined.contains("use crate :: yes ;"), "{joined}");
    assert!(joined.contains("fn a < 'x > ( c : & 'x str ) - > char { \"\" }"), "{joined}");
    assert!(!words.contains(&"no".to_owned()), "{joined}");
    assert_eq!(tokens(text).last().map(|token| token.line), Some(4));
}
