//! `leasehold.v1.StatusService`: the broker's own state.

use super::convert::timestamp;
use super::desk::{Answer, Desk, Outcome};
use super::pulse::Pulse;
use ports::EngineHealth;
use proto::v1;
use proto::v1::status_service_server::StatusService;
use services::witnessed;
use std::sync::Arc;
use tonic::{Request, async_trait};

/// The service.
pub(super) struct Statuses {
    pub(super) desk: Desk,
    pub(super) pulse: Arc<Pulse>,
}

const GET: &str = "leasehold.v1.StatusService/GetStatus";

#[async_trait]
impl StatusService for Statuses {
    async fn get_status(&self, request: Request<v1::GetStatusRequest>) -> Answer<v1::GetStatusResponse> {
        self.desk.answer(self.status(&request).await)
    }
}

impl Statuses {
    async fn status(&self, request: &Request<v1::GetStatusRequest>) -> Outcome<v1::GetStatusResponse> {
        self.desk.reader(request, GET)?;
        let unwitnessed_since = witnessed::unwitnessed_since(&self.desk.world).await?;
        let published = self.desk.view.published();
        let state = &published.state;
        let (trust, sentence) = self.pulse.trust();
        let trust_source = health(trust, &sentence);
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Ok(v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").into(),
            log_origin: state.broker.origin.clone(),
            log_verifier_key: self.desk.world.journal.verifier_key().into(),
            log_size: state.size,
            unwitnessed_since_time: unwitnessed_since.map(timestamp),
            unproven_leases: count(state.unproven.len()),
            open_tasks: count(state.tasks.len()),
            open_leases: count(state.leases.len()),
            engine: Some(engine(self.pulse.engine().as_deref())),
            trust_source: Some(trust_source),
            clock: Some(unless(self.pulse.clock_trouble())),
            log: Some(unless(self.pulse.log_trouble())),
            witnesses: Some(unless(self.desk.world.witnessed.allows_issuing().err().map(|denial| denial.sentence))),
        })
    }
}

fn engine(seen: Option<&EngineHealth>) -> v1::ComponentHealth {
    match seen {
        None => health(v1::HealthState::Unspecified, "not looked at yet"),
        Some(EngineHealth::Ready) => health(v1::HealthState::Ready, ""),
        Some(EngineHealth::Unready(why)) => health(v1::HealthState::Unready, why),
        Some(EngineHealth::Unreachable(why)) => health(v1::HealthState::Unreachable, why),
    }
}

fn unless(trouble: Option<String>) -> v1::ComponentHealth {
    match trouble {
        None => health(v1::HealthState::Ready, ""),
        Some(sentence) => health(v1::HealthState::Unready, &sentence),
    }
}

fn health(state: v1::HealthState, sentence: &str) -> v1::ComponentHealth {
    v1::ComponentHealth { state: state.into(), sentence: sentence.into() }
}
