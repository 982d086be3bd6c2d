//! The facts, as the engine answers them: each type reads the `data` of one GET, and what Leasehold
//! does not look at is left out. Nothing here is secret; connection strings hold templates only.

use crate::base::Name;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// What was seen at one path.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen<T> {
    /// The fact.
    Is(T),
    /// The engine says that there is none (404).
    Absent,
    /// It could not be read; one sentence why, without secrets.
    Unread(String),
}

/// All facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// `sys/config/state/sanitized`.
    pub server: Seen<ServerState>,
    /// `sys/audit`, by path.
    pub audit_devices: Seen<BTreeMap<String, AuditDevice>>,
    /// `sys/config/auditing/request-headers/x-leasehold-entry`: whether the header is hashed.
    pub entry_header_hashed: Seen<bool>,
    /// `auth/<mount>/config`.
    pub login_config: Seen<JwtConfig>,
    /// `auth/<mount>/role/<role>`.
    pub login_role: Seen<JwtRole>,
    /// `auth/token/roles/leasehold-task`.
    pub token_role: Seen<TokenRole>,
    /// `sys/policies/acl/<name>`, for the broker's and each credential's policy: its text.
    pub policies: BTreeMap<String, Seen<String>>,
    /// `LIST sys/policies/acl`: the names of all policies.
    pub policy_names: Seen<Vec<String>>,
    /// By database credential.
    pub databases: BTreeMap<Name, DatabaseSurvey>,
    /// By pki credential.
    pub authorities: BTreeMap<Name, PkiSurvey>,
    /// `sys/mounts/<mount>`, by kv credential.
    pub stores: BTreeMap<Name, Seen<KvMount>>,
}

/// A database credential's role and connection.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseSurvey {
    /// `<mount>/roles/<role>`.
    pub role: Seen<DatabaseRole>,
    /// `<mount>/config/<db_name of the role>`.
    pub connection: Seen<DatabaseConnection>,
}

/// A pki credential's role and revocation list.
#[derive(Debug, Clone, PartialEq)]
pub struct PkiSurvey {
    /// `<mount>/roles/<role>`.
    pub role: Seen<PkiRole>,
    /// `<mount>/config/crl`.
    pub crl: Seen<CrlConfig>,
}

/// Settings of the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ServerState {
    /// Longest life of a request, in nanoseconds; 0 means the built-in 90 seconds.
    #[serde(default)]
    pub default_max_request_duration: u64,
}

/// One audit device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AuditDevice {
    /// Such as `file`.
    #[serde(rename = "type")]
    pub device_type: String,
}

/// How JWTs are verified.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct JwtConfig {
    /// Where keys are fetched; empty if they are pinned.
    #[serde(default)]
    pub jwks_url: String,
}

/// Who may log in by JWT, and what they get. Times in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the engine's own field names")]
pub struct JwtRole {
    #[serde(deserialize_with = "nullable")]
    pub bound_audiences: Vec<String>,
    pub bound_subject: String,
    pub clock_skew_leeway: i64,
    pub expiration_leeway: i64,
    pub not_before_leeway: i64,
    pub role_type: String,
    #[serde(deserialize_with = "nullable")]
    pub token_bound_cidrs: Vec<String>,
    pub token_explicit_max_ttl: u64,
    pub token_no_default_policy: bool,
    pub token_period: u64,
    #[serde(deserialize_with = "nullable")]
    pub token_policies: Vec<String>,
    pub token_type: String,
    pub user_claim: String,
}

/// The role that makes the tokens of tasks. Times in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the engine's own field names")]
pub struct TokenRole {
    #[serde(deserialize_with = "nullable")]
    pub allowed_policies: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub allowed_policies_glob: Vec<String>,
    pub orphan: bool,
    pub path_suffix: String,
    pub renewable: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub token_bound_cidrs: Vec<String>,
    #[serde(default)]
    pub token_explicit_max_ttl: u64,
    #[serde(default)]
    pub token_no_default_policy: bool,
    #[serde(default)]
    pub token_period: u64,
    pub token_type: String,
}

/// A role of the database engine. Times in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the engine's own field names")]
pub struct DatabaseRole {
    #[serde(deserialize_with = "nullable")]
    pub creation_statements: Vec<String>,
    pub db_name: String,
    pub default_ttl: u64,
    pub max_ttl: u64,
    #[serde(deserialize_with = "nullable")]
    pub revocation_statements: Vec<String>,
}

/// A connection of the database engine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DatabaseConnection {
    /// Its particulars.
    pub connection_details: ConnectionDetails,
}

/// Particulars of a connection, as they were written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ConnectionDetails {
    /// With templates for user and password.
    #[serde(default)]
    pub connection_url: String,
    /// 0 if it was never set: then the engine takes 4.
    #[serde(default, deserialize_with = "number_or_text")]
    pub max_open_connections: i64,
    /// Such as `scram-sha-256`.
    #[serde(default)]
    pub password_authentication: String,
    /// The engine's own account.
    #[serde(default)]
    pub username: String,
    /// How account names are made.
    #[serde(default)]
    pub username_template: String,
}

/// A role of the PKI engine. Times in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the engine's own field names")]
pub struct PkiRole {
    #[serde(default)]
    pub allow_any_name: bool,
    #[serde(default)]
    pub allow_ip_sans: bool,
    #[serde(default)]
    pub allow_localhost: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub allowed_domains: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub allowed_uri_sans: Vec<String>,
    pub generate_lease: bool,
    pub max_ttl: u64,
    pub no_store: bool,
    pub require_cn: bool,
    pub use_csr_common_name: bool,
    pub use_csr_sans: bool,
}

/// How revoked certificates are listed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the engine's own field names")]
pub struct CrlConfig {
    #[serde(default)]
    pub auto_rebuild: bool,
    pub disable: bool,
}

/// A mount of the KV engine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct KvMount {
    /// Such as `kv`.
    #[serde(rename = "type")]
    pub engine_type: String,
    /// `version` is `2` where versions are kept.
    #[serde(default, deserialize_with = "nullable")]
    pub options: BTreeMap<String, String>,
}

impl KvMount {
    /// Whether it keeps versions.
    #[must_use]
    pub fn is_version_2(&self) -> bool {
        self.engine_type == "kv" && self.options.get("version").is_some_and(|version| version == "2")
    }
}

/// The engine writes `null` for what is empty.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The engine repeats numbers of a connection as they were sent: the command line sends text.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}
