//! Inclusion and consistency proofs: RFC 9162 §2.1.3 and §2.1.4 (the same as RFC 6962 §2.1.1, §2.1.2).
//!
//! Making a proof is two steps, so that a caller with slow storage can fetch between them: a
//! [`Plan`] says which subtrees the proof consists of and which full tiles that takes; reading the
//! plan gives the hashes. Verifying needs nothing but the hashes.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, TileId, decode_hashes};
use super::tree::{Edge, TileReader, TreeHead, full_tiles, perfect_root};
use std::collections::BTreeSet;
use std::ops::Range;

/// The most hashes in a proof (C2SP tlog-witness); enough for trees of up to 2⁶² leaves.
pub const PROOF_HASHES_MAX: usize = 63;

/// A perfect subtree: the root over the leaves `index · 2^height .. (index + 1) · 2^height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// 0 for a leaf.
    pub height: u8,
    /// Number among the nodes of this height, from 0.
    pub index: u64,
}

/// Gives the hashes of perfect subtrees.
pub trait NodeReader {
    /// The hash of a node, or `None` if it is not known.
    fn node(&self, node: Node) -> Option<Hash>;
}

/// Why a proof was not made or not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not in the tree, or the old tree is larger than the new one.
    #[error("the proof is asked for something outside of the tree")]
    OutOfRange,
    /// The reader does not know a subtree that the proof needs.
    #[error("a hash that the proof needs is missing: height {}, index {}", .0.height, .0.index)]
    Missing(Node),
    /// The proof has more or fewer hashes than a proof for this place must have.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root hash")]
    Mismatch,
}

/// The subtrees that make up one proof, in the order of the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Range<u64>>);

impl Plan {
    /// The proof that the leaf at `index` is in the tree of `size` leaves.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] unless `index < size`.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, ProofError> {
        if index >= size {
            return Err(ProofError::OutOfRange);
        }
        let mut ranges = Vec::new();
        let (mut low, mut high) = (0, size);
        while high - low > 1 {
            let middle = low + largest_power_below(high - low);
            if index < middle {
                ranges.push(middle..high);
                high = middle;
            } else {
                ranges.push(low..middle);
                low = middle;
            }
        }
        ranges.reverse();
        Ok(Self(ranges))
    }

    /// The proof that the tree of `new` leaves begins with the tree of `old` leaves. Empty if they
    /// are the same tree or the old one has no leaves.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] unless `old <= new`.
    pub fn consistency(old: u64, new: u64) -> Result<Self, ProofError> {
        if old > new {
            return Err(ProofError::OutOfRange);
        }
        let mut ranges = Vec::new();
        let (mut low, mut high) = (0, new);
        while old > 0 && high != old {
            let middle = low + largest_power_below(high - low);
            if old <= middle {
                ranges.push(middle..high);
                high = middle;
            } else {
                ranges.push(low..middle);
                low = middle;
            }
        }
        // Unless the old tree is itself a perfect subtree, whose root the verifier has.
        if low > 0 {
            ranges.push(low..old);
        }
        ranges.reverse();
        Ok(Self(ranges))
    }

    /// One hash: the root of the tree of the first `size` leaves.
    #[must_use]
    pub fn root(size: u64) -> Self {
        Self(std::iter::once(0..size).collect())
    }

    /// The roots of the fewest perfect subtrees over a range of leaves, in order.
    #[must_use]
    pub fn subtrees(range: Range<u64>) -> Self {
        let mut low = range.start;
        let cut = move || {
            let fits = range.end.saturating_sub(low).checked_ilog2()?;
            let subtree = low..low + (1 << fits.min(low.trailing_zeros()));
            low = subtree.end;
            Some(subtree)
        };
        Self(std::iter::from_fn(cut).collect())
    }

    /// First leaf and height of each subtree of [`Plan::subtrees`].
    pub fn nodes(&self) -> impl Iterator<Item = (u64, u8)> + '_ {
        self.0.iter().map(|range| (range.start, (range.end - range.start).trailing_zeros() as u8))
    }

    /// The full tiles that [`Plan::read`] will ask a [`TiledNodes`] with this edge for.
    #[must_use]
    pub fn tiles(&self, edge: &Edge) -> BTreeSet<TileId> {
        let nodes = self.0.iter().cloned().flat_map(nodes_of);
        let ids = nodes.filter(|node| edge.peak(node.height, node.index).is_none()).map(|node| place_of(node).id);
        ids.filter(|id| id.number < full_tiles(edge.size(), id.level)).collect()
    }

    /// The hashes of the proof.
    ///
    /// # Errors
    /// [`ProofError::Missing`] if the reader does not know a node.
    pub fn read(&self, reader: &impl NodeReader) -> Result<Vec<Hash>, ProofError> {
        self.0.iter().cloned().map(|range| subtree(range, reader)).collect()
    }
}

/// Makes the inclusion proof of the leaf at `index` in the tree of `size` leaves.
///
/// # Errors
/// [`ProofError::OutOfRange`] unless `index < size`; [`ProofError::Missing`] from the reader.
pub fn inclusion(index: u64, size: u64, reader: &impl NodeReader) -> Result<Vec<Hash>, ProofError> {
    Plan::inclusion(index, size)?.read(reader)
}

/// Makes the consistency proof between the trees of `old` and `new` leaves.
///
/// # Errors
/// [`ProofError::OutOfRange`] unless `old <= new`; [`ProofError::Missing`] from the reader.
pub fn consistency(old: u64, new: u64, reader: &impl NodeReader) -> Result<Vec<Hash>, ProofError> {
    Plan::consistency(old, new)?.read(reader)
}

/// The head of the tree of the first `size` leaves.
///
/// # Errors
/// [`ProofError::Missing`] if the reader does not know a node.
pub fn head(size: u64, reader: &impl NodeReader) -> Result<TreeHead, ProofError> {
    Ok(TreeHead { size, root: subtree(0..size, reader)? })
}

/// Checks that `leaf` stands at `index` of the tree `head` (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`ProofError`] if it is not proven.
pub fn verify_inclusion(leaf: &Hash, index: u64, head: &TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if index >= head.size {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last) = (index, head.size - 1);
    let mut root = *leaf;
    for hash in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            root = node_hash(hash, &root);
            (node, last) = skip_missing_siblings(node, last);
        } else {
            root = node_hash(&root, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if root == head.root { Ok(()) } else { Err(ProofError::Mismatch) }
}

/// Checks that the tree `new` begins with the tree `old` (RFC 9162 §2.1.4.2). Every tree begins
/// with the empty one; that proof has no hashes.
///
/// # Errors
/// [`ProofError`] if it is not proven.
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::OutOfRange);
    }
    if old.size == 0 || old.size == new.size {
        return verify_trivial_consistency(old, new, proof);
    }
    let old_is_a_subtree = old.size.is_power_of_two();
    let (first, rest) =
        if old_is_a_subtree { (&old.root, proof) } else { proof.split_first().ok_or(ProofError::Length)? };
    let (mut node, mut last) = (old.size - 1, new.size - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old_root, mut new_root) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old_root = node_hash(hash, &old_root);
            new_root = node_hash(hash, &new_root);
            (node, last) = skip_missing_siblings(node, last);
        } else {
            new_root = node_hash(&new_root, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old_root == old.root && new_root == new.root { Ok(()) } else { Err(ProofError::Mismatch) }
}

/// Nodes of a stored tree: full tiles from the store, everything newer from the edge.
pub struct TiledNodes<'a, T> {
    /// The right edge; its size bounds what can be read.
    pub edge: &'a Edge,
    /// The full tiles up to that edge.
    pub tiles: &'a T,
}

impl<T: TileReader> NodeReader for TiledNodes<'_, T> {
    fn node(&self, node: Node) -> Option<Hash> {
        if let Some(peak) = self.edge.peak(node.height, node.index) {
            return Some(peak);
        }
        let Place { id, within } = place_of(node);
        if id.number < full_tiles(self.edge.size(), id.level) {
            let hashes = decode_hashes(&self.tiles.tile(id.level, id.number)?)?;
            return perfect_root(hashes.get(within)?.to_vec());
        }
        let is_at_the_edge = id.number == full_tiles(self.edge.size(), id.level);
        let hashes = if is_at_the_edge { self.edge.partial(id.level).get(within)? } else { return None };
        perfect_root(hashes.to_vec())
    }
}

/// All nodes of a tree in memory: twice as many hashes as leaves.
#[derive(Debug, Clone, Default)]
pub struct MemoryNodes(Vec<Vec<Hash>>);

impl MemoryNodes {
    /// Computes every perfect subtree over the leaf hashes.
    #[must_use]
    pub fn new(leaves: &[Hash]) -> Self {
        let mut heights = Vec::new();
        let mut nodes = leaves.to_vec();
        while !nodes.is_empty() {
            let above = nodes.as_chunks().0.iter().map(|[left, right]| node_hash(left, right)).collect();
            heights.push(std::mem::replace(&mut nodes, above));
        }
        Self(heights)
    }
}

impl NodeReader for MemoryNodes {
    fn node(&self, node: Node) -> Option<Hash> {
        self.0.get(usize::from(node.height))?.get(usize::try_from(node.index).ok()?).copied()
    }
}

/// Where the hashes under a node stand: which tile, and which of its 256 places.
struct Place {
    id: TileId,
    within: Range<usize>,
}

fn place_of(node: Node) -> Place {
    let (level, above) = (node.height / TILE_HEIGHT as u8, node.height % TILE_HEIGHT as u8);
    let first = node.index << above;
    let start = (first % TILE_WIDTH) as usize;
    Place { id: TileId { level, number: first / TILE_WIDTH }, within: start..start + (1 << above) }
}

/// Cuts a range of a proof into perfect subtrees, from left to right. The ranges of proofs start at
/// a multiple of their largest subtree, so every cut is a node.
fn nodes_of(range: Range<u64>) -> impl Iterator<Item = Node> {
    let mut low = range.start;
    std::iter::from_fn(move || {
        let height = range.end.saturating_sub(low).checked_ilog2()?;
        let node = Node { height: height as u8, index: low >> height };
        low += 1 << height;
        Some(node)
    })
}

fn subtree(range: Range<u64>, reader: &impl NodeReader) -> Result<Hash, ProofError> {
    let read = |node| reader.node(node).ok_or(ProofError::Missing(node));
    let hashes = nodes_of(range).map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(hashes.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT))
}

/// The largest power of two that is smaller than `count`, which is at least 2.
fn largest_power_below(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// At the right edge a node without a sibling goes up unchanged, until it is a right child.
fn skip_missing_siblings(mut node: u64, mut last: u64) -> (u64, u64) {
    while node & 1 == 0 && node != 0 {
        (node, last) = (node >> 1, last >> 1);
    }
    (node, last)
}

fn verify_trivial_consistency(old: &TreeHead, new: &TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length);
    }
    let expected = if old.size == 0 { EMPTY_ROOT } else { new.root };
    // An empty new tree has a known root too.
    let new_is_possible = new.size > 0 || new.root == EMPTY_ROOT;
    if old.root == expected && new_is_possible { Ok(()) } else { Err(ProofError::Mismatch) }
}

#[cfg(test)]
mod tests;
