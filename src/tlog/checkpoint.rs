//! C2SP tlog-checkpoint v1.0.0: the signed head of a log.
//!
//! A checkpoint of ours has exactly three lines, and its origin is the name of the key that signed
//! it. The specification leaves extension lines optional and discourages them, because no monitor
//! can audit them; here they are refused, so that one head has one text.

use super::hash::Hash;
use super::note::{self, NoteError, Signer, VerifierKey};
use super::tree::TreeHead;

/// Name of a log, number of its entries, root hash over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, and of its key.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root hash over them.
    pub root: Hash,
}

/// Why a checkpoint was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it was not opened.
    #[error("the checkpoint's note cannot be trusted")]
    Note(#[source] NoteError),
    /// The signed text is not origin, size and root, one line each.
    #[error("malformed checkpoint: expected exactly the lines origin, size and root hash")]
    Malformed,
    /// The key signed a head of another log.
    #[error("the checkpoint is of the log {found}, but the key is of {expected}")]
    Origin {
        /// Name of the key.
        expected: String,
        /// Origin line.
        found: String,
    },
}

impl Checkpoint {
    /// The note text: three lines, each with its newline.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Size and root, for proofs.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root }
    }

    /// The signed checkpoint.
    ///
    /// # Panics
    /// If the key is not of this origin: signing on would forge another log's head.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        assert_eq!(self.origin, signer.name(), "a log signs its own checkpoints only");
        // The name of a key has no control characters, so this text can always be a note's.
        note::seal(&self.body(), &[signer])
    }

    /// Verifies and reads a checkpoint of the log whose key this is. Signatures by others, such as
    /// witnesses, are neither needed nor in the way.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is not signed by the key, not of its log, or not canonical.
    pub fn open(text: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::open_by_any(text, std::slice::from_ref(key))
    }

    /// The same for whoever trusts several keys: it is signed by one that has the name of its log.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_by_any(text: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let opened = note::open(text, keys).map_err(CheckpointError::Note)?;
        let checkpoint = Self::parse_body(opened.text).ok_or(CheckpointError::Malformed)?;
        if opened.signed_by.iter().any(|key| key.name() == checkpoint.origin) {
            return Ok(checkpoint);
        }
        let expected = opened.signed_by.first().map(|key| key.name().to_owned()).unwrap_or_default();
        Err(CheckpointError::Origin { expected, found: checkpoint.origin })
    }

    /// Reads the three lines of a note text that someone else has verified.
    pub(super) fn parse_body(body: &str) -> Option<Self> {
        let mut lines = body.lines();
        let (origin, size, root) = (lines.next()?.to_owned(), lines.next()?.parse().ok()?, lines.next()?);
        let checkpoint = Self { origin, size, root: Hash::parse(root).ok()? };
        // Comparing with what we would write refuses leading zeroes, signs and further lines.
        (!checkpoint.origin.is_empty() && checkpoint.body() == body).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests;
