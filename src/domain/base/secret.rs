//! Bytes that must not be seen: wiped on drop, redacted in `Debug`, not `Clone`, not `Display`,
//! not comparable, not serialisable. gRPC and TLS buffers are beyond its reach.

use std::fmt;
use zeroize::Zeroizing;

/// A secret value in memory.
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes the bytes over; the caller's copy is moved in, not duplicated.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes.into_boxed_slice()))
    }

    /// Takes a string over.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self::new(text.into_bytes())
    }

    /// Looks at the bytes. Every use of this name is a place to review.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Looks at the text, if it is UTF-8.
    #[must_use]
    pub fn reveal_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Secret::from_text("hunter2".into())), "Secret(redacted)");
    }
}
