//! C2SP tlog-proof: a receipt, the offline-checkable proof that one entry is in a log.
//!
//! It carries the index, the inclusion proof and the signed checkpoint, so that whoever has the
//! entry's bytes and the log's public key needs nothing else. The optional `extra` line of the
//! format is not authenticated: it is never written here, and skipped when read.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::hash::{Hash, leaf_hash};
use super::note::VerifierKey;
use super::proof::{PROOF_HASHES_MAX, ProofError, verify_inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The proof of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Index of the entry, from 0.
    pub index: u64,
    /// Inclusion proof, from the leaf's sibling upwards.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, verbatim, with cosignatures if there are any.
    pub checkpoint_text: String,
}

/// Text that is not a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed receipt: {0}")]
pub struct NotAReceipt(&'static str);

/// Why a receipt does not prove the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint in it is not the log's.
    #[error("the receipt's checkpoint cannot be trusted")]
    Checkpoint(#[source] CheckpointError),
    /// The entry is not at this index under the checkpoint.
    #[error("the receipt does not prove this entry")]
    Proof(#[source] ProofError),
}

impl Receipt {
    /// The text form, media type `text/plain`, file extension `.tlog-proof`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let hashes: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("{FIRST_LINE}\nindex {}\n{hashes}\n{}", self.index, self.checkpoint_text)
    }

    /// Reads the text form. What it returns is not verified yet.
    ///
    /// # Errors
    /// [`NotAReceipt`] with the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, NotAReceipt> {
        let (header, checkpoint) = text.split_once("\n\n").ok_or(NotAReceipt("no checkpoint behind a blank line"))?;
        let mut lines = header.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(NotAReceipt("the first line is not c2sp.org/tlog-proof@v1"));
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            let extra = extra.strip_prefix("extra ").unwrap_or_default();
            STANDARD.decode(extra).map_err(|_| NotAReceipt("the extra line is not base64"))?;
        }
        let index = lines.next().and_then(index_of).ok_or(NotAReceipt("no index line"))?;
        let proof = lines.map(Hash::parse).collect::<Result<Vec<_>, _>>();
        let proof = proof.map_err(|_| NotAReceipt("a line of the proof is not a hash"))?;
        if proof.len() > PROOF_HASHES_MAX {
            return Err(NotAReceipt("the proof has more than 63 hashes"));
        }
        Ok(Self { index, proof, checkpoint_text: checkpoint.to_owned() })
    }

    /// Proves that exactly these bytes are the entry at `index` of the log whose key this is.
    ///
    /// # Errors
    /// [`ReceiptError`] if the checkpoint or the proof fails.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::open(&self.checkpoint_text, key).map_err(ReceiptError::Checkpoint)?;
        verify_inclusion(&leaf_hash(entry), self.index, &checkpoint.head(), &self.proof)
            .map_err(ReceiptError::Proof)?;
        Ok(checkpoint)
    }
}

fn index_of(line: &str) -> Option<u64> {
    let digits = line.strip_prefix("index ")?;
    digits.parse().ok().filter(|index: &u64| index.to_string() == digits)
}

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

#[cfg(test)]
mod tests;
