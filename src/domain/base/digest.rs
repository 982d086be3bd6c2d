//! A SHA-256 digest with one text form: base64url without padding.

use super::text_form::text_form;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// 32 bytes of SHA-256. Text form: 43 characters of base64url, no padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Text that is not 43 characters of canonical base64url.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a digest must be 43 characters of base64url")]
pub struct NotADigest;

impl Digest {
    /// Takes the bytes of a finished hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// SHA-256 over the parts, one after another, without separators.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the one text form.
    ///
    /// # Errors
    /// [`NotADigest`] for other lengths, alphabets, padding or trailing bits.
    pub fn parse(text: &str) -> Result<Self, NotADigest> {
        // One byte more than it must be, because that is how much the decoder asks for.
        let mut bytes = [0; 33];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Ok(Self(*bytes.first_chunk().ok_or(NotADigest)?)),
            _ => Err(NotADigest),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

text_form!(Digest);
