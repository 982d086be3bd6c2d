//! What is measured, and how large: the words of the command line.

use anyhow::{Result, bail};

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// 64 proposers through the journal, against a raw file.
    Append,
    /// One proposer, against a plain commit.
    Single,
    /// Many proposers again, with and without an index that fills from their log.
    Index,
    /// The offline verifier, against hashing alone; and its memory.
    Verify,
    /// Where the verifier's time goes, step by step. For information.
    Split,
    /// A long log in the store: append, disk, start, trace.
    Long,
    /// The state after many closed leases.
    State,
}

/// What a run does.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) size: Size,
    pub(crate) parts: Vec<Part>,
}

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Entries of the long log, and leases whose end the state forgets.
    pub(crate) long: u64,
    /// Entries of the log that appends to the long one are compared with.
    pub(crate) short: u64,
    /// Leases that are open when a broker starts on the long log.
    pub(crate) open: u64,
    /// How often everything that takes turns has its turn.
    pub(crate) rounds: usize,
    /// Entries that one turn of the journal appends.
    pub(crate) block: usize,
}

const PARTS: [(&str, Part); 7] = [
    ("append", Part::Append),
    ("single", Part::Single),
    ("index", Part::Index),
    ("verify", Part::Verify),
    ("split", Part::Split),
    ("long", Part::Long),
    ("state", Part::State),
];
/// What the issue asks for.
const FULL: Size = Size { long: 10_000_000, short: 100_000, open: 10_000, rounds: 15, block: 20_000 };
/// In a minute or two, for a look.
const QUICK: Size = Size { long: 200_000, short: 20_000, open: 10_000, rounds: 7, block: 8_000 };
/// To see that it runs.
const TINY: Size = Size { long: 6_000, short: 1_000, open: 512, rounds: 2, block: 640 };

impl Plan {
    /// `tiny` or `quick` or neither, and the parts, or none for all.
    pub(crate) fn of(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut plan = Self { size: FULL, parts: Vec::new() };
        for word in words.filter(|word| !word.starts_with('-')) {
            match (word.as_str(), PARTS.iter().find(|(name, _)| *name == word)) {
                ("tiny", _) => plan.size = TINY,
                ("quick", _) => plan.size = QUICK,
                (_, Some((_, part))) => plan.parts.push(*part),
                _ => bail!("no such part: {word}; there are: tiny, quick, {}", PARTS.map(|(name, _)| name).join(", ")),
            }
        }
        if plan.parts.is_empty() {
            plan.parts = PARTS.map(|(_, part)| part).into();
        }
        Ok(plan)
    }
}
