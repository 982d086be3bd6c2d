//! C2SP tlog-witness: the body of `add-checkpoint`, and what a witness says to it.
//!
//! Pure: [`decide`] is given what the witness knew, and says whether it may know more. The caller makes
//! that durable before it cosigns, and lets no two requests for one log pass between the two.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::hash::{EMPTY_ROOT, Hash};
use super::note::{self, NoteError, VerifierKey};
use super::proof::{PROOF_HASHES_MAX, verify_consistency};
use super::tree::TreeHead;

/// Bytes of the largest request that is read: 63 hashes, and a checkpoint with many signatures.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;

/// Media type of the answer that states a size.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// The body of `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Size of the checkpoint that the witness is believed to have cosigned last; 0 for none.
    pub old_size: u64,
    /// Proof that the tree of `old_size` is the beginning of the checkpoint's.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint_text: String,
}

/// Text that is not such a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed request: {0}")]
pub struct NotARequest(&'static str);

/// Why a witness does not cosign. Each is one HTTP status of the specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: the request is malformed, or its old size is larger than the checkpoint's.
    #[error("the request is malformed")]
    Malformed,
    /// 404: a log that this witness does not know.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// 403: not signed by a key that this witness trusts for the log.
    #[error("the checkpoint is not signed by a key of the log")]
    UnknownKey,
    /// 409: another size was cosigned last.
    #[error("the checkpoint cosigned last has {size} entries")]
    Conflict {
        /// Size of the checkpoint cosigned last; 0 for none.
        size: u64,
    },
    /// 422: the proof does not lead from what was cosigned last to this checkpoint; or it is of the same
    /// size, and the root is another.
    #[error("the consistency proof does not verify")]
    Proof,
}

/// A checkpoint that may be cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note text to cosign.
    pub note_text: String,
}

impl Request {
    /// The body.
    #[must_use]
    pub fn to_text(&self) -> String {
        let hashes: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {}\n{hashes}\n{}", self.old_size, self.checkpoint_text)
    }

    /// Reads a body. Nothing in what it returns is verified yet.
    ///
    /// # Errors
    /// [`NotARequest`] with the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, NotARequest> {
        let (header, checkpoint) = text.split_once("\n\n").ok_or(NotARequest("no checkpoint behind an empty line"))?;
        let mut lines = header.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old_size = old_size.ok_or(NotARequest("the first line is not `old` and a size"))?;
        let proof = lines.map(Hash::parse).collect::<Result<Vec<_>, _>>();
        let proof = proof.map_err(|_| NotARequest("a line of the proof is not a hash"))?;
        if proof.len() > PROOF_HASHES_MAX {
            return Err(NotARequest("the proof has more than 63 hashes"));
        }
        Ok(Self { old_size, proof, checkpoint_text: checkpoint.to_owned() })
    }
}

/// What a witness says that trusts the keys `logs` and asks `latest` for the head that it cosigned last
/// for an origin, in the order of the specification.
///
/// # Errors
/// The [`Refusal`].
pub fn decide(
    request: &Request,
    logs: &[VerifierKey],
    latest: impl FnOnce(&str) -> Option<TreeHead>,
) -> Result<Admitted, Refusal> {
    let (note_text, _) = note::parts(&request.checkpoint_text).map_err(|_| Refusal::Malformed)?;
    let claimed = Checkpoint::parse_body(note_text).ok_or(Refusal::Malformed)?;
    if !logs.iter().any(|log| log.name() == claimed.origin) {
        return Err(Refusal::UnknownLog);
    }
    let checkpoint = Checkpoint::open_by_any(&request.checkpoint_text, logs).map_err(|error| match error {
        CheckpointError::Note(NoteError::Malformed(_) | NoteError::TooManySignatures) => Refusal::Malformed,
        _ => Refusal::UnknownKey,
    })?;
    let (old, new) = (request.old_size, checkpoint.head());
    if old > new.size {
        return Err(Refusal::Malformed);
    }
    let latest = latest(&checkpoint.origin).unwrap_or(TreeHead { size: 0, root: EMPTY_ROOT });
    if old != latest.size {
        return Err(Refusal::Conflict { size: latest.size });
    }
    verify_consistency(&latest, &new, &request.proof).map_err(|_| Refusal::Proof)?;
    Ok(Admitted { checkpoint, note_text: note_text.to_owned() })
}

/// A size in an answer or a request: decimal, without sign or leading zeroes.
#[must_use]
pub fn decimal(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

#[cfg(test)]
mod tests;
