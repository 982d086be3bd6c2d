//! The one error of all ports.

use std::fmt;

/// What a caller may conclude from a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It did not happen; trying again later may help.
    Transient,
    /// It did not happen: the disk has no room for it. Trying again later may help.
    Full,
    /// It did not happen and will not until someone changes something.
    Permanent,
    /// It did not happen because someone else was there first.
    Conflict,
    /// The peer says that the thing does not exist.
    NotFound,
    /// The peer may or may not have done it. Never retry blindly: look.
    Ambiguous,
}

/// A failed call to the outside. `Display` says its own sentence only; the chain is in `source`.
/// Never carries a secret, a token or an answer's body.
#[derive(Debug)]
pub struct Fault {
    /// What may be concluded.
    pub kind: FaultKind,
    /// One lower-case sentence: what was tried, what the peer answered.
    pub sentence: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault without a deeper cause.
    #[must_use]
    pub fn new(kind: FaultKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), source: None }
    }

    /// The same fault with its cause, which must be free of secrets.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
