//! Vault and OpenBao behind the `SecretEngine` port, through vaultrs' low-level calls with endpoints
//! of our own: its high-level calls drop lease ids, and its errors carry whole answers.
//!
//! Here: the settings, and the port's methods one line each. What an answer means is in `wire`,
//! who we are in `login`, the verbs in `tokens`, `mint` and `ending`. Only `app` builds a [`Vault`].

mod answers;
mod certificate;
mod crl;
mod ending;
mod login;
mod mint;
mod survey;
mod tokens;
mod wire;

pub use survey::{SurveyorSettings, VaultSurveyor};

use async_trait::async_trait;
use domain::base::{Secret, Span, Time};
use futures_util::future::BoxFuture;
use login::Login;
use ports::secret_engine::CertificateAtEngine;
use ports::{
    Accessor, Clock, EngineHealth, EngineLease, Fault, FaultKind, MadeToken, MintOrder, MintOutcome, RevocationProof,
    SecretEngine, TokenSpec,
};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use wire::{Reach, Wire};

/// Gives a fresh JWT-SVID of the broker for an audience.
pub type JwtSvidSupplier = Arc<dyn Fn(&str) -> BoxFuture<'static, Result<Secret, Fault>> + Send + Sync>;

/// How the broker proves to the engine who it is.
pub enum VaultAuth {
    /// With its own JWT-SVID.
    Jwt {
        /// Where the JWT login is mounted, for example `jwt`.
        mount: String,
        /// The role there, for example `leasehold`.
        role: String,
        /// This engine's own audience.
        audience: String,
        /// Where the SVIDs come from.
        supplier: JwtSvidSupplier,
    },
    /// With a token that never changes: for development only.
    DangerToken(Secret),
}

/// Where the engine is and how to reach it.
pub struct VaultSettings {
    /// `https://host:port`; `http://` only on loopback.
    pub address: String,
    /// PEM file with the authorities that may vouch for it. Required for `https`: the system's
    /// list is never consulted, so name it if you want it.
    pub ca_file: Option<PathBuf>,
    /// The namespace, if the engine has them.
    pub namespace: Option<String>,
    /// Login.
    pub auth: VaultAuth,
    /// The longest wait for one answer. Longer than the engine's own longest request, so that the
    /// engine's word is heard; [`VaultSettings::DEADLINE`] suits its default.
    pub deadline: Duration,
}

impl VaultSettings {
    /// A little more than `OpenBao`'s `default_max_request_duration` of 90 seconds.
    pub const DEADLINE: Duration = Duration::from_secs(95);
}

/// The engine.
pub struct Vault {
    inner: Arc<Inner>,
    tracker: TaskTracker,
}

struct Inner {
    /// For issuing: logins, tokens, mints, renewals.
    issuing: Wire,
    /// For ending: connections and places of its own, so that issuing cannot starve it.
    ending: Wire,
    login: Login,
    clock: Arc<dyn Clock>,
}

impl Vault {
    /// Reads the authorities and prepares connections; nothing is sent yet. Calls that change
    /// something run on `tracker`, so that no caller can cancel them.
    ///
    /// # Errors
    /// `Permanent`, with the setting to change.
    pub fn new(settings: VaultSettings, clock: Arc<dyn Clock>, tracker: TaskTracker) -> Result<Self, Fault> {
        let reach = Reach {
            address: &settings.address,
            ca_file: settings.ca_file.as_deref(),
            namespace: settings.namespace.as_deref(),
            deadline: settings.deadline,
        };
        let issuing = Wire::new(&reach, ISSUING_CALLS_MAX)?;
        let ending = Wire::new(&reach, ENDING_CALLS_MAX)?;
        let login = Login::new(settings.auth, Arc::clone(&clock));
        Ok(Self { inner: Arc::new(Inner { issuing, ending, login, clock }), tracker })
    }

    /// Runs the work to its end even if the caller leaves.
    async fn detached<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let done = self.tracker.spawn(work(Arc::clone(&self.inner))).await;
        done.unwrap_or_else(|_| Err(Fault::new(FaultKind::Ambiguous, "a call to the engine broke off")))
    }
}

#[async_trait]
impl SecretEngine for Vault {
    async fn make_token(&self, spec: &TokenSpec, entry: u64) -> Result<MadeToken, Fault> {
        let spec = spec.clone();
        self.detached(|inner| async move { inner.make_token(&spec, Some(entry)).await }).await
    }

    async fn end_token(&self, accessor: &Accessor, entry: u64) -> Result<(), Fault> {
        let accessor = accessor.clone();
        self.detached(|inner| async move { inner.end_token(&accessor, Some(entry)).await }).await
    }

    async fn mint(&self, token: &Secret, order: &MintOrder, entry: u64) -> Result<MintOutcome, Fault> {
        let (token, order) = (Secret::new(token.reveal().to_vec()), order.clone());
        self.detached(|inner| async move { inner.mint(&token, &order, entry).await }).await
    }

    async fn prolong(&self, lease: &EngineLease, increment: Span, entry: u64) -> Result<Time, Fault> {
        let lease = lease.clone();
        self.detached(|inner| async move { inner.prolong(&lease, increment, entry).await.map(|life| life.expires) })
            .await
    }

    async fn revoke(
        &self,
        lease: &EngineLease,
        certificate: Option<&CertificateAtEngine>,
        entry: u64,
    ) -> Result<RevocationProof, Fault> {
        let (lease, certificate) = (lease.clone(), certificate.cloned());
        self.detached(|inner| async move { inner.revoke(&lease, certificate.as_ref(), entry).await }).await
    }

    async fn leases(&self, path: &str) -> Result<Vec<EngineLease>, Fault> {
        self.inner.leases(path).await
    }

    async fn own_value(&self, policy: &str, path: &str, field: &str) -> Result<Secret, Fault> {
        let (policy, path, field) = (policy.to_owned(), path.to_owned(), field.to_owned());
        self.detached(|inner| async move { inner.own_value(&policy, &path, &field).await }).await
    }

    async fn health(&self) -> EngineHealth {
        self.inner.health().await
    }
}

/// Calls for issuing in flight at once; more wait, each until its own deadline.
const ISSUING_CALLS_MAX: usize = 64;
/// The same for ending.
const ENDING_CALLS_MAX: usize = 32;
