//! C2SP tlog-policy: whose word makes a checkpoint believed. Logs, witnesses, groups of them, and the
//! quorum; a text file, one item a line.
//!
//! A file with nothing but one verifier key in it is a policy too: that log, and no witness asked for.
//! Names are opaque bytes and mean nothing outside of their file.

mod read;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::cosignature::WitnessKey;
use super::note::{self, NoteError, VerifierKey};

/// A policy file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A witness that the policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its name in the file.
    pub name: String,
    /// Verifies its cosignatures.
    pub key: WitnessKey,
    /// Prefix of its `add-checkpoint`, if the file states it.
    pub url: Option<String>,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PolicyError {
    /// From 1; the line after the last for what is missing.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// What a policy says of a signed checkpoint whose log it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Size and root, under the log's own signature.
    pub checkpoint: Checkpoint,
    /// The known witnesses that cosigned, by their names in the policy and in its order, each with the
    /// time it stated, in seconds since 1970 (the latest, if it signed several times).
    pub witnesses: Vec<(String, u64)>,
    /// Whether they are enough. True without any if the quorum is `none`.
    pub quorum_met: bool,
    /// Key names of signature lines that nobody here knows, in the order of the note.
    pub unknown: Vec<String>,
}

/// Why a checkpoint was not believed at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// Not signed by a log of the policy, or malformed.
    #[error("the log's own signature is missing or wrong")]
    Log(#[source] CheckpointError),
    /// A line that names a known witness does not verify.
    #[error("the cosignature by {0} is wrong")]
    Witness(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    needed: usize,
    members: Vec<Member>,
}

/// Place in the list of witnesses, or in that of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

impl Policy {
    /// Reads a policy file, or one bare verifier key.
    ///
    /// # Errors
    /// [`PolicyError`] with the first line that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        read::read(bytes)
    }

    /// This log, and no witness asked for.
    #[must_use]
    pub fn of_log(key: VerifierKey) -> Self {
        Self { logs: vec![key], witnesses: Vec::new(), groups: Vec::new(), quorum: None }
    }

    /// The same policy for one log alone, if it knows that log or names none.
    #[must_use]
    pub fn for_log(mut self, key: &VerifierKey) -> Option<Self> {
        let known = self.logs.is_empty() || self.logs.contains(key);
        self.logs = vec![key.clone()];
        known.then_some(self)
    }

    /// The logs that are believed. A policy for a log that is known from elsewhere names none.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses that are known, in the order of the file.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether the quorum is another than `none`.
    #[must_use]
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether these witnesses would be enough. Always, if the quorum is `none`.
    #[must_use]
    pub fn is_met_by(&self, has_cosigned: impl Fn(&Witness) -> bool) -> bool {
        self.is_met(&self.witnesses.iter().map(has_cosigned).collect::<Vec<_>>())
    }

    /// One place for each witness.
    fn is_met(&self, cosigned: &[bool]) -> bool {
        // A group names earlier ones only, so its members are decided before it.
        let mut decided = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let count = group.members.iter().filter(|member| has(**member, cosigned, &decided)).count();
            decided.push(count >= group.needed);
        }
        self.quorum.is_none_or(|quorum| has(quorum, cosigned, &decided))
    }

    /// Verifies a signed checkpoint and says who vouches for it. The caller decides what it means that
    /// the quorum is not met.
    ///
    /// # Errors
    /// [`JudgeError`] if the log's own signature is missing, or a known key's signature is wrong.
    pub fn judge(&self, signed_note: &str) -> Result<Judged, JudgeError> {
        let checkpoint = Checkpoint::open_by_any(signed_note, &self.logs).map_err(JudgeError::Log)?;
        let (text, signatures) = note::parts(signed_note).map_err(malformed)?;
        let mut times = vec![None; self.witnesses.len()];
        let mut unknown = Vec::new();
        for signature in signatures {
            if let Some(at) = self.witnesses.iter().position(|witness| witness.key.is_named_by(&signature)) {
                let (Some(witness), Some(place)) = (self.witnesses.get(at), times.get_mut(at)) else { continue };
                let time = witness.key.time_of(text, &signature);
                let time = time.ok_or_else(|| JudgeError::Witness(witness.name.clone()))?;
                *place = (*place).max(Some(time));
            } else if !self.logs.iter().any(|log| log.is_named_by(&signature)) {
                unknown.push(signature.name.to_owned());
            }
        }
        let quorum_met = self.is_met(&times.iter().map(Option::is_some).collect::<Vec<_>>());
        let named = self.witnesses.iter().zip(times);
        let witnesses = named.filter_map(|(witness, time)| Some((witness.name.clone(), time?))).collect();
        Ok(Judged { checkpoint, witnesses, quorum_met, unknown })
    }
}

impl From<&VerifierKey> for Policy {
    fn from(key: &VerifierKey) -> Self {
        Self::of_log(key.clone())
    }
}

impl From<&Policy> for Policy {
    fn from(policy: &Policy) -> Self {
        policy.clone()
    }
}

fn has(member: Member, witnesses: &[bool], groups: &[bool]) -> bool {
    let found = match member {
        Member::Witness(at) => witnesses.get(at),
        Member::Group(at) => groups.get(at),
    };
    found.copied().unwrap_or_default()
}

fn malformed(error: NoteError) -> JudgeError {
    JudgeError::Log(CheckpointError::Note(error))
}

#[cfg(test)]
mod tests;
