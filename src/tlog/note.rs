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
    #[error("malformed key: expected a note key, name+hash+base64")]
    Malformed,
    /// A key for another type of signature.
    #[error("the key is {}, but {} is needed here", called(*.found), called(*.wanted))]
    Type {
        /// Type byte that is needed.
        wanted: u8,
        /// Type byte of the key.
        found: u8,
    },
    /// The id in the text is not the id of the key.
    #[error("the key and its id do not belong together")]
    Id,
}

/// A public key with its name, for one type of signature. Text form: `name+hex8+base64(type ‖ key)`,
/// where the id is the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey<const TYPE: u8> {
    name: String,
    id: [u8; 4],
    public: [u8; KEY_BYTES],
}

/// A private key with its name. Wiped on drop, silent in `Debug`, not `Clone`.
pub struct PrivateKey<const TYPE: u8> {
    verifier: PublicKey<TYPE>,
    seed: Zeroizing<[u8; KEY_BYTES]>,
    pair: Ed25519KeyPair,
}

/// Verifies the signatures of a log, or of whoever signs plain notes.
pub type VerifierKey = PublicKey<TYPE_ED25519>;

/// Signs plain notes, such as a log's checkpoints.
pub type Signer = PrivateKey<TYPE_ED25519>;

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
    let (text, signatures) = parts(note)?;
    let mut signed_by: Vec<&VerifierKey> = Vec::new();
    for signature in signatures {
        let Some(key) = keys.iter().find(|key| key.is_named_by(&signature)) else { continue };
        if signed_by.contains(&key) {
            continue;
        }
        if !key.verifies(text.as_bytes(), &signature.bytes) {
            return Err(NoteError::BadSignature(key.name.clone()));
        }
        signed_by.push(key);
    }
    if signed_by.is_empty() { Err(NoteError::Unsigned) } else { Ok(Opened { text, signed_by }) }
}

/// Text and signatures of a note, none of them verified.
pub(super) fn parts(note: &str) -> Result<(&str, Vec<Signature<'_>>), NoteError> {
    check_characters(note)?;
    let (text, lines) = split(note)?;
    Ok((text, signatures(lines)?))
}

/// Signature lines, none of them verified.
pub(super) fn signatures(lines: &str) -> Result<Vec<Signature<'_>>, NoteError> {
    if lines.lines().nth(SIGNATURES_MAX).is_some() {
        return Err(NoteError::TooManySignatures);
    }
    let read = |line| Signature::parse(line).ok_or(NoteError::Malformed("a signature line cannot be read"));
    lines.lines().map(read).collect()
}

impl<const TYPE: u8> PrivateKey<TYPE> {
    /// Makes the key pair of a 32-byte secret seed, which must come from a strong random source.
    ///
    /// # Errors
    /// [`KeyError::Name`] if the name cannot stand in a note.
    pub fn generate(name: &str, seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| KeyError::Malformed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Self { verifier: PublicKey::new(name, public)?, seed, pair })
    }

    /// Reads the text form `PRIVATE+KEY+name+hex8+base64(type ‖ seed)`.
    ///
    /// # Errors
    /// [`KeyError`]; it never repeats the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Malformed)?;
        let KeyText { name, id, seed_or_public } = KeyText::parse(rest, TYPE)?;
        let signer = Self::generate(name, *seed_or_public)?;
        if signer.verifier.id == id { Ok(signer) } else { Err(KeyError::Id) }
    }

    /// The text form, to be kept where only its owner can read it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let PublicKey { name, id, .. } = &self.verifier;
        let key = Zeroizing::new(STANDARD.encode(Zeroizing::new(typed(TYPE, &self.seed))));
        Zeroizing::new(format!("{PRIVATE_PREFIX}{name}+{:08x}+{}", u32::from_be_bytes(*id), key.as_str()))
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifier(&self) -> PublicKey<TYPE> {
        self.verifier.clone()
    }

    /// The name under which it signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The bare signature over a message.
    pub(super) fn sign_bytes(&self, message: &[u8]) -> impl AsRef<[u8]> + use<TYPE> {
        self.pair.sign(message)
    }

    /// A signature line with these bytes behind the key's id.
    pub(super) fn line(&self, signature: &[u8]) -> String {
        let PublicKey { name, id, .. } = &self.verifier;
        format!("{LINE_START}{name} {}\n", STANDARD.encode([id, signature].concat()))
    }
}

impl Signer {
    fn signature_line(&self, text: &str) -> String {
        self.line(self.sign_bytes(text.as_bytes()).as_ref())
    }
}

impl<const TYPE: u8> fmt::Debug for PrivateKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, redacted)", self.verifier)
    }
}

impl<const TYPE: u8> PublicKey<TYPE> {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`KeyError`] for other forms, other key types and ids that are not those of the key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let KeyText { name, id, seed_or_public } = KeyText::parse(text, TYPE)?;
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
        let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &typed(TYPE, &public)]);
        Ok(Self { name: name.to_owned(), id: [a, b, c, d], public })
    }

    /// The bare public key: two keys of other names that share it are the same key.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// Whether a signature line claims to be by this key.
    pub(super) fn is_named_by(&self, signature: &Signature<'_>) -> bool {
        self.name == signature.name && self.id == signature.id
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl<const TYPE: u8> fmt::Display for PublicKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(typed(TYPE, &self.public)))
    }
}

impl<const TYPE: u8> fmt::Debug for PublicKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `name+hex8+base64(type ‖ 32 bytes)`, public or private.
struct KeyText<'t> {
    name: &'t str,
    id: [u8; 4],
    seed_or_public: Zeroizing<[u8; KEY_BYTES]>,
}

impl<'t> KeyText<'t> {
    fn parse(text: &'t str, wanted: u8) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let mut next = || parts.next().ok_or(KeyError::Malformed);
        let (name, id, key) = (next()?, next()?, next()?);
        let is_hex = id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex).ok_or(KeyError::Malformed)?;
        let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| KeyError::Malformed)?);
        let (found, key) = key.split_first().ok_or(KeyError::Malformed)?;
        if *found != wanted {
            return Err(KeyError::Type { wanted, found: *found });
        }
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
pub(super) struct Signature<'n> {
    pub(super) name: &'n str,
    id: [u8; 4],
    pub(super) bytes: Vec<u8>,
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

/// What people call a key of this type.
fn called(key_type: u8) -> String {
    match key_type {
        TYPE_ED25519 => "a log's key (Ed25519)".into(),
        TYPE_COSIGNATURE => "a witness's key (Ed25519 cosignature)".into(),
        other => format!("of a type that is not known here ({other:#04x})"),
    }
}

/// A key behind its type byte.
fn typed(key_type: u8, key: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES + 1] {
    let mut bytes = [key_type; KEY_BYTES + 1];
    bytes.iter_mut().skip(1).zip(key).for_each(|(place, byte)| *place = *byte);
    bytes
}

const KEY_BYTES: usize = 32;
/// Type byte of keys that sign notes (C2SP signed-note).
pub const TYPE_ED25519: u8 = 0x01;
/// Type byte of keys that cosign checkpoints (C2SP tlog-cosignature).
pub const TYPE_COSIGNATURE: u8 = 0x04;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";
const LINE_START: &str = "\u{2014} ";

#[cfg(test)]
mod tests;
