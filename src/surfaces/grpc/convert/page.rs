//! Pages and filters of lists (AIP-158, AIP-160 in its smallest form).

use super::fields::invalid;
use domain::reason::Denial;
use std::fmt::Display;

/// Items on a page that asks for no size.
const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 100;
const FILTER_BYTES_MAX: usize = 256;

/// How many items are wanted.
pub(in crate::grpc) fn size(asked: i32) -> Result<usize, Denial> {
    match usize::try_from(asked) {
        Ok(0) => Ok(SIZE_DEFAULT),
        Ok(size) if size <= SIZE_MAX => Ok(size),
        _ => Err(invalid("page_size", format!("must be 1 to {SIZE_MAX}, or 0 for {SIZE_DEFAULT}"))),
    }
}

/// Where the page before ended: the id of its last item.
pub(in crate::grpc) fn token<I, E>(text: &str, parse: impl FnOnce(&str) -> Result<I, E>) -> Result<Option<I>, Denial> {
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|_| invalid("page_token", "must be the next_page_token of the page before"))
}

/// Cuts a list that was asked for with one item too many, and gives the token of the next page.
pub(in crate::grpc) fn cut<T, I: Display>(items: &mut Vec<T>, size: usize, id: impl Fn(&T) -> I) -> String {
    if items.len() <= size {
        return String::new();
    }
    items.truncate(size);
    items.last().map(|last| id(last).to_string()).unwrap_or_default()
}

/// The terms `key=value` of a filter, each key at most once and known.
pub(in crate::grpc) fn terms<'f>(filter: &'f str, known: &[&str]) -> Result<Vec<(&'f str, &'f str)>, Denial> {
    let no = |sentence: String| invalid("filter", sentence);
    if filter.len() > FILTER_BYTES_MAX {
        return Err(no(format!("must be at most {FILTER_BYTES_MAX} bytes")));
    }
    let mut terms: Vec<(&str, &str)> = Vec::new();
    for term in filter.split(" AND ").filter(|_| !filter.is_empty()) {
        let (key, value) = term.split_once('=').ok_or_else(|| no(format!("{term:?} is not of the form key=value")))?;
        if !known.contains(&key) {
            return Err(no(format!("knows {}, not {key:?}", known.join(", "))));
        }
        if terms.iter().any(|(before, _)| *before == key) {
            return Err(no(format!("names {key} twice")));
        }
        terms.push((key, value));
    }
    Ok(terms)
}

/// A word of a closed list.
pub(in crate::grpc) fn word<T: Copy>(value: &str, words: &[(&str, T)]) -> Result<T, Denial> {
    let found = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| invalid("filter", format!("knows the states {}, not {value:?}", known())))
}

#[cfg(test)]
mod tests;
