//! The growing right edge of a tree, and how it is found again from stored tiles.
//!
//! An [`Edge`] holds what an append needs and nothing else: the roots of the perfect subtrees
//! (RFC 9162 §2.1.2, the "stack") and the partial tile of each level (C2SP tlog-tiles), at most
//! 255 hashes a level. Tiles that fill up are handed out once and then belong to the store.

use super::hash::{EMPTY_ROOT, HASH_BYTES, Hash, node_hash};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, TileId, decode_hashes, encode_hashes};
use std::collections::BTreeMap;

/// Size and root hash of one tree: what a checkpoint signs and a proof is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Root hash over them.
    pub root: Hash,
}

/// A tile that has just received its 256th hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    /// Level: 0 holds leaf hashes, 1 holds roots of 256 leaves, and so on.
    pub level: u8,
    /// Number within its level, from 0.
    pub number: u64,
    /// 8,192 bytes.
    pub bytes: Vec<u8>,
}

/// Gives full tiles back. A map of tiles read beforehand is one.
pub trait TileReader {
    /// The 8,192 bytes of a full tile, or `None` if it is not there.
    fn tile(&self, level: u8, number: u64) -> Option<Vec<u8>>;
}

impl TileReader for BTreeMap<TileId, Vec<u8>> {
    fn tile(&self, level: u8, number: u64) -> Option<Vec<u8>> {
        self.get(&TileId { level, number }).cloned()
    }
}

/// Why an edge could not be rebuilt. Each means that the store is not the log it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// A full tile that a tree of this size must have is missing or has another length.
    #[error("tile {} is missing or damaged", .0.path())]
    Tile(TileId),
    /// Not exactly the leaves behind the last full tile were given.
    #[error("expected {expected} leaf hashes behind the last full tile, got {found}")]
    Leaves {
        /// Size modulo 256.
        expected: u64,
        /// What was given.
        found: u64,
    },
    /// Tiles and leaves were all there, but they are not the tree that was signed.
    #[error("tiles and entries do not give the root hash of the checkpoint")]
    Root,
}

/// The append-only right edge of a tree. Cloning copies at most 255 hashes a level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// INVARIANT: the roots of the perfect subtrees, largest first, one for each set bit of `size`.
    peaks: Vec<Hash>,
    /// INVARIANT: for level l the last `(size / 256^l) % 256` hashes; no empty list is kept.
    partials: BTreeMap<u8, Vec<Hash>>,
}

impl Edge {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root hash over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return EMPTY_ROOT };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Size and root together.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }

    /// Appends one leaf hash and hands out the tiles that it filled, lowest level first.
    /// Most of the time there is none. What is handed out once must be stored with its entries.
    pub fn push(&mut self, leaf: Hash) -> Vec<FullTile> {
        let mut full = Vec::new();
        self.record(0, leaf, &mut full);
        let mut node = leaf;
        for height in 1..=self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            if height % TILE_HEIGHT == 0 {
                self.record((height / TILE_HEIGHT) as u8, node, &mut full);
            }
        }
        self.peaks.push(node);
        self.size += 1;
        full
    }

    /// The hashes of the partial tile of a level, oldest first; empty if there is none.
    #[must_use]
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.partials.get(&level).map_or(&[], Vec::as_slice)
    }

    /// The root of the perfect subtree `index` of this height, if it is one of those that the tree
    /// consists of (its peaks): the newest leaves' proofs are made of little else.
    #[must_use]
    pub fn peak(&self, height: u8, index: u64) -> Option<Hash> {
        let trees = self.size.checked_shr(u32::from(height))?;
        let place = (trees >> 1).count_ones() as usize;
        if trees % 2 == 1 && index == trees - 1 { self.peaks.get(place).copied() } else { None }
    }

    /// What the edge consists of: the hashes of the partial tiles, lowest level first, oldest first.
    /// How many there are of each follows from the size.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.partials.values().flat_map(|partial| encode_hashes(partial)).collect()
    }

    /// Reads what [`Edge::to_bytes`] wrote from the front of `bytes`, and checks that it gives the
    /// signed root. Returns what is behind it too.
    ///
    /// # Errors
    /// [`ResumeError::Root`] if the hashes are too few or not of this tree.
    pub fn of_bytes<'b>(head: &TreeHead, mut bytes: &'b [u8]) -> Result<(Self, &'b [u8]), ResumeError> {
        let mut partials = BTreeMap::new();
        for level in 0..LEVELS {
            let hashes = head.size.checked_shr(TILE_HEIGHT * u32::from(level)).unwrap_or(0) % TILE_WIDTH;
            let length = hashes as usize * HASH_BYTES;
            let (partial, behind) = bytes.split_at_checked(length).ok_or(ResumeError::Root)?;
            bytes = behind;
            if hashes > 0 {
                partials.insert(level, partial.as_chunks().0.iter().copied().map(Hash::from_bytes).collect());
            }
        }
        Self::of_partials(head, partials).map(|edge| (edge, bytes))
    }

    fn of_partials(head: &TreeHead, partials: BTreeMap<u8, Vec<Hash>>) -> Result<Self, ResumeError> {
        let edge = Self { size: head.size, peaks: peaks_of(&partials), partials };
        if edge.root() == head.root { Ok(edge) } else { Err(ResumeError::Root) }
    }

    /// The full tiles that [`Edge::resume`] reads for a tree of this size: at most 255 a level.
    pub fn tiles_to_resume(size: u64) -> impl Iterator<Item = TileId> {
        (0..LEVELS).flat_map(move |level| {
            let full = full_tiles(size, level);
            let first = full - full % TILE_WIDTH;
            (first..full).map(move |number| TileId { level, number })
        })
    }

    /// Rebuilds the edge of a stored tree and checks that it gives the signed root.
    /// `leaves` are the leaf hashes behind the last full tile, in order: `size % 256` of them.
    ///
    /// # Errors
    /// [`ResumeError`] if a tile or a leaf is missing, damaged or not of the signed tree.
    pub fn resume(head: &TreeHead, tiles: &impl TileReader, leaves: &[Hash]) -> Result<Self, ResumeError> {
        let expected = head.size % TILE_WIDTH;
        if leaves.len() as u64 != expected {
            return Err(ResumeError::Leaves { expected, found: leaves.len() as u64 });
        }
        let mut partials = BTreeMap::new();
        if !leaves.is_empty() {
            partials.insert(0, leaves.to_vec());
        }
        for id in Self::tiles_to_resume(head.size) {
            let bytes = tiles.tile(id.level, id.number).ok_or(ResumeError::Tile(id))?;
            let hashes = decode_hashes(&bytes).ok_or(ResumeError::Tile(id))?;
            let root = perfect_root(hashes).ok_or(ResumeError::Tile(id))?;
            partials.entry(id.level + 1).or_insert_with(Vec::new).push(root);
        }
        Self::of_partials(head, partials)
    }

    fn record(&mut self, level: u8, hash: Hash, full: &mut Vec<FullTile>) {
        let partial = self.partials.entry(level).or_default();
        partial.push(hash);
        if partial.len() as u64 == TILE_WIDTH {
            full.push(FullTile { level, number: full_tiles(self.size, level), bytes: encode_hashes(partial) });
            self.partials.remove(&level);
        }
    }
}

/// How many full tiles a level has in a tree of this size.
pub(super) fn full_tiles(size: u64, level: u8) -> u64 {
    size.checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or(0)
}

/// The root over a power of two of neighbouring hashes; `None` for any other number of them.
pub(super) fn perfect_root(mut hashes: Vec<Hash>) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    while hashes.len() > 1 {
        hashes = hashes.as_chunks().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.first().copied()
}

/// Cuts each partial tile into its perfect subtrees, from the highest level down.
fn peaks_of(partials: &BTreeMap<u8, Vec<Hash>>) -> Vec<Hash> {
    let mut peaks = Vec::new();
    for partial in partials.values().rev() {
        let mut rest = partial.as_slice();
        while let Some(height) = rest.len().checked_ilog2() {
            let (subtree, behind) = rest.split_at(1 << height);
            peaks.extend(perfect_root(subtree.to_vec()));
            rest = behind;
        }
    }
    peaks
}

/// Tile levels of a tree with up to 2⁶⁴ leaves.
const LEVELS: u8 = (u64::BITS / TILE_HEIGHT) as u8;

#[cfg(test)]
mod tests;
