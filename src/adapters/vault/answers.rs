//! The shapes of the engine's answers, as far as we read them. Secrets go into [`Secret`] while
//! they are read, so that no plain copy of ours is left behind.

use domain::base::Secret;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// `data` of `database/creds/…`.
#[derive(Deserialize)]
pub(super) struct DatabaseData {
    pub(super) username: String,
    #[serde(deserialize_with = "secret")]
    pub(super) password: Secret,
}

/// `data` of `pki/sign/…`.
#[derive(Deserialize)]
pub(super) struct SignedData {
    pub(super) certificate: String,
    #[serde(default)]
    pub(super) ca_chain: Vec<String>,
    pub(super) issuing_ca: String,
    pub(super) serial_number: String,
    /// Unix seconds.
    pub(super) expiration: i64,
}

/// `data` of a KV version 2 read.
#[derive(Deserialize)]
pub(super) struct ValueData {
    /// JSON object bytes.
    #[serde(deserialize_with = "secret_json")]
    pub(super) data: Secret,
    pub(super) metadata: ValueMetadata,
}

#[derive(Deserialize)]
pub(super) struct ValueMetadata {
    pub(super) version: u64,
}

/// `data` of `auth/token/lookup-accessor`.
#[derive(Deserialize)]
pub(super) struct TokenData {
    /// RFC 3339; the only field that tells the truth about the end.
    pub(super) expire_time: Option<String>,
    pub(super) policies: Vec<String>,
    pub(super) orphan: bool,
}

/// `data` of a list.
#[derive(Deserialize)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
}

/// `data` that we do not look into.
#[derive(Deserialize)]
pub(super) struct Anything {}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::from_text)
}

fn secret_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(Secret::from_text(Box::<str>::from(raw).into_string()))
}
