//! The one task that follows the Workload API and publishes each new bundle set.

use super::bundles::BundleSet;
use super::line::{Kind, Line};
use super::{SpireTrust, TrustPolicy};
use domain::base::SpiffeId;
use spiffe::{JwtSource, JwtSourceUpdates, X509Source};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the start waits for JWT bundles once the SVID is there.
const JWT_WAIT: Duration = Duration::from_secs(2);

/// The JWT half, which may come later than the X.509 half or never.
enum Jwt {
    Coming(JoinHandle<Option<JwtSource>>),
    Here(JwtSource, JwtSourceUpdates),
    Absent,
}

struct Published {
    bundles: watch::Sender<Arc<BundleSet>>,
    own_id: watch::Sender<SpiffeId>,
    jwt: watch::Sender<Option<JwtSource>>,
    line: Arc<Line>,
}

/// Publishes the first set and starts to follow.
pub(super) async fn begin(
    x509: X509Source,
    jwt_build: JoinHandle<Option<JwtSource>>,
    own_id: SpiffeId,
    policy: TrustPolicy,
    line: Arc<Line>,
    tasks: &TaskTracker,
) -> Arc<SpireTrust> {
    let mut jwt = Jwt::Coming(jwt_build);
    if tokio::time::timeout(JWT_WAIT, jwt.changed()).await.is_err() {
        tracing::warn!("the workload api has not delivered jwt bundles yet");
    }
    let published = Published {
        bundles: watch::Sender::new(Arc::default()),
        own_id: watch::Sender::new(own_id),
        jwt: watch::Sender::new(None),
        line: Arc::clone(&line),
    };
    published.publish(Some(&x509), &jwt, &policy);
    let stop = CancellationToken::new();
    let trust = SpireTrust {
        bundles: published.bundles.subscribe(),
        own_id: published.own_id.subscribe(),
        jwt: published.jwt.subscribe(),
        line,
        following: stop.clone().drop_guard(),
    };
    tasks.spawn(follow(x509, jwt, published, policy, stop));
    Arc::new(trust)
}

async fn follow(x509: X509Source, mut jwt: Jwt, published: Published, policy: TrustPolicy, stop: CancellationToken) {
    let mut updates = x509.updated();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            updated = updates.changed() => if updated.is_err() { break },
            () = jwt.changed() => {}
        }
        published.publish(Some(&x509), &jwt, &policy);
    }
    // Closed: from here on nobody is vouched for.
    published.publish(None, &Jwt::Absent, &policy);
    x509.shutdown().await;
    if let Jwt::Here(source, _) = jwt {
        source.shutdown().await;
    }
}

impl Published {
    fn publish(&self, x509: Option<&X509Source>, jwt: &Jwt, policy: &TrustPolicy) {
        let state = x509.map(X509Source::state);
        let jwt_state = match jwt {
            Jwt::Here(source, _) => Some(source.state()),
            Jwt::Coming(_) | Jwt::Absent => None,
        };
        let jwt_bundles = jwt_state.as_ref().and_then(|state| state.bundle_set().ok());
        let next = self.bundles.borrow().next(state.as_ref(), jwt_bundles.as_deref(), policy);
        let source = match jwt {
            Jwt::Here(source, _) => Some(source.clone()),
            Jwt::Coming(_) | Jwt::Absent => None,
        };
        self.jwt.send_replace(source);
        if let Some(state) = &state {
            self.line.denied(Kind::X509, state.withdrawal().map(Arc::as_ref));
        }
        if let Some(state) = &jwt_state {
            self.line.denied(Kind::Jwt, state.withdrawal().map(Arc::as_ref));
        }
        if let Some(set) = next {
            if let Some(id) = set.own_id() {
                self.own_id.send_replace(id.clone());
            }
            tracing::info!(epoch = set.epoch(), "trust changed");
            self.bundles.send_replace(Arc::new(set));
        }
    }
}

impl Jwt {
    /// Waits until this half looks different.
    async fn changed(&mut self) {
        match self {
            Self::Coming(build) => {
                *self = match build.await {
                    Ok(Some(source)) => {
                        let updates = source.updated();
                        Self::Here(source, updates)
                    }
                    Ok(None) | Err(_) => Self::Absent,
                }
            }
            Self::Here(_, updates) => {
                if updates.changed().await.is_err() {
                    *self = Self::Absent;
                }
            }
            Self::Absent => std::future::pending().await,
        }
    }
}
