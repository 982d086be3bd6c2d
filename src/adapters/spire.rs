//! The SPIFFE Workload API as [`TrustSource`]: own SVID and bundles, rotated live; verification of
//! chains and tokens; the TLS configurations built on them. The only maker of
//! `domain::svid::Presented` outside tests.
//!
//! `spiffe` speaks to the agent and checks JWT signatures. Chains are verified here with rustls'
//! own path building and not by `spiffe-rustls`: that demands a client certificate, lends its
//! verifier to nobody, and so could not verify an open connection again. It is our oracle in tests.

mod bundles;
mod chain;
mod channel;
mod follow;
mod line;
mod tls;
mod token;

pub use channel::client_channel;
pub use tls::ClientCertificate;

use async_trait::async_trait;
use bundles::{BundleSet, Roots};
use domain::base::{Secret, SpiffeId, Time, TrustDomain};
use domain::reason::Denial;
use domain::svid::{Audience, Subject};
use line::{Kind, Line};
use ports::{TrustSource, TrustStanding};
use rustls::pki_types::CertificateDer;
use spiffe::{JwtSource, X509Source};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;

/// Which of the delivered bundles are believed. There is no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustPolicy {
    /// Our own trust domain, which the own SVID must belong to, and these others.
    Written {
        /// The trust domain of the own SVID.
        own: TrustDomain,
        /// Other trust domains, believed as soon as the Workload API delivers their bundles.
        federated: BTreeSet<TrustDomain>,
    },
    /// Whatever the Workload API delivers: for the conformance harness, which is told nothing else.
    AsDelivered,
}

/// How to reach the Workload API, and what to believe of it.
#[derive(Debug, Clone)]
pub struct SpireOptions {
    /// `unix:///path` or `tcp://ip:port`; `None`: the environment's `SPIFFE_ENDPOINT_SOCKET`.
    pub endpoint: Option<String>,
    /// Which trust domains are believed.
    pub policy: TrustPolicy,
    /// How long to wait for the first SVID.
    pub start_timeout: Duration,
}

/// Why the trust source did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpireStartError {
    /// No SVID within the timeout, or a final refusal.
    #[error("no SVID from the Workload API at {endpoint}: check that its agent runs and knows this process")]
    NoSvid {
        /// Where it was asked.
        endpoint: String,
        /// What the Workload API client says.
        #[source]
        source: Box<spiffe::x509_source::X509SourceError>,
    },
    /// The SVID belongs to another trust domain than the configuration says.
    #[error("the Workload API at {endpoint} issues {id}, but the configured trust domain is {expected}: correct one")]
    OtherTrustDomain {
        /// Where it was asked.
        endpoint: String,
        /// The identity that was issued.
        id: String,
        /// The trust domain in the configuration.
        expected: TrustDomain,
    },
    /// The SVID cannot be used for TLS.
    #[error("the Workload API at {endpoint} issues an SVID that cannot be used: {why}")]
    UnusableSvid {
        /// Where it was asked.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A JWT-SVID could not be had.
#[derive(Debug, thiserror::Error)]
#[error("no JWT-SVID from the Workload API for audience {audience}: check that its agent runs")]
pub struct NoJwtSvid {
    audience: String,
    #[source]
    source: Option<Box<spiffe::jwt_source::JwtSourceError>>,
}

/// The trust source over the Workload API. Rotation and withdrawal are followed by one task until
/// [`SpireTrust::close`] or drop; after that nothing is trusted.
pub struct SpireTrust {
    bundles: watch::Receiver<Arc<BundleSet>>,
    own_id: watch::Receiver<SpiffeId>,
    jwt: watch::Receiver<Option<JwtSource>>,
    line: Arc<Line>,
    following: DropGuard,
}

impl SpireTrust {
    /// Waits for the first SVID and bundles.
    ///
    /// JWT bundles are waited for as well, but only for a short while: an agent that serves none
    /// leaves X.509 callers in.
    ///
    /// # Errors
    /// [`SpireStartError`], which names the socket and the next step.
    pub async fn start(options: SpireOptions, tasks: &TaskTracker) -> Result<Arc<Self>, SpireStartError> {
        let endpoint = options.endpoint.clone().unwrap_or_else(|| "SPIFFE_ENDPOINT_SOCKET".to_owned());
        let line = match Line::new(options.endpoint.as_deref()) {
            Ok(line) => line,
            Err(source) => return Err(SpireStartError::NoSvid { endpoint, source: Box::new(source.into()) }),
        };
        let jwt_build = tasks.spawn(build_jwt(Arc::clone(&line)));
        let x509 = match build_x509(&line, options.start_timeout).await {
            Ok(x509) => x509,
            Err(source) => {
                jwt_build.abort();
                return Err(SpireStartError::NoSvid { endpoint, source: Box::new(source) });
            }
        };
        let own_id = check_own(&x509, &options.policy, endpoint)?;
        Ok(follow::begin(x509, jwt_build, own_id, options.policy, line, tasks).await)
    }

    /// A JWT-SVID of the broker itself, for a peer such as Vault.
    ///
    /// # Errors
    /// [`NoJwtSvid`] while the Workload API gives none.
    pub async fn own_jwt(&self, audience: &str) -> Result<Secret, NoJwtSvid> {
        let no = |source| NoJwtSvid { audience: audience.to_owned(), source };
        let source = self.jwt.borrow().clone().ok_or_else(|| no(None))?;
        match source.fetch_jwt_svid([audience]).await {
            Ok(svid) => Ok(Secret::from_text(svid.token().to_owned())),
            Err(error) => Err(no(Some(Box::new(error)))),
        }
    }

    /// Stops following. From now on nobody is trusted and no handshake succeeds.
    pub fn close(&self) {
        self.following.token().cancel();
    }

    fn now_trusted(&self) -> Arc<BundleSet> {
        Arc::clone(&self.bundles.borrow())
    }

    fn verify_chain(&self, chain: &[CertificateDer<'_>], now: Time) -> Result<Subject, Denial> {
        chain::verify(&self.now_trusted(), chain, now)
    }
}

#[async_trait]
impl TrustSource for SpireTrust {
    fn verify_x509(&self, chain: &[Vec<u8>], now: Time) -> Result<Subject, Denial> {
        let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        self.verify_chain(&chain, now)
    }

    fn verify_jwt(&self, token: &str, audience: Audience<'_>, now: Time) -> Result<Subject, Denial> {
        token::verify(&self.now_trusted(), token, audience, now)
    }

    fn epoch(&self) -> u64 {
        self.bundles.borrow().epoch()
    }

    async fn changed(&self, seen: u64) {
        let mut bundles = self.bundles.clone();
        if bundles.wait_for(|set| set.epoch() != seen).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn vouched_since(&self, domain: &TrustDomain) -> Option<u64> {
        self.bundles.borrow().roots(domain).map(|roots| roots.since())
    }

    fn own_id(&self) -> SpiffeId {
        self.own_id.borrow().clone()
    }

    fn standing(&self) -> TrustStanding {
        let trusted = self.now_trusted();
        TrustStanding {
            origin: self.line.origin(),
            trouble: self.line.trouble(),
            own_svid_ends: trusted.own_ends(),
            bundle_ends: trusted.roots(&self.own_id().trust_domain()).map(Roots::ends),
        }
    }
}

impl std::fmt::Debug for SpireTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpireTrust").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

/// How soon a stream that ended, or an identity that was denied, is asked for again.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// And how late at most: a new entry reaches SPIRE's agent within ten seconds, and nobody shall wait
/// as long again because the pauses grew meanwhile.
const RETRY_MAX: Duration = Duration::from_secs(2);

async fn build_x509(line: &Arc<Line>, timeout: Duration) -> Result<X509Source, spiffe::x509_source::X509SourceError> {
    let builder = X509Source::builder().client_factory(line.factory(Kind::X509)).metrics(line.listener(Kind::X509));
    builder.reconnect_backoff(RETRY_FIRST, RETRY_MAX).initial_sync_timeout(timeout).build().await
}

async fn build_jwt(line: Arc<Line>) -> Option<JwtSource> {
    let builder = JwtSource::builder().client_factory(line.factory(Kind::Jwt)).metrics(line.listener(Kind::Jwt));
    let built = builder.reconnect_backoff(RETRY_FIRST, RETRY_MAX).build().await;
    built.inspect_err(|error| tracing::warn!(%error, "no jwt bundles from the workload api")).ok()
}

fn check_own(x509: &X509Source, policy: &TrustPolicy, endpoint: String) -> Result<SpiffeId, SpireStartError> {
    let svid = match x509.state().svid() {
        Ok(svid) => svid,
        Err(source) => return Err(SpireStartError::NoSvid { endpoint, source: Box::new(source) }),
    };
    let id = match SpiffeId::parse(&svid.spiffe_id().to_string()) {
        Ok(id) => id,
        Err(clause) => return Err(SpireStartError::UnusableSvid { endpoint, why: clause.to_string() }),
    };
    if let TrustPolicy::Written { own, .. } = policy
        && *own != id.trust_domain()
    {
        return Err(SpireStartError::OtherTrustDomain { endpoint, id: id.to_string(), expected: own.clone() });
    }
    match bundles::certified_key(&svid) {
        Ok(_) => Ok(id),
        Err(error) => Err(SpireStartError::UnusableSvid { endpoint, why: error.to_string() }),
    }
}
