//! A bundle: lines of JSON. The first is `{"checkpoint":…,"form":"leasehold-bundle/1"}`; each other
//! is one entry, `{"entry":{…},"index":0,"openings":[{"field":…,"salt":…,"value":…}]}`, where the
//! entry stands with its exact canonical bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The form that is written and read.
pub const FORM: &str = "leasehold-bundle/1";

/// First line of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Signed checkpoint over exactly the entries that follow.
    pub checkpoint: String,
    /// [`FORM`].
    pub form: String,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The entry, byte for byte.
    pub entry: Box<RawValue>,
    /// Its index.
    pub index: u64,
    /// Openings that are disclosed.
    #[serde(default)]
    pub openings: Vec<Disclosed>,
}

/// One disclosed opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// Name of the commitment.
    pub field: String,
    /// Base64 of 32 bytes.
    pub salt: String,
    /// The committed text.
    pub value: String,
}

impl Head {
    /// The head over a signed checkpoint.
    #[must_use]
    pub fn new(checkpoint: String) -> Self {
        Self { checkpoint, form: FORM.into() }
    }
}

impl Line {
    /// A line from an entry's canonical bytes.
    ///
    /// # Errors
    /// If the bytes are not JSON.
    pub fn new(index: u64, entry: &[u8], openings: Vec<Disclosed>) -> Result<Self, serde_json::Error> {
        let text = String::from_utf8_lossy(entry).into_owned();
        Ok(Self { entry: RawValue::from_string(text)?, index, openings })
    }
}

impl Disclosed {
    /// An opening for disclosure.
    #[must_use]
    pub fn new(field: &str, salt: &[u8], value: &str) -> Self {
        Self { field: field.into(), salt: STANDARD.encode(salt), value: value.into() }
    }

    /// The salt's bytes, if they are 32.
    #[must_use]
    pub fn salt_bytes(&self) -> Option<[u8; 32]> {
        STANDARD.decode(&self.salt).ok()?.try_into().ok()
    }
}
