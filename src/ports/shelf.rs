//! Small files beside the log: what can be made again, and is kept because making it takes long.

use super::fault::Fault;

/// Bytes under names, beside the log. Nothing that only lives here may matter: whoever can write there
/// can bring back older bytes or take them away, so what is read is verified by its reader.
///
/// Every call blocks until it is done: make them where blocking is allowed.
pub trait Shelf: Send + Sync {
    /// What was last put under this name; `None` if nothing was. More than `bytes_max` bytes are a
    /// `Permanent` fault, and are not read.
    fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault>;

    /// Puts the bytes in the place of what was there: durable on return, and as a whole or not at
    /// all. On a fault what was there before is still there, no room is taken by the attempt, and the
    /// disk is not filled to its brim: where little room is left, nothing is begun (`Transient`).
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Fault>;

    /// Where a name lies, as people call it, for sentences that tell them what to do with it.
    fn place(&self, name: &str) -> String;
}
