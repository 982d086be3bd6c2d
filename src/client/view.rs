//! What the broker's messages look like as JSON: the proto's field names, times in RFC 3339,
//! lengths of time as `20m` with seconds beside them, enum values in lower case. Fields are always
//! there; what is not set is `null` or empty. These shapes are a promise (tests/it/golden/cli_json).

use super::complaint::{Complaint, Result};
use super::text::{short, span_of, time};
use audit::bundle::Disclosed;
use proto::v1::{self, LeaseState, Revocability, RevocationAssurance, TaskState};
use serde::Serialize;
use serde_json::value::RawValue;

/// A task.
#[derive(Serialize)]
pub(crate) struct Task {
    id: String,
    agent: String,
    subject: String,
    purpose: String,
    purpose_code: String,
    credentials: Vec<String>,
    window: Option<String>,
    window_seconds: Option<u64>,
    state: String,
    request_time: Option<String>,
    end_time: Option<String>,
    request_digest: String,
    approvals_missing: Vec<String>,
    approvals: Vec<Approval>,
    open_leases: Vec<String>,
    end_cause: String,
}

#[derive(Serialize)]
struct Approval {
    team: String,
    approver: String,
    until_time: Option<String>,
}

/// A lease.
#[derive(Serialize)]
pub(crate) struct Lease {
    id: String,
    task_id: String,
    credential: String,
    state: String,
    assurance: String,
    revocability: String,
    issue_time: Option<String>,
    expire_time: Option<String>,
    revoke_time: Option<String>,
    log_index: u64,
}

/// The proof of one entry with what it proves. `entry` holds the canonical bytes as text, so that
/// no JSON tool can re-order or re-number what the leaf hash is over.
#[derive(Serialize)]
pub(crate) struct Receipt {
    proof: String,
    entry: String,
    openings: Vec<Disclosed>,
    witnessed: bool,
}

/// One entry of the log.
#[derive(Serialize)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) entry: Box<RawValue>,
    pub(crate) openings: Vec<Disclosed>,
}

/// One signal; a heartbeat has no entry.
#[derive(Serialize)]
pub(crate) struct Signal {
    pub(crate) index: u64,
    pub(crate) r#type: String,
    pub(crate) time: Option<String>,
    pub(crate) entry: Option<Box<RawValue>>,
}

/// One change of an estate.
#[derive(Serialize)]
pub(crate) struct Change {
    action: String,
    kind: String,
    name: String,
    fields: Vec<String>,
}

impl From<&v1::Task> for Task {
    fn from(task: &v1::Task) -> Self {
        let window = task.window.as_ref().map(span_of);
        let approvals = task.approvals.iter().map(|yes| Approval {
            team: yes.team.clone(),
            approver: yes.approver.clone(),
            until_time: yes.until_time.as_ref().map(time),
        });
        Self {
            id: task.id.clone(),
            agent: task.agent.clone(),
            subject: task.subject.clone(),
            purpose: task.purpose.clone(),
            purpose_code: task.purpose_code.clone(),
            credentials: task.credentials.clone(),
            window: window.map(|window| window.to_string()),
            window_seconds: window.map(domain::base::Span::seconds),
            state: task_state(task),
            request_time: task.request_time.as_ref().map(time),
            end_time: task.end_time.as_ref().map(time),
            request_digest: task.request_digest.clone(),
            approvals_missing: task.approvals_missing.clone(),
            approvals: approvals.collect(),
            open_leases: task.open_leases.clone(),
            end_cause: task.end_cause.clone(),
        }
    }
}

impl From<&v1::Lease> for Lease {
    fn from(lease: &v1::Lease) -> Self {
        Self {
            id: lease.id.clone(),
            task_id: lease.task_id.clone(),
            credential: lease.credential.clone(),
            state: lease_state(lease),
            assurance: assurance(lease),
            revocability: revocability(lease),
            issue_time: lease.issue_time.as_ref().map(time),
            expire_time: lease.expire_time.as_ref().map(time),
            revoke_time: lease.revoke_time.as_ref().map(time),
            log_index: lease.log_index,
        }
    }
}

impl From<&v1::Receipt> for Receipt {
    fn from(receipt: &v1::Receipt) -> Self {
        Self {
            proof: receipt.proof.clone(),
            entry: String::from_utf8_lossy(&receipt.entry).into_owned(),
            openings: receipt.openings.iter().map(disclosed).collect(),
            witnessed: receipt.witnessed,
        }
    }
}

impl From<&v1::EstateChange> for Change {
    fn from(change: &v1::EstateChange) -> Self {
        let action = v1::EstateAction::try_from(change.action).ok().map(|action| action.as_str_name());
        Self {
            action: short(action, "ESTATE_ACTION_", change.action),
            kind: change.kind.clone(),
            name: change.name.clone(),
            fields: change.fields.clone(),
        }
    }
}

/// An entry's canonical JSON, to be shown inside other JSON.
pub(crate) fn entry(bytes: &[u8]) -> Result<Box<RawValue>> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_an_entry())?;
    RawValue::from_string(text.to_owned()).map_err(|_| not_an_entry())
}

/// Where a task stands, in one word.
pub(crate) fn task_state(task: &v1::Task) -> String {
    let name = TaskState::try_from(task.state).ok().map(|state| state.as_str_name());
    short(name, "TASK_STATE_", task.state)
}

/// Where a lease stands, in one word.
pub(crate) fn lease_state(lease: &v1::Lease) -> String {
    let name = LeaseState::try_from(lease.state).ok().map(|state| state.as_str_name());
    short(name, "LEASE_STATE_", lease.state)
}

/// How surely a lease's end is known; `none` before there is anything to know.
pub(crate) fn assurance(lease: &v1::Lease) -> String {
    match RevocationAssurance::try_from(lease.assurance) {
        Ok(RevocationAssurance::Unspecified) => "none".into(),
        known => short(known.ok().map(|it| it.as_str_name()), "REVOCATION_ASSURANCE_", lease.assurance),
    }
}

/// Whether a lease can be ended early, in one word.
pub(crate) fn revocability(lease: &v1::Lease) -> String {
    let name = Revocability::try_from(lease.revocability).ok().map(|it| it.as_str_name());
    short(name, "REVOCABILITY_", lease.revocability)
}

/// An opening, as bundles have it.
pub(crate) fn disclosed(opening: &v1::Opening) -> Disclosed {
    Disclosed::new(&opening.field, &opening.salt, &opening.value)
}

fn not_an_entry() -> Complaint {
    Complaint::failed(
        "the broker sent an entry that is not JSON",
        "verify the log offline; if it is the broker's fault, its operator should know at once",
    )
}
