//! Leases: what may be asked of them, and how they are shown.

use super::fields::{invalid, lease_id, name, span, task_id};
use super::{page, timestamp};
use domain::base::{LeaseId, Name, Span, TaskId, Time};
use domain::entry::bodies::lease::{Assurance, Revocability};
use domain::reason::Denial;
use domain::state::command::{IssueSecret, Parameters, RenewLease};
use domain::state::lease::Stage;
use domain::state::{Lease, limits};
use proto::v1;
use services::history::PastLease;
use services::journal::recent::{LeaseEnd, SettledLease};
use services::view::SeenLease;
use v1::issue_secret_request::Parameters as Wire;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;

/// Which leases are listed.
#[derive(Debug, Default)]
pub(in crate::grpc) struct LeaseFilter {
    task: Option<TaskId>,
    credential: Option<Name>,
    state: Option<v1::LeaseState>,
}

const CSR_BYTES_MAX: usize = 16 << 10;
const CSR_HEADS: [&str; 2] = ["-----BEGIN CERTIFICATE REQUEST-----", "-----BEGIN NEW CERTIFICATE REQUEST-----"];
/// Nothing lives longer than a task's longest window.
const TTL_MAX: Span = Span::from_seconds(limits::WINDOW_SECONDS_MAX);
const STATES: [(&str, v1::LeaseState); 4] = [
    ("intended", v1::LeaseState::Intended),
    ("issued", v1::LeaseState::Issued),
    ("ending", v1::LeaseState::Ending),
    ("unproven", v1::LeaseState::Unproven),
];

/// A request for a secret whose lease will be `id`.
pub(in crate::grpc) fn issue(id: LeaseId, message: v1::IssueSecretRequest) -> Result<IssueSecret, Denial> {
    Ok(IssueSecret {
        id,
        task: task_id(&message.task_id)?,
        credential: name("credential", &message.credential)?,
        ttl: span("ttl", message.ttl.as_ref(), limits::TTL_MIN..=TTL_MAX)?,
        parameters: parameters(message.parameters)?,
        supersedes: supersedes(&message.supersedes)?,
    })
}

fn parameters(wire: Option<Wire>) -> Result<Parameters, Denial> {
    Ok(match wire {
        None => Parameters::None,
        Some(Wire::Certificate(certificate)) => Parameters::Certificate(csr(certificate.csr_pem)?),
        Some(Wire::KeyValue(key_value)) => Parameters::KeyValue(Some(key_value.version).filter(|version| *version > 0)),
    })
}

/// The engine reads the request again; what is none must not look like a fault of the engine's.
fn csr(pem: String) -> Result<String, Denial> {
    let field = "certificate.csr_pem";
    if pem.len() > CSR_BYTES_MAX {
        return Err(invalid(field, format!("must be at most {CSR_BYTES_MAX} bytes")));
    }
    let begins = CSR_HEADS.iter().any(|head| pem.trim_start().starts_with(head));
    if begins && pem.is_ascii() && holds_request(&pem) {
        return Ok(pem);
    }
    Err(invalid(field, "must be a PKCS#10 request in PEM"))
}

fn holds_request(pem: &str) -> bool {
    let Ok((_, block)) = parse_x509_pem(pem.as_bytes()) else { return false };
    X509CertificationRequest::from_der(&block.contents).is_ok_and(|(rest, _)| rest.is_empty())
}

fn supersedes(text: &str) -> Result<Option<LeaseId>, Denial> {
    if text.is_empty() {
        return Ok(None);
    }
    // The same words as for a lease of another task: what is foreign looks unknown.
    LeaseId::parse(text).map(Some).map_err(|_| invalid("supersedes", "names no lease of this task and credential"))
}

/// A longer life.
pub(in crate::grpc) fn renewal(message: &v1::RenewLeaseRequest) -> Result<RenewLease, Denial> {
    let ttl = span("ttl", message.ttl.as_ref(), limits::TTL_MIN..=TTL_MAX)?;
    Ok(RenewLease { lease: lease_id(&message.lease_id)?, ttl })
}

impl LeaseFilter {
    pub(in crate::grpc) fn parse(filter: &str) -> Result<Self, Denial> {
        let mut parsed = Self::default();
        for (key, value) in page::terms(filter, &["task", "credential", "state"])? {
            match key {
                "task" => parsed.task = Some(TaskId::parse(value).map_err(|no| invalid("filter", no))?),
                "credential" => parsed.credential = Some(name("filter", value)?),
                _ => parsed.state = Some(page::word(value, &STATES)?),
            }
        }
        Ok(parsed)
    }

    pub(in crate::grpc) fn wants(&self, lease: &Lease) -> bool {
        self.task.is_none_or(|wanted| lease.facts.task == wanted)
            && self.credential.as_ref().is_none_or(|wanted| lease.facts.credential == *wanted)
            && self.state.is_none_or(|wanted| state(lease).0 == wanted)
    }
}

const fn state(lease: &Lease) -> (v1::LeaseState, v1::RevocationAssurance) {
    use v1::LeaseState as S;
    use v1::RevocationAssurance as A;
    match lease.stage {
        Stage::Intended(_) => (S::Intended, A::Unspecified),
        Stage::Issued => (S::Issued, A::Unspecified),
        Stage::Ending(_, false) => (S::Ending, A::Requested),
        Stage::Ending(_, true) => (S::Ending, A::Accepted),
        Stage::Unproven(_) => (S::Unproven, A::Requested),
    }
}

/// A lease as its reader sees it.
pub(in crate::grpc) fn shown(seen: &SeenLease) -> v1::Lease {
    match seen {
        SeenLease::Open(lease) => open(lease),
        SeenLease::Settled(settled) => self::settled(settled),
        SeenLease::Past(past) => self::past(past),
    }
}

/// An unsettled lease.
pub(in crate::grpc) fn open(lease: &Lease) -> v1::Lease {
    let (state, assurance) = state(lease);
    v1::Lease {
        id: lease.facts.id.to_string(),
        task_id: lease.facts.task.to_string(),
        credential: lease.facts.credential.to_string(),
        state: state.into(),
        assurance: assurance.into(),
        revocability: revocability(lease.revocability).into(),
        issue_time: lease.issued.as_ref().map(|issued| timestamp(issued.time)),
        expire_time: Some(timestamp(lease.expires)),
        revoke_time: None,
        log_index: lease.changed,
    }
}

fn settled(settled: &SettledLease) -> v1::Lease {
    ended(open(&settled.lease), settled.end, settled.time, settled.index)
}

fn past(past: &PastLease) -> v1::Lease {
    let lease = v1::Lease {
        id: past.lease.to_string(),
        task_id: past.task.to_string(),
        credential: past.credential.to_string(),
        revocability: revocability(past.revocability).into(),
        issue_time: past.issued.map(timestamp),
        expire_time: Some(timestamp(past.expires)),
        ..Default::default()
    };
    ended(lease, past.end, past.time, past.index)
}

fn ended(lease: v1::Lease, end: LeaseEnd, time: Time, index: u64) -> v1::Lease {
    let none = v1::RevocationAssurance::Unspecified;
    let (state, assurance, revoked) = match end {
        LeaseEnd::Revoked(assured) => (v1::LeaseState::Revoked, assurance(assured), true),
        LeaseEnd::NotIssued => (v1::LeaseState::NotIssued, none, false),
        LeaseEnd::Expired => (v1::LeaseState::Expired, none, false),
    };
    v1::Lease {
        state: state.into(),
        assurance: assurance.into(),
        revoke_time: revoked.then(|| timestamp(time)),
        log_index: index,
        ..lease
    }
}

const fn assurance(assurance: Assurance) -> v1::RevocationAssurance {
    match assurance {
        Assurance::Requested => v1::RevocationAssurance::Requested,
        Assurance::Accepted => v1::RevocationAssurance::Accepted,
        Assurance::AuthorityConfirmed => v1::RevocationAssurance::AuthorityConfirmed,
        Assurance::EffectConfirmed => v1::RevocationAssurance::EffectConfirmed,
    }
}

const fn revocability(revocability: Revocability) -> v1::Revocability {
    match revocability {
        Revocability::Revocable => v1::Revocability::Revocable,
        Revocability::ExpiryBounded => v1::Revocability::ExpiryBounded,
        Revocability::RotateOnly => v1::Revocability::RotateOnly,
    }
}

#[cfg(test)]
mod tests;
