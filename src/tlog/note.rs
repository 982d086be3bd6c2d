//! C2SP signed-note v1.0.0 with Ed25519 keys: a text, a blank line, and signature lines.
//!
//! The text of a note means nothing until [`open`] has returned it. Signatures by unknown keys are
//! ignored (that is how witnesses and key rotation work); a bad signature by a known key refuses
//! the whole note. Keys are made from given random bytes: this floor draws no randomness.

use super::hash::sha256;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// Signature lines that a note may have. The specification demands at least 16.
pub const SIGNATURES_MAX: usize = 100;

/// Why a note was not opened, or a text cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not of the form text, blank line, signature lines; or with control characters in it.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// More signature lines than [`SIGNATURES_MAX`].
    #[error("the note has more than 100 signatures")]
    TooManySignatures,
    /// A line that names a known key does not verify.
    #[error("the signature by {0} is wrong")]
    BadSignature(String),
    /// No known key signed.
    #[error("the note is not signed by a known key")]
    Unsigned,
}

/// Text that is not a key. Never says what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or with spaces, control characters or a plus in it.
    #[error("a key name must not be empty nor contain spaces, control characters or a plus")]
    Name,
    /// Not of the form `name+id+key`.
    #[error("malformed key: expected a note key of type Ed25519")]
    Malformed,
    /// The id in the text is not the id of the key.
    #[error("the key and its id do not belong together")]
    Id,
}

/// A public key with its name. Text form: `name+hex8+base64(0x01 ‖ key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; KEY_BYTES],
}

/// A private key with its name. Wiped on drop, silent in `Debug`, not `Clone`.
pub struct Signer {
    verifier: VerifierKey,
    seed: Zeroizing<[u8; KEY_BYTES]>,
    pair: Ed25519KeyPair,
}

/// A note whose signatures have been verified.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'n, 'k> {
    /// The text, with its final newline.
    pub text: &'n str,
    /// The known keys that signed it, each once, in the order of the note. Never empty.
    pub signed_by: Vec<&'k VerifierKey>,
}

/// Signs a text, which must end in a newline and have no other control characters.
///
/// # Errors
/// [`NoteError::Malformed`] if the text cannot be a note's.
pub fn sign(text: &str, signers: &[&Signer]) -> Result<String, NoteError> {
    check_characters(text)?;
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("the text does not end in a newline"));
    }
    Ok(seal(text, signers))
}

/// Verifies a note against the keys one trusts.
///
/// # Errors
/// [`NoteError`] if it is malformed, if a trusted key's signature is wrong, or if there is none.
pub fn open<'n, 'k>(note: &'n str, keys: &'k [VerifierKey]) -> Result<Opened<'n, 'k>, NoteError> {
    check_characters(note)?;
    let (text, lines) = split(note)?;
    let mut signed_by: Vec<&VerifierKey> = Vec::new();
    for (count, line) in lines.lines().enumerate() {
        if count == SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let signature = Signature::parse(line).ok_or(NoteError::Malformed("a signature line cannot be read"))?;
        let Some(key) = keys.iter().find(|key| key.name == signature.name && key.id == signature.id) else { continue };
        if signed_by.contains(&key) {
            continue;
        }
        if !key.verifies(text, &signature.bytes) {
            return Err(NoteError::BadSignature(key.name.clone()));
        }
        signed_by.push(key);
    }
    if signed_by.is_empty() { Err(NoteError::Unsigned) } else { Ok(Opened { text, signed_by }) }
}

impl Signer {
    /// Makes the key pair of a 32-byte secret seed, which must come from a strong random source.
    ///
    /// # Errors
    /// [`KeyError::Name`] if the name cannot stand in a note.
    pub fn generate(name: &str, seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| KeyError::Malformed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Self { verifier: VerifierKey::new(name, public)?, seed, pair })
    }

    /// Reads the text form `PRIVATE+KEY+name+hex8+base64(0x01 ‖ seed)`.
    ///
    /// # Errors
    /// [`KeyError`]; it never repeats the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Malformed)?;
        let KeyText { name, id, seed_or_public } = KeyText::parse(rest)?;
        let signer = Self::generate(name, *seed_or_public)?;
        if signer.verifier.id == id { Ok(signer) } else { Err(KeyError::Id) }
    }

    /// The text form, to be kept where only the log can read it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let VerifierKey { name, id, .. } = &self.verifier;
        let key = Zeroizing::new(STANDARD.encode(Zeroizing::new(typed(&self.seed))));
        Zeroizing::new(format!("{PRIVATE_PREFIX}{name}+{:08x}+{}", u32::from_be_bytes(*id), key.as_str()))
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// The name under which it signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    fn signature_line(&self, text: &str) -> String {
        let VerifierKey { name, id, .. } = &self.verifier;
        let signature = [id, self.pair.sign(text.as_bytes()).as_ref()].concat();
        format!("{LINE_START}{name} {}\n", STANDARD.encode(signature))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, redacted)", self.verifier)
    }
}

impl VerifierKey {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`KeyError`] for other forms, other key types and ids that are not those of the key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let KeyText { name, id, seed_or_public } = KeyText::parse(text)?;
        let key = Self::new(name, *seed_or_public)?;
        if key.id == id { Ok(key) } else { Err(KeyError::Id) }
    }

    /// The name under which it signs; for a log's key, the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn new(name: &str, public: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &typed(&public)]);
        Ok(Self { name: name.to_owned(), id: [a, b, c, d], public })
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(typed(&self.public)))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `name+hex8+base64(0x01 ‖ 32 bytes)`, public or private.
struct KeyText<'t> {
    name: &'t str,
    id: [u8; 4],
    seed_or_public: Zeroizing<[u8; KEY_BYTES]>,
}

impl<'t> KeyText<'t> {
    fn parse(text: &'t str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let mut next = || parts.next().ok_or(KeyError::Malformed);
        let (name, id, key) = (next()?, next()?, next()?);
        let is_hex = id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex).ok_or(KeyError::Malformed)?;
        let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| KeyError::Malformed)?);
        let Some((&TYPE_ED25519, key)) = key.split_first() else { return Err(KeyError::Malformed) };
        let seed_or_public = Zeroizing::new(key.try_into().map_err(|_| KeyError::Malformed)?);
        Ok(Self { name, id: id.to_be_bytes(), seed_or_public })
    }
}

/// Signs a text that is known to be one that a note can have.
pub(super) fn seal(text: &str, signers: &[&Signer]) -> String {
    let lines: String = signers.iter().map(|signer| signer.signature_line(text)).collect();
    format!("{text}\n{lines}")
}

/// One signature line: `— name base64(id ‖ signature)`.
struct Signature<'n> {
    name: &'n str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl<'n> Signature<'n> {
    fn parse(line: &'n str) -> Option<Self> {
        let (name, text) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let mut bytes = STANDARD.decode(text).ok()?;
        let id = *bytes.first_chunk()?;
        let signature = bytes.split_off(id.len());
        (is_key_name(name) && !signature.is_empty()).then_some(Self { name, id, bytes: signature })
    }
}

/// Text and signature lines, parted by the last empty line.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if !note.ends_with('\n') {
        return Err(NoteError::Malformed("it does not end in a newline"));
    }
    let blank = note.rfind("\n\n").ok_or(NoteError::Malformed("it has no blank line before its signatures"))?;
    let (text, rest) = note.split_at(blank + 1);
    Ok((text, rest.strip_prefix('\n').unwrap_or(rest)))
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    let has_control = text.bytes().any(|byte| byte < b' ' && byte != b'\n');
    if has_control { Err(NoteError::Malformed("it has control characters")) } else { Ok(()) }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// A key behind its type byte.
fn typed(key: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES + 1] {
    let mut bytes = [TYPE_ED25519; KEY_BYTES + 1];
    bytes.iter_mut().skip(1).zip(key).for_each(|(place, byte)| *place = *byte);
    bytes
}

const KEY_BYTES: usize = 32;
const TYPE_ED25519: u8 = 0x01;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";
const LINE_START: &str = "\u{2014} ";

#[cfg(test)]
mod tests;
