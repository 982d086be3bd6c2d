//! Small files beside the log: what can be made again, and is kept because making it takes long.

use super::fault::Fault;

/// Bytes under names, beside the log. Nothing that only lives here may matter: whoever can write there
/// can bring back older bytes or take them away, so what is read is verified by its reader.
///
/// No [`Keepsake`](super::Keepsake), although both are replaced as a whole: what is kept there has no
/// second source, so it is written into the last room of a disk, where a shelf takes nothing.
///
/// Every call blocks until it is done: make them where blocking is allowed.
pub trait Shelf: Send + Sync {
    /// What was last put under this name; `None` if nothing was. More than `bytes_max` bytes are a
    /// `Permanent` fault, and are not read.
    fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault>;

    /// Puts these parts, one after another, in the place of what was there: durable on return. At any
    /// moment, also after a fault or a crash, the name holds what was there before or all of the new.
    /// A failed attempt takes no room, and none is begun where little room is left (`Transient`).
    fn put(&self, name: &str, parts: &[&[u8]]) -> Result<(), Fault>;

    /// Where a name lies, as people call it, for sentences that tell them what to do with it.
    fn place(&self, name: &str) -> String;
}
