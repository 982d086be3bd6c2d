//! Makes commitments: a fresh salt for each value, the opening kept beside.

use domain::entry::{Commitment, Opening};
use ports::{Entropy, entropy};

/// Openings made for one proposal.
pub struct Openings<'a> {
    entropy: &'a dyn Entropy,
    entry_type: &'static str,
    made: Vec<Opening>,
}

impl<'a> Openings<'a> {
    /// For entries of one type, such as `lease.issued`.
    #[must_use]
    pub fn of(entropy: &'a dyn Entropy, entry_type: &'static str) -> Self {
        Self { entropy, entry_type, made: Vec::new() }
    }

    /// Commits to a value under a field name.
    pub fn commit(&mut self, field: &'static str, value: impl Into<String>) -> Commitment {
        let opening = Opening {
            entry_type: self.entry_type.into(),
            field: field.into(),
            salt: entropy::bytes(self.entropy),
            value: value.into(),
        };
        let commitment = opening.commitment();
        self.made.push(opening);
        commitment
    }

    /// The openings, to travel beside the command.
    #[must_use]
    pub fn into_made(self) -> Vec<Opening> {
        self.made
    }
}
