//! `leasehold status`: the broker's own state.

use super::broker::Broker;
use super::complaint::Result;
use super::text::{short, time, time_short};
use proto::v1::status_service_client::StatusServiceClient;
use proto::v1::{ComponentHealth, GetStatusRequest, GetStatusResponse, HealthState};
use serde_json::json;

/// Asks and shows.
pub(super) async fn show(broker: &mut Broker<'_>) -> Result<()> {
    let call = |channel, request| async move { StatusServiceClient::new(channel).get_status(request).await };
    let status = broker.ask("read the status", GetStatusRequest {}, call).await?;
    if broker.terminal.json { document(broker, &status) } else { facts(broker, &status) }
}

fn document(broker: &mut Broker<'_>, status: &GetStatusResponse) -> Result<()> {
    let part = |health: Option<&ComponentHealth>| {
        let (state, sentence) = words(health);
        json!({ "state": state, "sentence": sentence })
    };
    broker.terminal.document(&json!({
        "version": status.version,
        "log_origin": status.log_origin,
        "log_verifier_key": status.log_verifier_key,
        "log_size": status.log_size,
        "unwitnessed_since_time": status.unwitnessed_since_time.as_ref().map(time),
        "unproven_leases": status.unproven_leases,
        "open_tasks": status.open_tasks,
        "open_leases": status.open_leases,
        "engine": part(status.engine.as_ref()),
        "trust_source": part(status.trust_source.as_ref()),
        "clock": part(status.clock.as_ref()),
        "log": part(status.log.as_ref()),
        "witnesses": part(status.witnesses.as_ref()),
    }))
}

fn facts(broker: &mut Broker<'_>, status: &GetStatusResponse) -> Result<()> {
    let part = |health: Option<&ComponentHealth>| match words(health) {
        (state, sentence) if sentence.is_empty() => state,
        (state, sentence) => format!("{state}: {sentence}"),
    };
    broker.terminal.facts(&[
        ("version", status.version.clone()),
        ("log", format!("{}, {} entries", status.log_origin, status.log_size)),
        ("log key", status.log_verifier_key.clone()),
        ("unwitnessed since", unwitnessed(status)),
        ("open tasks", status.open_tasks.to_string()),
        ("open leases", status.open_leases.to_string()),
        ("unproven leases", status.unproven_leases.to_string()),
        ("engine", part(status.engine.as_ref())),
        ("trust source", part(status.trust_source.as_ref())),
        ("clock", part(status.clock.as_ref())),
        ("log's disk", part(status.log.as_ref())),
        ("witnesses", part(status.witnesses.as_ref())),
    ])
}

/// A dash would look like something that is not known.
fn unwitnessed(status: &GetStatusResponse) -> String {
    let since = status.unwitnessed_since_time.as_ref();
    since.map_or_else(|| "all entries are witnessed".into(), |since| time_short(Some(since)))
}

fn words(health: Option<&ComponentHealth>) -> (String, String) {
    let Some(health) = health else { return ("not-looked-at".into(), String::new()) };
    let state = match HealthState::try_from(health.state) {
        Ok(HealthState::Unspecified) => "not-looked-at".into(),
        known => short(known.ok().map(|state| state.as_str_name()), "HEALTH_STATE_", health.state),
    };
    (state, health.sentence.clone())
}
