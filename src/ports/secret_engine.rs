//! Vault or OpenBao, as far as Leasehold needs it. Every call names the log entry it is made for,
//! which the adapter sends as `X-Leasehold-Entry`.

use super::fault::Fault;
use async_trait::async_trait;
use domain::base::{Secret, Span, SpiffeId, Time};

/// Handle of a token at the engine: can look it up and revoke it, cannot use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Accessor(pub String);

/// The engine's `lease_id`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EngineLease(pub String);

macro_rules! quiet_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
quiet_debug!(Accessor, EngineLease);

/// What a task's token must be.
#[derive(Debug, Clone)]
pub struct TokenSpec {
    /// `leasehold-cred-<name>-<8 hex>`, one per credential of the task. Each must exist.
    pub policies: Vec<String>,
    /// How long the token may live at most.
    pub max_ttl: Span,
    /// The tag: `lh` + 4 characters of the log's origin + 12 random lower-case characters.
    pub display_name: String,
    /// Public words for the engine's audit: `task`, `agent`.
    pub meta: Vec<(String, String)>,
}

/// A token that was made. The value lives in memory only.
#[derive(Debug)]
pub struct MadeToken {
    /// The token itself.
    pub token: Secret,
    /// Its handle.
    pub accessor: Accessor,
    /// When it ends, read back from the engine (not as asked for).
    pub expires: Time,
    /// The engine's `request_id` of the creating call.
    pub engine_request: String,
}

/// What to mint.
#[derive(Debug, Clone)]
pub enum MintOrder {
    /// Database credentials: read, then renewed down to `ttl`.
    Database {
        /// For example `database/creds/ledger-ro`.
        path: String,
        /// The life asked for.
        ttl: Span,
    },
    /// A certificate from the workload's own signing request.
    Certificate {
        /// For example `pki/sign/agent`.
        path: String,
        /// PEM of the PKCS#10 request; its names are ignored by the engine's role.
        csr_pem: String,
        /// The only URI SAN.
        spiffe_id: SpiffeId,
        /// The life asked for.
        ttl: Span,
    },
    /// A value of the KV engine, version 2.
    KeyValue {
        /// For example `secret/data/app/key`.
        path: String,
        /// A fixed version, or the newest.
        version: Option<u64>,
    },
}

/// What came back, by kind. Not `Clone`: the secret moves on.
#[derive(Debug)]
pub enum Minted {
    /// Database credentials.
    Database {
        /// The account's name at the backend.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// A certificate.
    Certificate {
        /// PEM of the leaf.
        certificate_pem: String,
        /// PEM of the issuers, leaf's issuer first.
        chain_pem: Vec<String>,
        /// Serial number as the engine writes it (lower-case hex with colons).
        serial: String,
    },
    /// A KV value: JSON object bytes of `data.data`.
    KeyValue {
        /// The JSON.
        value: Secret,
        /// The version that was read.
        version: u64,
    },
}

/// A finished mint: the secret and what the engine said about its life.
#[derive(Debug)]
pub struct MintOutcome {
    /// The secret.
    pub minted: Minted,
    /// The engine's lease; `None` for KV and for certificates without a lease.
    pub lease: Option<EngineLease>,
    /// When the engine will end it, as the engine answered; `None` for KV.
    pub expires: Option<Time>,
    /// Whether the engine will prolong it.
    pub renewable: bool,
    /// The engine's `request_id` of the read.
    pub engine_request: String,
}

/// What was seen while ending a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationProof {
    /// The lease was known to the engine before the call.
    pub known_before: bool,
    /// The engine says now that the lease does not exist.
    pub gone_after: bool,
    /// For certificates: the serial stands on a CRL whose number grew.
    pub crl: Option<CrlProof>,
    /// The engine's `request_id` of the last look-up that had one (a "no such lease" has none).
    pub engine_request: Option<String>,
}

/// A serial seen on a CRL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlProof {
    /// CRL number before the revocation; equal to `number` if the serial stood there already.
    pub number_before: u64,
    /// CRL number on which the serial stands.
    pub number: u64,
    /// SHA-256 of that CRL's DER.
    pub digest: domain::base::Digest,
}

/// Whether the engine can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineHealth {
    /// Active and unsealed, and our login holds.
    Ready,
    /// Reachable, but not usable; one sentence why (sealed, standby, login refused).
    Unready(String),
    /// Not reachable; one sentence why.
    Unreachable(String),
}

/// The engine. No method is cancelled by its callers: a cancelled mint can leave an account
/// without a lease. Each has its own deadline inside.
#[async_trait]
pub trait SecretEngine: Send + Sync {
    /// Makes a parentless token through the token role, after checking that each policy exists.
    /// `Ambiguous`: a token may exist; it has drawn nothing and ends by its own max TTL.
    async fn make_token(&self, spec: &TokenSpec, entry: u64) -> Result<MadeToken, Fault>;

    /// Revokes a token by its accessor and looks until the engine says it is gone. Safe to repeat;
    /// a token that is already gone is `Ok`.
    async fn end_token(&self, accessor: &Accessor, entry: u64) -> Result<(), Fault>;

    /// Reads a secret with the task's token, then renews it down to the order's TTL.
    /// `Transient`, `Permanent`, `NotFound`: nothing was minted, or it was ended again and looked up as gone. `Ambiguous`: something may have been, or may
    /// yet be; close the intent, never repeat. The request leaves within `limits::MINT_SEND_MAX` of the
    /// call or never does.
    async fn mint(&self, token: &Secret, order: &MintOrder, entry: u64) -> Result<MintOutcome, Fault>;

    /// Sets the lease's remaining life to `increment` (never zero). Returns the engine's own answer.
    /// `NotFound`: the lease is gone. Safe to repeat.
    async fn prolong(&self, lease: &EngineLease, increment: Span, entry: u64) -> Result<Time, Fault>;

    /// Looks up, revokes with `sync`, looks up again; for certificates also reads the CRL.
    /// `Ok` with `gone_after: false` means *accepted* only. Safe to repeat.
    async fn revoke(
        &self,
        lease: &EngineLease,
        certificate: Option<&CertificateAtEngine>,
        entry: u64,
    ) -> Result<RevocationProof, Fault>;

    /// All leases that the engine holds under a credential's path, such as `database/creds/ledger-ro`;
    /// also those of our task tokens, under `auth/token/create/leasehold-task/leasehold`.
    async fn leases(&self, path: &str) -> Result<Vec<EngineLease>, Fault>;

    /// Reads a text field of a KV value for the broker's own use (probe connection strings), with a
    /// token of its own under `policy`, which is ended afterwards. Safe to repeat.
    async fn own_value(&self, policy: &str, path: &str, field: &str) -> Result<Secret, Fault>;

    /// Looks whether the engine can be used.
    async fn health(&self) -> EngineHealth;
}

/// Where a certificate's revocation can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAtEngine {
    /// The PKI mount, for example `pki`.
    pub mount: String,
    /// Serial number as the engine writes it.
    pub serial: String,
}
