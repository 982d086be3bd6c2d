//! C2SP tlog-cosignature, Ed25519 (version 1): a witness vouches that it saw a checkpoint, and that it
//! extends every checkpoint of this log that it saw before.
//!
//! A cosignature is a signature line of the checkpoint's note: its bytes are the time (8 bytes,
//! big-endian seconds since 1970) and an Ed25519 signature over `cosignature/v1`, that time, and the
//! note's text. The type for ML-DSA-44 is not known here; its lines count as those of unknown keys.

use super::note::{self, NoteError, PrivateKey, PublicKey, Signature, TYPE_COSIGNATURE};

/// Verifies the cosignatures of one witness.
pub type WitnessKey = PublicKey<TYPE_COSIGNATURE>;

/// Cosigns checkpoints.
pub type Cosigner = PrivateKey<TYPE_COSIGNATURE>;

/// Latest time that a cosignature may state, in seconds since 1970.
pub const TIME_SECONDS_MAX: u64 = i64::MAX as u64;

impl Cosigner {
    /// The signature line, with its newline, over a checkpoint's note text at a time in seconds since
    /// 1970 (no later than [`TIME_SECONDS_MAX`], which is what a later one becomes).
    ///
    /// Whoever calls this vouches: only after [`super::witness::decide`] and a durable record.
    #[must_use]
    pub fn cosign(&self, note_text: &str, time_seconds: u64) -> String {
        let time_seconds = time_seconds.min(TIME_SECONDS_MAX);
        let signature = self.sign_bytes(message(note_text, time_seconds).as_bytes());
        self.line(&[&time_seconds.to_be_bytes(), signature.as_ref()].concat())
    }
}

impl WitnessKey {
    /// The time that this signature line states, if it is a cosignature of this key over the text.
    pub(super) fn time_of(&self, note_text: &str, signature: &Signature<'_>) -> Option<u64> {
        let (time, bytes) = signature.bytes.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        let holds = time <= TIME_SECONDS_MAX && self.verifies(message(note_text, time).as_bytes(), bytes);
        holds.then_some(time)
    }
}

/// What of a witness's answer can stand below a checkpoint: the lines of this key, each verified.
/// Lines of other keys are left out.
///
/// # Errors
/// [`NoteError`] if the checkpoint or a line is malformed, if a line of this key is wrong
/// (`BadSignature`), or if there is none (`Unsigned`).
pub fn pick(checkpoint: &str, lines: &str, key: &WitnessKey) -> Result<String, NoteError> {
    let (text, _) = note::parts(checkpoint)?;
    if !lines.ends_with('\n') {
        return Err(NoteError::Malformed("it does not end in a newline"));
    }
    let signatures = note::signatures(lines)?;
    let mut picked = String::new();
    for (line, signature) in lines.lines().zip(&signatures) {
        if !key.is_named_by(signature) {
            continue;
        }
        key.time_of(text, signature).ok_or_else(|| NoteError::BadSignature(key.name().to_owned()))?;
        picked.extend([line, "\n"]);
    }
    if picked.is_empty() { Err(NoteError::Unsigned) } else { Ok(picked) }
}

fn message(note_text: &str, time_seconds: u64) -> String {
    format!("cosignature/v1\ntime {time_seconds}\n{note_text}")
}

#[cfg(test)]
mod tests;
