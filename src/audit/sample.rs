//! Reproducible sampling: which entries an auditor looks at is decided by a seed, not by a person, and
//! anyone with the seed and the log finds the same ones (docs/auditing.md defines it).

use domain::base::Digest;
use std::collections::BTreeMap;

/// Chooses `size` of the entries that are offered, however many there are and in whatever order.
#[derive(Debug)]
pub struct Sample<T> {
    seed: String,
    size: usize,
    offered: u64,
    chosen: BTreeMap<Digest, (u64, T)>,
}

/// Most entries in one sample.
pub const SIZE_MAX: usize = 10_000;
const LABEL: &[u8] = b"leasehold/v1/sample";

impl<T> Sample<T> {
    /// A sample of `size` entries.
    #[must_use]
    pub fn new(seed: &str, size: usize) -> Self {
        Self { seed: seed.into(), size: size.min(SIZE_MAX), offered: 0, chosen: BTreeMap::new() }
    }

    /// Offers the entry at an index; it is kept while it is among the `size` with the smallest ranks.
    pub fn offer(&mut self, index: u64, entry: impl FnOnce() -> T) {
        self.offered += 1;
        let rank = rank(&self.seed, index);
        let full = self.chosen.len() >= self.size;
        if full && self.chosen.last_key_value().is_none_or(|(last, _)| rank > *last) {
            return;
        }
        self.chosen.insert(rank, (index, entry()));
        if self.chosen.len() > self.size {
            self.chosen.pop_last();
        }
    }

    /// How many were offered, and those that were chosen, ascending by index.
    #[must_use]
    pub fn finish(self) -> (u64, Vec<(u64, T)>) {
        let mut chosen: Vec<(u64, T)> = self.chosen.into_values().collect();
        chosen.sort_by_key(|(index, _)| *index);
        (self.offered, chosen)
    }
}

/// SHA-256 over the label, the seed and the index in decimal, separated by zero bytes; compared byte by
/// byte, the smallest are chosen.
#[must_use]
pub fn rank(seed: &str, index: u64) -> Digest {
    Digest::of(&[LABEL, b"\0", seed.as_bytes(), b"\0", index.to_string().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: &str, size: usize, indices: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut sample = Sample::new(seed, size);
        indices.for_each(|index| sample.offer(index, || ()));
        sample.finish().1.into_iter().map(|(index, ())| index).collect()
    }

    #[test]
    fn it_is_the_smallest_ranks_in_whatever_order_they_are_offered() {
        let mut ranked: Vec<u64> = (0..1_000).collect();
        ranked.sort_by_key(|index| rank("october", *index));
        let mut expected = ranked[..25].to_vec();
        expected.sort_unstable();
        assert_eq!(sample("october", 25, 0..1_000), expected);
        assert_eq!(sample("october", 25, (0..1_000).rev()), expected);
        assert_ne!(sample("november", 25, 0..1_000), expected);
        assert_eq!(sample("october", 25, 0..7), (0..7).collect::<Vec<_>>());
        assert_eq!(sample("october", 0, 0..7), Vec::<u64>::new());
    }

    /// A stranger's reader is right if it gets this.
    #[test]
    fn the_rank_is_what_the_page_defines() {
        let by_hand = Digest::of(&[b"leasehold/v1/sample\x00audit 2026-10\x0042"]);
        assert_eq!(rank("audit 2026-10", 42), by_hand);
    }
}
