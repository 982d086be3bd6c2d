//! An engine in memory: tokens, and one key-value secret behind every path.

use async_trait::async_trait;
use leasehold::domain::base::{Secret, Span, Time};
use leasehold::ports::secret_engine::CertificateAtEngine;
use leasehold::ports::{
    Accessor, Account, Clock, EngineHealth, EngineLease, Fault, FaultKind, MadeToken, MintOrder, MintOutcome, Minted,
    Probe, ProbeTarget, RevocationProof, SecretEngine, Sighting, TokenSpec,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const VALUE: &str = r#"{"key":"s3cr3t-of-the-test"}"#;

pub(crate) struct MemoryEngine {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sealed: AtomicBool,
}

fn foreign() -> Fault {
    Fault::new(FaultKind::Permanent, "this engine knows key-value secrets only")
}

#[async_trait]
impl SecretEngine for MemoryEngine {
    async fn make_token(&self, spec: &TokenSpec, _: u64) -> Result<MadeToken, Fault> {
        Ok(MadeToken {
            token: Secret::from_text("token".into()),
            accessor: Accessor(format!("accessor of {}", spec.display_name)),
            expires: self.clock.read().time.plus(spec.max_ttl),
            engine_request: "request-1".into(),
        })
    }

    async fn end_token(&self, _: &Accessor, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    async fn mint(&self, _: &Secret, order: &MintOrder, _: u64) -> Result<MintOutcome, Fault> {
        let MintOrder::KeyValue { version, .. } = order else { return Err(foreign()) };
        let minted = Minted::KeyValue { value: Secret::from_text(VALUE.into()), version: version.unwrap_or(3) };
        Ok(MintOutcome { minted, lease: None, expires: None, renewable: false, engine_request: "request-2".into() })
    }

    async fn prolong(&self, _: &EngineLease, _: Span, _: u64) -> Result<Time, Fault> {
        Err(foreign())
    }

    async fn revoke(&self, _: &EngineLease, _: Option<&CertificateAtEngine>, _: u64) -> Result<RevocationProof, Fault> {
        Err(foreign())
    }

    async fn leases(&self, _: &str) -> Result<Vec<EngineLease>, Fault> {
        Ok(Vec::new())
    }

    async fn own_value(&self, _: &str, _: &str, _: &str) -> Result<Secret, Fault> {
        Err(foreign())
    }

    async fn health(&self) -> EngineHealth {
        if self.sealed.load(Ordering::SeqCst) { EngineHealth::Unready("sealed".into()) } else { EngineHealth::Ready }
    }
}

/// No backend is there to be looked at.
pub(crate) struct NoProbe;

#[async_trait]
impl Probe for NoProbe {
    async fn find(&self, _: &ProbeTarget, _: &str) -> Result<Option<Account>, Fault> {
        Err(foreign())
    }

    async fn look(&self, _: &ProbeTarget, _: &Account) -> Result<Sighting, Fault> {
        Err(foreign())
    }

    async fn inventory(&self, _: &ProbeTarget, _: &str) -> Result<Vec<Account>, Fault> {
        Err(foreign())
    }

    async fn end_account(&self, _: &ProbeTarget, _: &Account) -> Result<(), Fault> {
        Err(foreign())
    }
}
