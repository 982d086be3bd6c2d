//! A look at the backend that holds the credential: the only proof that it is dead there.

use super::fault::Fault;
use async_trait::async_trait;

/// Where to look: one declared probe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProbeTarget {
    /// The probed credential's name in the estate.
    pub credential: String,
    /// Name of the policy that reads the probe's connection string.
    pub dsn_policy: String,
    /// KV path of that credential, for example `secret/data/ledger-probe`; its field is `dsn`.
    pub dsn_path: String,
}

/// An account at the backend.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name (PostgreSQL: `rolname`).
    pub name: String,
    /// Its number, which survives renaming (PostgreSQL: `oid`).
    pub number: u32,
}

/// What the backend shows of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// A role of that name or number exists.
    pub exists: bool,
    /// Sessions whose user has that number.
    pub sessions: u32,
    /// Sessions whose user has no role any more, whoever they were.
    pub sessions_without_role: u32,
}

impl Sighting {
    /// Nothing of it is left: effect-confirmed.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        !self.exists && self.sessions == 0 && self.sessions_without_role == 0
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account(…)")
    }
}

/// Looks, and ends accounts of our own tag. All methods are safe to repeat.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The account of that name, or `None`.
    async fn find(&self, target: &ProbeTarget, name: &str) -> Result<Option<Account>, Fault>;

    /// What is left of an account. `number` 0 if it was never learnt: then by name only.
    async fn look(&self, target: &ProbeTarget, account: &Account) -> Result<Sighting, Fault>;

    /// All accounts whose name begins with `tag` (at least 6 characters).
    async fn inventory(&self, target: &ProbeTarget, tag: &str) -> Result<Vec<Account>, Fault>;

    /// Ends an account without a lease through `leasehold.end_account`, which refuses foreign names.
    async fn end_account(&self, target: &ProbeTarget, account: &Account) -> Result<(), Fault>;
}
