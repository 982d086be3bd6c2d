//! Transparency-log formats: hashing, trees, proofs, tiles, notes, checkpoints, receipts,
//! cosignatures, policies.
//!
//! One file per public specification. Pure: no clock, no chance, no input or output, and no word
//! about secrets or tasks. Every floor above may use it; it uses no other.

pub mod checkpoint;
pub mod cosignature;
pub mod hash;
pub mod monitor;
pub mod note;
pub mod peaks;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod witness;

pub use hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
