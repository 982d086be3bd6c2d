//! Changes of a bundle that someone makes who cannot sign: bits, lines, ends.

use super::bundles::Base;

/// A change of a base: its first lines, other bytes, and lines of the base again.
pub(super) struct Case {
    /// Another first line; counts among those that are kept.
    pub(super) head: Option<Vec<u8>>,
    /// How many lines stay.
    pub(super) keep: usize,
    /// What stands behind them.
    pub(super) middle: Vec<u8>,
    /// From which line on the base goes on.
    pub(super) resume: usize,
    /// For people.
    pub(super) what: String,
}

impl Case {
    fn of(keep: usize, middle: &[u8], resume: usize, what: String) -> Self {
        Self { head: None, keep, middle: middle.to_vec(), resume, what }
    }

    /// The base as it is.
    pub(super) fn none() -> Self {
        Self::of(0, &[], 0, "unchanged".to_owned())
    }
}

/// One flipped bit.
pub(super) fn flip(base: &Base, line: usize, bit: usize) -> Case {
    let mut changed = base.lines[line].clone();
    changed[bit / 8] ^= 1 << (bit % 8);
    Case::of(line, &changed, line + 1, format!("bit {} of byte {} of line {line}", bit % 8, bit / 8))
}

/// Every bit of a line.
pub(super) fn flips(base: &Base, line: usize) -> Vec<Case> {
    (0..base.lines[line].len() * 8).map(|bit| flip(base, line, bit)).collect()
}

/// The bundle ends inside this line, or right before it.
pub(super) fn truncations(base: &Base, line: usize) -> Vec<Case> {
    let text = &base.lines[line];
    let end = base.lines.len();
    (0..text.len()).map(|at| Case::of(line, &text[..at], end, format!("ends at byte {at} of line {line}"))).collect()
}

/// One byte less, and a byte that was not there, at each place of a line: one of five, or all.
pub(super) fn inserts_and_deletes(base: &Base, line: usize, all: bool) -> Vec<Case> {
    let text = &base.lines[line];
    let mut cases = Vec::new();
    for at in 0..text.len() {
        let without = [&text[..at], &text[at + 1..]].concat();
        cases.push(Case::of(line, &without, line + 1, format!("without byte {at} of line {line}")));
        let bytes = [b' ', b'"', b'0', b'\n', 0xff];
        for byte in
            bytes.into_iter().enumerate().filter(|(nth, _)| all || *nth == (at + line) % 5).map(|(_, byte)| byte)
        {
            let with = [&text[..at], &[byte], &text[at..]].concat();
            cases.push(Case::of(line, &with, line + 1, format!("byte {byte} before byte {at} of line {line}")));
        }
    }
    cases
}

/// Each line left out, doubled, put before each other line, and swapped with it.
pub(super) fn reorders(base: &Base) -> Vec<Case> {
    let lines = &base.lines;
    let mut cases = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        cases.push(Case::of(first, &[], first + 1, format!("without line {first}")));
        cases.push(Case::of(first + 1, line, first + 1, format!("line {first} twice")));
        for (second, other) in lines.iter().enumerate().skip(first + 1) {
            let between = lines[first + 1..second].concat();
            let swapped = [other.as_slice(), &between, line].concat();
            cases.push(Case::of(first, &swapped, second + 1, format!("lines {first} and {second} swapped")));
            let copied = [other.as_slice(), line, &between].concat();
            cases.push(Case::of(first, &copied, second, format!("line {second} copied before {first}")));
        }
    }
    cases
}
