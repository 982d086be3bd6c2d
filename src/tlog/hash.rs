//! Merkle tree hashing: RFC 9162 §2.1.1 (the same as RFC 6962 §2.1) with SHA-256.
//!
//! A leaf and an inner node are hashed under different first bytes, so that neither can pass for
//! the other. The only text form of a hash is standard base64 with padding, as in checkpoints.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;

/// The hash of a leaf, of an inner node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

/// Text that is not a hash in canonical base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash must be 44 characters of padded base64")]
pub struct NotAHash;

/// The root of a tree without leaves: SHA-256 of the empty string.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The hash of an entry: SHA-256(0x00 ‖ entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(sha256(&[&[0x00], entry]))
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(sha256(&[&[0x01], &left.0, &right.0]))
}

impl Hash {
    /// Takes the bytes of a finished hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`NotAHash`] for other lengths, alphabets, padding or trailing bits.
    pub fn parse(text: &str) -> Result<Self, NotAHash> {
        // One byte more than it must be, because that is how much the decoder asks for.
        let mut bytes = [0; HASH_BYTES + 1];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(HASH_BYTES) => Ok(Self(*bytes.first_chunk().ok_or(NotAHash)?)),
            _ => Err(NotAHash),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 over the parts, one after another. For this floor only.
pub(super) fn sha256(parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; HASH_BYTES];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: &Hash) -> String {
        hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_answers_of_the_certificate_transparency_tests_hold() {
        assert_eq!(Hash(sha256(&[])), EMPTY_ROOT);
        let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex(&leaf_hash(b"")), empty);
        let l123456 = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56";
        assert_eq!(hex(&leaf_hash(b"L123456")), l123456);
        let n123_n456 = "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb";
        let mut context = Context::new(&SHA256);
        context.update(b"\x01N123N456");
        let plain: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(plain, n123_n456);
    }

    #[test]
    fn a_leaf_that_looks_like_a_node_has_another_hash() {
        let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
        let joined = [left.as_bytes().as_slice(), right.as_bytes()].concat();
        assert_ne!(leaf_hash(&joined), node_hash(&left, &right));
        assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
    }

    #[test]
    fn one_hash_has_one_text() {
        let text = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        assert_eq!(Hash::parse(text).unwrap().to_string(), text);
        let wrong = [
            "",
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I",
            "CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=",
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=",
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "AAAA",
        ];
        for text in wrong {
            assert_eq!(Hash::parse(text), Err(NotAHash), "{text:?}");
        }
    }
}
