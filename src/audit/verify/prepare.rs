//! All of the work on a line that needs no other line: it is read, and its entry is hashed. Lines can be
//! prepared in any order and side by side; they are judged one after another.

use crate::bundle::{Disclosed, Line};
use domain::entry::{Entry, NotAnEntry};
use std::io::BufRead as _;
use tlog::peaks::Subtree;
use tlog::{Hash, leaf_hash};

/// A line that was prepared.
#[derive(Debug)]
pub struct Prepared(pub(super) Found);

/// What a line holds.
#[derive(Debug)]
pub(super) enum Found {
    Entry(Entered),
    Folded(Subtree),
    /// Why it is no line.
    Nothing(String),
}

/// A shown entry.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) index: u64,
    pub(super) leaf: Hash,
    /// The line states this leaf hash.
    pub(super) as_stated: bool,
    pub(super) read: Result<Box<Entry>, NotAnEntry>,
    pub(super) openings: Vec<Disclosed>,
}

/// Prepares the lines of one piece of a block, one after another. Nothing is prepared behind what is no line:
/// the reading ends there, and a piece of nothing but line feeds must not become a complaint for each.
pub fn prepare(mut piece: &[u8]) -> impl Iterator<Item = Prepared> {
    std::iter::from_fn(move || {
        let mut rest = piece;
        let length = rest.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        let line = piece.get(..length).unwrap_or_default();
        let found = find(line.strip_suffix(b"\n").unwrap_or(line));
        piece = if matches!(found, Found::Nothing(_)) { &[] } else { rest };
        Some(Prepared(found))
    })
}

fn find(line: &[u8]) -> Found {
    match Line::read(line) {
        Ok(Line::Entry(shown, read)) => {
            let leaf = leaf_hash(shown.entry);
            let as_stated = leaf == shown.leaf;
            Found::Entry(Entered { index: shown.index, leaf, as_stated, read, openings: shown.openings })
        }
        Ok(Line::Folded(subtree)) => Found::Folded(subtree),
        Err(why) => Found::Nothing(why),
    }
}
