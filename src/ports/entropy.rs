//! Chance: the only way to random bytes, so that a simulated run can be repeated.

/// Cryptographically strong random bytes. Never fails: an implementation that cannot deliver
/// must stop the process.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// A fixed number of fresh random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut buffer = [0; N];
    entropy.fill(&mut buffer);
    buffer
}
