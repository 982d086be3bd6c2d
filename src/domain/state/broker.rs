//! The log's own life: its beginning, and the brokers that took it over.

use super::lease::Stage;
use super::{About, Broken, State, limits};
use crate::base::{Span, Time};
use crate::entry::Body;
use crate::entry::bodies::log as body;

/// The log's own life, as far as the state needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Broker {
    /// Origin line of the checkpoints.
    pub origin: String,
    /// `dev` or `prod`.
    pub mode: String,
    /// Number of activations.
    pub epoch: u64,
    /// Longest time that the engine works on one request.
    pub engine_request_max: Span,
}

pub(super) const fn is_of_estate_group(body: &Body) -> bool {
    matches!(body, Body::EstateItemSet(_) | Body::EstateItemRemoved(_) | Body::EstateApplied(_))
}

impl Broker {
    /// When an intent of `intended` may be closed if nobody works on it any more: its request has
    /// left for the engine, or never will, and the engine no longer works on it.
    #[must_use]
    pub const fn closable(&self, intended: Time) -> Time {
        intended.plus(limits::SEND_MAX).plus(self.engine_request_max)
    }
}

impl State {
    pub(super) fn apply_log_started(&mut self, about: &About<'_>, started: &body::LogStarted) -> Result<(), Broken> {
        if about.index != 0 {
            return Err(Broken::new("log", "a log starts once, at index 0"));
        }
        self.broker.origin.clone_from(&started.origin);
        self.broker.mode.clone_from(&started.mode);
        Ok(())
    }

    /// A broker took over. Whoever worked on an intent before is dead, but the engine may still be
    /// at it: the wait begins anew.
    pub(super) fn apply_activated(
        &mut self,
        about: &About<'_>,
        activated: &body::BrokerActivated,
    ) -> Result<(), Broken> {
        if activated.epoch != self.broker.epoch + 1 {
            return Err(Broken::new("epoch", "activations count from 1 without gaps"));
        }
        self.broker.epoch = activated.epoch;
        self.broker.engine_request_max = Span::from_seconds(activated.engine_request_seconds_max);
        let closable = about.entry.time.plus(self.broker.engine_request_max);
        let open = self.leases.values().filter(|lease| lease.is_intended()).map(|lease| lease.facts.id);
        for id in open.collect::<Vec<_>>() {
            self.change_lease(id, |lease| lease.stage = Stage::Intended(closable));
        }
        Ok(())
    }
}
