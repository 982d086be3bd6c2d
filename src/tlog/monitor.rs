//! What a monitor does that keeps one earlier checkpoint: it asks whether a newer one is of the same
//! history. Two checkpoints under one log's signature that are not, are the proof that the log showed
//! two histories; nobody can take that back.

use super::checkpoint::Checkpoint;
use super::hash::Hash;
use super::proof::{ProofError, verify_consistency};

/// The newer checkpoint is of the same history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// How many entries came to it.
    pub grown_by: u64,
}

/// The two are not of one history, or nothing shows that they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitView {
    /// The checkpoints are of different logs: this says nothing about either.
    #[error("the two checkpoints are of different logs")]
    OtherLog,
    /// The newer one has fewer entries: entries that were shown are gone.
    #[error("the log is rolled back: it had {earlier} entries and shows {newer} now")]
    RolledBack {
        /// Size of the earlier checkpoint.
        earlier: u64,
        /// Size of the newer.
        newer: u64,
    },
    /// Same size, other entries.
    #[error("the log has two histories of {size} entries")]
    TwoRoots {
        /// Size of both.
        size: u64,
    },
    /// What it shows now does not begin with what it showed then, by the proof that it gave itself.
    #[error("the log of {newer} entries does not begin with the log of {earlier} that was shown before")]
    NotAnExtension {
        /// Size of the earlier checkpoint.
        earlier: u64,
        /// Size of the newer.
        newer: u64,
        /// What is wrong with the proof.
        #[source]
        source: ProofError,
    },
}

/// Whether the log of `earlier` is the beginning of the log of `newer`. Both must have been verified
/// (`Policy::judge`); the proof is the log's own, between their sizes, empty if the sizes are equal.
///
/// # Errors
/// [`SplitView`], unless it is proven.
pub fn follow(earlier: &Checkpoint, newer: &Checkpoint, proof: &[Hash]) -> Result<Followed, SplitView> {
    let (old, new) = (earlier.size, newer.size);
    if earlier.origin != newer.origin {
        return Err(SplitView::OtherLog);
    }
    if new < old {
        return Err(SplitView::RolledBack { earlier: old, newer: new });
    }
    if new == old && earlier.root != newer.root {
        return Err(SplitView::TwoRoots { size: old });
    }
    match verify_consistency(&earlier.head(), &newer.head(), proof) {
        Ok(()) => Ok(Followed { grown_by: new - old }),
        Err(source) => Err(SplitView::NotAnExtension { earlier: old, newer: new, source }),
    }
}

#[cfg(test)]
mod tests;
