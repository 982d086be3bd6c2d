//! Looks every two seconds whether the broker can end and whether it can issue, and tells
//! `grpc.health.v1`. `GetStatus` reads the last look and never waits for the engine.

mod trust;

use arc_swap::ArcSwapOption;
use domain::reason::Reason;
use ports::{EngineHealth, TrustSource};
use proto::v1::HealthState;
use services::World;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The last look.
pub(super) struct Pulse {
    world: World,
    trust: Arc<dyn TrustSource>,
    engine: ArcSwapOption<EngineHealth>,
    log_is_full: AtomicBool,
    looked: Notify,
}

/// The log is folded: what was issued can be ended.
const READY_TO_END: &str = "leasehold.ready-to-end";
/// The engine and the clock are there too, the log takes everything, and the trust source can be used.
const READY_TO_ISSUE: &str = "leasehold.ready-to-issue";
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// So long the engine may think before it counts as unreachable: what was seen before would be shown
/// as long as its longest request may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

impl Pulse {
    pub(super) fn new(world: World, trust: Arc<dyn TrustSource>) -> Arc<Self> {
        Arc::new(Self {
            world,
            trust,
            engine: ArcSwapOption::empty(),
            log_is_full: AtomicBool::new(false),
            looked: Notify::new(),
        })
    }

    /// The engine, as last looked at; `None` before the first look.
    pub(super) fn engine(&self) -> Option<Arc<EngineHealth>> {
        self.engine.load_full()
    }

    /// Whether identities can be verified and the broker can show its own, and for how long.
    pub(super) fn trust(&self) -> (HealthState, String) {
        trust::judge(&self.trust.standing(), &self.trust.own_id().trust_domain(), self.world.clock.read().time)
    }

    /// Why the clock is not trusted.
    pub(super) fn clock_trouble(&self) -> Option<String> {
        let trouble = || format!("the wall clock is behind the log's time ({})", Reason::ClockUncertain);
        (!self.world.clock.read().certain).then(trouble)
    }

    /// Why the log does not take everything.
    pub(super) fn log_trouble(&self) -> Option<String> {
        let trouble = || {
            format!(
                "its disk is full: nothing new is recorded or issued ({}); completing and revoking still work, in room \
                 that is kept for them; make room on the disk",
                Reason::LogUnavailable
            )
        };
        self.log_is_full.load(Ordering::Relaxed).then(trouble)
    }

    /// Looks until `stop`, and then says that nothing is served.
    pub(super) async fn run(self: Arc<Self>, reporter: HealthReporter, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.look_at_engine() => {}
            () = self.look_at_log() => {}
            () = self.tell(&reporter) => {}
        }
        say(&reporter, false, false).await;
    }

    async fn look_at_engine(&self) {
        loop {
            let mut look = pin!(self.world.engine.health());
            if tokio::time::timeout(ANSWER_MAX, &mut look).await.map(|seen| self.saw(seen)).is_err() {
                self.saw(EngineHealth::Unreachable(format!("no answer within {} s", ANSWER_MAX.as_secs())));
                // It may hold a login that would be lost: its own deadline ends it.
                self.saw(look.await);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// The look also makes the store whole again: once there is room, nobody need do a thing.
    async fn look_at_log(&self) {
        loop {
            let is_full = !self.world.store.has_room().await;
            if self.log_is_full.swap(is_full, Ordering::Relaxed) != is_full {
                self.looked.notify_one();
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    fn saw(&self, engine: EngineHealth) {
        self.engine.store(Some(Arc::new(engine)));
        self.looked.notify_one();
    }

    /// Does not wait for an engine that is slow to answer.
    async fn tell(&self, reporter: &HealthReporter) {
        let (mut said, mut trusted) = (None, true);
        loop {
            let _ = tokio::time::timeout(LOOK_INTERVAL, self.looked.notified()).await;
            let (trust, sentence) = self.trust();
            let trusts = matches!(trust, HealthState::Ready | HealthState::Degraded);
            match (std::mem::replace(&mut trusted, trusts), trusts) {
                (true, false) => tracing::error!(sentence, "trust source cannot be used"),
                (false, true) => tracing::info!("trust source can be used again"),
                (true, true) | (false, false) => {}
            }
            let ready = trusts && self.can_issue();
            if said.replace(ready) != Some(ready) {
                say(reporter, true, ready).await;
            }
        }
    }

    /// As far as engine, clock and log go.
    fn can_issue(&self) -> bool {
        let engine = matches!(self.engine().as_deref(), Some(EngineHealth::Ready));
        engine && self.clock_trouble().is_none() && !self.log_is_full.load(Ordering::Relaxed)
    }
}

/// Says both faces; the server as a whole is ready once it can end.
pub(super) async fn say(reporter: &HealthReporter, can_end: bool, can_issue: bool) {
    let word = |ready| if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", word(can_end)).await;
    reporter.set_service_status(READY_TO_END, word(can_end)).await;
    reporter.set_service_status(READY_TO_ISSUE, word(can_issue)).await;
}
