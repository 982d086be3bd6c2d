//! Reads a bundle from its beginning to its end, line by line, for verbs that tell and compare. Nothing
//! is verified here: `evidence verify` does that, and should come first.

use crate::complaint::{Complaint, Result};
use audit::bundle::{Head, Line};
use audit::trace::Found;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::Path;

/// What a bundle holds besides the entries that it shows.
#[derive(Debug, Default)]
pub(super) struct Extent {
    /// Entries of the log, by its lines.
    pub(super) size: u64,
    /// Stretches that are folded away.
    pub(super) folded: Vec<Range<u64>>,
}

const NEXT: &str = "name a file of `leasehold evidence export`";

/// Gives every entry that the bundle shows to `each`, in the order of the file.
pub(super) fn read(path: &Path, mut each: impl FnMut(Found)) -> Result<Extent> {
    let refuse = |error| Complaint::file("read", path, &error, "name a file that you may read");
    let wrong = |number: u64, why: String| Complaint::failed(format!("{}:{number}: {why}", path.display()), NEXT);
    let mut file = BufReader::new(File::open(path).map_err(refuse)?);
    let (mut line, mut number, mut extent) = (Vec::new(), 0_u64, Extent::default());
    while file.read_until(b'\n', &mut line).map_err(refuse)? > 0 {
        number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if number == 1 {
            Head::read(&line).map_err(|why| wrong(number, why))?;
        } else {
            match Line::read(&line).map_err(|why| wrong(number, why))? {
                Line::Entry(shown, _) => {
                    extent.size = extent.size.max(shown.index + 1);
                    each(Found::shown(&shown));
                }
                Line::Folded(subtree) => extent.fold(subtree.from..subtree.from.saturating_add(subtree.leaves())),
            }
        }
        line.clear();
    }
    if number == 0 { Err(wrong(1, "the file is empty".into())) } else { Ok(extent) }
}

impl Extent {
    fn fold(&mut self, stretch: Range<u64>) {
        self.size = self.size.max(stretch.end);
        match self.folded.last_mut().filter(|last| last.end == stretch.start) {
            Some(last) => last.end = stretch.end,
            None => self.folded.push(stretch),
        }
    }

    /// The first entry of a range that is folded away.
    pub(super) fn hidden_in(&self, range: &Range<u64>) -> Option<u64> {
        let within = |stretch: &Range<u64>| {
            let first = stretch.start.max(range.start);
            (first < stretch.end.min(range.end)).then_some(first)
        };
        self.folded.iter().find_map(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_touch_are_one_and_are_found_from_either_side() {
        let mut extent = Extent::default();
        [4..8, 8..10, 20..24].into_iter().for_each(|stretch| extent.fold(stretch));
        assert_eq!((extent.size, extent.folded.clone()), (24, vec![4..10, 20..24]));
        assert_eq!(extent.hidden_in(&(0..4)), None);
        assert_eq!(extent.hidden_in(&(9..21)), Some(9));
        assert_eq!(extent.hidden_in(&(10..20)), None);
    }
}
