//! One small text that outlives the process, such as the newest cosigned checkpoint.

use super::fault::Fault;

/// Keeps one text of up to 1 MiB. Both calls block on the disk: on the runtime they belong into
/// `spawn_blocking`.
///
/// What an attacker with write access to it can do: make it as old as they like, or take it away. So
/// nothing may hang on its being there; what it says is verified by whoever reads it.
pub trait Keepsake: Send + Sync {
    /// The text that was kept last; `None` if none ever was.
    fn recall(&self) -> Result<Option<String>, Fault>;

    /// Replaces the text, as a whole or not at all. On `Ok` the new text is on stable storage; after a
    /// fault it is the old one or the new one. `Transient` if that may pass by itself, such as a full
    /// disk; room is taken as long as there is any.
    fn keep(&self, text: &str) -> Result<(), Fault>;
}
