//! The written form of a state: what a snapshot holds. A snapshot is a cache of the fold and nothing
//! more, so only what the fold cannot do without is written; the agenda, the lists of requests and the
//! sets that follow from tasks and leases are made again.
//!
//! Pure bytes in the postcard wire format: who signs them, and where they lie, is for others to know
//! (`services/journal/snapshot`). Reading never panics and never takes more memory than the bytes
//! call for, whatever they are.

mod read;
mod records;
mod tables;
mod write;

use super::State;

/// Name of the form, and of the fold behind it. Whoever changes what is written here, or what the fold
/// keeps of an entry, gives it the next number: a snapshot of another form is not read, and the log is
/// folded anew.
pub const FORM: &str = "leasehold-state/1";

/// Bytes that are not a state in this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a state: {0}")]
pub struct NotAState(&'static str);

impl State {
    /// The state in its written form: the same bytes for the same state. `None` in the middle of an
    /// estate group, which no published state is.
    #[must_use]
    pub fn to_snapshot(&self) -> Option<Vec<u8>> {
        write::state(self)
    }

    /// Reads what [`State::to_snapshot`] wrote.
    ///
    /// # Errors
    /// [`NotAState`] for bytes cut off, too long, or of another form.
    pub fn of_snapshot(bytes: &[u8]) -> Result<Self, NotAState> {
        read::state(bytes)
    }
}
