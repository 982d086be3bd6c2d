//! A tree reduced to what its root needs: the roots of its perfect subtrees (RFC 9162 §2.1.2).
//!
//! [`Peaks`] grows by leaves or by whole subtrees whose leaves are not shown; [`Folds`] makes such
//! subtrees of leaves that are left out. Tiles are no matter here: see `tree`.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::tree::TreeHead;

/// The tree so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks {
    size: u64,
    /// INVARIANT: the roots of the perfect subtrees, largest first, one for each set bit of `size`.
    peaks: Vec<Hash>,
}

/// A perfect subtree in place of its leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    /// Index of its first leaf, a multiple of its number of leaves.
    pub from: u64,
    /// It has `2^height` leaves.
    pub height: u8,
    /// Its root.
    pub root: Hash,
}

/// Neighbouring leaves and subtrees joined into the fewest perfect subtrees.
#[derive(Debug, Default)]
pub struct Folds(Vec<Subtree>);

impl Peaks {
    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Size and root hash.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        let mut peaks = self.peaks.iter().rev();
        let root = match peaks.next() {
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
            None => EMPTY_ROOT,
        };
        TreeHead { size: self.size, root }
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.join(0, leaf);
        self.size += 1;
    }

    /// Appends a whole subtree; `false`, and nothing is appended, if it does not belong here.
    #[must_use]
    pub fn push_subtree(&mut self, subtree: &Subtree) -> bool {
        let leaves = subtree.leaves();
        let Some(size) = self.size.checked_add(leaves).filter(|_| leaves > 0) else { return false };
        if subtree.from != self.size || !self.size.is_multiple_of(leaves) {
            return false;
        }
        self.join(subtree.height, subtree.root);
        self.size = size;
        true
    }

    /// Joins a node of this height with its left neighbours, as far as they are complete.
    fn join(&mut self, height: u8, mut node: Hash) {
        for _ in 0..(self.size >> height).trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
        }
        self.peaks.push(node);
    }
}

impl Subtree {
    /// How many leaves it stands for; 0 if there are more than can be counted.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        1_u64.checked_shl(u32::from(self.height)).unwrap_or(0)
    }
}

impl Folds {
    /// Folds one more leaf or subtree away; it must follow on the one before.
    pub fn push(&mut self, mut next: Subtree) {
        while let Some(left) = self.0.last().copied() {
            let joins = left.height == next.height && left.from.is_multiple_of(2 * left.leaves());
            if !joins {
                break;
            }
            self.0.pop();
            next = Subtree { from: left.from, height: left.height + 1, root: node_hash(&left.root, &next.root) };
        }
        self.0.push(next);
    }

    /// Takes what was folded so far, in order.
    pub fn take(&mut self) -> impl Iterator<Item = Subtree> + '_ {
        self.0.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf_hash;
    use crate::tree::Edge;
    use proptest::prelude::*;

    fn leaf(index: u64) -> Hash {
        leaf_hash(&index.to_be_bytes())
    }

    proptest! {
        #[test]
        fn whatever_is_folded_away_the_root_stays(shown in proptest::collection::vec(any::<bool>(), 0..300)) {
            let (mut edge, mut peaks, mut folds) = (Edge::new(), Peaks::default(), Folds::default());
            for (index, shown) in (0..).zip(shown) {
                drop(edge.push(leaf(index)));
                if shown {
                    for subtree in folds.take() {
                        prop_assert!(peaks.push_subtree(&subtree));
                    }
                    peaks.push(leaf(index));
                } else {
                    folds.push(Subtree { from: index, height: 0, root: leaf(index) });
                }
            }
            for subtree in folds.take() {
                prop_assert!(peaks.push_subtree(&subtree));
            }
            prop_assert_eq!(peaks.head(), edge.head());
        }
    }

    #[test]
    fn a_subtree_stands_only_where_it_belongs() {
        let mut peaks = Peaks::default();
        peaks.push(leaf(0));
        let before = peaks.clone();
        for (from, height) in [(1, 1), (2, 1), (0, 0), (1, 64), (1, 255)] {
            assert!(!peaks.push_subtree(&Subtree { from, height, root: leaf(1) }), "{from} {height}");
            assert_eq!(peaks, before);
        }
        assert!(peaks.push_subtree(&Subtree { from: 1, height: 0, root: leaf(1) }));
        assert!(peaks.push_subtree(&Subtree { from: 2, height: 1, root: leaf(1) }));
        assert_eq!(peaks.size(), 4);
    }
}
