//! Looks every two seconds whether the broker can end and whether it can issue, and tells
//! `grpc.health.v1`. `GetStatus` reads the last look and never waits for the engine.

use crate::domain::reason::Reason;
use crate::ports::{EngineHealth, TrustSource};
use crate::services::World;
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The last look.
pub(super) struct Pulse {
    world: World,
    trust: Arc<dyn TrustSource>,
    engine: ArcSwapOption<EngineHealth>,
}

/// The log is folded: what was issued can be ended.
const READY_TO_END: &str = "leasehold.ready-to-end";
/// The engine, the clock and the trust source are there too.
const READY_TO_ISSUE: &str = "leasehold.ready-to-issue";
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

impl Pulse {
    pub(super) fn new(world: World, trust: Arc<dyn TrustSource>) -> Arc<Self> {
        Arc::new(Self { world, trust, engine: ArcSwapOption::empty() })
    }

    /// The engine, as last looked at; `None` before the first look.
    pub(super) fn engine(&self) -> Option<Arc<EngineHealth>> {
        self.engine.load_full()
    }

    /// Why identities of the own trust domain cannot be verified.
    pub(super) fn trust_trouble(&self) -> Option<String> {
        let own = self.trust.own_id().trust_domain();
        let trouble = || format!("no bundle of the trust domain {} is there ({})", own.as_str(), Reason::SvidUntrusted);
        self.trust.vouched_since(&own).is_none().then(trouble)
    }

    /// Why the clock is not trusted.
    pub(super) fn clock_trouble(&self) -> Option<String> {
        let trouble = || format!("the wall clock is behind the log's time ({})", Reason::ClockUncertain);
        (!self.world.clock.read().certain).then(trouble)
    }

    /// Looks until `stop`, and then says that nothing is served.
    pub(super) async fn run(self: Arc<Self>, reporter: HealthReporter, stop: CancellationToken) {
        let mut said = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                health = self.world.engine.health() => self.engine.store(Some(Arc::new(health))),
            }
            let ready = self.can_issue();
            if said.replace(ready) != Some(ready) {
                say(&reporter, true, ready).await;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
        say(&reporter, false, false).await;
    }

    fn can_issue(&self) -> bool {
        let engine = matches!(self.engine().as_deref(), Some(EngineHealth::Ready));
        engine && self.trust_trouble().is_none() && self.clock_trouble().is_none()
    }
}

/// Says both faces; the server as a whole is ready once it can end.
pub(super) async fn say(reporter: &HealthReporter, can_end: bool, can_issue: bool) {
    let word = |ready| if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", word(can_end)).await;
    reporter.set_service_status(READY_TO_END, word(can_end)).await;
    reporter.set_service_status(READY_TO_ISSUE, word(can_issue)).await;
}
